import Foundation
import PortPicker
import TestSupport
import Testing

/// The original's daemon, from PyPI, as our client's peer.
@Suite(
  .alone,
  .enabled(
    if: Command.originalPython != nil,
    "PORTPICKER_TEST_PYTHON names no Python with the original"))
final class OriginalServerTests {
  private let fixture: CommandFixture
  private let address = "@portpicker-test-\(UUID().uuidString)"
  private let ports: [UInt16]
  private let server: RunningCommand

  init() throws {
    fixture = try CommandFixture()
    ports = try (0..<4).map { _ in try unusedTestPort() }
    let pool = ports.map { "\($0)-\($0)" }.joined(separator: ",")
    let python = try #require(Command.originalPython)
    // It says on standard error when it serves; merged into what is read.
    server = try Command(
      "/bin/sh",
      [
        "-c",
        "exec \(python) \(python.dropLast("python".count))portserver.py "
          + "--portserver_static_pool \(pool) "
          + "--portserver_address \(address) 2>&1",
      ]
    ).start()
    while let line = try server.nextLine() {
      if line.contains("Serving on") { break }
    }
  }

  deinit {
    server.end()
  }

  @Test func itsPortsComeThroughTheLibrary() throws {
    for _ in ports {
      let port = try pickPort(fromServerAt: address)
      #expect(ports.contains(UInt16(port)))
    }
    #expect {
      _ = try pickPort(fromServerAt: address)
    } throws: {
      ($0 as? PortPickerError)?.code == .serverRefused
    }
  }

  @Test func itsPortsAreLeasedUntilTheirProcessDies() throws {
    let holder = try HolderProcess()
    let server = [
      "PORTSERVER_ADDRESS": address, "PORTPICKER_REQUIRE_SERVER": "1",
    ]
    let all = try fixture.portpicker(
      ["--count", "4", holder.pid], environment: server
    ).run()
    #expect(all.errors == "")
    #expect(
      Set(all.output.split(separator: "\n").map(String.init))
        == Set(ports.map(String.init)))
    let refused = try fixture.portpicker([], environment: server).run()
    #expect(refused.status == 1)
    #expect(refused.errors.contains("has no port for process"))
    holder.end()
    let again = try fixture.portpicker([], environment: server).run()
    #expect(again.status == 0)
  }
}
