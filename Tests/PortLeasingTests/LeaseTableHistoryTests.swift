import HostSystem
import PortLeasing
import SystemPackage
import TestSupport
import Testing

/// What happens to a pool over time, in random histories.
@Suite struct LeaseTableHistoryTests {
  @Test(arguments: 0..<10)
  func everyStepKeepsWhatIsPromised(seed: Int) throws {
    var history = History(seed: seed)
    for _ in 0..<500 {
      try history.step()
      try history.expectOrder()
    }
    // Enough has happened.
    #expect(history.leaseCount > 50)
    #expect(history.refusalCount > 10)
    #expect(history.failureCount > 3)
  }
}

/// A table, and a model of it.
///
/// The pool is so small that one request may probe every port.
private struct History {
  private var random: Seeded
  private var table: LeaseTable
  private let host = CountingHost()
  private let ports: [UInt16]
  private let processes = (1...5).map {
    ProcessIdentity(pid: Int32($0), startTime: 1)
  }
  /// The holder of each leased port.
  private var holders: [UInt16: ProcessIdentity] = [:]
  /// The ports that are not known to be in use; the first has been free for longest.
  private var waiting: [UInt16]
  /// When a probe was last made of a port that has not been leased since.
  private var probedAt: [CountingHost.Probe: UInt64] = [:]
  private(set) var leaseCount = 0
  private(set) var refusalCount = 0
  private(set) var failureCount = 0

  private static let pause: UInt64 = 100_000_000

  init(seed: Int) {
    let pool = PortPool([200...205, 210...210, 300...306])
    random = Seeded(seed: seed)
    table = LeaseTable(pool: pool)
    ports = pool.ranges.flatMap { Array($0) }
    waiting = ports
  }

  /// Takes a random step.
  mutating func step() throws {
    host.now += UInt64.random(in: 0...60_000_000, using: &random)
    let port = ports.randomElement(using: &random) ?? 0
    let process = processes.randomElement(using: &random) ?? .a
    switch Int.random(in: 0..<24, using: &random) {
    case 0, 1: host.statuses[port] = .inUse
    case 2: host.statuses[port] = .lingering
    case 3: host.statuses[port] = .denied
    case 4, 5, 6: host.statuses[port] = nil
    case 7: host.failures[port] = .tooManyOpenFiles
    case 8, 9: host.failures = [:]
    case 10:
      let freed = table.reclaimAll(of: process)
      #expect(freed == holders.values.count { $0 == process })
      // They come back in the order in which they were leased.
      putBack(leaseOrder.filter { holders[$0] == process })
    case 11, 12, 13:
      table.release([port])
      if holders[port] != nil { putBack([port]) }
    default: try lease(to: process)
    }
  }

  /// The leased ports, in the order in which they were leased.
  private var leaseOrder: [UInt16] = []

  private mutating func putBack(_ ports: [UInt16]) {
    for port in ports {
      holders[port] = nil
      leaseOrder.removeAll { $0 == port }
      waiting.append(port)
    }
  }

  private mutating func lease(to process: ProcessIdentity) throws {
    host.probes = []
    let outcome: LeaseTable.Outcome
    do {
      outcome = try table.lease(
        host.lease(process, user: UInt32(process.pid)), on: host)
    } catch {
      failureCount += 1
      #expect(!host.failures.isEmpty)
      noteProbes()
      return
    }
    #expect(outcome.portsChecked == host.probes.count)
    expectChoice(of: outcome.ports.first)
    noteProbes()
    guard let port = outcome.ports.first else {
      refusalCount += 1
      return
    }
    leaseCount += 1
    #expect(holders[port] == nil)
    holders[port] = process
    leaseOrder.append(port)
    for isThorough in [false, true] {
      probedAt[.init(port: port, isThorough: isThorough)] = nil
    }
  }

  /// Checks that no better port could have been leased.
  private func expectChoice(of port: UInt16?) {
    if let best = waiting.first(where: { status($0) == .free }) {
      #expect(port == best)
      return
    }
    let due = ports.filter { holders[$0] == nil && isDue($0) }
    if let port {
      #expect([.free, .lingering].contains(status(port)))
      if status(port) == .lingering {
        #expect(!due.contains { status($0) == .free })
      }
    } else {
      #expect(!due.contains { status($0) == .free })
      #expect(!due.contains { status($0) == .lingering })
    }
  }

  private func status(_ port: UInt16) -> PortStatus {
    host.statuses[port] ?? .free
  }

  /// Whether a port that was taken may be probed again.
  private func isDue(_ port: UInt16) -> Bool {
    let last = [false, true].compactMap {
      probedAt[.init(port: port, isThorough: $0)]
    }.max()
    return (last ?? 0) + Self.pause <= host.now
  }

  /// Adds the probes of a request to the model.
  private mutating func noteProbes() {
    for probe in host.probes {
      // No probe is repeated before the pause is over.
      if let last = probedAt[probe] {
        #expect(last + Self.pause <= host.now)
      }
      probedAt[probe] = host.now
    }
    let seen = Set(host.probes.map(\.port))
    waiting.removeAll { seen.contains($0) }
  }

  /// Checks that every port is in exactly one queue.
  func expectOrder() throws {
    let leased = Dictionary(
      table.leases.map { ($0.port, $0.lease.holder) },
      uniquingKeysWith: { first, _ in first })
    #expect(leased == holders)
    #expect(table.leases.count == holders.count)
    #expect(
      table.usage
        == PoolUsage(
          ports: ports.count, leased: holders.count,
          inUse: ports.count - holders.count - waiting.count))
    for process in processes {
      let count = holders.values.count { $0 == process }
      #expect(table.portCount(of: process) == count)
      #expect(table.portCount(ofUser: UInt32(process.pid)) == count)
    }
    // Without processes and outsiders, every port can be leased, once.
    var copy = table
    for process in processes { copy.reclaimAll(of: process) }
    let quiet = CountingHost()
    quiet.now = host.now + Self.pause
    var found: [UInt16] = []
    while let port = try copy.lease(quiet.lease(.a), on: quiet).ports.first {
      found.append(port)
      if found.count > ports.count { break }
    }
    #expect(found.sorted() == ports)
  }
}
