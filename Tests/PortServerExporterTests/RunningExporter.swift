import Foundation
import TestSupport

/// A running `portserver-exporter`.
///
/// It is killed when this value is destroyed.
final class RunningExporter: Sendable {
  let process: RunningCommand
  let port: UInt16

  /// Starts an exporter, and returns when it listens.
  ///
  /// - Parameters:
  ///   - server: The address of the port server.
  ///   - arguments: The other arguments.
  /// - Throws: The system's error, or that the exporter ended.
  init(of server: String, _ arguments: [String] = []) throws {
    process = try Command(
      Command.exporterPath,
      ["--listen", "127.0.0.1:0", "--server", server] + arguments
    ).start()
    let line = try process.waitForErrorLine("listening on http://127.0.0.1:")
    guard
      let number = line.split(separator: ":").last?.dropLast(),
      let port = UInt16(number)
    else { throw POSIXError(.EBADMSG) }
    self.port = port
  }

  deinit {
    process.end()
  }

  /// Asks with a connection of its own.
  func get(_ target: String) throws -> HTTPTestClient.Answer {
    try HTTPTestClient(port: port).ask("GET", target)
  }

  /// The metrics by name and labels, as they are written.
  func metrics() throws -> [String: String] {
    let body = try get("/metrics").body
    var values: [String: String] = [:]
    for line in body.split(separator: "\n") where !line.hasPrefix("#") {
      let words = line.split(separator: " ")
      values[words.dropLast().joined(separator: " ")] =
        words.last.map(String.init)
    }
    return values
  }
}
