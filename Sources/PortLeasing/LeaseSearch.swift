package import HostSystem
import SystemPackage

/// What is asked of an allocator.
package struct LeaseRequest: Sendable {
  /// The ports to choose from.
  package var pool: PortPool
  /// Who the ports are for.
  package var holder: ProcessIdentity
  /// Who asks.
  package var user: UInt32
  /// How many ports, at least 1; all of them or none.
  package var count: Int
  /// Whether the ports have to be in a row.
  package var isContiguous: Bool

  package init(
    pool: PortPool, holder: ProcessIdentity, user: UInt32, count: Int = 1,
    isContiguous: Bool = false
  ) {
    self.pool = pool
    self.holder = holder
    self.user = user
    self.count = count
    self.isContiguous = isContiguous
  }
}

/// The answer to a ``LeaseRequest``.
package enum LeaseOutcome: Hashable, Sendable {
  /// The ports, in the order in which they were found; contiguous ones
  /// ascend.
  case leased([UInt16])
  /// There are not enough ports.
  case exhausted(PoolUsage)
}

/// What became of each port of a pool when one looked for a free one.
package struct PoolUsage: Hashable, Sendable {
  /// How many ports the pool has.
  package var ports: Int
  /// How many are leased to a living process.
  package var leased: Int
  /// How many somebody uses without a lease.
  package var inUse: Int
  /// How many this process may not bind.
  package var denied: Int

  package init(ports: Int, leased: Int = 0, inUse: Int = 0, denied: Int = 0) {
    self.ports = ports
    self.leased = leased
    self.inUse = inUse
    self.denied = denied
  }

  /// How many could have been had, were they enough, or in a row.
  package var available: Int { ports - leased - inUse - denied }
}

/// What a search has to know of the host.
///
/// It is handed in, so that the search itself only decides.
package protocol LeaseConditions: PortConditions {
  /// Whether a holder still lives.
  func isAlive(_ holder: ProcessIdentity) -> Bool

  /// A port that was free is not wanted after all.
  func drop(_ port: UInt16)

  /// Whether a port may be taken that somebody might have.
  var mayTakeDoubtful: Bool { get }
}

extension LeaseConditions {
  package func drop(_ port: UInt16) {}

  package var mayTakeDoubtful: Bool { true }
}

/// The host as it is when no port is in use, so that none is probed.
///
/// A search under it takes no port whose record is damaged: that somebody may have
/// it would be forgotten.
struct UnprobedPorts<Host: LeaseConditions>: LeaseConditions {
  private let host: Host

  init(_ host: Host) {
    self.host = host
  }

  var mayTakeDoubtful: Bool { false }

  func isAlive(_ holder: ProcessIdentity) -> Bool { host.isAlive(holder) }

  func isFree(_ port: UInt16) -> Bool { true }

  func status(of port: UInt16) -> PortStatus { .free }
}

/// What a search is content with, the best first.
private enum Standard: CaseIterable {
  /// A free port that nobody has.
  case free
  /// A free or lingering one.
  case lingering
  /// One whose record is damaged, so that somebody might have it.
  case doubtful
}

/// Looks for ports to lease.
///
/// It goes round the pool from the cursor on and takes the first ports that
/// nobody has. It goes round again, and is content with less, only where that
/// did not suffice: with ports that linger, then with ports whose records are
/// damaged, so that they might be leased.
struct LeaseSearch<Conditions: LeaseConditions> {
  let request: LeaseRequest
  private let conditions: Conditions
  private var found: [UInt16] = []
  private var usage: PoolUsage
  private var doubtful = 0
  /// What was found out about holders: each is asked for once.
  private var livingHolders: [ProcessIdentity: Bool] = [:]

  init(_ request: LeaseRequest, under conditions: Conditions) {
    self.request = request
    self.conditions = conditions
    usage = PoolUsage(ports: request.pool.count)
  }

  /// Searches.
  ///
  /// - Parameters:
  ///   - cursor: The port that was handed out last.
  ///   - record: What the ledger has on a port.
  /// - Returns: The ports, or how the pool is used.
  /// - Throws: What reading a record or probing a port throws.
  mutating func run(
    from cursor: UInt16, record: (UInt16) throws(LeasingError) -> LedgerRecord
  ) throws(LeasingError) -> LeaseOutcome {
    let ranges = request.pool.ranges(
      after: cursor, overlap: request.isContiguous ? request.count - 1 : 0)
    for standard in Standard.allCases {
      switch standard {
      case .free: break
      case .lingering: if usage.inUse == 0 { continue }
      case .doubtful:
        if doubtful == 0 || !conditions.mayTakeDoubtful { continue }
      }
      if request.isContiguous { dropFound() }
      if try goRound(ranges, by: standard, record) { return .leased(found) }
    }
    return .exhausted(usage)
  }

  /// - Returns: Whether enough ports were found.
  private mutating func goRound(
    _ ranges: [ClosedRange<UInt16>], by standard: Standard,
    _ record: (UInt16) throws(LeasingError) -> LedgerRecord
  ) throws(LeasingError) -> Bool {
    usage = PoolUsage(ports: request.pool.count)
    doubtful = 0
    let known = Set(found)
    var visited = 0
    for range in ranges {
      for port in range where !known.contains(port) {
        // What comes after a whole round was counted in it.
        let counted = usage
        visited += 1
        defer { if visited > counted.ports { usage = counted } }
        guard try canTake(port, by: standard, record(port)) else { continue }
        if request.isContiguous, let last = found.last, last &+ 1 != port {
          dropFound()
        }
        found.append(port)
        if found.count == request.count { return true }
      }
    }
    return false
  }

  private mutating func dropFound() {
    for port in found { conditions.drop(port) }
    found = []
  }

  private mutating func canTake(
    _ port: UInt16, by standard: Standard, _ record: LedgerRecord
  ) throws(LeasingError) -> Bool {
    switch record {
    case .vacant: break
    case .lease(let lease):
      if isAlive(lease.holder) {
        usage.leased += 1
        return false
      }
    case .damaged:
      if standard != .doubtful {
        doubtful += 1
        return false
      }
    }
    switch try status(of: port, by: standard) {
    case .free, .lingering: return true
    case .inUse: usage.inUse += 1
    case .denied: usage.denied += 1
    }
    return false
  }

  /// On the first round, a port that is not free counts as in use: only the
  /// next round needs to know more.
  private func status(
    of port: UInt16, by standard: Standard
  ) throws(LeasingError) -> PortStatus {
    do {
      if standard != .free { return try conditions.status(of: port) }
      return try conditions.isFree(port) ? .free : .inUse
    } catch {
      throw .probe(port, error)
    }
  }

  private mutating func isAlive(_ holder: ProcessIdentity) -> Bool {
    // Who asks is alive.
    if holder == request.holder { return true }
    if let known = livingHolders[holder] { return known }
    let isAlive = conditions.isAlive(holder)
    livingHolders[holder] = isAlive
    return isAlive
  }
}
