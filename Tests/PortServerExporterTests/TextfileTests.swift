import Foundation
import TestSupport
import Testing

/// The file for node_exporter.
@Suite(.alone) struct TextfileTests {
  /// Waits until the file has a content.
  private func wait(
    for file: String, _ condition: (String) -> Bool
  ) -> String? {
    let end = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < end {
      if let text = try? String(contentsOfFile: file, encoding: .utf8),
        condition(text)
      {
        return text
      }
      usleep(1000)
    }
    return nil
  }

  private func start(
    _ file: String, of server: String
  ) throws -> RunningCommand {
    try Command(
      Command.exporterPath,
      [
        "--textfile", file, "--interval", "0.02", "--server", server,
        "--timeout", "5",
      ]
    ).start()
  }

  @Test func theFileFollowsTheServerAndIsAlwaysWhole() throws {
    let directory = try TemporaryDirectory()
    let file = directory.file("portserver.prom")
    let address = RunningServer.unusedAddress()
    var server: RunningServer? = try RunningServer(
      pool: try unusedTestPool(1), address: address)
    let exporter = try start(file, of: address)
    defer { exporter.end() }
    let up = try #require(wait(for: file) { $0.contains("portserver_up 1\n") })
    #expect(up.contains("\nportserver_pool_ports 1\n"))
    // No line has a timestamp.
    for line in up.split(separator: "\n") where !line.hasPrefix("#") {
      #expect(line.split(separator: " ").count == 2, "\(line)")
    }
    // Whoever reads meanwhile sees all of it.
    for _ in 0..<200 {
      let text = try String(contentsOfFile: file, encoding: .utf8)
      #expect(text.hasSuffix("\n"))
      #expect(text.contains("portserver_request_duration_seconds_count"))
    }
    server?.end()
    server = nil
    let down = try #require(
      wait(for: file) { $0.contains("portserver_up 0\n") })
    #expect(!down.contains("portserver_pool_ports"))
    let again = try RunningServer(pool: try unusedTestPool(2), address: address)
    #expect(
      wait(for: file) { $0.contains("\nportserver_pool_ports 2\n") } != nil)
    withExtendedLifetime(again) {}
    exporter.signal(SIGTERM)
    let result = try exporter.finish()
    #expect(result.status == 0)
    // What was wrong is said once. The server may have ended during a query.
    let problems = result.errors.split(separator: "\n")
    #expect(!problems.isEmpty)
    #expect(problems.allSatisfy { $0.contains(address) })
    #expect(Set(problems).count == problems.count)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: directory.path)
        == [])
  }

  @Test func aFileThatCannotBeWrittenIsReported() throws {
    let exporter = try start(
      "/nonexistent/portserver.prom", of: RunningServer.unusedAddress())
    defer { exporter.end() }
    let line = try exporter.waitForErrorLine("cannot write")
    #expect(line.contains("/nonexistent/portserver.prom"))
  }
}
