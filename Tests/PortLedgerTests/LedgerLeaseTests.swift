import Dispatch
import HostSystem
import PortLeasing
import PortLedger
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

  @Test func theProcessThatAsksIsNotLookedUpForOneFreePort() throws {
    let test = try TestLedger()
    let host = FakeHost(askerFailure: .tooManyOpenFiles)
    #expect(try test.ledger.lease(pool, to: .b, on: host) != .leased([]))
    #expect(throws: LeasingError.asker(.tooManyOpenFiles)) {
      try test.ledger.lease(pool, to: .b, count: 2, on: host)
    }
    // The second request has left nothing.
    #expect(try test.ledger.drain(pool, to: .a).count == 9)
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
    try test.ledger.release([25003, 25005], of: .b)
    #expect(
      try test.ledger.lease(pool, to: .b)
        == .exhausted(PoolUsage(ports: 10, leased: 10)))
    try test.ledger.release([25003, 25005, 30000], of: .a)
    #expect(try test.ledger.drain(pool, to: .b).sorted() == [25003, 25005])
  }

  @Test func thePortHandedOutLastIsTheLastToBeHandedOutAgain() throws {
    let test = try TestLedger()
    var ports: [UInt16] = []
    for _ in 0..<20 {
      guard case .leased(let more) = try test.reopened().lease(pool, to: .a)
      else { break }
      try test.ledger.release(more, of: .a)
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
    // All of them are equal once in 7768^19 runs.
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

  @Test(arguments: [(1, false), (3, false), (3, true)])
  func othersLeaseWhilePortsAreLookedAt(
    count: Int, isContiguous: Bool
  ) throws {
    let test = try TestLedger()
    let first = test.ledger
    let other = try test.reopened()
    var found: [UInt16] = []
    var looks: [UInt16] = []
    var host = FakeHost()
    // Some of these get the thorough probe.
    for port in 25000...25005 as ClosedRange<UInt16> {
      host.statuses[port] = .lingering
    }
    host.onProbe = { port in
      looks.append(port)
      guard
        case .leased(let ports)? = try? other.lease(
          PortPool([25020...25049]), to: .b, timeout: .zero)
      else { return }
      found += ports
    }
    let outcome = try first.lease(
      PortPool([25000...25005]), to: .a, count: count, contiguous: isContiguous,
      on: host)
    guard case .leased(let ports) = outcome else {
      Issue.record("there are ports")
      return
    }
    #expect(ports.count == count)
    // None of them had to wait.
    #expect(found.count == looks.count)
  }

  @Test func aPortThatIsLookedAtIsNobodyElses() throws {
    let test = try TestLedger()
    let first = test.ledger
    let other = try test.reopened()
    var host = FakeHost()
    host.statuses = [25000: .inUse, 25001: .inUse, 25002: .inUse]
    host.onProbe = { port in
      let outcome = try? other.lease(
        PortPool([port...port]), to: .b, timeout: .zero)
      #expect(outcome == .exhausted(PoolUsage(ports: 1, leased: 1)))
    }
    #expect(
      try first.lease(PortPool([25000...25003]), to: .a, on: host)
        == .leased([25003]))
    // A port that failed its probe is not leased, either.
    #expect(try other.drain(PortPool([25000...25003]), to: .b).count == 3)
  }

  /// A search that fails has tentative leases only for a moment.
  @Test func whereOthersLookAtPortsOneTriesAgain() async throws {
    let test = try TestLedger()
    let pool = pool
    let path = test.path
    let (begun, seen) = (
      DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
    )
    let ledgers = [test.ledger, try test.reopened()]
    let outcomes = try await sideBySide(2) { index in
      var host = FakeHost()
      if index == 0 {
        for port in pool.ranges[0] { host.statuses[port] = .inUse }
        var isFirst = true
        host.onProbe = { _ in
          if !isFirst { return }
          isFirst = false
          begun.signal()
          seen.wait()
        }
        return try ledgers[0].lease(pool, to: .a, count: 6, on: host)
      }
      begun.wait()
      host.onCheck = { _ in seen.signal() }
      return try ledgers[1].lease(
        pool, to: .b, count: 6, on: host, timeout: .seconds(60))
    }
    withExtendedLifetime(path) {}
    // The first search fails: it finds every port in use, or fewer than six that the
    // other one has not leased meanwhile.
    let failures: [LeaseOutcome] = [
      .exhausted(PoolUsage(ports: 10, inUse: 10)),
      .exhausted(PoolUsage(ports: 10, leased: 6)),
    ]
    #expect(outcomes.contains(where: failures.contains))
    #expect(
      outcomes.contains {
        if case .leased(let ports) = $0 { ports.count == 6 } else { false }
      })
  }

  @Test(arguments: [(1, false), (3, false), (3, true)])
  func aSearchEndsWithItsTime(count: Int, isContiguous: Bool) throws {
    let test = try TestLedger()
    var looks = 0
    var host = FakeHost()
    for port in pool.ranges[0] { host.statuses[port] = .inUse }
    host.onProbe = { _ in looks += 1 }
    #expect {
      try test.ledger.lease(
        pool, to: .a, count: count, contiguous: isContiguous, on: host,
        timeout: .zero)
    } throws: {
      guard case .outOfTime(let usage)? = $0 as? LeasingError else {
        return false
      }
      return usage.ports == 10 && usage.inUse <= 1
    }
    #expect(looks <= 1)
    // It has left nothing.
    #expect(try test.ledger.drain(pool, to: .b).count == 10)
  }

  /// Checking thousands of holders takes longer than others should wait.
  @Test func othersLeaseWhileManyHoldersAreAskedFor() throws {
    let test = try TestLedger()
    let other = try test.reopened()
    let pool = PortPool([25000...25299])
    var holders: [ProcessIdentity] = []
    for number in 0..<300 {
      let holder = ProcessIdentity(pid: Int32(1000 + number), startTime: 1)
      holders.append(holder)
      _ = try test.ledger.lease(
        pool, to: holder, on: FakeHost(living: Set(holders)))
    }
    var host = FakeHost(living: Set(holders.dropLast()))
    var (asked, had) = (Set<ProcessIdentity>(), 0)
    host.onCheck = { holder in
      #expect(asked.insert(holder).inserted)
      let outcome = try? other.lease(
        PortPool([26000...26999]), to: .b, timeout: .zero)
      if outcome != nil { had += 1 }
    }
    guard case .leased = try test.ledger.lease(pool, to: .a, on: host) else {
      Issue.record("the port of one that has ended is there")
      return
    }
    #expect(asked.contains(holders[299]))
    #expect(had >= asked.count - 32)
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
      try test.ledger.release(ports, of: .a)
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
    // Wherever the cursor is, these are the only five consecutive ports.
    _ = try test.ledger.lease(PortPool([25000...25009]), to: .b)
    let cursor = UInt16(25000 + round)
    let seed = try test.reopened()
    _ = try seed.lease(PortPool([cursor...cursor]), to: .a)
    try seed.release([cursor], of: .a)
    for port in pool.ranges[0] { try seed.release([port], of: .b) }
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
    // It has left nothing, and released the lock.
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
