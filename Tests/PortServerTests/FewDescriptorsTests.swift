import CTestSupport
import Foundation
import TestSupport
import Testing

/// With more holders or clients than descriptors, the server keeps its promises.
@Suite(.alone) struct FewDescriptorsTests {
  /// Enough for pidfds of a few holders, but not of all.
  private static let few = 48

  /// Holders with a port each, of which only the first ones have a pidfd.
  private func lease(
    _ count: Int, from server: RunningServer
  ) throws -> [(holder: HolderProcess, port: Int)] {
    try (0..<count).map { _ in
      let holder = try HolderProcess()
      return (holder, try #require(try server.lease(for: holder.number)))
    }
  }

  @Test(arguments: [16, few])
  func moreHoldersThanDescriptorsKeepEveryPromise(limit: Int) throws {
    let server = try RunningServer(
      pool: try unusedTestPool(60), descriptorLimit: limit)
    let leases = try lease(60, from: server)
    let ports = Set(leases.map(\.port))
    #expect(ports.count == 60)
    #expect(try server.lease(for: getpid()) == nil)
    // One of the first and one of the last: only theirs come back.
    for (holder, port) in [leases[0], leases[59]] {
      holder.end()
      // A process that was alive just now is checked again after 100 ms.
      #expect(try server.leaseSomeTime() == port)
      #expect(try server.lease(for: getpid()) == nil)
    }
    for (holder, _) in leases { holder.end() }
    var back: Set<Int> = [leases[0].port, leases[59].port]
    while back.count < 60 {
      #expect(back.insert(try server.leaseSomeTime()).inserted)
    }
    #expect(back == ports)
    #expect(try server.descriptorCount() <= limit)
  }

  @Test func anyOfHundredsThatHasEndedIsFoundForTheNextRequest() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(200), descriptorLimit: 16)
    let leases = try lease(200, from: server)
    leases[150].holder.end()
    #expect(try server.lease(for: getpid()) == leases[150].port)
    // The last check was just now.
    leases[199].holder.end()
    #expect(try server.leaseSomeTime() == leases[199].port)
  }

  @Test(.enabled(if: hasStrace, "there is no strace(1), or no right"))
  func aHolderThatEndsWhileItIsServedHasNoPortForEver() throws {
    let outsider = try TestSocket(
      .tcp, at: .anyIPv4, port: try unusedTestPort())
    let port = Int(try unusedTestPort())
    // A probe takes so long that the holder can end meanwhile.
    let server = try RunningServer(
      pool: "\(outsider.port),\(port)", descriptorLimit: 16,
      launcher: [
        "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=bind", "-e",
        "inject=bind:delay_enter=30000",
      ])
    let pid = try server.launchedPID()
    defer { kill(pid, SIGKILL) }
    // The only descriptor for processes is this one's.
    let holder = try HolderProcess()
    #expect(try server.lease(for: holder.number) == port)
    let client = try UnixClient(connectingTo: server.address)
    try client.send("\(holder.pid)\n")
    let end = ContinuousClock.now + .seconds(5)
    while cts_is_binding(pid) == 0, ContinuousClock.now < end { sched_yield() }
    holder.end()
    #expect(try client.receiveAll() == "")
    #expect(try server.leaseSomeTime() == port)
    withExtendedLifetime(outsider) {}
  }

  @Test func whoAsksAgainAndAgainDoesNotHideTheEndOfAnother() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(20), descriptorLimit: Self.few)
    let leases = try lease(19, from: server)
    // More processes without ports than stay registered, and without descriptors.
    let others = try (0..<40).map { _ in try HolderProcess() }
    for _ in 0..<50 {
      for other in others {
        let port = try #require(try server.lease(for: other.number))
        let client = try UnixClient(connectingTo: server.address)
        try client.send("return \(port)\n")
        #expect(try client.receiveLine() == "ok")
      }
    }
    leases[18].holder.end()
    #expect(try server.lease(for: getpid()) != nil)
    // One was free before; this one is the holder's.
    #expect(try server.lease(for: getpid()) == leases[18].port)
  }

  @Test func theEndOfAHolderIsFoundThoughNobodyAsks() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(20), descriptorLimit: Self.few, ["--debug"])
    let leases = try lease(20, from: server)
    leases[19].holder.end()
    try server.waitForLog(
      "process \(leases[19].holder.pid) has ended; reclaimed 1 ports")
    #expect(try server.lease(for: getpid()) == leases[19].port)
  }

  @Test func aZombieKeepsNoPort() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(20), descriptorLimit: Self.few)
    let others = try lease(19, from: server)
    var control: Int32 = -1
    let holder = cts_start_ending(&control, 0)
    defer { cts_end(holder) }
    let port = try #require(try server.lease(for: holder))
    #expect(try server.lease(for: getpid()) == nil)
    close(control)
    cts_await_end(holder)
    #expect(try server.leaseSomeTime() == port)
    withExtendedLifetime(others) {}
  }

  @Test func aHolderWithoutDescriptorIsLookedAtByItsStart() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(20), descriptorLimit: Self.few)
    let others = try lease(18, from: server)
    var control: Int32 = -1
    let changeling = cts_start_changeling(&control)
    defer { cts_end(changeling) }
    let headless = cts_start_headless()
    defer { cts_end(headless) }
    #expect(try server.lease(for: changeling) != nil)
    #expect(try server.lease(for: headless) != nil)
    cts_change(control)
    // They are alive, although they look like zombies.
    #expect(try server.lease(for: getpid()) == nil)
    withExtendedLifetime(others) {}
  }

  @Test func clientsThatSayNothingDoNotKeepOthersOutForEver() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(1), descriptorLimit: Self.few,
      ["--client-timeout", "0.05"])
    let silent = try (0..<100).map { _ in
      try UnixClient(connectingTo: server.address)
    }
    #expect(try server.lease(for: getpid()) != nil)
    for client in silent { #expect(try client.receiveAll() == "") }
    #expect(try server.statistics()["client-request-errors"] == 100)
  }
}
