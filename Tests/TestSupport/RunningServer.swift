import Foundation
import Glibc

/// A running `portserver`.
///
/// It is killed when this value is destroyed.
package final class RunningServer: Sendable {
  package let address: String
  package let process: RunningCommand
  private let log: Collected<String>
  private let directory: TemporaryDirectory

  /// Starts a server, and returns when it listens.
  ///
  /// - Parameters:
  ///   - pool: The ports, in the form of `--pool`.
  ///   - address: The address; `nil` for a unique one.
  ///   - state: The file for the ledger; `nil` for a temporary one.
  ///   - descriptorLimit: The server's limit on descriptors; `nil` for that of the
  ///     tests.
  ///   - launcher: A program that runs the server, and its arguments.
  ///   - arguments: The server's other arguments.
  ///   - environment: Variables besides the test's own.
  /// - Throws: The system's error, or that the server ended.
  package init(
    pool: String, address: String? = nil, state: String? = nil,
    descriptorLimit: Int? = nil, launcher: [String] = [],
    _ arguments: [String] = [],
    environment: [String: String?] = [:]
  ) throws {
    self.address = address ?? Self.unusedAddress()
    directory = try TemporaryDirectory()
    let launcher =
      launcher
      + (descriptorLimit.map { ["prlimit", "--nofile=\($0):\($0)"] } ?? [])
    process = try Command(
      launcher.isEmpty ? Command.portserverPath : "/usr/bin/env",
      (launcher.isEmpty ? [] : launcher + [Command.portserverPath]) + [
        "--pool", pool, "--address", self.address,
      ]
        + (arguments.contains("--no-state")
          ? [] : ["--state", state ?? directory.file("ledger")])
        + arguments,
      environment: environment
    ).start()
    log = Collected()
    try waitForLog("listening on")
  }

  deinit {
    end()
  }

  /// Kills the server, and returns when it has been reaped.
  package func end() {
    process.end()
  }

  /// The pid of the server if its launcher is its parent, such as strace(1).
  package func launchedPID() throws -> Int32 {
    let launcher = process.pid
    let children = try String(
      contentsOfFile: "/proc/\(launcher)/task/\(launcher)/children",
      encoding: .utf8)
    guard let pid = children.split(separator: " ").first.flatMap({ Int32($0) })
    else { throw POSIXError(.ESRCH) }
    return pid
  }

  /// A unique abstract address.
  package static func unusedAddress() -> String {
    "@portpicker-test-\(UUID().uuidString)"
  }

  /// Waits until the server logs a line that contains a text.
  ///
  /// - Returns: The line.
  /// - Throws: If the log ends before.
  @discardableResult
  package func waitForLog(_ text: String) throws -> String {
    try process.waitForErrorLine(text) { log.add($0) }
  }

  /// The lines that the server has logged, as far as they were waited for.
  package var logged: [String] { log.all }

  /// The statistics that the server logs on SIGUSR1, by name.
  package func statistics() throws -> [String: Int] {
    process.signal(SIGUSR1)
    var figures: [String: Int] = [:]
    for name in Self.statisticNames {
      let line = try waitForLog(name)
      figures[name] = line.split(separator: " ").last.flatMap { Int($0) }
    }
    return figures
  }

  /// All figures that version 2 of the protocol reports, by name.
  package func figures() throws -> [String: Int] {
    let client = try UnixClient(connectingTo: address)
    try client.send("stats\n")
    var figures: [String: Int] = [:]
    while true {
      let words = try client.receiveLine().split(separator: " ")
      guard let name = words.first, let value = words.last else { continue }
      if name == "ok" { return figures }
      figures[String(name)] = Int(value)
    }
  }

  /// The names of the original's statistics, in order.
  package static let statisticNames = [
    "client-request-errors", "denied-allocations", "num-ports-managed",
    "num-ports-checked-for-last-request", "total-allocations",
  ]

  /// Requests a port for a process as the original's clients do.
  ///
  /// - Returns: The port; `nil` if the server refuses.
  package func lease(for pid: Int32) throws -> Int? {
    try Int(reply(to: "\(pid)\n").dropLast())
  }

  /// Requests ports for a process until the server refuses.
  package func leaseAll(for pid: Int32 = getpid()) throws -> [Int] {
    var ports: [Int] = []
    while let port = try lease(for: pid) { ports.append(port) }
    return ports
  }

  /// Requests a port for this process until the server grants one, because the server
  /// detects some changes late.
  ///
  /// - Throws: ``NoPort`` if the server grants none for a minute.
  package func leaseSomeTime() throws -> Int {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
      if let port = try lease(for: getpid()) { return port }
    }
    throw NoPort()
  }

  /// A port was expected, but not granted.
  package struct NoPort: Error {}

  /// The number of descriptors that the server has open.
  package func descriptorCount() throws -> Int {
    try FileManager.default
      .contentsOfDirectory(atPath: "/proc/\(process.pid)/fd").count
  }

  /// Sends a request and returns the whole reply.
  package func reply(to request: String) throws -> String {
    let client = try UnixClient(connectingTo: address)
    // A server that refuses may not have read all of it.
    try? client.send(request)
    return try client.receiveAll()
  }
}
