import HostSystem
import PortLeasing
import SystemPackage
import TestSupport
import Testing

@Suite struct LedgerLeaseTests {
  private let pool = PortPool([25000...25009])

  @Test func aPortIsLeasedOnceAsLongAsItsHolderLives() throws {
    let test = try TestLedger()
    let ports = try test.ledger.drain(pool, to: .a)
    #expect(ports.sorted() == Array(25000...25009))
    #expect(
      try test.reopened().lease(pool, to: .b)
        == .exhausted(PoolUsage(ports: 10, leased: 10)))
    #expect(test.warnings.all.isEmpty)
  }

  @Test func portsOfTheDeadComeBackByThemselves() throws {
    let test = try TestLedger()
    _ = try test.ledger.drain(pool, to: .a)
    let ports = try test.ledger.drain(
      pool, to: .b, on: FakeHost(living: [.b]))
    #expect(ports.sorted() == Array(25000...25009))
  }

  @Test func aReusedPidIsAnotherHolder() throws {
    let test = try TestLedger()
    _ = try test.ledger.drain(pool, to: .a)
    let later = ProcessIdentity(pid: ProcessIdentity.a.pid, startTime: 9999)
    let host = FakeHost(living: [later])
    #expect(try test.ledger.drain(pool, to: later, on: host).count == 10)
  }

  @Test func onlyTheHolderGivesPortsBack() throws {
    let test = try TestLedger()
    _ = try test.ledger.drain(pool, to: .a)
    try test.ledger.giveBack([25003, 25005], of: .b)
    #expect(
      try test.ledger.lease(pool, to: .b)
        == .exhausted(PoolUsage(ports: 10, leased: 10)))
    try test.ledger.giveBack([25003, 25005, 30000], of: .a)
    #expect(try test.ledger.drain(pool, to: .b).sorted() == [25003, 25005])
  }

  @Test func thePortHandedOutLastIsTheLastToBeHandedOutAgain() throws {
    let test = try TestLedger()
    var ports: [UInt16] = []
    for _ in 0..<20 {
      guard case .leased(let more) = try test.reopened().lease(pool, to: .a)
      else { break }
      try test.ledger.giveBack(more, of: .a)
      ports += more
    }
    #expect(Set(ports.prefix(10)).count == 10)
    #expect(Array(ports.prefix(10)) == Array(ports.suffix(10)))
  }

  @Test func newLedgersBeginAnywhere() throws {
    let pool = PortPool([25000...32767])
    var firsts: Set<UInt16> = []
    for _ in 0..<20 {
      if case .leased(let ports) = try TestLedger().ledger.lease(pool, to: .a) {
        firsts.formUnion(ports)
      }
    }
    // All alike once in 7768 to the 19th runs.
    #expect(firsts.count > 1)
  }

  @Test func aLingeringPortIsTakenOnlyWhereNoneIsFree() throws {
    let test = try TestLedger()
    var host = FakeHost()
    for port in pool.ranges[0] { host.statuses[port] = .lingering }
    host.statuses[25004] = .free
    host.statuses[25007] = .inUse
    #expect(
      try test.ledger.lease(pool, to: .a, on: host) == .leased([25004]))
    let rest = try test.ledger.drain(pool, to: .a, on: host)
    #expect(
      rest.sorted()
        == [25000, 25001, 25002, 25003, 25005, 25006, 25008, 25009])
    #expect(
      try test.ledger.lease(pool, to: .a, on: host)
        == .exhausted(PoolUsage(ports: 10, leased: 9, inUse: 1)))
  }

  @Test func othersLeaseWhileAPortIsLookedAt() throws {
    let test = try TestLedger()
    let first = test.ledger
    let other = try test.reopened()
    var found: [UInt16] = []
    var host = FakeHost()
    host.onLook = { port in
      guard
        case .leased(let ports)? = try? other.lease(
          pool, to: .b, timeout: .zero)
      else { return }
      #expect(!ports.contains(port))
      found += ports
    }
    guard case .leased(let ports) = try first.lease(pool, to: .a, on: host)
    else {
      Issue.record("there are ports")
      return
    }
    #expect(found.count == 1)
    #expect(try test.ledger.drain(pool, to: .a).count == 8)
    #expect(Set(found).isDisjoint(with: ports))
  }

  @Test(arguments: [(1, false), (3, false), (3, true)])
  func aPortThatTurnsOutToBeInUseIsNotLeased(
    count: Int, isContiguous: Bool
  ) throws {
    let test = try TestLedger()
    for _ in 0..<10 {
      var host = FakeHost()
      for port in [25001, 25004, 25005] as [UInt16] {
        host.statuses[port] = .inUse
      }
      guard
        case .leased(let ports) = try test.ledger.lease(
          pool, to: .a, count: count, contiguous: isContiguous, on: host)
      else {
        Issue.record("there are ports")
        return
      }
      #expect(ports.allSatisfy { host.statuses[$0] == nil })
      if isContiguous { #expect(ports[0] + 2 == ports[2]) }
      let contents = try test.ledger.contents(
        isAlive: { _ in true }, deadline: Deadline(after: .seconds(5)))
      #expect(contents.leases.map(\.port) == ports.sorted())
      try test.ledger.giveBack(ports, of: .a)
    }
  }

  @Test(arguments: [1, 3])
  func nothingIsLeftLeasedWhereAPortCannotBeLookedAt(count: Int) throws {
    let test = try TestLedger()
    #expect(throws: LeasingError.self) {
      try test.ledger.lease(
        pool, to: .a, count: count, on: FakeHost(failure: .tooManyOpenFiles))
    }
    #expect(try test.ledger.drain(pool, to: .b).count == 10)
  }

  @Test func refusalsCountWhatBecameOfEachPort() throws {
    let test = try TestLedger()
    var host = FakeHost()
    _ = try test.ledger.lease(PortPool([25000...25002]), to: .a, count: 3)
    for port in 25003...25006 { host.statuses[UInt16(port)] = .inUse }
    for port in 25007...25008 { host.statuses[UInt16(port)] = .denied }
    let usage = PoolUsage(ports: 10, leased: 3, inUse: 4, denied: 2)
    #expect(usage.available == 1)
    #expect(
      try test.ledger.lease(pool, to: .b, count: 2, on: host)
        == .exhausted(usage))
    #expect(
      try test.ledger.lease(pool, to: .b, on: host) == .leased([25009]))
  }

  @Test func severalPortsComeAllOrNone() throws {
    let test = try TestLedger()
    guard
      case .leased(let ports) = try test.ledger.lease(pool, to: .a, count: 7)
    else { throw Errno.ioError }
    #expect(Set(ports).count == 7)
    #expect(
      try test.ledger.lease(pool, to: .b, count: 4)
        == .exhausted(PoolUsage(ports: 10, leased: 7)))
    guard
      case .leased(let more) = try test.ledger.lease(pool, to: .b, count: 3)
    else { throw Errno.ioError }
    #expect(Set(ports + more) == Set(25000...25009))
  }

  @Test func freePortsAreTakenBeforeLingeringOnesWhereSeveralAreWanted() throws
  {
    let test = try TestLedger()
    var host = FakeHost()
    for port in pool.ranges[0] where port != 25002 && port != 25008 {
      host.statuses[port] = .lingering
    }
    guard
      case .leased(let ports) = try test.ledger.lease(
        pool, to: .a, count: 3, on: host)
    else { throw Errno.ioError }
    #expect(ports.count == 3)
    #expect(ports.contains(25002) && ports.contains(25008))
  }

  @Test(arguments: 0..<10) func portsInARow(round: Int) throws {
    let test = try TestLedger()
    var host = FakeHost()
    host.statuses[25004] = .inUse
    // Wherever the cursor stands, these are the only five in a row.
    _ = try test.ledger.lease(PortPool([25000...25009]), to: .b)
    let cursor = UInt16(25000 + round)
    let seed = try test.reopened()
    _ = try seed.lease(PortPool([cursor...cursor]), to: .a)
    try seed.giveBack([cursor], of: .a)
    for port in pool.ranges[0] { try seed.giveBack([port], of: .b) }
    #expect(
      try seed.lease(pool, to: .a, count: 5, contiguous: true, on: host)
        == .leased([25005, 25006, 25007, 25008, 25009]))
    #expect(
      try seed.lease(pool, to: .a, count: 5, contiguous: true, on: host)
        == .exhausted(PoolUsage(ports: 10, leased: 5, inUse: 1)))
    #expect(
      try seed.lease(pool, to: .a, count: 4, contiguous: true, on: host)
        == .leased([25000, 25001, 25002, 25003]))
  }

  @Test func aGapBetweenRangesEndsARow() throws {
    let test = try TestLedger()
    let split = PortPool([25000...25001, 25003...25004])
    #expect(
      try test.ledger.lease(split, to: .a, count: 3, contiguous: true)
        == .exhausted(PoolUsage(ports: 4)))
  }

  @Test func whatCannotBeProbedIsAnError() throws {
    let test = try TestLedger()
    #expect {
      try test.ledger.lease(
        PortPool([25000...25000]), to: .a,
        on: FakeHost(failure: .tooManyOpenFiles))
    } throws: {
      $0 as? LeasingError == .probe(25000, .tooManyOpenFiles)
    }
    // Nothing is left behind, and the lock is free again.
    #expect(try test.ledger.drain(pool, to: .b).count == 10)
  }

  @Test func threadsShareALedger() async throws {
    let test = try TestLedger()
    let ledger = test.ledger
    let pool = PortPool([25000...25199])
    let ports = try await sideBySide(20) { _ in
      try (0..<10).map { _ in try ledger.lease(pool, to: .a) }
    }
    let leased = ports.flatMap(\.self).flatMap { outcome in
      if case .leased(let ports) = outcome { ports } else { [UInt16]() }
    }
    #expect(leased.count == 200)
    #expect(Set(leased).count == 200)
  }
}
