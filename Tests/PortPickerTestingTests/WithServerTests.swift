import Foundation
import HostSystem
import PortPicker
import PortPickerTesting
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// Servers for a closure.
@Suite(.alone) struct WithServerTests {
  private let marked = MarkedProcesses()
  private let program = Command.testServerPath

  private func options(_ base: ServerOptions = quick) -> ServerOptions {
    base.with(marked)
  }

  private struct Failure: Error {}

  @Test func aServerRunsDuringTheClosure() async throws {
    let (port, text) = try await withServer(
      program, "{port}", options: options()
    ) { server in
      #expect(server.isRunning)
      #expect(server.output == "ready\n")
      #expect(TestServer.current?.port == server.port)
      #expect(TestPorts.current?.port == server.port)
      #expect(server["port"] == server.port)
      let isFree = try isPortFree(server.port)
      #expect(!isFree)
      return (server.port, "result")
    }
    #expect(text == "result")
    #expect(TestServer.current == nil)
    #expect(marked.pids == [])
    #expect(try isPortFree(port))
  }

  @Test func aServerEndsHoweverTheClosureEnds() async throws {
    let port = Int(try unusedTestPort())
    let options = options(
      ServerOptions(
        endTimeout: .milliseconds(300),
        pick: PickOptions(source: .ledger, pool: [port...port])))
    let command = [program, "{port}", "daemon", "ignore", "helpers=2"]
    await #expect(throws: Failure.self) {
      try await withServer(command, options: options) { _ in throw Failure() }
    }
    #expect(marked.pids == [])
    let (isReady, ready) = AsyncStream<Void>.makeStream()
    let task = Task {
      try await withServer(command, options: options) { server in
        #expect(server.isRunning)
        ready.yield()
        try await Task.sleep(for: .seconds(1000))
      }
    }
    for await _ in isReady { break }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(marked.pids == [])
    // The port is back each time.
    try await withServer(command, options: options) { server in
      #expect(server.port == port)
    }
  }

  @Test func aServerThatExitsIsAnErrorWithItsOutput() async throws {
    let error = await #expect(throws: ServerError.self) {
      try await withServer(
        program, "{port}", "exit=3", options: options()
      ) { _ in Issue.record("it is not ready") }
    }
    #expect(error?.code == .exited)
    #expect(error?.output == "failing\n")
    let port = try #require(
      error?.command.split(separator: " ").dropFirst().first)
    #expect(
      error?.description
        == "the server '\(program) \(port) exit=3' exited with status 3 before "
        + "it listened on port \(port); its output ends with:\n  failing")
  }

  @Test func aServerThatNeverListensIsAnError() async throws {
    var options = options()
    options.startTimeout = .milliseconds(50)
    let error = await #expect(throws: ServerError.self) {
      try await withServer(program, "{a}", "{b}", "never", options: options) {
        _ in Issue.record("it is not ready")
      }
    }
    #expect(error?.code == .timedOut)
    #expect(error?.description.contains("does not listen on ports ") == true)
    #expect(marked.pids == [])
  }

  @Test func aProgramThatDoesNotExistIsAnError() async throws {
    let error = await #expect(throws: ServerError.self) {
      try await withServer("no-such-server", "{port}", options: options()) {
        _ in
      }
    }
    #expect(error?.code == .notStarted)
    #expect(error?.underlyingError == .noSuchFileOrDirectory)
  }

  @Test func aCommandWithoutAPortIsAnError() async throws {
    for command in [[], ["server"], ["server", "{{port}}", "${port}"]] {
      let error = await #expect(throws: ServerError.self) {
        try await withServer(command, options: options()) { _ in }
      }
      #expect(error?.code == .invalidCommand)
    }
  }

  @Test func theStartCanBeCancelled() async throws {
    let options = options()
    let program = program
    let task = Task {
      try await withServer(program, "{port}", "never", options: options) { _ in
      }
    }
    while marked.pids.isEmpty { await Task.yield() }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(marked.pids == [])
  }

  @Test func namesAreThoseOfTheServersAround() async throws {
    try await withServer(program, "{db}", options: options()) { db in
      // A client of the first, and a server of its own.
      try await withServer(
        "/bin/sh", "-c", "echo $DB_PORT $API_PORT {db}; exec \"$0\" {api}",
        program, options: options()
      ) { api in
        #expect(api["db"] == db.port)
        #expect(api.port != db.port)
        #expect(api.port == api["api"])
        #expect(
          api.output == "\(db.port) \(api.port) \(db.port)\nready\n")
      }
    }
    // Without names, each has its own.
    try await withServer(program, "{port}", options: options()) { one in
      try await withServer(program, "{port}", options: options()) { two in
        #expect(one.port != two.port)
      }
    }
    #expect(marked.pids == [])
  }

  @Test(.unusedPorts("web", options: testPick))
  func aServerTakesThePortOfTheTest() async throws {
    let port = try #require(TestPorts.current["web"])
    try await withServer(program, "{web}", options: options()) { server in
      #expect(server.port == port)
    }
  }
}

/// Servers as traits.
@Suite(
  .alone,
  .server(
    [Command.testServerPath, "{web}"], options: quick.with(suiteMark)))
struct ServerTraitTests {
  /// Nothing enters the scope twice: there is one program, besides its two watchers.
  private func expectOneServer() throws {
    let server = try #require(TestServer.current)
    #expect(server.isRunning)
    #expect(TestPorts.current["web"] == server.port)
    #expect(suiteMark.pids.count == 1)
  }

  @Test func aTestHasAServer() throws { try expectOneServer() }

  @Test(arguments: 0..<3) func eachCaseHasAServer(number: Int) throws {
    try expectOneServer()
  }

  @Suite struct Inner {
    @Test(arguments: 0..<2) func eachCaseHasAServer(number: Int) throws {
      #expect(suiteMark.pids.count == 1)
      #expect(TestServer.current?.isRunning == true)
    }
  }

  @Test(
    .server(
      [Command.testServerPath, "{api}", "web={web}"], options: quick))
  func laterServersKnowEarlierPorts() throws {
    let api = try #require(TestServer.current)
    #expect(api.port == TestPorts.current["api"])
    #expect(api["web"] != api.port)
  }
}

private let suiteMark = MarkedProcesses()

/// One server for all that is in a suite.
@Suite(
  .alone,
  .server(
    [Command.testServerPath, "{shared}"], shared: true, options: quick))
struct SharedServerTests {
  @Test(arguments: 0..<3) func allHaveTheSameServer(number: Int) throws {
    let server = try #require(TestServer.current)
    #expect(server.isRunning)
    _ = Self.ports.withLock { $0.insert(server.port) }
    #expect(Self.ports.withLock { $0 } == [server.port])
  }

  private static let ports = Mutex<Set<Int>>([])
}
