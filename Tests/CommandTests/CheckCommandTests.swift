import CTestSupport
import Foundation
import TestSupport
import Testing

/// `portpicker check`.
@Suite(.alone) struct CheckCommandTests {
  private let fixture: CommandFixture
  private let port: UInt16

  init() throws {
    fixture = try CommandFixture()
    port = try unusedTestPort()
  }

  private func check(_ arguments: String...) throws -> Command.Result {
    try fixture.portpicker(["check"] + arguments).run()
  }

  /// The rows of the table for a port, without the heading, as words.
  private func rows(_ result: Command.Result) -> [[String]] {
    result.output.split(separator: "\n").dropFirst().map {
      $0.split(separator: " ").map { String($0) }
    }
  }

  @Test func aFreePort() throws {
    let result = try check("\(port)")
    #expect(result.status == 0)
    #expect(
      rows(result) == [
        ["\(port)", "tcp", "free"], ["\(port)", "udp", "free"],
      ])
  }

  /// Who uses a port, in every way in which it can be used.
  @Test(arguments: [
    TestSocket.Address.anyIPv4, .loopbackIPv4, .anyIPv6, .loopbackIPv6,
  ])
  func itNamesWhoHasThePort(address: TestSocket.Address) throws {
    let texts: [TestSocket.Address: String] = [
      .anyIPv4: "0.0.0.0", .loopbackIPv4: "127.0.0.1", .anyIPv6: "::",
      .loopbackIPv6: "::1",
    ]
    for (kind, isListening, state) in [
      (.tcp, true, "listening"), (.tcp, false, "bound"), (.udp, false, "bound"),
    ] as [(TestSocket.Kind, Bool, String)] {
      let port = try unusedTestPort()
      let socket = try TestSocket(
        kind, at: address, port: port, listening: isListening)
      let result = try check("\(port)")
      #expect(result.status == 1)
      let expected = [
        "\(port)", "\(kind)", "in", "use", texts[address] ?? "", state,
        "\(getpid())",
      ]
      #expect(
        rows(result).contains { $0.prefix(7) == expected[...] },
        "\(result.output)")
      let other = kind == .tcp ? "udp" : "tcp"
      #expect(rows(result).contains(["\(port)", other, "free"]))
      withExtendedLifetime(socket) {}
    }
  }

  @Test func aSocketWithSeveralOwnersIsAllOfTheirs() throws {
    let process = try fixture.portpicker([
      "run", "--listen", "--pool", "\(port)", "--", "sh", "-c",
      "sleep 100000 & echo $!; exec sleep 100000",
    ]).start()
    defer { process.end() }
    let child = try #require(try process.nextLine().flatMap { Int32($0) })
    defer { kill(child, SIGKILL) }
    let pids = rows(try check("\(port)")).filter { $0[1] == "tcp" }
      .map { $0[6] }
    #expect(Set(pids) == ["\(process.pid)", "\(child)"])
  }

  @Test func connectionsAreCounted() throws {
    let server = try TestSocket(
      .tcp, at: .loopbackIPv4, port: port, reusingAddress: true, listening: true
    )
    let pairs = try (0..<5).map { _ in
      let client = try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
      try client.connect(to: .loopbackIPv4, port: port)
      return (client, try server.accept())
    }
    let result = try check("\(port)")
    #expect(result.output.contains("connected (5)"), "\(result.output)")
    #expect(result.output.contains(" listening "))
    withExtendedLifetime(pairs) {}
  }

  @Test func aLingeringPort() throws {
    try TestSocket.leaveTimeWait(on: port, reusingAddress: true)
    let result = try check("\(port)")
    #expect(result.status == 1)
    #expect(
      rows(result).first
        == ["\(port)", "tcp", "lingering", "127.0.0.1", "time-wait"])
  }

  @Test func whoseLeaseAPortIs() throws {
    let holder = try HolderProcess()
    _ = try fixture.ports("--pool", "\(port)", holder.pid)
    let own = rows(try check("\(port)")).last
    #expect(own?.prefix(3) == ["\(port)", "lease", "ledger"])
    #expect(own?.contains(holder.pid) == true)

    let server = try RunningServer(pool: "\(try unusedTestPort())")
    let leased = try #require(try server.lease(for: getpid()))
    // It is free: nothing uses it yet.
    let result = try check("--server", server.address, "\(leased)")
    #expect(result.status == 0)
    #expect(
      rows(result).last?.prefix(3) == ["\(leased)", "lease", "server"])
  }

  @Test func aPortIsCheckedAlsoWhereTheLedgerCannotBeUsed() throws {
    let result = try fixture.portpicker(
      ["check", "\(port)"],
      environment: ["PORTPICKER_LEDGER": fixture.directory.path]
    ).run()
    #expect(result.status == 0)
    #expect(rows(result).count == 2)
    #expect(result.errors.contains("is not a regular file"))
  }

  @Test func aDeadServerDoesNotKeepItFromTellingWhoListens() throws {
    let socket = try TestSocket(
      .tcp, at: .loopbackIPv4, port: port, listening: true)
    let dead: [String: String?] = [
      "PORTSERVER_ADDRESS": "@nobody-\(UUID())",
      "PORTPICKER_REQUIRE_SERVER": "1",
    ]
    let quiet = try fixture.portpicker(
      ["check", "--quiet", "--wait-listening", "60", "\(port)"],
      environment: dead
    ).run()
    #expect(quiet.status == 0)
    #expect(quiet.output == "" && quiet.errors == "")
    let loud = try fixture.portpicker(["check", "\(port)"], environment: dead)
      .run()
    #expect(loud.status == 1)
    #expect(rows(loud).count == 2)
    #expect(loud.errors.contains("cannot be reached"))
    withExtendedLifetime(socket) {}
  }

  @Test func severalPorts() throws {
    let other = try unusedTestPort()
    let socket = try TestSocket(.udp, at: .anyIPv4, port: other)
    let result = try check("\(port)", "\(other)")
    #expect(result.status == 1)
    #expect(rows(result).count == 4)
    withExtendedLifetime(socket) {}
  }

  @Test func jsonHasItsDocumentedShape() throws {
    let socket = try TestSocket(
      .tcp, at: .loopbackIPv4, port: port, listening: true)
    _ = try fixture.ports("--pool", "\(try unusedTestPort())")
    let result = try check("--json", "\(port)")
    #expect(result.status == 1)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8))
        as? [String: [[String: Any]]])
    let entry = try #require(object["ports"]?.first)
    #expect(
      Set(entry.keys) == ["port", "free", "tcp", "udp", "leases", "names"])
    #expect(entry["port"] as? Int == Int(port))
    #expect(entry["free"] as? Bool == false)
    let tcp = try #require(entry["tcp"] as? [String: Any])
    #expect(tcp["status"] as? String == "in use")
    let found = try #require((tcp["sockets"] as? [[String: Any]])?.first)
    #expect(found["address"] as? String == "127.0.0.1")
    #expect(found["state"] as? String == "listening")
    #expect(found["uid"] as? Int == Int(getuid()))
    let process = try #require((found["processes"] as? [[String: Any]])?.first)
    #expect(process["pid"] as? Int == Int(getpid()))
    #expect((entry["udp"] as? [String: Any])?["status"] as? String == "free")
    withExtendedLifetime(socket) {}
  }

  @Test func itWaitsUntilPortsAreFree() throws {
    var socket: TestSocket? = try TestSocket(.udp, at: .anyIPv4, port: port)
    let process = try fixture.portpicker([
      "check", "--quiet", "--wait", "60", "\(port)",
    ]).start()
    _ = socket
    socket = nil
    let result = try process.finish()
    #expect(result.status == 0)
    #expect(result.output == "" && result.errors == "")
  }

  @Test func itWaitsUntilSomethingListens() throws {
    let process = try fixture.portpicker([
      "check", "--quiet", "--wait-listening", "60", "\(port)",
    ]).start()
    let socket = try TestSocket(
      .tcp, at: .loopbackIPv6, port: port, listening: true)
    #expect(try process.finish().status == 0)
    withExtendedLifetime(socket) {}
  }

  @Test func itWaitsNoLongerThanItShould() throws {
    let socket = try TestSocket(.tcp, at: .anyIPv4, port: port)
    let late = try check("--quiet", "--wait", "0.05", "\(port)")
    #expect(late.status == 1)
    #expect(
      late.errors == "portpicker: port \(port) is not free after 0.05 seconds\n"
    )
    // It is bound, and does not listen.
    let idle = try check("--quiet", "--wait-listening", "0.05", "\(port)")
    #expect(idle.status == 1)
    #expect(
      idle.errors
        == "portpicker: nothing listens on port \(port) after 0.05 seconds\n")
    withExtendedLifetime(socket) {}
  }

  @Test func itStopsWaitingWhenAProcessEnds() throws {
    for option in ["--wait-listening", "--wait"] {
      let socket = try TestSocket(.tcp, at: .anyIPv4, port: port)
      let holder = try HolderProcess()
      let process = try fixture.portpicker([
        "check", "--quiet", option, "1000", "--while", holder.pid, "\(port)",
      ]).start()
      holder.end()
      let result = try process.finish()
      #expect(result.status == 1)
      #expect(
        result.errors
          == "portpicker: "
          + (option == "--wait"
            ? "port \(port) is not free" : "nothing listens on port \(port)")
          + " and process \(holder.pid) has ended\n")
      withExtendedLifetime(socket) {}
    }
  }

  @Test func aServerThatListensIsFoundThoughItsParentHasEnded() throws {
    let holder = try HolderProcess()
    let socket = try TestSocket(
      .tcp, at: .loopbackIPv4, port: port, listening: true)
    holder.end()
    #expect(
      try check(
        "--quiet", "--wait-listening", "60", "--while", holder.pid, "\(port)"
      ).status == 0)
    withExtendedLifetime(socket) {}
  }

  @Test func itWaitsUntilADatagramSocketIsThere() throws {
    let tcp = try TestSocket(
      .tcp, at: .loopbackIPv4, port: port, listening: true)
    let late = try check(
      "--quiet", "--udp", "--wait-listening", "0.05", "\(port)")
    #expect(late.status == 1)
    let process = try fixture.portpicker([
      "check", "--quiet", "--udp", "--wait-listening", "60", "\(port)",
    ]).start()
    let socket = try TestSocket(.udp, at: .loopbackIPv6, port: port)
    #expect(try process.finish().status == 0)
    withExtendedLifetime((tcp, socket)) {}
  }

  @Test(.enabled(if: canStartUnreadable, "needs /dev/fuse, and root"))
  func whatCannotBeReadIsShownByItsName() throws {
    let holder = cts_start_unreadable()
    try #require(holder > 0)
    defer { cts_end(holder) }
    let server = try RunningServer(pool: "\(port)")
    _ = try server.lease(for: holder)
    for command in ["check", "status", "doctor"] {
      let result = try fixture.portpicker(
        [command, "--server", server.address]
          + (command == "check" ? ["\(port)"] : [])
      ).run()
      #expect(result.output.contains("unreadable"), "\(result)")
    }
  }

  @Test(arguments: [
    ["80", "--while", "1"], ["80", "--udp"], ["80", "--wait", "1", "--udp"],
    ["80", "--wait", "1", "--while", "x"],
    ["80", "--wait", "1", "--while", "0"],
    [], ["X"], ["0"], ["65536"], ["80", "--wait", "0"], ["80", "--wait", "x"],
    ["80", "--wait", "1", "--wait-listening", "1"],
    ["--json", "--quiet", "80"],
    ["80-90"],
  ])
  func whatMakesNoSenseIsSaid(arguments: [String]) throws {
    let result = try fixture.portpicker(["check"] + arguments).run()
    #expect(result.status == 64)
    #expect(result.output == "")
    #expect(result.errors.hasPrefix("portpicker: "))
    #expect(result.errors.split(separator: "\n").count == 1)
  }
}
