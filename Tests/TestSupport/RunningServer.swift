import Foundation
import Glibc

/// A `portserver` that serves; it is killed with this value.
package final class RunningServer: Sendable {
  package let address: String
  package let process: RunningCommand
  private let log: Collected<String>
  private let directory: TemporaryDirectory

  /// Starts a server; it listens when this returns.
  ///
  /// - Parameters:
  ///   - pool: Its ports, as `--pool` takes them.
  ///   - address: Where it listens; `nil` for a name that nobody else has.
  ///   - state: The file for its ledger; one of its own unless it is named.
  ///   - descriptorLimit: How many descriptors it may have; `nil` for as many as
  ///     the tests may.
  ///   - launcher: A program that runs it, and that one's arguments.
  ///   - arguments: Its other arguments.
  ///   - environment: Variables besides the test's own.
  /// - Throws: What the system says, or that it ended.
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

  /// Kills the server; it is gone when this returns.
  package func end() {
    process.end()
  }

  /// The pid of the server where its launcher does not become it, as strace(1).
  package func launchedPID() throws -> Int32 {
    let launcher = process.pid
    let children = try String(
      contentsOfFile: "/proc/\(launcher)/task/\(launcher)/children",
      encoding: .utf8)
    guard let pid = children.split(separator: " ").first.flatMap({ Int32($0) })
    else { throw POSIXError(.ESRCH) }
    return pid
  }

  /// An abstract address that nobody else has.
  package static func unusedAddress() -> String {
    "@portpicker-test-\(UUID().uuidString)"
  }

  /// Waits until the server logs a line with some text in it.
  ///
  /// - Returns: The line.
  /// - Throws: Where the log ends before.
  @discardableResult
  package func waitForLog(_ text: String) throws -> String {
    try process.waitForErrorLine(text) { log.add($0) }
  }

  /// What the server has logged, as far as somebody has waited for it.
  package var logged: [String] { log.all }

  /// The statistics, by name, as the server logs them on SIGUSR1.
  package func statistics() throws -> [String: Int] {
    process.signal(SIGUSR1)
    var figures: [String: Int] = [:]
    for name in Self.statisticNames {
      let line = try waitForLog(name)
      figures[name] = line.split(separator: " ").last.flatMap { Int($0) }
    }
    return figures
  }

  /// The names of the statistics, in their order.
  package static let statisticNames = [
    "client-request-errors", "denied-allocations", "num-ports-managed",
    "num-ports-checked-for-last-request", "total-allocations",
  ]

  /// Asks for a port for a process as the original's clients do.
  ///
  /// - Returns: The port; `nil` where the server refuses.
  package func lease(for pid: Int32) throws -> Int? {
    try Int(reply(to: "\(pid)\n").dropLast())
  }

  /// Asks for ports for a process until the server refuses.
  package func leaseAll(for pid: Int32 = getpid()) throws -> [Int] {
    var ports: [Int] = []
    while let port = try lease(for: pid) { ports.append(port) }
    return ports
  }

  /// Asks for a port for this process until one comes, for what the server finds
  /// out a while after it has happened.
  ///
  /// - Throws: ``NoPort`` where none has come for a minute.
  package func leaseSomeTime() throws -> Int {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
      if let port = try lease(for: getpid()) { return port }
    }
    throw NoPort()
  }

  /// A port was expected and did not come.
  package struct NoPort: Error {}

  /// How many descriptors the server has open.
  package func descriptorCount() throws -> Int {
    try FileManager.default
      .contentsOfDirectory(atPath: "/proc/\(process.pid)/fd").count
  }

  /// Sends something and returns all that the server answers.
  package func reply(to request: String) throws -> String {
    let client = try UnixClient(connectingTo: address)
    // A server that refuses may not have read it all.
    try? client.send(request)
    return try client.receiveAll()
  }
}
