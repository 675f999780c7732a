import PortPicker
import PortPickerTesting
import Synchronization
import TestSupport
import Testing

/// The traits that give tests ports.
@Suite(.alone) struct UnusedPortsTraitTests {
  @Test(.unusedPort(options: testPick)) func aTestHasAPort() throws {
    let ports = try #require(TestPorts.current)
    #expect(ports.names == ["port"])
    #expect(ports["port"] == ports.port)
    #expect(try isPortFree(ports.port))
    #expect(ports.environment == ["PORT": "\(ports.port)"])
    #expect(TestPorts.current["other"] == nil)
    // It is this process's.
    #expect(try returnPort(ports.port))
  }

  @Test func aTestWithoutTheTraitHasNone() {
    #expect(TestPorts.current == nil)
    #expect(TestPorts.current["port"] == nil)
  }

  @Test(.unusedPorts("web", "db-2", options: testPick))
  func aTestHasAPortForEachName() async throws {
    let ports = try #require(TestPorts.current)
    #expect(ports.names == ["db-2", "web"])
    #expect(ports.port == ports["web"])
    #expect(ports["db-2"] != ports["web"])
    #expect(ports.environment["DB_2_PORT"] == ports["db-2"].map { "\($0)" })
    // Child tasks have them, too.
    async let inChild = TestPorts.current?.port
    #expect(await inChild == ports.port)
  }

  @Test(
    .unusedPorts("web", "db", options: testPick),
    .unusedPorts("db", options: testPick))
  func anInnerPortReplacesAnOuterOne() throws {
    let ports = try #require(TestPorts.current)
    #expect(ports.names == ["db", "web"])
    #expect(ports.port == ports["db"])
  }

  private static let seen = Mutex<[Int]>([])

  @Test(.unusedPort(shared: true, options: testPick), arguments: 0..<3)
  func sharedPortsAreTheSameInEachCase(number: Int) throws {
    let port = try #require(TestPorts.current).port
    Self.seen.withLock { seen in
      seen.append(port)
      #expect(Set(seen) == [port])
    }
  }

  /// Scopes, without the runner of tests.
  private func scope(
    _ trait: UnusedPortsTrait,
    _ body: @concurrent @Sendable () async throws -> Void
  ) async throws {
    let test = try #require(Test.current)
    try await trait.provideScope(for: test, testCase: nil, performing: body)
  }

  private struct Failure: Error {}

  @Test func portsAreReturnedHoweverTheScopeEnds() async throws {
    let port = Int(try unusedTestPort())
    let one = PickOptions(source: .ledger, pool: [port...port])
    for _ in 0..<2 {
      try await scope(.unusedPort(options: one)) {
        #expect(TestPorts.current?.port == port)
      }
      await #expect(throws: Failure.self) {
        try await scope(.unusedPort(options: one)) { throw Failure() }
      }
      let task = Task {
        try await scope(.unusedPort(options: one)) {
          try await Task.sleep(for: .seconds(1000))
        }
      }
      task.cancel()
      _ = await task.result
    }
    #expect(try await pickUnusedPort(options: one) == port)
    #expect(try await returnPort(port))
  }

  @Test func aWrongNameIsAnError() async throws {
    for name in ["", "Web", "1a", "a_b"] {
      let error = await #expect(throws: PortPickerError.self) {
        try await scope(.unusedPorts("web", name, options: testPick)) {}
      }
      #expect(error?.code == .invalidArgument)
    }
  }

  /// Each of the scopes of a suite and of a suite in it.
  @Suite(.unusedPorts("outer", shared: true, options: testPick))
  struct SharedBySuite {
    private static let ports = Mutex<Set<Int>>([])

    @Test func one() throws { try Self.note() }

    @Test(.unusedPorts("inner", options: testPick)) func two() throws {
      try Self.note()
      #expect(TestPorts.current["inner"] != nil)
    }

    @Suite struct Inner {
      @Test func three() throws { try SharedBySuite.note() }
    }

    fileprivate static func note() throws {
      let port = try #require(TestPorts.current["outer"])
      _ = ports.withLock { $0.insert(port) }
      #expect(ports.withLock { $0 } == [port])
    }
  }
}
