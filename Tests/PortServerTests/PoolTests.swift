import Foundation
import TestSupport
import Testing

/// Which ports are leased, and in which order.
@Suite(.alone) struct PoolTests {
  private let holder: HolderProcess

  init() throws {
    holder = try HolderProcess()
  }

  @Test func thePortThatHasBeenFreeForLongestIsLeasedFirst() throws {
    let ports = [
      try unusedTestPort(), try unusedTestPort(), try unusedTestPort(),
    ].sorted()
    let server = try RunningServer(
      pool: ports.map { "\($0)" }.joined(separator: ","))
    #expect(try server.lease(for: holder.number) == Int(ports[0]))
    holder.end()
    for port in [ports[1], ports[2], ports[0]] {
      #expect(try server.lease(for: getpid()) == Int(port))
    }
  }

  @Test func aPoolOfOneIsLeasedAgainAndAgain() throws {
    let port = try unusedTestPort()
    let server = try RunningServer(pool: "\(port)")
    for _ in 0..<10 {
      let holder = try HolderProcess()
      #expect(try server.lease(for: holder.number) == Int(port))
      #expect(try server.lease(for: holder.number) == nil)
      holder.end()
    }
    let figures = try server.statistics()
    #expect(figures["num-ports-managed"] == 1)
    #expect(figures["total-allocations"] == 10)
    #expect(figures["denied-allocations"] == 10)
  }

  @Test func aRefusalOfAFullPoolLooksAtNoPort() throws {
    let server = try RunningServer(pool: try unusedTestPool(20))
    #expect(try server.leaseAll().count == 20)
    #expect(try checked(server) == 0)
    #expect(
      server.logged.contains {
        $0.contains("the pool is exhausted: of 20 ports, 20 are leased")
      })
  }

  enum Outsider: CaseIterable {
    case tcp
    case listener
    case loopback
    case udp
    case reusableTCP
    case reusableUDP

    func bind(_ port: UInt16) throws -> TestSocket {
      switch self {
      case .tcp: try TestSocket(.tcp, at: .anyIPv4, port: port)
      case .listener:
        try TestSocket(.tcp, at: .anyIPv6, port: port, listening: true)
      case .loopback:
        try TestSocket(.tcp, at: .loopbackIPv4, port: port, listening: true)
      case .udp: try TestSocket(.udp, at: .loopbackIPv6, port: port)
      case .reusableTCP:
        try TestSocket(.tcp, at: .anyIPv4, port: port, reusingAddress: true)
      case .reusableUDP:
        try TestSocket(.udp, at: .anyIPv4, port: port, reusingAddress: true)
      }
    }
  }

  @Test(arguments: Outsider.allCases)
  func portsThatOutsidersUseAreNotLeased(outsider: Outsider) throws {
    var ports: [UInt16] = []
    for _ in 0..<8 { ports.append(try unusedTestPort()) }
    let server = try RunningServer(
      pool: ports.map { "\($0)" }.joined(separator: ","))
    var sockets = try ports.prefix(4).map { try outsider.bind($0) }
    #expect(Set(try server.leaseAll()) == Set(ports.suffix(4).map { Int($0) }))
    // When they have ended, their ports are leased.
    sockets.removeAll()
    let back = try (0..<4).map { _ in try server.leaseSomeTime() }
    #expect(Set(back) == Set(ports.prefix(4).map { Int($0) }))
    #expect(try server.lease(for: getpid()) == nil)
  }

  /// How many ports were probed for the last request.
  private func checked(_ server: RunningServer) throws -> Int? {
    try server.statistics()["num-ports-checked-for-last-request"]
  }

  @Test func aPortThatAnOutsiderUsesIsNotLookedAtForEachRequest() throws {
    let ports = try (0..<6).map { _ in try unusedTestPort() }.sorted()
    let server = try RunningServer(
      pool: ports.map { "\($0)" }.joined(separator: ","))
    let sockets = try ports.prefix(3).map { try Outsider.tcp.bind($0) }
    #expect(try server.lease(for: getpid()) == Int(ports[3]))
    #expect(try checked(server) == 4)
    #expect(try server.lease(for: getpid()) == Int(ports[4]))
    #expect(try checked(server) == 1)
    // A request for no process does not change the figure.
    #expect(try server.reply(to: "0\n") == "")
    #expect(try checked(server) == 1)
    withExtendedLifetime(sockets) {}
  }

  @Test func aFullPoolHasAPortAgainWhenAHolderEnds() throws {
    let server = try RunningServer(pool: try unusedTestPool(5))
    let port = try #require(try server.lease(for: holder.number))
    #expect(try server.leaseAll().count == 4)
    holder.end()
    #expect(try server.leaseAll() == [port])
  }

  @Test func aPoolThatOutsidersHaveAllOf() throws {
    var ports: [UInt16] = []
    for _ in 0..<100 { ports.append(try unusedTestPort()) }
    let server = try RunningServer(
      pool: ports.map { "\($0)" }.joined(separator: ","))
    var sockets = try ports.map { try Outsider.udp.bind($0) }
    #expect(try server.lease(for: getpid()) == nil)
    #expect(try server.lease(for: getpid()) == nil)
    // However many there are, a refusal takes a bounded time.
    #expect(try #require(try checked(server)) <= 80)
    sockets.removeAll()
    let back = try (0..<100).map { _ in try server.leaseSomeTime() }
    #expect(Set(back) == Set(ports.map { Int($0) }))
  }

  @Test func aLingeringPortIsLeasedWhenThereIsNoOther() throws {
    let (lingering, free) = (try unusedTestPort(), try unusedTestPort())
    try TestSocket.leaveTimeWait(on: lingering, reusingAddress: true)
    let server = try RunningServer(pool: "\(lingering),\(free)")
    #expect(try server.lease(for: getpid()) == Int(free))
    #expect(try server.lease(for: getpid()) == Int(lingering))
    #expect(try server.lease(for: getpid()) == nil)
  }
}
