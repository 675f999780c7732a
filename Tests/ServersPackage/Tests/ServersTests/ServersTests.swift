import Foundation
import PortPickerTesting
import Synchronization
import Testing

// What scripts/test-servers says: how many cases there are, the server, and a directory
// in which each port is a file while a test has it.
private let variables = ProcessInfo.processInfo.environment
private let count = variables["SERVERS_COUNT"].flatMap { Int($0) } ?? 20
private let program = variables["SERVERS_PROGRAM"] ?? "test-server"
private let directory = variables["SERVERS_DIRECTORY"] ?? "/nonexistent"

private let options = ServerOptions(
  startTimeout: .seconds(120), endTimeout: .milliseconds(500))

/// Many servers at once.
@Suite struct ServersTests {
  @Test(.server([program, "{port}"], options: options), arguments: 0..<count)
  func eachCaseHasItsOwn(number: Int) async throws {
    try await use(try #require(TestServer.current))
  }

  @Test(
    arguments: zip(
      0..<count / 2, (0..<count).map { behaviours[$0 % behaviours.count] }))
  func theyBehaveBadly(number: Int, behaviour: [String]) async throws {
    try await withServer([program, "{port}"] + behaviour, options: options) {
      try await use($0)
    }
  }

  @Test(
    .server(
      "python3", "-m", "http.server", "--bind", "127.0.0.1", "{web}",
      options: options), arguments: 0..<count / 10)
  func theyAreReal(number: Int) async throws {
    try await use(try #require(TestServer.current))
  }
}

private let behaviours = [
  ["child"], ["daemon"], ["ignore"], ["helpers=2"], ["daemon", "ignore"],
  ["flood=10000000"],
]

/// What is open before many servers is open after them.
@Suite struct DescriptorTests {
  @Test func descriptorsAreAsBefore() async throws {
    // Once, for what stays open.
    try await withServer(program, "{port}", options: options) { _ in }
    let before = try openDescriptors()
    try await withThrowingTaskGroup { group in
      for _ in 0..<count {
        group.addTask {
          try await withServer(program, "{port}", options: options) {
            _ = try openDescriptors()
            #expect($0.isRunning)
          }
        }
      }
      try await group.waitForAll()
    }
    let after = try openDescriptors()
    #expect(after == before)
  }

  private func openDescriptors() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
      .compactMap {
        try? FileManager.default.destinationOfSymbolicLink(
          atPath: "/proc/self/fd/\($0)")
      }
      // The library keeps its ledger open, once for each thread that needed it at
      // the same time.
      .filter { !$0.hasPrefix("/proc/") && !$0.contains("/ledger-") }.sorted()
  }
}

private let arrived = Atomic(0)

/// Has a server's port to itself until many tests have one.
private func use(_ server: TestServer) async throws {
  let path = "\(directory)/\(server.port)"
  let file = open(path, O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
  #expect(file >= 0, "port \(server.port) was handed out twice")
  defer {
    unlink(path)
    close(file)
  }
  #expect(server.isRunning)
  arrived.add(1, ordering: .relaxed)
  let end = ContinuousClock.now + .seconds(30)
  while arrived.load(ordering: .relaxed) < count * 3 / 2,
    ContinuousClock.now < end
  {
    try await Task.sleep(for: .milliseconds(50))
  }
  #expect(server.isRunning)
}
