import Foundation
import TestSupport
import Testing

/// `portpicker status`.
@Suite(.alone) struct StatusCommandTests {
  private let fixture: CommandFixture

  init() throws {
    fixture = try CommandFixture()
  }

  private func status(_ arguments: String...) throws -> Command.Result {
    try fixture.portpicker(["status"] + arguments).run()
  }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test func theLedgerIsShown() throws {
    let holder = try HolderProcess()
    let port = try unusedTestPort()
    let pool = ["--pool", "\(port)"]
    #expect(
      try fixture.portpicker(["status"] + pool).run().output == """
        source  ledger \(fixture.ledger)
        pool    \(port)
        ports   1: 0 leased, 1 free, 0 in use by others

        """)
    _ = try fixture.ports("--pool", "\(port)", holder.pid)
    let result = try fixture.portpicker(["status"] + pool).run()
    let lines = result.output.split(separator: "\n")
    #expect(lines[2] == "ports   1: 1 leased, 0 free, 0 in use by others")
    #expect(lines[3].hasPrefix("PORT "))
    let row = lines[4].split(separator: " ")
    #expect(row.prefix(2) == ["\(port)", "\(holder.pid)"])
    #expect(lines[4].hasSuffix("sleep 100000"))
    // It is no terminal: nothing but text.
    #expect(!result.output.contains("\u{1B}"))
  }

  @Test func theServerIsShown() throws {
    let first = Int(try unusedTestBlock().lowerBound)
    let server = try RunningServer(pool: "\(first)-\(first + 9)")
    let port = try #require(try server.lease(for: getpid()))
    let result = try status("--server", server.address)
    let lines = result.output.split(separator: "\n")
    #expect(
      lines.prefix(3) == [
        "source  port server 0.1.0 at \(server.address)",
        "pool    \(first)-\(first + 9)",
        "ports   10: 1 leased, 9 free, 0 in use by others",
      ])
    #expect(lines.last?.hasPrefix("\(port) ") == true)
    #expect(result.status == 0)
  }

  @Test func jsonHasItsDocumentedShape() throws {
    let server = try RunningServer(pool: "\(try unusedTestPort())")
    let port = try #require(try server.lease(for: getpid()))
    let status = try object(
      status("--json", "--server", server.address).output)
    #expect(
      Set(status.keys) == [
        "source", "pool", "ports", "leased", "named", "free", "inUse",
        "leases", "names", "statistics",
      ])
    #expect(
      status["source"] as? [String: String] == [
        "kind": "server", "address": server.address, "version": "0.1.0",
      ])
    #expect(status["pool"] as? [[Int]] == [[port, port]])
    #expect(status["leased"] as? Int == 1)
    let lease = try #require((status["leases"] as? [[String: Any]])?.first)
    #expect(
      Set(lease.keys) == ["port", "pid", "uid", "user", "age", "command"])
    #expect(lease["port"] as? Int == port)
    #expect(lease["pid"] as? Int == Int(getpid()))
    #expect(lease["age"] is Double)
    let figures = try #require(status["statistics"] as? [String: Int])
    #expect(figures["total-allocations"] == 1)

    let own = try object(self.status("--json").output)
    #expect(
      own["source"] as? [String: String]
        == ["kind": "ledger", "path": fixture.ledger])
    #expect((own["leases"] as? [Any])?.isEmpty == true)
  }

  @Test func namesFollowTheLeases() throws {
    let places = try PlaceFixture()
    let (place, gone) = (try places.place("a"), try places.place("b"))
    let web = try places.claim("web", in: place)[0]
    let block = try places.claim("workers", "--count", "3", in: gone)
    try FileManager.default.removeItem(atPath: gone)
    let holder = try HolderProcess()
    let port = try unusedTestPort()
    _ = try places.command.ports("--pool", "\(port)", holder.pid)
    let result = try places.run(
      in: "/", "status", "--pool", "\(port),\(web)")
    #expect(result.errors == "")
    let lines = result.output.split(
      separator: "\n", omittingEmptySubsequences: false)
    #expect(
      lines[2] == "ports   2: 1 leased, 1 named, 0 free, 0 in use by others")
    #expect(lines[5].hasPrefix("\(port)"))
    let table = lines.dropFirst(6).map {
      $0.split(separator: " ").map(String.init)
    }
    #expect(
      table == [
        [], ["PORT", "NAME", "PLACE"], ["\(web)", "web", place],
        ["\(block[0])-\(block[2])", "workers", gone, "(gone)"], [],
      ])
    let json = try object(places.run(in: "/", "status", "--json").output)
    let names = try #require(json["names"] as? [[String: Any]])
    #expect(names.map { $0["name"] as? String } == ["web", "workers"])
    #expect(names[0]["place"] as? String == place)
    #expect(
      names[1]["ports"] as? [Int] == block.map { Int($0) })
    #expect(names[1]["goneSince"] is Int)
    // A server has ports of its own, and the names are shown all the same.
    let server = try RunningServer(pool: "\(try unusedTestPort())")
    #expect(
      try places.run(in: "/", "status", "--server", server.address).output
        .contains("\(web)"))
  }

  @Test func claimsThatCannotBeReadAreSaid() throws {
    // A new ledger would need them, too.
    _ = try status()
    let result = try fixture.portpicker(
      ["status"], environment: ["PORTPICKER_CLAIMS": fixture.directory.path]
    ).run()
    #expect(result.status == 0)
    #expect(result.output.contains("ledger \(fixture.ledger)"))
    #expect(result.errors.hasPrefix("portpicker: warning: "))
    #expect(result.errors.split(separator: "\n").count == 1)
  }

  @Test func aCommandCannotWriteOverTheTerminal() throws {
    let name = fixture.directory.file("x\u{1B}[2J\"\\\u{7}")
    try FileManager.default.createSymbolicLink(
      atPath: name, withDestinationPath: "/bin/sleep")
    let process = try Command(name, ["100000"]).start()
    defer { process.end() }
    _ = try fixture.ports("\(process.pid)")
    let text = try status().output
    #expect(!text.contains("\u{1B}") && !text.contains("\u{7}"))
    _ = try object(status("--json").output)
  }

  @Test func anOldServerIsNoReasonToShowTheLedger() throws {
    let server = try FakeServer(.slam)
    let result = try status("--server", server.address)
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(result.errors.contains("knows only version 1 of the protocol"))
  }

  @Test func whereNoServerAnswersTheLedgerIsShown() throws {
    let result = try status("--server", "@nobody-\(UUID())")
    #expect(result.status == 0)
    #expect(result.output.hasPrefix("source  ledger "))
    #expect(result.errors.contains("cannot be reached"))
    #expect(
      try status("--server", "@nobody", "--require-server").status == 1)
  }

  @Test func watchingNeedsATerminal() throws {
    let result = try status("--watch")
    #expect(result.status == 64)
    #expect(result.errors.contains("--watch requires a terminal"))
    #expect(try status("--watch", "--json").status == 64)
  }

  @Test(.enabled(if: Self.hasScript, "there is no script(1)"))
  func aTerminalGetsLinesThatFit() throws {
    let holder = try HolderProcess()
    for _ in 0..<5 { _ = try fixture.ports(holder.pid) }
    // script(1) gives it a terminal.
    func onTerminal(_ arguments: String, _ settings: String = "") -> Command {
      Command(
        "/usr/bin/env",
        [
          "script", "-qec",
          "stty cols 40 rows 6; \(settings) exec \(Command.portpickerPath) "
            + "status \(arguments)", "/dev/null",
        ],
        environment: [
          "PORTPICKER_LEDGER": fixture.ledger, "NO_COLOR": nil,
          "TERM": "vt100",
        ])
    }
    func lines(_ command: Command) throws -> [Substring] {
      try command.run().output.split { $0 == "\r\n" || $0 == "\n" }
    }
    let plain = try lines(onTerminal("", "export NO_COLOR=1;"))
    // All leases are shown, however few lines the terminal has.
    #expect(plain.count == 9, "\(plain)")
    for line in plain { #expect(line.count <= 40, "\(line)") }
    #expect(plain.contains { $0.hasSuffix("…") })
    #expect(!plain.joined().contains("\u{1B}"))
    let bold = try lines(onTerminal(""))
    #expect(bold.contains { $0.hasPrefix("\u{1B}[1mPORT") }, "\(bold)")

    let dumb = try lines(onTerminal("", "export TERM=dumb;"))
    #expect(!dumb.joined().contains("\u{1B}"))

    // Watched, it stays on the screen, and is shown again and again.
    let watch = try onTerminal("--watch").start()
    defer { watch.end() }
    var (screens, sawRest) = (0, false)
    while screens < 3, let line = try watch.nextLine() {
      if line.contains("source") { screens += 1 }
      if line.contains("… and 6 more") { sawRest = true }
    }
    #expect(screens == 3)
    #expect(sawRest)
  }

  private static let hasScript =
    (try? Command("/usr/bin/env", ["script", "-qec", "true", "/dev/null"]).run()
      .status) == 0
}
