import CTestSupport
import Foundation
import TestSupport
import Testing

/// Version 2 of the protocol, as a server speaks it.
@Suite(.alone) struct VersionTwoTests {
  private let server: RunningServer
  private let ports: ClosedRange<Int>

  /// No other program uses them, and only one test at a time does.
  private static let block = Result { try unusedTestBlock() }

  init() throws {
    let first = Int(try Self.block.get().lowerBound)
    ports = first...first + 19
    server = try RunningServer(pool: "\(ports.lowerBound)-\(ports.upperBound)")
  }

  /// Sends lines, closes its side, and returns the answers.
  private func converse(
    _ lines: String..., with server: RunningServer? = nil
  ) throws -> [String] {
    let client = try UnixClient(
      connectingTo: server?.address ?? self.server.address)
    try client.send(lines.map { $0 + "\n" }.joined())
    client.finishSending()
    return try client.receiveAll().split(separator: "\n").map { String($0) }
  }

  /// The ports in an answer.
  private func leased(
    _ line: String?, sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> [Int] {
    let words = try #require(line).split(separator: " ")
    #expect(words.first == "ok", sourceLocation: sourceLocation)
    return words.dropFirst().compactMap { Int($0) }
  }

  @Test func theConnectionStaysOpenForMore() throws {
    let client = try UnixClient(connectingTo: server.address)
    for _ in 0..<3 {
      try client.send("version\n")
      #expect(
        try client.receiveLine() == "ok portserver 0.1.0 protocol 2")
    }
    try client.send("lease\n")
    #expect(try leased(client.receiveLine()).count == 1)
    client.finishSending()
    #expect(try client.receiveAll() == "")
  }

  @Test func severalPortsAreLeasedAllOrNone() throws {
    let holder = try HolderProcess()
    let answers = try converse(
      "lease pid=\(holder.pid) count=12", "lease pid=\(holder.pid) count=9",
      "lease count=8", "lease")
    #expect(try leased(answers[0]).count == 12)
    #expect(
      answers[1]
        == "error exhausted there are no 9 ports left: of 20 ports, 12 are "
        + "leased and 0 used by others")
    #expect(try leased(answers[2]).count == 8)
    #expect(
      answers[3]
        == "error exhausted the pool is exhausted: of 20 ports, 20 are leased "
        + "and 0 used by others")
    #expect(
      try Set(leased(answers[0]) + leased(answers[2])) == Set(ports))
    #expect(
      try server.statistics() == [
        "client-request-errors": 0, "denied-allocations": 2,
        "num-ports-managed": 20, "num-ports-checked-for-last-request": 0,
        "total-allocations": 20,
      ])
    // The second client was this process; the first one's ports stay until
    // their holder ends.
    holder.end()
    #expect(try server.leaseAll().count == 12)
  }

  @Test func portsInARow() throws {
    let middle = ports.lowerBound + 9
    let outsider = try TestSocket(.tcp, at: .anyIPv4, port: UInt16(middle))
    let answers = try converse(
      "lease count=10 contiguous", "lease count=11 contiguous",
      "lease contiguous count=9")
    let (row, other) = (try leased(answers[0]), try leased(answers[2]))
    #expect(row == Array(middle + 1...middle + 10))
    #expect(answers[1].hasPrefix("error exhausted there are no 11 ports left "))
    #expect(other == Array(ports.lowerBound...middle - 1))
    withExtendedLifetime(outsider) {}
  }

  @Test func aPortThatIsReturnedIsLeasedAgain() throws {
    let three = try leased(converse("lease pid=\(getpid()) count=3").first)
    let list = three.map { "\($0)" }.joined(separator: " ")
    // All of them or none.
    let free = try #require(ports.first { !three.contains($0) })
    #expect(
      try converse("return \(list) \(free)")
        == ["error not-leased port \(free) is not leased"])
    #expect(try converse("leases").last == "ok 3")
    #expect(try converse("return \(list)", "leases") == ["ok", "ok 0"])
    #expect(
      try converse("return \(three[0])")
        == ["error not-leased port \(three[0]) is not leased"])
    #expect(try server.leaseAll().count == 20)
  }

  @Test func aPortIsReturnedOnlyForWhoHasIt() throws {
    let (one, other) = (try HolderProcess(), try HolderProcess())
    let port = try #require(try server.lease(for: one.number))
    #expect(
      try converse("return pid=\(other.pid) \(port)")
        == ["error not-leased port \(port) is not leased"])
    #expect(try converse("return pid=\(one.pid) \(port)") == ["ok"])
    one.end()
    #expect(
      try converse("return pid=\(one.pid) \(port)").first?
        .hasPrefix("error no-such-process ") == true)
  }

  @Test func whatIsReturnedIsWrittenDown() throws {
    let directory = try TemporaryDirectory()
    let pool = try unusedTestPool(2)
    let state = directory.file("ledger")
    let first = try RunningServer(pool: pool, state: state)
    let two = try leased(
      converse("lease pid=\(getpid()) count=2", with: first).first)
    #expect(try converse("return \(two[0])", with: first) == ["ok"])
    first.end()
    let second = try RunningServer(pool: pool, state: state)
    let lines = try converse("leases", with: second)
    #expect(lines.first?.hasPrefix("port=\(two[1]) ") == true)
    #expect(lines.dropFirst() == ["ok 1"])
  }

  @Test func leasesAreListedByPort() throws {
    let holder = try HolderProcess()
    let port = try #require(try server.lease(for: holder.number))
    let own = try leased(converse("lease pid=\(getpid())").first)[0]
    let all = try converse("leases")
    let line = "port=\(port) pid=\(holder.pid) uid=\(getuid()) age="
    #expect(all.count == 3)
    #expect(
      all.contains { $0.hasPrefix(line) && $0.hasSuffix("command=sleep") })
    #expect(all.last == "ok 2")
    let some = try converse("leases \(own) \(ports.upperBound)")
    #expect(some.count == 2)
    #expect(some[0].hasPrefix("port=\(own) pid=\(getpid()) "))
    #expect(some[1] == "ok 1")
    holder.end()
    #expect(try converse("leases").last == "ok 1")
  }

  @Test func poolAndFigures() throws {
    let outsider = try TestSocket(
      .tcp, at: .anyIPv4, port: UInt16(ports.lowerBound))
    _ = try server.lease(for: getpid())
    #expect(
      try converse("pool")
        == ["\(ports.lowerBound)-\(ports.upperBound)", "ok 1"])
    #expect(
      try converse("nonsense", "stats").dropFirst().prefix(15) == [
        "client-request-errors 1", "denied-allocations 0",
        "num-ports-managed 20", "num-ports-checked-for-last-request 2",
        "total-allocations 1", "ports-leased 1", "ports-in-use 1",
        "ports-free 18", "holders 1", "clients 0", "refused-exhausted 0",
        "refused-no-such-process 0", "refused-not-permitted 0",
        "refused-limit 0", "refused-failed 0",
      ])
    #expect(
      try converse("in-use") == [
        "\(ports.lowerBound)-\(ports.lowerBound)", "ok 1",
      ])
    withExtendedLifetime(outsider) {}
  }

  @Test func refusalsAreCountedByReasonAndLoggedWithWhoAsked() throws {
    let talkative = try RunningServer(
      pool: try unusedTestPool(2),
      ["--verbose", "--max-ports-per-process", "2"])
    let holder = try HolderProcess()
    #expect(try talkative.lease(for: 1 << 29) == nil)
    try talkative.waitForLog(
      "no port for process \(1 << 29), asked for by uid \(getuid()), process "
        + "\(getpid()): there is no such process")
    _ = try converse(
      "lease pid=\(holder.pid) count=3", "lease count=2", "lease",
      with: talkative)
    try talkative.waitForLog(
      "no port for process \(holder.pid), asked for by uid \(getuid()), "
        + "process \(getpid()): it would have more than 2")
    try talkative.waitForLog("no port for the client, asked for by")
    _ = try converse("lease pid=\(holder.pid)", with: talkative)
    #expect(
      try converse("stats", with: talkative)
        .filter { $0.hasPrefix("refused-") } == [
          "refused-exhausted 1", "refused-no-such-process 1",
          "refused-not-permitted 0", "refused-limit 2", "refused-failed 0",
        ])
    #expect(try talkative.statistics()["denied-allocations"] == 4)
  }

  @Test func aListThatIsReadSlowlyIsWhole() throws {
    // Enough ports that their lines do not fit into a socket's buffer.
    let pool = (0..<20_000).map { "\(2 * $0 + 1)" }.joined(separator: ",")
    let many = try RunningServer(pool: pool)
    let client = try UnixClient(connectingTo: many.address)
    for _ in 0..<3 { try client.send("pool\n") }
    // Others are served meanwhile.
    #expect(try converse("version", with: many).count == 1)
    for _ in 0..<3 {
      var count = 0
      while true {
        let line = try client.receiveLine()
        try #require(!line.isEmpty, "the server has closed")
        if line.hasPrefix("ok ") {
          #expect(line == "ok \(count)")
          break
        }
        count += 1
      }
      #expect(count == 20_000)
    }
    client.finishSending()
    #expect(try client.receiveAll() == "")
  }

  @Test func aClientThatDoesNotReadIsClosed() throws {
    let pool = (0..<20_000).map { "\(2 * $0 + 1)" }.joined(separator: ",")
    let many = try RunningServer(pool: pool, ["--client-timeout", "0.1"])
    let client = try UnixClient(connectingTo: many.address)
    try client.send("version\n")
    _ = try client.receiveLine()
    // It is one of them now.
    let before = try many.descriptorCount()
    try client.send("pool\n")
    while try many.descriptorCount() >= before { sched_yield() }
    #expect(try client.receiveAll().hasSuffix("ok 20000\n") == false)
  }

  @Test func moreRequestsThanAreAnsweredInATurnAreAllAnswered() throws {
    let client = try UnixClient(connectingTo: server.address)
    let lines = Array(repeating: "version\n", count: 1000)
    try client.send(lines.joined())
    client.finishSending()
    #expect(
      try client.receiveAll()
        == String(
          repeating: "ok portserver 0.1.0 protocol 2\n", count: 1000))
  }

  @Test func anIdleClientMakesRoomForOthers() throws {
    let small = try RunningServer(
      pool: try unusedTestPool(1),
      ["--max-clients", "2", "--max-clients-per-user", "2"])
    let idle = try (0..<2).map { _ in
      let client = try UnixClient(connectingTo: small.address)
      try client.send("version\n")
      _ = try client.receiveLine()
      return client
    }
    #expect(try converse("version", with: small).count == 1)
    // The one that was idle for longest was closed.
    #expect(try idle[0].receiveAll() == "")
    try idle[1].send("version\n")
    #expect(try idle[1].receiveLine().hasPrefix("ok "))
    #expect(try small.statistics()["client-request-errors"] == 0)
  }

  @Test func whoWaitsGetsTheRoomOfAClientThatIsDone() throws {
    let small = try RunningServer(
      pool: try unusedTestPool(1),
      [
        "--max-clients", "2", "--max-clients-per-user", "2",
        "--client-timeout", "600",
      ])
    let silent = try (0..<2).map { _ in
      try UnixClient(connectingTo: small.address)
    }
    let waiting = try UnixClient(connectingTo: small.address)
    try waiting.send("version\n")
    // From here on the first one asks for nothing.
    try silent[0].send("version\n")
    #expect(try silent[0].receiveLine().hasPrefix("ok "))
    #expect(try waiting.receiveLine().hasPrefix("ok "))
    #expect(try silent[0].receiveAll() == "")
  }

  @Test func anIdleClientIsClosedInTime() throws {
    let brief = try RunningServer(
      pool: try unusedTestPool(1), ["--client-timeout", "0.05"])
    let client = try UnixClient(connectingTo: brief.address)
    try client.send("version\n")
    _ = try client.receiveLine()
    #expect(try client.receiveAll() == "")
    // One that has begun a request gets an error.
    let other = try UnixClient(connectingTo: brief.address)
    try other.send("version\nleas")
    _ = try other.receiveLine()
    #expect(
      try other.receiveAll() == "error malformed the line has no LF\n")
  }

  @Test func aLineThatIsTooLongEndsTheConversation() throws {
    let client = try UnixClient(connectingTo: server.address)
    try client.send(
      "version\nreturn " + String(repeating: "1 ", count: 600) + "\nlease\n")
    #expect(
      try client.receiveAll()
        == """
        ok portserver 0.1.0 protocol 2
        error malformed the line is longer than 1024 bytes, LF included

        """)
    #expect(try server.statistics()["total-allocations"] == 0)
  }

  @Test func whoHasAskedIsAnsweredWhenTheServerEnds() throws {
    let client = try UnixClient(connectingTo: server.address)
    try client.send("version\n")
    _ = try client.receiveLine()
    server.process.signal(SIGSTOP)
    try client.send("lease\n")
    server.process.signal(SIGTERM)
    server.process.signal(SIGCONT)
    #expect(try leased(client.receiveLine()).count == 1)
    #expect(try client.receiveAll() == "")
    #expect(try server.process.finish().status == 0)
  }

  @Test func limitsCountAllPortsOfARequest() throws {
    let limited = try RunningServer(
      pool: try unusedTestPool(9), ["--max-ports-per-process", "3"])
    let answers = try converse(
      "lease count=2", "lease count=2", "lease", "lease", with: limited)
    #expect(try leased(answers[0]).count == 2)
    #expect(
      answers[1]
        == "error limit it would have more than 3 ports "
        + "(--max-ports-per-process)")
    #expect(try leased(answers[2]).count == 1)
    #expect(answers[3].hasPrefix("error limit "))
  }

  @Test func aLeaseWithoutPIDIsThePeers() throws {
    let holder = try HolderProcess()
    let answers = try converse(
      "lease", "lease pid=\(holder.pid)", "lease pid=0",
      "lease pid=2147483647",
      isInHostPIDNamespace ? "lease pid=1" : "lease pid=0", "leases")
    let own = try leased(answers[0])[0]
    #expect(
      answers.contains { $0.hasPrefix("port=\(own) pid=\(getpid()) ") })
    for answer in answers[2...4] {
      #expect(answer.hasPrefix("error no-such-process "))
    }
  }
}

/// Who may do what by version 2; only root can be several users.
@Suite(.alone, .enabled(if: getuid() == 0, "only root can be several users"))
struct VersionTwoRightsTests {
  private static let somebody: UInt32 = 60001
  private static let another: UInt32 = 60002

  private let server: RunningServer

  init() throws {
    server = try RunningServer(pool: try unusedTestPool(5))
  }

  private func talk(
    _ request: String, as user: UInt32, inContainer: Bool = false,
    to other: RunningServer? = nil
  ) -> String {
    var reply = [CChar](repeating: 0, count: 4096)
    let count = cts_talk(
      (other ?? server).address, request, user, inContainer ? 1 : 0, &reply,
      reply.count)
    return String(
      decoding: reply.prefix(max(Int(count), 0)).map {
        UInt8(bitPattern: $0)
      }, as: UTF8.self)
  }

  @Test func onlyWhoHasToDoWithALeaseMayReturnIt() throws {
    let port = try #require(try server.lease(for: getpid()))
    #expect(
      talk("return \(port)\n", as: Self.somebody)
        == "error not-permitted port \(port) is leased to another user's "
        + "process\n")
    #expect(talk("return \(port)\n", as: 0) == "ok\n")

    let theirs = try Command(
      "/usr/bin/env",
      [
        "setpriv", "--reuid", "\(Self.somebody)", "--clear-groups", "sh", "-c",
        "echo ready; exec sleep 100000",
      ]
    ).start()
    defer { theirs.end() }
    #expect(try theirs.nextLine() == "ready")
    // Root asks for another user's process: that user may return the port, too.
    for user in [Self.somebody, 0] {
      let port = try #require(try server.lease(for: theirs.pid))
      #expect(
        talk("return \(port)\n", as: Self.another).hasPrefix(
          "error not-permitted "))
      #expect(talk("return \(port)\n", as: user) == "ok\n")
    }
    // The user who asked may return it, too.
    let answer = talk("lease pid=\(theirs.pid)\n", as: Self.somebody)
    let own = try #require(answer.split(whereSeparator: \.isWhitespace).last)
    #expect(talk("return \(own)\n", as: Self.somebody) == "ok\n")
  }

  @Test func aPortIsLeasedToOwnProcessesAlone() {
    #expect(
      talk("lease pid=\(getpid())\n", as: Self.somebody)
        == "error not-permitted it is another user's process\n")
    #expect(talk("lease\n", as: Self.somebody).hasPrefix("ok "))
  }

  @Test(.enabled(if: canUnshare))
  func whatProcHidesIsNotTold() throws {
    let hidden = try RunningServer(
      pool: try unusedTestPool(2),
      launcher: [
        "unshare", "--mount", "sh", "-c",
        "mount -t proc -o hidepid=2 proc /proc && exec \"$0\" \"$@\"",
      ])
    let holder = try HolderProcess()
    _ = try #require(try hidden.lease(for: holder.number))
    func leases(as user: UInt32, of server: RunningServer) -> String {
      talk("leases\n", as: user, to: server)
    }
    #expect(leases(as: 0, of: hidden).contains("command=sleep\n"))
    #expect(leases(as: Self.somebody, of: hidden).contains(" command=?\n"))
    // Nothing is hidden here, on a usual machine.
    _ = try #require(try server.lease(for: holder.number))
    #expect(
      leases(as: Self.somebody, of: server).contains("command=sleep\n")
        == !procIsHidden)
  }

  private var procIsHidden: Bool {
    let mounts =
      (try? String(contentsOfFile: "/proc/mounts", encoding: .utf8)) ?? ""
    return mounts.split(separator: "\n").contains {
      $0.contains(" /proc ") && $0.contains("hidepid=")
    }
  }

  @Test(.enabled(if: canUnshare))
  func aClientInAContainerLeasesForItself() throws {
    let answer = talk("lease\nleases\n", as: 0, inContainer: true)
    #expect(answer.hasPrefix("ok "))
    #expect(answer.hasSuffix("ok 1\n"))
    // Its own pid there is 2.
    #expect(
      talk("lease pid=2\n", as: 0, inContainer: true).hasPrefix("ok "))
    #expect(
      talk("lease pid=\(getpid())\n", as: 0, inContainer: true)
        .hasPrefix("error no-such-process "))
  }
}
