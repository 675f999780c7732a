import PortServerClient
import TestSupport
import Testing

@Suite struct ReturnReportTests {
  private func returnPorts(
    _ ports: [UInt16], to server: FakeServer
  ) throws -> ReturnReport {
    try PortServerClient(at: server.address, alternative: "-")
      .returnPorts(ports, of: 4242, within: TimeLimit(.seconds(5)))
  }

  @Test func portsThatTheProcessDoesNotHaveCountAsReturned() throws {
    let server = try FakeServer(
      .replies(["ok", "error not-leased -", "error no-such-process -"]))
    let report = try returnPorts([1, 2, 3], to: server)
    #expect(report.refused.isEmpty && report.unasked.isEmpty)
    #expect(report.uncertain == nil && report.failure == nil)
    #expect(
      server.requests.all
        == ["return pid=4242 1", "return pid=4242 2", "return pid=4242 3"])
  }

  @Test func aRefusalDoesNotKeepTheOthers() throws {
    let server = try FakeServer(.replies(["error failed disk full", "ok"]))
    let report = try returnPorts([1, 2], to: server)
    #expect(report.refused.map(\.port) == [1])
    #expect(report.unasked.isEmpty && report.failure == nil)
  }

  @Test func aPortWhoseReturnWasNotAnsweredIsUncertain() throws {
    let server = try FakeServer(.replies(["ok"]))
    let report = try returnPorts([1, 2, 3], to: server)
    #expect(report.uncertain == 2)
    #expect(report.unasked == [3])
    #expect(report.failure?.code == .unreachable)
  }

  @Test func anOldServerIsAskedOnce() throws {
    let server = try FakeServer(.slam)
    let report = try returnPorts([1, 2], to: server)
    #expect(report.unasked == [1, 2])
    #expect(report.uncertain == nil && report.failure == nil)
  }
}
