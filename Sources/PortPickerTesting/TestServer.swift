import HostSystem
import PortLeasing
import PortPicker
import ServerProcesses
import SystemPackage

/// A server that runs for a test.
///
/// The server is ready: one of its own processes listens on each of its ports. It ends,
/// with everything that it has started, when its scope does; see
/// ``withServer(_:_:options:_:)``.
public struct TestServer: Sendable {
  /// Its ports, and the other ports of the test.
  public let ports: TestPorts

  let process: ServerProcess
  let ownPort: Int

  @TaskLocal static var ofTask: TestServer?

  /// The server that was started last for the test that is running; `nil` if there is
  /// none, and in a detached task.
  public static var current: TestServer? { ofTask }

  /// The port on which it listens, within 1–65535; of several, the first one that its
  /// command names.
  public var port: Int { ownPort }

  /// The port with a name, within 1–65535; `nil` if no port has that name.
  public subscript(name: String) -> Int? { ports[name] }

  /// What it has written to standard output and standard error so far.
  ///
  /// At least the last mebibyte is kept.
  public var output: String { process.output.text }

  /// Whether it is running: its program or, if that has exited with status 0, as
  /// programs do that become daemons, another of its processes.
  public var isRunning: Bool { process.state.isRunning }
}

/// Runs a server, and a closure when the server is ready; then ends the server.
///
/// ```swift
/// try await withServer("redis-server", "--port", "{port}") { server in
///   let client = try await connect(to: server.port)
///   …
/// }
/// ```
///
/// In the arguments, `{name}` is replaced by an unused port: that of the name in
/// ``TestPorts/current`` if it has one, else a new one. `{{name}}` stands for the text
/// `{name}`. The server has the ports in its environment: see ``TestPorts/environment``.
/// In `body`, they are in ``TestPorts/current``, and the server is
/// ``TestServer/current``.
///
/// The server is ready when one of its own processes listens on every port that its
/// command is the first to name. A program that happens to listen on the same port does
/// not count. If the server exits before, or does not listen in time, this throws, with
/// the end of its output.
///
/// At the end, however `body` ends, the server is sent `SIGTERM`, and after a time
/// `SIGKILL`, together with all processes that it has started, including daemons. This
/// also happens if this process ends, even by `SIGKILL`. Then the ports are returned.
///
/// Nothing here blocks the threads that run Swift's tasks. If the task is cancelled while
/// the server starts, this throws `CancellationError`; later, `body` handles it.
///
/// - Parameters:
///   - program: The server's program; searched for in `PATH` if it has no slash.
///   - arguments: Its arguments; at least one contains `{port}`, or another name.
///   - options: How to run it.
///   - body: A closure that uses the server.
/// - Returns: What `body` returns.
/// - Throws: ``ServerError`` if the server does not become ready; `PortPickerError` if
///   there are not enough ports; `CancellationError`; otherwise what `body` throws.
public func withServer<Value>(
  _ program: String, _ arguments: String...,
  options: ServerOptions = ServerOptions(),
  _ body: (TestServer) async throws -> Value
) async throws -> Value {
  try await withServer([program] + arguments, options: options, body)
}

/// Runs a server, and a closure when the server is ready; then ends the server.
///
/// This is ``withServer(_:_:options:_:)`` for a command in an array.
///
/// - Parameters:
///   - command: The server's program, and its arguments.
///   - options: How to run it.
///   - body: A closure that uses the server.
/// - Returns: What `body` returns.
/// - Throws: ``ServerError`` if the server does not become ready; `PortPickerError` if
///   there are not enough ports; `CancellationError`; otherwise what `body` throws.
public func withServer<Value>(
  _ command: [String], options: ServerOptions = ServerOptions(),
  _ body: (TestServer) async throws -> Value
) async throws -> Value {
  let template = ServerCommand(command.map { Array($0.utf8) })
  let names = template.portNames
  if names.isEmpty { throw ServerError(withoutPort: command) }
  let outer = TestPorts.ofTask ?? TestPorts()
  // A name that another server listens on is that server's; without a name, each server
  // has its own.
  let missing = names.filter { name in
    guard let entry = outer.entry(name) else { return true }
    return entry.isServed && name.text == "port"
  }
  return try await withPorts(named: missing, options.pick) { picked in
    var own: [TestPorts.Entry] = []
    let ports = outer.adding(picked)
    for name in names {
      guard var entry = ports.entry(name), !entry.isServed else { continue }
      entry.isServed = true
      own.append(entry)
    }
    return try await run(
      template, own, among: ports.adding(own), options, body)
  }
}

/// Runs a server whose ports have been picked.
private func run<Value>(
  _ template: ServerCommand, _ own: [TestPorts.Entry], among ports: TestPorts,
  _ options: ServerOptions, _ body: (TestServer) async throws -> Value
) async throws -> Value {
  try Task.checkCancellation()
  let arguments = try template.arguments(with: ports.byName)
  let process = try await start(
    ServerDescription(
      arguments: arguments, ports: own.map { UInt16($0.port) }, of: ports,
      options))
  let result = await outcome {
    try await waitUntilReady(process)
    let server = TestServer(
      ports: ports, process: process,
      ownPort: own.first?.port ?? ports.port)
    return try await TestPorts.$ofTask.withValue(ports) {
      try await TestServer.$ofTask.withValue(server) {
        try await body(server)
      }
    }
  }
  let stuck = await process.end()
  if !stuck.isEmpty {
    Warnings.issue(
      "processes of the server '\(process.description.commandLine)' cannot be "
        + "ended: \(stuck.map { "\($0)" }.joined(separator: ", "))")
  }
  do {
    return try result.get()
  } catch let failure as ServerFailure {
    if failure == .cancelled { throw CancellationError() }
    // Now that the server has ended, all its output is there.
    throw ServerError(failure, of: process)
  }
}

/// Starts a server without blocking a thread of the concurrency pool.
private func start(
  _ description: ServerDescription
) async throws -> ServerProcess {
  let result = try await waiting { () throws(PortPickerError) in
    Result { () throws(Errno) in
      try ServerProcess(starting: description)
    }
  }
  do throws(Errno) {
    return try result.get()
  } catch {
    throw ServerError(error, startingServer: description.arguments)
  }
}

/// Waits until a server is ready.
///
/// - Throws: ``ServerFailure``; `.cancelled` also if the task is cancelled.
private func waitUntilReady(_ process: ServerProcess) async throws {
  let state = await withTaskCancellationHandler {
    await process.wait { $0.phase != .starting }
  } onCancel: {
    process.cancel()
  }
  if case .failed(let failure) = state.phase { throw failure }
}
