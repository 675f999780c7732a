import CTestSupport
import Foundation
import TestSupport
import Testing

/// Ports stay with their holders for as long as those live, and no longer.
@Suite(.alone) struct HolderTests {
  /// Leases until the server refuses.
  private func drain(
    _ server: RunningServer, for pid: Int32 = getpid()
  ) throws -> [Int] {
    var ports: [Int] = []
    while let port = try server.lease(for: pid) { ports.append(port) }
    return ports
  }

  @Test func portsAreLeasedOnce() throws {
    let server = try RunningServer(pool: try unusedTestPool(6))
    let holders = [try HolderProcess(), try HolderProcess()]
    var ports: [Int] = []
    for turn in 0..<6 {
      ports.append(
        try #require(try server.lease(for: holders[turn % 2].number)))
    }
    #expect(Set(ports).count == 6)
    #expect(try server.lease(for: holders[0].number) == nil)
    holders[0].end()
    #expect(Set(try drain(server)) == Set([ports[0], ports[2], ports[4]]))
    holders[1].end()
    #expect(Set(try drain(server)) == Set([ports[1], ports[3], ports[5]]))
  }

  @Test func aPortComesBackBeforeItsHolderIsReaped() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let holder = cts_fork()
    if holder == 0 {
      while true { pause() }
    }
    defer { cts_end(holder) }
    let port = try #require(try server.lease(for: holder))
    #expect(try server.lease(for: getpid()) == nil)
    kill(holder, SIGKILL)
    // A zombie from here on; nobody waits for it before the test's end.
    var info = siginfo_t()
    #expect(
      waitid(P_PID, id_t(holder), &info, WEXITED | WNOWAIT)
        == 0)
    #expect(try server.lease(for: getpid()) == port)
  }

  @Test func aHolderMayHaveManyPorts() throws {
    let server = try RunningServer(pool: try unusedTestPool(40))
    let holder = try HolderProcess()
    #expect(try drain(server, for: holder.number).count == 40)
    holder.end()
    #expect(try drain(server).count == 40)
  }

  @Test func aClientsEndDoesNotEndAnothersLease() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let holder = try HolderProcess()
    // Whoever asks has ended when this returns.
    #expect(cts_ask(server.address, holder.number, getuid(), 0) > 0)
    #expect(try server.lease(for: getpid()) == nil)
    holder.end()
    #expect(try server.lease(for: getpid()) != nil)
  }

  @Test func aHolderThatEndsBeforeItsRequestIsReadGetsNothing() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let holder = try HolderProcess()
    server.process.signal(SIGSTOP)
    let client = try UnixClient(connectingTo: server.address)
    try client.send("\(holder.pid)\n")
    holder.end()
    server.process.signal(SIGCONT)
    #expect(try client.receiveAll() == "")
    #expect(try server.lease(for: getpid()) != nil)
  }

  @Test func aClientThatHasGoneLeavesNoLease() throws {
    let server = try RunningServer(pool: try unusedTestPool(3))
    server.process.signal(SIGSTOP)
    for _ in 0..<20 {
      let client = try UnixClient(connectingTo: server.address)
      try client.send("\(getpid())\n")
    }
    server.process.signal(SIGCONT)
    #expect(try drain(server).count == 3)
    #expect(try server.statistics()["total-allocations"] == 3)
  }

  @Test func moreHoldersThanDescriptorsKeepEveryPromise() throws {
    let pool = try unusedTestPool(60)
    let directory = try TemporaryDirectory()
    let address = RunningServer.unusedAddress()
    let process = try Command(
      "/usr/bin/env",
      [
        "prlimit", "--nofile=48:48", Command.portserverPath, "--pool", pool,
        "--address", address, "--state", directory.file("ledger"),
      ]
    ).start()
    defer {
      process.kill()
      _ = try? process.finish()
    }
    try process.waitForErrorLine("listening on")
    func ask(for pid: Int32) throws -> Int? {
      let client = try UnixClient(connectingTo: address)
      try client.send("\(pid)\n")
      return Int(try client.receiveAll().dropLast())
    }
    var holders: [HolderProcess] = []
    var ports: Set<Int> = []
    for _ in 0..<60 {
      let holder = try HolderProcess()
      ports.insert(try #require(try ask(for: holder.number)))
      holders.append(holder)
    }
    #expect(ports.count == 60)
    #expect(try ask(for: getpid()) == nil)
    for holder in holders { holder.end() }
    // A refusal looks at some holders: the ports come back by and by.
    var back: Set<Int> = []
    while back.count < 60 {
      if let port = try ask(for: getpid()) {
        #expect(back.insert(port).inserted)
      }
    }
    #expect(back == ports)
  }
}
