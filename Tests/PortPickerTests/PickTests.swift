import Foundation
import PortPicker
import SystemPackage
import TestSupport
import Testing

@Suite(.alone) struct PickTests {
  @Test func aPickedPortIsFreeAndPickedOnce() throws {
    var ports: Set<Int> = []
    for _ in 0..<50 {
      let port = try pickUnusedPort()
      #expect((1...65535).contains(port))
      #expect(try isPortFree(port))
      #expect(ports.insert(port).inserted)
    }
    for port in ports { try returnPort(port) }
  }

  @Test func threadsPickDifferentPorts() async throws {
    let ports = try await sideBySide(16) { _ in
      try (0..<20).map { _ in try pickUnusedPort() as Int }
    }.flatMap(\.self)
    #expect(Set(ports).count == 320)
    for port in ports { try await returnPort(port) }
  }

  @Test func tasksPickDifferentPorts() async throws {
    let ports = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<50 { group.addTask { try await pickUnusedPort() } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(Set(ports).count == 50)
    for port in ports { try await returnPort(port) }
  }

  @Test func severalPortsComeAtOnce() throws {
    let ports = try pickUnusedPorts(count: 5)
    #expect(Set(ports).count == 5)
    let row = try pickUnusedPorts(count: 5, contiguous: true)
    #expect(row == Array(row[0]..<(row[0] + 5)))
    #expect(Set(ports).isDisjoint(with: row))
    for port in ports + row { try returnPort(port) }
  }

  @Test func aPortForAnotherProcessComesBackWithItsDeath() throws {
    let pool = PickOptions(pool: try [poolOfOne()])
    let holder = try Command.sleeper.start()
    let port = try pickUnusedPort(for: holder.pid, options: pool)
    expectExhausted(pool)
    holder.kill()
    try holder.finish()
    #expect(try pickUnusedPort(options: pool) == port)
    try returnPort(port)
  }

  @Test func aReturnedPortIsPickedAgain() throws {
    let pool = PickOptions(pool: try [poolOfOne()])
    let port = try pickUnusedPort(options: pool)
    expectExhausted(pool)
    #expect(try returnPort(port))
    #expect(try !returnPort(port))
    #expect(try pickUnusedPort(options: pool) == port)
    try returnPort(port)
  }

  @Test func whatWasNotPickedIsNotReturned() throws {
    #expect(try !returnPort(1))
    #expect(try !returnPort(-1))
    #expect(try !returnPort(70000))
  }

  @Test func aPortIsReturnedAfterItsScope() throws {
    let pool = PickOptions(pool: try [poolOfOne()])
    let first = try withUnusedPort(options: pool) { $0 }
    #expect(throws: Errno.ioError) {
      try withUnusedPort(options: pool) { port in
        #expect(port == first)
        expectExhausted(pool)
        throw Errno.ioError
      }
    }
    #expect(try pickUnusedPort(options: pool) == first)
    try returnPort(first)
  }

  @Test func aPortIsReturnedAfterItsAsyncScope() async throws {
    let pool = PickOptions(pool: try [poolOfOne()])
    let first = try await withUnusedPort(options: pool) { port in
      await Task.yield()
      return port
    }
    await #expect(throws: CancellationError.self) {
      try await withUnusedPort(options: pool) { port in
        #expect(port == first)
        await Task.yield()
        throw CancellationError()
      }
    }
    #expect(try await pickUnusedPort(options: pool) == first)
    try await returnPort(first)
  }

  @Test func aPortInUseIsNotPicked() throws {
    let range = try poolOfOne()
    let pool = PickOptions(pool: [range])
    let stranger = try TestSocket(
      .udp, at: .loopbackIPv4, port: UInt16(range.lowerBound),
      reusingAddress: true)
    let error = #expect(throws: PortPickerError.self) {
      try pickUnusedPort(options: pool) as Int
    }
    #expect(error?.code == .poolExhausted)
    #expect(
      error?.description == """
        no port is left: of the 1 ports of the pool \(range.lowerBound), 0 \
        are leased to living processes and 1 in use by others; end processes \
        that hold ports, or use a larger pool
        """)
    withExtendedLifetime(stranger) {}
  }
}

@Suite(.alone) struct PickArgumentTests {
  @Test(arguments: [
    (Int32(0), PortPickerError.Code.invalidArgument, "process is 0"),
    (-5, .invalidArgument, "process is -5"),
    (.max, .noSuchProcess, "process 2147483647 does not exist"),
  ])
  func processesThatCanHaveNoPort(
    pid: Int32, code: PortPickerError.Code, text: String
  ) {
    expectError(code, text) { _ = try pickUnusedPort(for: pid) as Int }
  }

  @Test func countsAndPoolsAndTimesThatMakeNoSense() throws {
    func expectInvalid(
      _ text: String, count: Int = 1, _ options: PickOptions
    ) {
      expectError(.invalidArgument, text) {
        _ = try pickUnusedPorts(count: count, options: options) as [Int]
      }
    }
    expectInvalid("count is 0", count: 0, PickOptions())
    expectInvalid("count is -1", count: -1, PickOptions())
    expectInvalid("at most 65535", count: 65536, PickOptions())
    expectInvalid("has only", count: 8000, PickOptions())
    expectInvalid("has only", count: 3, PickOptions(pool: [8000...8001]))
    expectInvalid("pool is empty", PickOptions(pool: []))
    expectInvalid("0-5", PickOptions(pool: [0...5]))
    expectInvalid("-3-5", PickOptions(pool: [-3...5]))
    expectInvalid("1-70000", PickOptions(pool: [1...70000]))
    expectInvalid("timeout", PickOptions(timeout: .zero))
    expectInvalid("timeout", PickOptions(timeout: .seconds(-1)))
  }

  @Test func portsThatAreNone() {
    for port in [0, -1, 65536, .max] {
      expectError(.invalidArgument, "port is \(port)") {
        _ = try isPortFree(port)
      }
      expectError(.invalidArgument, "port is \(port)") {
        try addReservedPort(port)
      }
    }
    expectError(.invalidArgument, "port is -1") {
      _ = try probePort(-1, over: .tcp)
    }
  }

  @Test func codesAndSourcesHaveNames() {
    #expect("\(PortPickerError.Code.poolExhausted)" == "poolExhausted")
    #expect(
      String(describing: PortPickerError.Code.serverReplyMalformed)
        == "serverReplyMalformed")
    #expect("\(PortSource.server("@x"))" == "server(@x)")
    #expect(
      "\(PortSource.environment) \(PortSource.ledger)" == "environment ledger")
    #expect(PortSource.server("@x") != .server("@y"))
  }

  @Test func aProbeOfOneProtocol() throws {
    let port = Int(try unusedTestPort())
    #expect(try probePort(port, over: .tcp) == port)
    #expect(try probePort(port, over: .udp) == port)
    #expect(try (1...65535).contains(#require(try probePort(over: .tcp))))
    let stranger = try TestSocket(.udp, at: .anyIPv6, port: UInt16(port))
    #expect(try probePort(port, over: .tcp) == port)
    #expect(try probePort(port, over: .udp) == nil)
    #expect(try !isPortFree(port))
    withExtendedLifetime(stranger) {}
  }
}

/// Expects that a pool has no port left.
func expectExhausted(
  _ options: PickOptions, sourceLocation: SourceLocation = #_sourceLocation
) {
  expectError(
    .poolExhausted, "no port is left", sourceLocation: sourceLocation
  ) { _ = try pickUnusedPort(options: options) as Int }
}

/// A pool of one free port.
func poolOfOne() throws -> ClosedRange<Int> {
  let port = Int(try unusedTestPort())
  return port...port
}

/// Expects an error of a kind that says something.
func expectError(
  _ code: PortPickerError.Code, _ text: String,
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  let error = #expect(
    throws: PortPickerError.self, sourceLocation: sourceLocation
  ) { try body() }
  #expect(error?.code == code, sourceLocation: sourceLocation)
  #expect(
    error?.description.contains(text) == true, "\(String(describing: error))",
    sourceLocation: sourceLocation)
}
