import CTestSupport
import Foundation
import TestSupport
import Testing

private let canChooseNextPID =
  canUnshare && access("/proc/sys/kernel/ns_last_pid", W_OK) == 0

/// Ports stay leased for as long as their holders live, and no longer.
@Suite(.alone) struct HolderTests {
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
    #expect(try Set(server.leaseAll()) == [ports[0], ports[2], ports[4]])
    holders[1].end()
    #expect(try Set(server.leaseAll()) == [ports[1], ports[3], ports[5]])
  }

  @Test(arguments: [SIGKILL, SIGTERM, SIGSEGV])
  func aPortComesBackBeforeItsKilledHolderIsReaped(signal: Int32) throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let holder = try Command.sleeper.start()
    defer { holder.end() }
    let port = try #require(try server.lease(for: holder.pid))
    #expect(try server.lease(for: getpid()) == nil)
    holder.signal(signal)
    cts_await_end(holder.pid)
    #expect(try server.lease(for: getpid()) == port)
  }

  @Test(arguments: [0, 3] as [Int32])
  func aPortComesBackBeforeAHolderThatExitsIsReaped(status: Int32) throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    var control: Int32 = -1
    let holder = cts_start_ending(&control, status)
    defer { cts_end(holder) }
    let port = try #require(try server.lease(for: holder))
    #expect(try server.lease(for: getpid()) == nil)
    close(control)
    cts_await_end(holder)
    #expect(try server.lease(for: getpid()) == port)
  }

  @Test func aHolderMayHaveManyPorts() throws {
    let server = try RunningServer(pool: try unusedTestPool(40))
    let holder = try HolderProcess()
    #expect(try server.leaseAll(for: holder.number).count == 40)
    holder.end()
    #expect(try server.leaseAll().count == 40)
  }

  @Test func aHolderThatIsStoppedKeepsItsPort() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let holder = try Command.sleeper.start()
    defer { holder.end() }
    #expect(try server.lease(for: holder.pid) != nil)
    holder.signal(SIGSTOP)
    var info = siginfo_t()
    #expect(waitid(P_PID, id_t(holder.pid), &info, WSTOPPED) == 0)
    #expect(try server.lease(for: getpid()) == nil)
  }

  @Test func aHolderThatRunsAnotherProgramKeepsItsPort() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    var control: Int32 = -1
    let holder = cts_start_changeling(&control)
    defer { cts_end(holder) }
    let port = try #require(try server.lease(for: holder))
    // The thread that does it takes over the pid of the first thread, which ends.
    cts_change(control)
    #expect(try server.lease(for: getpid()) == nil)
    kill(holder, SIGKILL)
    cts_await_end(holder)
    #expect(try server.lease(for: getpid()) == port)
  }

  @Test func aHolderWhoseFirstThreadHasEndedKeepsItsPort() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let holder = cts_start_headless()
    defer { cts_end(holder) }
    let port = try #require(try server.lease(for: holder))
    #expect(try server.lease(for: getpid()) == nil)
    kill(holder, SIGKILL)
    cts_await_end(holder)
    #expect(try server.lease(for: getpid()) == port)
  }

  @Test func aClientsEndDoesNotEndAnothersLease() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let holder = try HolderProcess()
    // The process that asks has ended when this returns.
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
    #expect(try server.leaseAll().count == 3)
    #expect(try server.statistics()["total-allocations"] == 3)
  }

  @Test func aHolderIsKnownHoweverManyOfItsClientsHaveGone() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let holder = try HolderProcess()
    // More than the processes without ports that stay registered.
    for _ in 0..<600 {
      let client = try UnixClient(connectingTo: server.address)
      client.stopReceiving()
      try client.send("\(holder.pid)\n")
    }
    let port = try #require(try server.lease(for: holder.number))
    #expect(try server.statistics()["total-allocations"] == 1)
    #expect(try server.lease(for: getpid()) == nil)
    holder.end()
    #expect(try server.lease(for: getpid()) == port)
  }

  /// It makes no difference by which version it is asked.
  @Test(
    .enabled(if: canChooseNextPID, "the next pid cannot be chosen"),
    arguments: [
      ("lease\nleases\n", "ok 0\n"), ("", ""),
    ])
  func aConnectionThatOutlivesItsProcessGetsNoPort(
    request: String, end: String
  ) throws {
    let address = RunningServer.unusedAddress()
    var reply = [CChar](repeating: 0, count: 1024)
    let count = withCStrings([
      Command.portserverPath, "--no-state", "--address", address, "--pool",
      try unusedTestPool(1),
    ]) {
      cts_ask_for_the_dead($0, address, request, &reply, reply.count)
    }
    try #require(count >= 0, "\(String(cString: strerror(errno)))")
    let text = String(
      decoding: reply.prefix(Int(count)).map { UInt8(bitPattern: $0) },
      as: UTF8.self)
    #expect(text.hasPrefix(request.isEmpty ? "" : "error no-such-process "))
    #expect(text.hasSuffix(end))
    #expect(!request.isEmpty || text.isEmpty)
  }

  /// It does so from another thread than its first, as Go programs do.
  @Test(arguments: [1024, 16])
  func aHolderThatBecomesAnotherProgramAgainAndAgainKeepsItsPort(
    descriptorLimit: Int
  ) throws {
    let server = try RunningServer(
      pool: try unusedTestPool(2), descriptorLimit: descriptorLimit)
    let client = try UnixClient(connectingTo: server.address)
    func ask(_ request: String) throws -> String {
      try client.send(request + "\n")
      return try client.receiveLine()
    }
    let holder = cts_start_thread_execs(500)
    defer { cts_end(holder) }
    let kept = try #require(try server.lease(for: holder))
    let other = try #require(try server.lease(for: getpid()))
    while cts_has_run_all(holder) == 0 {
      // A request that finds the pool exhausted has ends checked.
      try #require(try server.lease(for: getpid()) == nil)
      try #require(try ask("return \(other)") == "ok")
      // It was alive all the time, so its first port is not leased again.
      try #require(try ask("lease pid=\(holder)") == "ok \(other)")
      try #require(try ask("return pid=\(holder) \(other)") == "ok")
      try #require(try ask("lease pid=\(getpid())") == "ok \(other)")
    }
    kill(holder, SIGKILL)
    cts_await_end(holder)
    #expect(try server.leaseSomeTime() == kept)
  }

  @Test(
    .enabled(if: canChooseNextPID, "the next pid cannot be chosen"),
    // With the smaller one, no holder has a pidfd.
    arguments: [1024, 16])
  func aPIDThatIsUsedAgainHasNoPortsOfTheOneBefore(
    descriptorLimit: Int
  ) throws {
    let container = try Command(
      "/usr/bin/env",
      [
        "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh",
        "-c",
        """
        prlimit --nofile=\(descriptorLimit):\(descriptorLimit) "$0" --no-state \
          --pool "$2" --address "$3" &
        ask() { "$picker" --server "$address" --require-server "$1"; }
        picker=$1 address=$3
        sleep 100000 & first=$!
        until ask $first 2>&-; do :; done
        kill -KILL $first
        wait $first
        echo $((first - 1)) >/proc/sys/kernel/ns_last_pid
        sleep 100000 & second=$!
        echo $((second - first))
        ask $second
        sleep 100000 & third=$!
        ask $third || echo refused
        kill -KILL $second
        wait $second
        until ask $third 2>&-; do :; done
        """, Command.portserverPath, Command.portpickerPath,
        try unusedTestPool(1), RunningServer.unusedAddress(),
      ]
    ).start()
    defer { container.end() }
    let port = try #require(try container.nextLine().flatMap { Int($0) })
    try #require(try container.nextLine() == "0")
    #expect(try container.nextLine() == "\(port)")
    #expect(try container.nextLine() == "refused")
    #expect(try container.nextLine() == "\(port)")
  }

  @Test(.enabled(if: canStartUnreadable, "needs /dev/fuse, and root"))
  func whoseCommandLineCannotBeReadHoldsNothingUp() throws {
    let server = try RunningServer(pool: try unusedTestPool(3), ["--verbose"])
    let holder = cts_start_unreadable()
    try #require(holder > 0)
    defer { cts_end(holder) }
    let port = try #require(try server.lease(for: holder))
    try server.waitForLog("leased port \(port) to process \(holder)")
    let client = try UnixClient(connectingTo: server.address)
    try client.send("leases\n")
    #expect(try client.receiveLine().hasSuffix(" command=unreadable"))
    #expect(try client.receiveLine() == "ok 1")
    #expect(try server.lease(for: getpid()) != nil)
    server.process.signal(SIGTERM)
    #expect(try server.process.finish().status == 0)
  }
}
