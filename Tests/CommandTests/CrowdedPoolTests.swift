import Foundation
import TestSupport
import Testing

private let hasStrace =
  (try? Command("/usr/bin/env", ["strace", "-o", "/dev/null", "true"]).run()
    .status) == 0

/// Pools whose ports are in use by others.
@Suite(.alone) struct CrowdedPoolTests {
  private let fixture: CommandFixture
  /// Sockets that are bound and do nothing, which a server that sets SO_REUSEADDR
  /// can bind over: what they are, only the kernel's list of sockets tells.
  private let silent: [TestSocket]

  init() throws {
    fixture = try CommandFixture()
    silent = try (0..<60).map { _ in
      try TestSocket(
        .tcp, at: .anyIPv4, port: unusedTestPort(), reusingAddress: true)
    }
  }

  private var pool: String {
    silent.map { "\($0.port)" }.joined(separator: ",")
  }

  @Test(.enabled(if: hasStrace, "there is no strace(1), or no right"))
  func aPickLooksAtTheSocketsOfTheHostOnce() throws {
    let log = fixture.directory.file("calls")
    let pick = fixture.portpicker(["--pool", pool, "\(getpid())"])
    let result = try Command(
      "/usr/bin/env",
      ["strace", "-f", "-qq", "-e", "trace=socket", "-o", log, pick.path]
        + pick.arguments, environment: pick.environment
    ).run()
    #expect(result.status == 1)
    #expect(result.errors.contains("60 in use by others"))
    let looks = try String(contentsOfFile: log, encoding: .utf8)
      .split(separator: "\n").count { $0.contains("AF_NETLINK") }
    #expect(looks == 1)
  }

  @Test func portsAreFoundAmongThoseInUse() throws {
    let free = try (0..<3).map { _ in Int(try unusedTestPort()) }
    let pool = pool + "," + free.map { "\($0)" }.joined(separator: ",")
    let ports = try fixture.ports(
      "--pool", pool, "--count", "3", "\(getpid())")
    #expect(Set(ports) == Set(free))
    // Nothing stays written down of those that were looked at in vain.
    let result = try fixture.portpicker(
      ["status", "--json", "--pool", pool]
    ).run()
    #expect(result.output.contains("\"leased\": 3"))
  }
}
