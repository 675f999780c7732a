import Foundation
import TestSupport
import Testing

/// `portpicker doctor`.
@Suite(.alone) struct DoctorCommandTests {
  private let fixture: CommandFixture

  init() throws {
    fixture = try CommandFixture()
  }

  /// What it finds with arguments, and how it exits.
  private func doctor(
    _ arguments: String..., environment: [String: String?] = [:]
  ) throws -> (status: Int32, lines: [String]) {
    let result = try fixture.portpicker(
      ["doctor"] + arguments, environment: environment
    ).run()
    #expect(result.errors == "")
    return (result.status, result.findings)
  }

  @Test func whereAllIsWell() throws {
    let server = try RunningServer(pool: try unusedTestPool(5))
    let (status, lines) = try doctor(
      "--server", server.address, "--pool", "\(try unusedTestPort())")
    #expect(status == 0, "\(lines)")
    #expect(has(lines, "ok server", "version 0.1.0, protocol 2"))
    #expect(has(lines, "ok ledger", fixture.ledger))
    #expect(has(lines, "ok pool (server)", "5 free"))
    #expect(has(lines, "ok pool (ledger)", "1 free"))
    for topic in ["IPv6", "descriptors", "/proc"] {
      #expect(has(lines, "ok \(topic)", " "), "\(lines)")
    }
  }

  @Test func aServerThatDoesNotAnswer() throws {
    let (status, lines) = try doctor("--server", "@nobody-\(UUID())")
    #expect(status == 1)
    #expect(has(lines, "problem server", "cannot be reached"))
    let (other, found) = try doctor(
      "--server", "@" + String(repeating: "x", count: 200))
    #expect(other == 1)
    #expect(has(found, "problem server", "is invalid; expected a path"))
  }

  @Test func aServerThatIsRequiredAndNotNamed() throws {
    let (status, lines) = try doctor(
      environment: ["PORTPICKER_REQUIRE_SERVER": "1"])
    #expect(status == 1)
    #expect(has(lines, "problem server", "none is named"))
  }

  @Test func anOldServer() throws {
    let server = try FakeServer(.slam)
    let (status, lines) = try doctor(
      "--server", server.address, "--pool", "\(try unusedTestPort())")
    #expect(status == 0)
    #expect(has(lines, "note server", "knows only version 1"))
  }

  @Test func aLedgerThatCannotBeUsed() throws {
    let (status, lines) = try doctor(
      environment: ["PORTPICKER_LEDGER": fixture.directory.path])
    #expect(status == 1)
    #expect(has(lines, "problem ledger", "is not a regular file"))
  }

  @Test func aPoolThatIsNearlyTaken() throws {
    let holder = try HolderProcess()
    let server = try RunningServer(pool: try unusedTestPool(10))
    for _ in 0..<8 { _ = try server.lease(for: holder.number) }
    _ = try server.lease(for: getpid())
    let (status, lines) = try doctor("--server", server.address)
    #expect(status == 1)
    #expect(
      has(
        lines, "problem pool (server)", "9 of 10 ports are taken, 8 by process "
      ))
    #expect(has(lines, "problem pool (server)", "by process \(holder.pid) ("))
  }

  @Test func aPoolThatTheKernelHandsOut() throws {
    let range = try String(
      contentsOfFile: "/proc/sys/net/ipv4/ip_local_port_range", encoding: .utf8)
    let first = try #require(
      range.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) })
    let (status, lines) = try doctor("--pool", "\(first)-\(first + 99)")
    #expect(status == 1)
    #expect(has(lines, "problem pool (ledger)", "ip_local_port_range"))
  }

  @Test func fewDescriptors() throws {
    let result = try Command(
      "/usr/bin/env",
      ["prlimit", "--nofile=32:32", Command.portpickerPath, "doctor"],
      environment: ["PORTPICKER_LEDGER": fixture.ledger]
    ).run()
    #expect(result.status == 1)
    #expect(result.output.contains("may open only 32"))
  }

  @Test func serversThatLeaseTheSamePorts() throws {
    let ports = try unusedTestPool(5).split(separator: ",")
    let one = try RunningServer(pool: ports[..<3].joined(separator: ","))
    let other = try RunningServer(pool: ports[2...].joined(separator: ","))
    #expect(
      other.logged.contains {
        $0.contains("warning")
          && $0.contains("port server, process \(one.process.pid), leases")
          && $0.contains("leases \(ports[2]) too")
      })
    #expect(
      !one.logged.contains { $0.contains("process \(other.process.pid),") })
    let pids = [one.process.pid, other.process.pid].sorted()
    let (status, lines) = try doctor()
    #expect(status == 1)
    #expect(
      has(
        lines, "problem servers process \(pids[0]) and process \(pids[1]) ",
        "both lease \(ports[2]), so"))
    other.end()
    #expect(!has(try doctor().lines, "problem servers", "process \(pids[0]) "))
  }

  @Test func jsonHasItsDocumentedShape() throws {
    let result = try fixture.portpicker(["doctor", "--json"]).run()
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8))
        as? [String: [[String: String]]])
    let findings = try #require(object["findings"])
    #expect(findings.count > 4)
    for finding in findings {
      #expect(Set(finding.keys) == ["level", "topic", "text"])
      #expect(["ok", "note", "problem"].contains(finding["level"]))
    }
  }
}
