import Foundation
import HostSystem
import ServerProcesses
import SystemPackage
import TestSupport
import Testing

/// Servers, from their start to their end.
@Suite(.alone) struct ServerProcessTests {
  private let marked = MarkedProcesses()

  /// A test server on a port of its own.
  private func description(
    _ behaviours: String..., port: UInt16? = nil, program: String? = nil
  ) throws -> ServerDescription {
    let port = try port ?? unusedTestPort()
    let words = [program ?? Command.testServerPath, "\(port)"] + behaviours
    var description = ServerDescription(
      arguments: words.map { Array($0.utf8) }, ports: [port])
    description.environment = marked.environment.map { ($0.key, $0.value) }
    description.grace = .milliseconds(300)
    return description
  }

  /// Starts a server, and ends it, and whatever it has started, after `body`.
  private func withServer(
    _ description: ServerDescription,
    _ body: (ServerProcess, ServerProcess.State) async throws -> Void
  ) async throws {
    let server = try ServerProcess(starting: description)
    let state = await server.wait { $0.phase != .starting }
    try await body(server, state)
    #expect(await server.end() == [])
    #expect(server.state.isGone)
    #expect(marked.pids == [])
  }

  @Test(
    arguments: [
      [], ["child"], ["daemon"], ["delay=50"], ["helpers=3"], ["ignore"],
      ["ignore", "child", "helpers=2"], ["daemon", "ignore", "helpers=2"],
      ["hide"], ["hide", "daemon"], ["flood=10000000"],
    ])
  func aServerIsReadyWhenItListensAndEndsWithAllItHasStarted(
    behaviours: [String]
  ) async throws {
    var description = try description()
    description.arguments += behaviours.map { Array($0.utf8) }
    try await withServer(description) { server, state in
      #expect(state.phase == .ready)
      #expect(connects(to: description.ports[0]))
      #expect(server.remaining.count >= 1)
    }
  }

  @Test func aServerOnUDPIsReadyWhenItHasItsSocket() async throws {
    var description = try description("udp")
    description.transport = .udp
    try await withServer(description) { _, state in
      #expect(state.phase == .ready)
    }
  }

  @Test func outputIsKept() async throws {
    try await withServer(try description("flood=10000000")) { server, state in
      #expect(state.phase == .ready)
      let output = server.output
      #expect((1 << 20...1 << 22).contains(output.bytes.count))
      #expect(output.droppedCount + output.bytes.count >= 10_000_000)
      #expect(output.lastLines(2).last == "ready")
      #expect(output.lastLines().count == 50)
    }
  }

  @Test func aServerThatExitsFails() async throws {
    try await withServer(try description("exit=3")) { server, state in
      #expect(state.phase == .failed(.ended(.exited(3))))
      #expect(server.output.text == "failing\n")
    }
    try await withServer(try description("exit=0")) { server, state in
      #expect(state.phase == .failed(.ended(.exited(0))))
    }
  }

  @Test func aServerThatNeverListensFailsAfterItsTime() async throws {
    var description = try description("never")
    description.startLimit = .milliseconds(100)
    try await withServer(description) { server, state in
      #expect(state.phase == .failed(.timedOut(.milliseconds(100))))
    }
  }

  @Test func anotherProcessOnThePortDoesNotCount() async throws {
    let port = try unusedTestPort()
    let other = Command(Command.testServerPath, ["\(port)", "tell"])
    let running = try other.start()
    defer { running.end() }
    #expect(try running.nextLine() == "ready")
    #expect(try running.nextLine() == "listening")
    var description = try description("never", port: port)
    description.startLimit = .milliseconds(200)
    try await withServer(description) { _, state in
      #expect(state.phase == .failed(.timedOut(.milliseconds(200))))
    }
  }

  @Test func aProgramThatDoesNotExistFails() async throws {
    try await withServer(try description(program: "/nonexistent")) {
      server, state in
      #expect(state.phase == .failed(.notStarted(.noSuchFileOrDirectory)))
    }
    try await withServer(try description(program: "/etc/passwd")) {
      server, state in
      #expect(state.phase == .failed(.notStarted(.permissionDenied)))
    }
    var description = try description()
    description.directory = "/nonexistent"
    try await withServer(description) { server, state in
      #expect(state.phase == .failed(.notStarted(.noSuchFileOrDirectory)))
    }
  }

  @Test func aServerHasItsEnvironmentAndDirectory() async throws {
    var description = try description(program: "/bin/sh")
    let port = description.ports[0]
    description.arguments = [
      "sh", "-c",
      "echo $A $B $(pwd) $(ls /proc/self/fd | wc -w); read line || echo end; exec "
        + "\(Command.testServerPath) \(port)",
    ].map { Array($0.utf8) }
    description.environment += [("A", "1"), ("A", "2"), ("B", nil)]
    description.directory = "/usr"
    setenv("B", "inherited", 1)
    defer { unsetenv("B") }
    try await withServer(description) { server, state in
      #expect(state.phase == .ready)
      // The standard streams, and the one that ls(1) reads.
      #expect(server.output.text == "2 /usr 4\nend\nready\n")
    }
  }

  @Test func aWaitCanBeGivenUp() async throws {
    let server = try ServerProcess(starting: try description("never"))
    server.cancel()
    let state = await server.wait { $0.phase != .starting }
    #expect(state.phase == .failed(.cancelled))
    #expect(await server.end() == [])
    #expect(marked.pids == [])
  }

  /// Each of the two processes that watch a server.
  @Test(arguments: ["pp-guard", "pp-supervisor"])
  func aServerEndsIfAWatchingProcessIsKilled(name: String) async throws {
    let server = try ServerProcess(
      starting: try description("daemon", "ignore", "helpers=3"))
    let ready = await server.wait { $0.phase != .starting }
    #expect(ready.phase == .ready)
    let watching = try #require(
      ([server.root] + descendants(of: server.root)).first {
        processName(ofProcess: $0) == name
      })
    #expect(kill(watching, SIGKILL) == 0)
    _ = await server.wait { $0.isGone }
    #expect(marked.pids == [])
  }

  private func connects(to port: UInt16) -> Bool {
    do {
      try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
        .connect(to: .loopbackIPv4, port: port)
      return true
    } catch {
      return false
    }
  }
}
