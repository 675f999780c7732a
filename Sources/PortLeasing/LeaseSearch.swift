package import HostSystem

/// A search for ports to lease, one step at a time.
///
/// A search walks the pool, starting after the cursor, and proposes ports that are
/// not leased. Between two steps its user probes them, while others use the ledger.
/// If too few ports are free, the search walks the pool again and accepts lingering
/// ports; then also ports whose records are damaged, because they might be leased.
///
/// It only decides. The one thing it checks is whether a few holders are alive.
package struct LeaseSearch {
  /// What to do next.
  package enum Step {
    /// Probe ``nextToProbe``, and call ``note(_:of:)``, until that returns `false`.
    case probe
    /// Check which of these processes are alive, and call ``learn(_:)``.
    case checkHolders([ProcessIdentity])
    /// The ports in ``found`` are enough.
    case found
    /// There are not enough ports.
    case exhausted(PoolUsage)
  }

  /// Which ports a search accepts; each standard includes those before it.
  private enum Standard {
    /// Free ports without a lease.
    case free
    /// Lingering ports.
    case lingering
    /// Ports whose records are damaged, so that they might be leased.
    case doubtful
  }

  package let request: LeaseRequest
  private var standard = Standard.free
  /// `nil` before the first step.
  private var walk: PoolWalk?
  /// How many ports this round has visited.
  private var visited = 0
  /// What this round has found about the ports that it has visited.
  package private(set) var usage: PoolUsage
  private var damagedCount = 0
  /// Ports that this round has probed and not accepted.
  private var rejected: Set<UInt16> = []
  /// The accepted ports; consecutive if they must be.
  package private(set) var found: [UInt16] = []
  /// Proposed ports that are not yet probed.
  package private(set) var pending: [UInt16] = []
  /// Of consecutive ports, the accepted ones that follow the pending ones.
  private var tail: [UInt16] = []
  /// Proposed ports whose records are damaged.
  ///
  /// Such a record must stay until the port is leased.
  package private(set) var doubtful: Set<UInt16> = []
  /// Which holders are alive: each is checked once.
  private var holders: [ProcessIdentity: Bool] = [:]
  /// The holder last found alive: adjacent ports often have the same holder.
  private var lastAlive: ProcessIdentity?
  /// How many ports to propose at least; it grows with each proposal.
  private var batch = 1
  /// Ports that were proposed and are no longer needed.
  package private(set) var dropped: Set<UInt16> = []
  /// How many ports others are probing.
  private var tentativeCount = 0

  /// How many ports a step proposes at most, unless more are requested.
  private static let largestBatch = 64
  /// How many holders a step checks itself.
  private static let holderLimit = 16
  /// How many holders a step lets its user check.
  private static let unknownLimit = 4096

  package init(_ request: LeaseRequest) {
    usage = PoolUsage(ports: request.pool.count)
    self.request = request
  }

  /// Whether there might be enough ports after others have finished probing, because
  /// they may release those ports at once.
  package var dependsOnOthers: Bool {
    tentativeCount > 0 && usage.available + tentativeCount >= request.count
  }

  /// Whether enough ports are accepted.
  package var hasFound: Bool { found.count == request.count }

  /// Whether ports need the thorough probe.
  package var isThorough: Bool { standard != .free }

  /// Every port that was proposed and not taken with ``takeDropped()``.
  package var proposed: [UInt16] { found + pending + tail + dropped }

  /// Takes the next step.
  ///
  /// - Parameters:
  ///   - cursor: The port leased last, after which the first step starts its walk.
  ///   - isAlive: Whether a holder is alive.
  ///   - record: The ledger's record of a port.
  /// - Returns: What to do next.
  /// - Throws: What `record` throws.
  package mutating func next<Failure>(
    after cursor: UInt16, isAlive: (ProcessIdentity) -> Bool,
    record: (UInt16) throws(Failure) -> LedgerRecord
  ) throws(Failure) -> Step {
    if walk == nil {
      walk = PoolWalk(
        request.pool, after: cursor,
        overlap: request.isContiguous ? request.count - 1 : 0)
    }
    if hasFound { return .found }
    repeat {
      if let step = try propose(isAlive, record) { return step }
    } while canSuffice && beginNextRound()
    dropFound()
    return .exhausted(usage)
  }

  /// Continues a round.
  ///
  /// - Returns: `nil` at its end.
  private mutating func propose<Failure>(
    _ isAlive: (ProcessIdentity) -> Bool,
    _ record: (UInt16) throws(Failure) -> LedgerRecord
  ) throws(Failure) -> Step? {
    var checked = 0
    while let port = walk?.port {
      let entry = dropped.contains(port) ? .vacant : try record(port)
      if case .lease(let lease) = entry, lease.holder != lastAlive,
        !isKnown(lease.holder)
      {
        if checked == Self.holderLimit { return try checkHolders(record) }
        checked += 1
        holders[lease.holder] = isAlive(lease.holder)
      }
      walk?.advance()
      visited += 1
      // An earlier round has accepted it.
      if found.contains(port) { continue }
      let isAvailable = isAvailable(port, entry)
      if request.isContiguous { breakRow(before: port, isAvailable) }
      if !isAvailable { continue }
      pending.append(port)
      let missing = request.count - found.count
      if pending.count == (request.isContiguous ? missing : max(missing, batch))
      {
        return probePending()
      }
    }
    if request.isContiguous || !canSuffice { pending = [] }
    return pending.isEmpty ? nil : probePending()
  }

  /// Whether there can be enough ports, at the end of a round, if all that are in
  /// use linger.
  private var canSuffice: Bool {
    // A round for consecutive ports does not probe every port.
    request.isContiguous
      || found.count + pending.count + usage.inUse + damagedCount
        >= request.count
  }

  private mutating func probePending() -> Step {
    // Each step costs a lock, so steps grow while ports are in use.
    batch = min(batch * 2, Self.largestBatch)
    dropped.subtract(pending)
    return .probe
  }

  /// Starts a new row if a port cannot extend the current one.
  private mutating func breakRow(before port: UInt16, _ isAvailable: Bool) {
    guard let last = pending.last ?? found.last else { return }
    if isAvailable, last &+ 1 == port { return }
    dropFound()
    pending = []
  }

  private func isKnown(_ holder: ProcessIdentity) -> Bool {
    // The holder of the request is alive.
    holder == request.holder || holders[holder] != nil
  }

  /// Lets the user check all unknown holders of this round without the lock.
  private func checkHolders<Failure>(
    _ record: (UInt16) throws(Failure) -> LedgerRecord
  ) throws(Failure) -> Step {
    var unknown: Set<ProcessIdentity> = []
    var walk = walk
    while let port = walk?.port, unknown.count < Self.unknownLimit {
      if case .lease(let lease) = try record(port), !isKnown(lease.holder) {
        unknown.insert(lease.holder)
      }
      walk?.advance()
    }
    return .checkHolders(Array(unknown))
  }

  private mutating func isAvailable(
    _ port: UInt16, _ record: LedgerRecord
  ) -> Bool {
    // A walk with an overlap visits some ports twice, and counts them once.
    let count = visited <= usage.ports ? 1 : 0
    switch record {
    case .vacant: break
    case .lease(let lease):
      guard canReclaim(lease) else {
        usage.leased += count
        if lease.isTentative { tentativeCount += count }
        return false
      }
    case .claimed:
      usage.claimed += count
      return false
    case .damaged:
      damagedCount += count
      guard standard == .doubtful else { return false }
      doubtful.insert(port)
    }
    return !rejected.contains(port)
  }

  /// Whether a port comes back because its holder is dead.
  ///
  /// Nothing else reclaims ports in a ledger: a search reads the lease of a
  /// dead holder as vacant.
  private mutating func canReclaim(_ lease: Lease) -> Bool {
    if lease.holder != lastAlive, holders[lease.holder] == false { return true }
    lastAlive = lease.holder
    return false
  }

  /// - Returns: Whether there is another round.
  private mutating func beginNextRound() -> Bool {
    switch standard {
    case .free where usage.inUse > 0: standard = .lingering
    case .free where damagedCount > 0, .lingering where damagedCount > 0:
      standard = .doubtful
    default: return false
    }
    if request.isContiguous { dropFound() }
    walk?.restart()
    visited = 0
    usage = PoolUsage(ports: usage.ports)
    damagedCount = 0
    tentativeCount = 0
    rejected = []
    return true
  }

  private mutating func dropFound() {
    dropped.formUnion(found)
    found = []
  }
}

// MARK: - Results of probes and checks

extension LeaseSearch {
  /// The proposed port to probe next.
  ///
  /// Consecutive ports are probed from the last one down: after the last one in use,
  /// the next row starts.
  package var nextToProbe: UInt16? {
    request.isContiguous ? pending.last : pending.first
  }

  /// Notes the status of a port that was proposed.
  ///
  /// - Returns: Whether to probe the next one.
  package mutating func note(_ status: PortStatus, of port: UInt16) -> Bool {
    let isAccepted =
      switch status {
      case .free: true
      case .lingering: isThorough
      case .inUse, .denied: false
      }
    if !isAccepted { reject(port, status) }
    return request.isContiguous
      ? noteInRow(port, isAccepted) : noteAlone(port, isAccepted)
  }

  private mutating func noteAlone(_ port: UInt16, _ isAccepted: Bool) -> Bool {
    pending.removeFirst()
    if isAccepted { found.append(port) } else { dropped.insert(port) }
    if !hasFound { return !pending.isEmpty }
    dropped.formUnion(pending)
    pending = []
    return false
  }

  private mutating func noteInRow(_ port: UInt16, _ isAccepted: Bool) -> Bool {
    pending.removeLast()
    if isAccepted {
      tail.insert(port, at: 0)
      if !pending.isEmpty { return true }
      found += tail
    } else {
      dropped.formUnion(found + pending + [port])
      found = tail
    }
    pending = []
    tail = []
    return false
  }

  private mutating func reject(_ port: UInt16, _ status: PortStatus) {
    guard rejected.insert(port).inserted else { return }
    if status == .denied { usage.denied += 1 } else { usage.inUse += 1 }
  }

  /// Notes that an accepted port now belongs to somebody else.
  package mutating func lose(_ port: UInt16) {
    reject(port, .inUse)
    if request.isContiguous {
      dropFound()
    } else {
      dropped.insert(port)
      found.removeAll { $0 == port }
    }
  }

  /// Notes which processes are alive.
  package mutating func learn(_ answers: [ProcessIdentity: Bool]) {
    holders.merge(answers) { $1 }
  }

  /// Forgets the ports that are no longer needed.
  ///
  /// - Returns: Those ports.
  package mutating func takeDropped() -> Set<UInt16> {
    defer { dropped = [] }
    return dropped
  }
}
