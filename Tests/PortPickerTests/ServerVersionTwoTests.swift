import CTestSupport
import Foundation
import PortPicker
import TestSupport
import Testing

/// The library with a server that speaks version 2 of the protocol: each test is
/// a process of its own, for what a process has is remembered.
@Suite(.alone) struct ServerVersionTwoTests {
  @Test func severalPortsAreLeasedAtOnce() async {
    await #expect(processExitsWith: .success) {
      let server = try RunningServer(pool: try unusedTestPool(6))
      let three = try pickUnusedPorts(count: 3, options: .from(server))
      #expect(Set(three).count == 3)
      expectError(.poolExhausted, "cannot lease 4 ports: ") {
        _ = try pickUnusedPorts(count: 4, options: .from(server)) as [Int]
      }
      let rest = try pickUnusedPorts(count: 3, options: .from(server)) as [Int]
      #expect(Set(three + rest).count == 6)
      for port in three + rest { #expect(try isPortFree(port)) }
    }
  }

  @Test func moreThanFitIntoARequestAreAllOrNone() async {
    await #expect(processExitsWith: .success) {
      let ports = try (0..<200).map { _ in try unusedTestPort() }
      let server = try RunningServer(
        pool: ports.map { "\($0)" }.joined(separator: ","))
      let most = try pickUnusedPorts(count: 199, options: .from(server))
      #expect(Set(most).count == 199)
      for port in most { #expect(try returnPort(port)) }
      expectError(.poolExhausted, "cannot lease 201 ports: ") {
        _ = try pickUnusedPorts(count: 201, options: .from(server)) as [Int]
      }
      #expect(
        try portSourceStatus(options: .from(server)).leasedCount == 0)
      expectError(.serverRefused, "at most 160 ports in a row") {
        _ =
          try pickUnusedPorts(
            count: 161, contiguous: true, options: .from(server)) as [Int]
      }
    }
  }

  @Test func portsGoBackAlsoWhereTheConnectionBreaks() async {
    await #expect(processExitsWith: .success) {
      let server = try RunningServer(pool: try unusedTestPool(240))
      // After the first 160 ports.
      let broken = try FakeServer(
        .forward(to: server.address, lines: 1),
        .forward(to: server.address, lines: 1000))
      let options = PickOptions(
        source: .server(broken.address), requiresServer: true)
      expectError(.serverUnreachable, "cannot be reached") {
        _ = try pickUnusedPorts(count: 200, options: options) as [Int]
      }
      #expect(broken.requests.all[0].hasPrefix("lease"))
      #expect(
        try portSourceStatus(options: .from(server)).leasedCount == 0)
    }
  }

  @Test func portsInARow() async {
    await #expect(processExitsWith: .success) {
      let block = try unusedTestBlock()
      let server = try RunningServer(
        pool: "\(block.lowerBound)-\(block.upperBound)")
      let row =
        try pickUnusedPorts(
          count: 10, contiguous: true, options: .from(server)) as [Int]
      #expect(row == Array(row[0]..<row[0] + 10))
    }
  }

  @Test func aReturnedPortGoesBackToTheServer() async {
    await #expect(processExitsWith: .success) {
      let server = try RunningServer(pool: try unusedTestPool(1))
      for _ in 0..<5 {
        let port = try pickUnusedPort(options: .from(server)) as Int
        expectError(.poolExhausted, "cannot lease a port: ") {
          _ = try pickUnusedPort(options: .from(server)) as Int
        }
        #expect(try returnPort(port))
        #expect(try !returnPort(port))
      }
      // It is not this process's own to be picked again.
      let port = try #require(try server.lease(for: getppid()))
      #expect(try pickUnusedPort(options: PickOptions(source: .ledger)) != port)
    }
  }

  @Test func whatKeepsAPortReturnsItToTheServer() async {
    await #expect(processExitsWith: .success) {
      let server = try RunningServer(pool: try unusedTestPool(1))
      let options = PickOptions.from(server)
      for _ in 0..<3 {
        let used = try withUnusedPort(options: options) { $0 }
        do {
          let bound = try BoundPort(options: options)
          #expect(bound.port == used)
          try bound.close()
        }
        do {
          let held = try HeldPort(options: options)
          #expect(held.port == used)
          try held.close()
        }
      }
      #expect(try server.lease(for: getpid()) != nil)
    }
  }

  @Test func itIsReturnedFromATaskAsWell() async {
    await #expect(processExitsWith: .success) {
      let server = try RunningServer(pool: try unusedTestPool(1))
      for _ in 0..<3 {
        let options = PickOptions.from(server)
        let used = try await withUnusedPort(options: options) { port async in
          port
        }
        #expect(used > 0)
        let bound = try await BoundPort(options: options)
        #expect(bound.port == used)
        try await bound.close()
        let held = try await HeldPort(options: options)
        #expect(held.port == used)
        try await held.close()
      }
    }
  }

  @Test func aPortForAnotherProcessIsReturnedAsWell() async {
    await #expect(processExitsWith: .success) {
      let server = try RunningServer(pool: try unusedTestPool(2))
      let holder = try HolderProcess()
      let ports = try pickUnusedPorts(
        count: 2, for: holder.number, options: .from(server))
      #expect(try returnPort(ports[0]))
      #expect(try server.lease(for: getpid()) == ports[0])
      holder.end()
      #expect(try server.lease(for: getpid()) == ports[1])
    }
  }

  @Test func aPortThatIsAnothersNowIsNotReturned() async {
    await #expect(processExitsWith: .success) {
      let server = try RunningServer(pool: try unusedTestPool(1))
      let (first, second) = (try HolderProcess(), try HolderProcess())
      let port = try pickUnusedPort(for: first.number, options: .from(server))
      first.end()
      #expect(try server.lease(for: second.number) == port)
      #expect(try returnPort(port))
      #expect(try server.lease(for: getpid()) == nil)
    }
  }

  @Test func aPortWhoseServerHasGoneIsUsedAgain() async {
    await #expect(processExitsWith: .success) {
      let server = try RunningServer(pool: try unusedTestPool(1))
      let port = try pickUnusedPort(options: .from(server)) as Int
      server.end()
      #expect(try returnPort(port))
      #expect(try pickUnusedPort() == port)
    }
  }

  @Test func aServerThatHasForgottenItsLeasesIsNoError() async {
    await #expect(processExitsWith: .success) {
      let pool = try unusedTestPool(1)
      let first = try RunningServer(pool: pool, ["--no-state"])
      let port = try pickUnusedPort(options: .from(first)) as Int
      first.end()
      let second = try RunningServer(
        pool: pool, address: first.address, ["--no-state"])
      #expect(try returnPort(port))
      #expect(try second.lease(for: getpid()) == port)
    }
  }

  @Test func leasesAndFiguresAreValues() async {
    await #expect(processExitsWith: .success) {
      let block = try unusedTestBlock()
      let first = Int(block.lowerBound)
      let server = try RunningServer(pool: "\(first)-\(first + 9)")
      let holder = try HolderProcess()
      let port = try #require(try server.lease(for: holder.number))
      let status = try portSourceStatus(options: .from(server))
      #expect(
        status.origin == .server(address: server.address, version: "0.1.0"))
      #expect(status.origin.server?.address == server.address)
      #expect(status.origin.ledgerPath == nil)
      #expect(status.pool == [first...first + 9])
      #expect(status.portCount == 10)
      #expect(status.leasedCount == 1)
      #expect(status.inUseCount == 0)
      #expect(status.freeCount == 9)
      #expect(status.statistics["total-allocations"] == 1)
      let lease = try #require(status.leases.first)
      #expect(status.leases.count == 1)
      #expect(lease.port == port)
      #expect(lease.pid == holder.number)
      #expect(lease.user == getuid())
      #expect(lease.age >= .zero && lease.age < .seconds(600))
      #expect(lease.command?.hasSuffix("sleep 100000") == true)
    }
  }

  @Test(.enabled(if: canStartUnreadable, "needs /dev/fuse, and root"))
  func whoseCommandLineCannotBeReadIsKnownByItsName() async {
    await #expect(processExitsWith: .success) {
      let server = try RunningServer(pool: try unusedTestPool(1))
      let holder = cts_start_unreadable()
      try #require(holder > 0)
      defer { cts_end(holder) }
      _ = try #require(try server.lease(for: holder))
      let options = [PickOptions.from(server), PickOptions(source: .ledger)]
      _ = try pickUnusedPort(for: holder, options: options[1]) as Int
      for options in options {
        let leases = try portSourceStatus(options: options).leases
        #expect(
          leases.first { $0.pid == holder }?.command == "unreadable")
      }
    }
  }

  @Test func anOldServerCannotBeAsked() throws {
    let server = try FakeServer(.slam)
    expectError(.serverRefused, "knows only version 1 of the protocol") {
      _ = try portSourceStatus(
        options: PickOptions(source: .server(server.address)))
    }
  }

  @Test func theLedgersLeasesAreValuesToo() async {
    await #expect(processExitsWith: .success) {
      let holder = try HolderProcess()
      let block = try unusedTestBlock()
      let first = Int(block.lowerBound)
      let options = PickOptions(source: .ledger, pool: [first...first + 9])
      let port = try pickUnusedPort(for: holder.number, options: options) as Int
      let stranger = try TestSocket(
        .udp, at: .loopbackIPv4, port: UInt16(port == first ? first + 1 : first)
      )
      let status = try portSourceStatus(options: options)
      #expect(status.portCount == 10)
      #expect(status.leasedCount == 1)
      #expect(status.inUseCount == 1)
      #expect(status.freeCount == 8)
      #expect(status.leases.first { $0.port == port }?.pid == holder.number)
      let path = try #require(status.origin.ledgerPath)
      #expect(status.origin.server == nil)
      #expect(path.hasPrefix("/"))
      holder.end()
      #expect(try portSourceStatus(options: options).leasedCount == 0)
      withExtendedLifetime(stranger) {}
    }
  }
}

extension PickOptions {
  /// Ports from a server, and from no other source.
  fileprivate static func from(_ server: RunningServer) -> PickOptions {
    PickOptions(source: .server(server.address), requiresServer: true)
  }
}
