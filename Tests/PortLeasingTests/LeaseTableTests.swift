import HostSystem
import PortLeasing
import SystemPackage
import TestSupport
import Testing

/// What a port server leases.
@Suite struct LeaseTableTests {
  private var table = LeaseTable(pool: PortPool([100...104]))
  private let host = CountingHost()

  @Test mutating func thePortThatHasBeenFreeForLongestIsFirst() throws {
    #expect(try drain(.a) == [100, 101, 102, 103, 104])
    table.release([102])
    table.release([100])
    #expect(try drain(.b) == [102, 100])
  }

  @Test mutating func whatAnEndedProcessHadComesBack() throws {
    #expect(try lease(.a) == 100)
    #expect(try lease(.b) == 101)
    #expect(try lease(.a) == 102)
    #expect(table.portCount(of: .a) == 2)
    #expect(table.reclaimAll(of: .a) == 2)
    #expect(table.reclaimAll(of: .a) == 0)
    #expect(table.portCount(of: .a) == 0)
    #expect(try drain(.b) == [103, 104, 100, 102])
    #expect(table.usage == PoolUsage(ports: 5, leased: 5))
  }

  @Test mutating func aPortThatIsNotLeasedIsNotTakenBack() throws {
    table.release([100])
    #expect(try drain(.a) == [100, 101, 102, 103, 104])
  }

  @Test mutating func aUsersPortsAreCounted() throws {
    for user in [7, 8, 7] as [UInt32] { _ = try lease(.a, user: user) }
    #expect(table.portCount(ofUser: 7) == 2)
    #expect(table.portCount(ofUser: 8) == 1)
    table.reclaimAll(of: .a)
    #expect(table.portCount(ofUser: 7) == 0)
  }

  @Test mutating func portsInUseAreListedAsRanges() throws {
    host.statuses = [100: .inUse, 101: .inUse, 103: .inUse]
    #expect(try drain(.a) == [102, 104])
    #expect(table.portsInUse(from: 0, atMost: 9) == [100...101, 103...103])
    #expect(table.portsInUse(from: 0, atMost: 1) == [100...101])
    #expect(table.portsInUse(from: 102, atMost: 1) == [103...103])
    #expect(table.portsInUse(from: 101, atMost: 9) == [101...101, 103...103])
    #expect(table.portsInUse(from: 105, atMost: 9) == [])
  }

  @Test mutating func theUsersWithMostPortsComeFirst() throws {
    for user in [9, 8, 7, 8] as [UInt32] { _ = try lease(.a, user: user) }
    #expect(table.userCount == 3)
    #expect(table.usersWithMostPorts(2).map(\.user) == [8, 7])
    #expect(table.usersWithMostPorts(9).map(\.ports) == [2, 1, 1])
  }

  @Test mutating func aRefusalOfAFullPoolLooksAtNothing() throws {
    _ = try drain(.a)
    host.probes = []
    #expect(try lease(.b) == nil)
    #expect(host.probes == [])
  }

  @Test mutating func whatOthersUseIsLookedAtAgainAfterAWhile() throws {
    host.statuses = [100: .inUse, 101: .inUse]
    #expect(try drain(.a) == [102, 103, 104])
    #expect(table.usage == PoolUsage(ports: 5, leased: 3, inUse: 2))
    host.probes = []
    host.statuses = [:]
    #expect(try lease(.b) == nil)
    #expect(host.probes == [])
    host.now += 100_000_000
    #expect(try drain(.b) == [100, 101])
  }

  @Test mutating func aLingeringPortIsLeasedWhenThereIsNoOther() throws {
    host.statuses = [100: .lingering, 103: .inUse, 104: .denied]
    #expect(try drain(.a) == [101, 102, 100])
  }

  @Test mutating func aPortInDoubtIsLeasedLast() throws {
    table.distrust(101)
    host.statuses = [100: .lingering]
    #expect(try drain(.a) == [102, 103, 104, 100, 101])
  }

  @Test mutating func aDoubtfulPortThatIsInUseIsNotLeased() throws {
    table.distrust(101)
    host.statuses = [101: .inUse]
    #expect(try drain(.a) == [100, 102, 103, 104])
  }

  @Test mutating func whatWasLeasedBeforeIsNotLeasedAgain() throws {
    table.restore(Lease(holder: .a, user: 7, leasedAt: 1), of: 103)
    #expect(try drain(.b) == [100, 101, 102, 104])
    #expect(table.leases.filter { $0.lease.holder == .a }.map(\.port) == [103])
    #expect(table.portCount(ofUser: 7) == 1)
    table.reclaimAll(of: .a)
    #expect(try drain(.b) == [103])
  }

  @Test mutating func aProbeThatFailsCostsNoPort() throws {
    host.failures = [100: .tooManyOpenFiles]
    #expect(throws: Errno.tooManyOpenFiles) { try lease(.a) }
    host.failures = [:]
    #expect(try drain(.a) == [100, 101, 102, 103, 104])
  }

  @Test func aRefusalHasItsBoundWhateverOthersUse() throws {
    let pool = PortPool([1000...2999])
    let host = CountingHost()
    for port in pool.ranges[0] { host.statuses[port] = .inUse }
    var table = LeaseTable(pool: pool)
    func checked() throws -> Int {
      host.now += 1_000_000_000
      return try table.lease(host.lease(.a), on: host).portsChecked
    }
    // All of them are probed once.
    #expect(try checked() >= 2000)
    for _ in 0..<10 { #expect(try checked() <= 80) }
    // After some requests, every port has had its turn.
    host.statuses[2500] = nil
    var refusals = 0
    host.now += 1_000_000_000
    while try table.lease(host.lease(.a), on: host).ports.first == nil {
      refusals += 1
      host.now += 1_000_000_000
    }
    #expect(refusals <= 2000 / 64)
  }

  @Test(arguments: [
    PortPool([1...65535]), PortPool([65535...65535]),
    PortPool([1...1, 7...8, 65535...65535]),
  ])
  func everyPortOfAPoolIsLeased(pool: PortPool) throws {
    var table = LeaseTable(pool: pool)
    let host = CountingHost()
    var ports: [UInt16] = []
    while let port = try table.lease(host.lease(.a), on: host).ports.first {
      ports.append(port)
    }
    #expect(ports == pool.ranges.flatMap { Array($0) })
  }

  /// Thousands of random steps, compared with a model without queues.
  @Test(arguments: 0..<20)
  func aModelAgrees(seed: Int) throws {
    var random = Seeded(seed: seed)
    let ports = PortPool([200...219, 230...239])
    let all = ports.ranges.flatMap { Array($0) }
    var table = LeaseTable(pool: ports)
    let host = CountingHost()
    var leased: [UInt16: ProcessIdentity] = [:]
    let processes = (1...6).map {
      ProcessIdentity(pid: Int32($0), startTime: 1)
    }
    for _ in 0..<3000 {
      host.now += UInt64.random(in: 0...200_000_000, using: &random)
      let process = processes.randomElement(using: &random) ?? .a
      let port = all.randomElement(using: &random) ?? 0
      switch Int.random(in: 0..<10, using: &random) {
      case 0: host.statuses[port] = .inUse
      case 1: host.statuses[port] = .lingering
      case 2, 3: host.statuses[port] = nil
      case 4:
        let count = leased.values.filter { $0 == process }.count
        #expect(table.reclaimAll(of: process) == count)
        leased = leased.filter { $0.value != process }
      case 5:
        table.release([port])
        leased[port] = nil
      default:
        let isAnyFree = all.contains {
          leased[$0] == nil && host.statuses[$0] == nil
        }
        // Every port may be probed again.
        if isAnyFree { host.now += 1_000_000_000 }
        let found = try table.lease(host.lease(process), on: host).ports.first
        if let found {
          #expect(leased[found] == nil)
          #expect(host.statuses[found] != .inUse)
          if isAnyFree { #expect(host.statuses[found] == nil) }
          leased[found] = process
        } else {
          #expect(!isAnyFree)
        }
      }
      #expect(table.leases.count == leased.count)
      #expect(table.leases.allSatisfy { leased[$0.port] == $0.lease.holder })
      for process in processes {
        #expect(
          table.portCount(of: process)
            == leased.values.filter { $0 == process }.count)
      }
    }
  }

  @Test mutating func severalPortsAreLeasedAllOrNone() throws {
    #expect(try lease(.a, count: 3) == [100, 101, 102])
    host.probes = []
    #expect(try lease(.b, count: 3) == [])
    #expect(host.probes == [])
    #expect(table.portCount(of: .b) == 0)
    #expect(try lease(.b, count: 2) == [103, 104])
  }

  @Test mutating func portsThatDoNotSufficeKeepTheirTurns() throws {
    _ = try drain(.a)
    table.release([103, 100, 101])
    host.statuses = [101: .inUse]
    // Only a probe tells that 101 is not free.
    #expect(try lease(.b, count: 3) == [])
    #expect(try drain(.b) == [103, 100])
  }

  @Test mutating func portsInDoubtThatDoNotSufficeStayInDoubt() throws {
    table.distrust(100)
    host.statuses = [101: .inUse]
    #expect(try lease(.a, count: 5) == [])
    host.statuses = [:]
    host.now += 1_000_000_000
    #expect(try drain(.b) == [102, 103, 104, 101, 100])
  }

  @Test mutating func aProbeThatFailsCostsNoneOfSeveralPorts() throws {
    host.failures = [102: .tooManyOpenFiles]
    #expect(throws: Errno.tooManyOpenFiles) { try lease(.a, count: 3) }
    #expect(table.leases.isEmpty)
    #expect(throws: Errno.tooManyOpenFiles) {
      try lease(.a, count: 3, isContiguous: true)
    }
    host.failures = [:]
    #expect(Set(try drain(.a)) == [100, 101, 102, 103, 104])
  }

  @Test mutating func portsInARowAreFoundBetweenOthers() throws {
    table.restore(host.lease(.b), of: 101)
    #expect(try lease(.a, count: 3, isContiguous: true) == [102, 103, 104])
    #expect(try lease(.a, count: 2, isContiguous: true) == [])
    table.release([101])
    #expect(try lease(.a, count: 2, isContiguous: true) == [100, 101])
  }

  @Test mutating func rowsAreLeasedInTurn() throws {
    for expected in [[100, 101], [102, 103]] as [[UInt16]] {
      let row = try lease(.a, count: 2, isContiguous: true)
      #expect(row == expected)
      table.release(row)
    }
    // The next search finds no row before the end of the pool, and wraps around.
    #expect(try lease(.a, count: 2, isContiguous: true) == [100, 101])
    #expect(try lease(.a, count: 3, isContiguous: true) == [102, 103, 104])
  }

  @Test mutating func aRowHasNoGapOfThePoolInIt() throws {
    table = LeaseTable(pool: PortPool([100...101, 103...104, 65534...65535]))
    #expect(try lease(.a, count: 3, isContiguous: true) == [])
    #expect(try lease(.a, count: 2, isContiguous: true) == [100, 101])
    #expect(try lease(.a, count: 2, isContiguous: true) == [103, 104])
    #expect(try lease(.a, count: 2, isContiguous: true) == [65534, 65535])
    #expect(try lease(.a, count: 2, isContiguous: true) == [])
  }

  @Test mutating func onlyARowThatIsLongEnoughIsLookedAt() throws {
    table.restore(host.lease(.b), of: 102)
    #expect(try lease(.a, count: 3, isContiguous: true) == [])
    #expect(host.probes == [])
  }

  @Test mutating func whatOthersUseIsLookedAtAgainForARow() throws {
    host.statuses = [102: .inUse]
    #expect(try lease(.a, count: 4, isContiguous: true) == [])
    host.now += 1_000_000_000
    #expect(try lease(.a, count: 4, isContiguous: true) == [])
    host.statuses = [102: .lingering]
    #expect(try lease(.a, count: 4, isContiguous: true) == [])
    host.statuses = [:]
    host.now += 1_000_000_000
    #expect(
      try lease(.a, count: 4, isContiguous: true) == [100, 101, 102, 103])
  }

  @Test mutating func aRowMayHaveAPortThatLingersInIt() throws {
    host.statuses = [102: .lingering]
    #expect(
      try lease(.a, count: 4, isContiguous: true) == [100, 101, 102, 103])
  }

  @Test func aRowThatIsNotThereHasItsBound() throws {
    let pool = PortPool([1000...2999])
    let host = CountingHost()
    // Every tenth port is in use.
    for port in stride(from: 1000 as UInt16, to: 3000, by: 10) {
      host.statuses[port] = .inUse
    }
    var table = LeaseTable(pool: pool)
    func checked() throws -> Int {
      host.now += 1_000_000_000
      return try table.lease(
        host.lease(.a), count: 20, isContiguous: true, on: host
      ).portsChecked
    }
    // Each port is probed once or twice.
    #expect(try checked() <= 4000)
    for _ in 0..<20 { #expect(try checked() <= 80) }
  }

  @Test mutating func leasesAreListedInParts() throws {
    _ = try lease(.a, count: 4)
    #expect(table.leases(from: 0, atMost: 3).map(\.port) == [100, 101, 102])
    #expect(table.leases(from: 103, atMost: 3).map(\.port) == [103])
    #expect(table.leases(from: 65536, atMost: 3).isEmpty)
    #expect(table.lease(of: 103)?.holder == .a)
    for port in [0, 99, 104, 105, 65535] as [UInt16] {
      #expect(table.lease(of: port) == nil)
    }
  }

  private mutating func lease(
    _ holder: ProcessIdentity, count: Int, isContiguous: Bool = false
  ) throws(Errno) -> [UInt16] {
    try table.lease(
      host.lease(holder), count: count, isContiguous: isContiguous, on: host
    ).ports
  }

  private mutating func lease(
    _ holder: ProcessIdentity, user: UInt32 = 0
  ) throws(Errno) -> UInt16? {
    try table.lease(host.lease(holder, user: user), on: host).ports.first
  }

  private mutating func drain(
    _ holder: ProcessIdentity
  ) throws(Errno) -> [UInt16] {
    var ports: [UInt16] = []
    while let port = try lease(holder) { ports.append(port) }
    return ports
  }
}
