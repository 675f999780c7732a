package import HostSystem

/// What is asked of an allocator.
package struct LeaseRequest: Sendable {
  /// The ports to choose from.
  package var pool: PortPool
  /// The process that the ports are for.
  package var holder: ProcessIdentity
  /// The user who asks.
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
package protocol LeaseConditions<Failure>: PortConditions {
  /// Whether a holder still lives.
  func isAlive(_ holder: ProcessIdentity) -> Bool

  /// The process that asks, which is known only if it is needed.
  ///
  /// - Throws: Why it cannot be told.
  func asker() throws(Failure) -> ProcessIdentity

  /// A port that was free is not wanted after all.
  func drop(_ port: UInt16)
}

extension LeaseConditions {
  package func drop(_ port: UInt16) {}
}

/// Looks for ports to lease, a step at a time.
///
/// A search goes round the pool from the cursor on and proposes ports that nobody
/// has. Between two steps its user looks at them, while nobody need wait for the
/// ledger. It goes round again, and is content with less, only where that did not
/// suffice: with ports that linger, then with ports whose records are damaged, so
/// that they might be leased.
///
/// It decides. Of the host it asks no more than whether a few holders live.
package struct LeaseSearch {
  /// What to do next.
  package enum Step {
    /// Look at these ports, and call ``note(_:_:)`` for each until that says that
    /// it is enough.
    case look([UInt16])
    /// Find out which of these processes live, and call ``learn(_:)``.
    case ask([ProcessIdentity])
    /// These ports are enough.
    case found([UInt16])
    /// There are not enough ports.
    case exhausted(PoolUsage)
  }

  /// What a search is content with, the best first.
  private enum Standard {
    /// A free port that nobody has.
    case free
    /// A free or lingering one.
    case lingering
    /// One whose record is damaged, so that somebody might have it.
    case doubtful
  }

  private let request: LeaseRequest
  private var standard = Standard.free
  private var walk: PoolWalk
  /// How many ports this round has come by.
  private var visited = 0
  private var usage: PoolUsage
  private var damagedCount = 0
  /// Ports that this round has found not to be good enough.
  private var rejected: Set<UInt16> = []
  /// What was found good; in a row if it has to be.
  private var found: [UInt16] = []
  /// What was proposed and not looked at yet.
  private var pending: [UInt16] = []
  /// Of a row, what was found good behind what is pending.
  private var tail: [UInt16] = []
  /// Those of the proposed ports whose records are damaged.
  private var doubtful: Set<UInt16> = []
  /// What is known about holders: each is asked for once.
  private var holders: [ProcessIdentity: Bool] = [:]
  /// Who was found alive last: ports in a row are often one process's.
  private var lastAlive: ProcessIdentity?
  /// How many ports to propose at least: the more were in use, the more.
  private var batch = 1
  /// Ports that were proposed and are not wanted any more.
  package private(set) var dropped: Set<UInt16> = []
  /// How many ports others look at just now.
  private var tentativeCount = 0

  /// How many ports are proposed at a time where fewer are wanted.
  private static let largestBatch = 64
  /// How many holders are asked for in a step.
  private static let askLimit = 16
  /// How many holders a step can have its user ask for.
  private static let unknownLimit = 4096

  /// - Parameters:
  ///   - request: What is asked for.
  ///   - cursor: The port that was handed out last.
  package init(_ request: LeaseRequest, from cursor: UInt16) {
    self.request = request
    usage = PoolUsage(ports: request.pool.count)
    walk = PoolWalk(
      request.pool.ranges(
        after: cursor, overlap: request.isContiguous ? request.count - 1 : 0))
  }

  /// Whether there might have been enough ports if others had not looked at some of
  /// them, which they may give up at once.
  package var dependsOnOthers: Bool {
    tentativeCount > 0 && usage.available + tentativeCount >= request.count
  }

  /// Whether enough ports were found good.
  package var hasFound: Bool { found.count == request.count }

  /// What became of the ports that this round has come by.
  package var usageSoFar: PoolUsage { usage }

  /// Whether ports have to be looked at thoroughly.
  package var isThorough: Bool { standard != .free }

  /// Whether the record of a port that was proposed is damaged: that is not to be
  /// forgotten before the port is leased.
  package func isDoubtful(_ port: UInt16) -> Bool { doubtful.contains(port) }

  /// Every port that was proposed and not forgotten.
  package var proposed: [UInt16] { found + pending + tail + dropped }

  /// Goes on.
  ///
  /// - Parameters:
  ///   - isAlive: Whether a holder lives.
  ///   - record: What the ledger has on a port.
  /// - Returns: What to do next.
  /// - Throws: What reading a record throws.
  package mutating func next<Failure>(
    isAlive: (ProcessIdentity) -> Bool,
    record: (UInt16) throws(Failure) -> LedgerRecord
  ) throws(Failure) -> Step {
    if hasFound { return .found(found) }
    repeat {
      if let step = try propose(isAlive, record) { return step }
    } while canSuffice && beginNextRound()
    drop(found)
    found = []
    return .exhausted(usage)
  }

  /// Goes on with a round.
  ///
  /// - Returns: `nil` where it is over.
  private mutating func propose<Failure>(
    _ isAlive: (ProcessIdentity) -> Bool,
    _ record: (UInt16) throws(Failure) -> LedgerRecord
  ) throws(Failure) -> Step? {
    var asked = 0
    while let port = walk.port {
      let entry = dropped.contains(port) ? .vacant : try record(port)
      if case .lease(let lease) = entry, lease.holder != lastAlive,
        !isKnown(lease.holder)
      {
        if asked == Self.askLimit { return try askForHolders(record) }
        asked += 1
        holders[lease.holder] = isAlive(lease.holder)
      }
      walk.advance()
      visited += 1
      // It was good enough already, in a round before this one.
      if found.contains(port) { continue }
      let isTaken = !canTake(port, entry)
      if request.isContiguous { breakRow(before: port, isTaken) }
      if isTaken { continue }
      pending.append(port)
      let missing = request.count - found.count
      if pending.count == (request.isContiguous ? missing : max(missing, batch))
      {
        return look()
      }
    }
    if request.isContiguous || !canSuffice { pending = [] }
    return pending.isEmpty ? nil : look()
  }

  /// Whether there can be enough ports, at the end of a round, if all that is in
  /// use lingers.
  private var canSuffice: Bool {
    // Of a row, not all that are in use have been looked at.
    request.isContiguous
      || found.count + pending.count + usage.inUse + damagedCount
        >= request.count
  }

  private mutating func look() -> Step {
    // Those that were in use cost a step each; so the steps grow.
    batch = min(batch * 2, Self.largestBatch)
    dropped.subtract(pending)
    return .look(pending)
  }

  /// Begins a row anew where a port cannot be its next one.
  private mutating func breakRow(before port: UInt16, _ isTaken: Bool) {
    guard let last = pending.last ?? found.last else { return }
    if !isTaken, last &+ 1 == port { return }
    drop(found)
    found = []
    pending = []
  }

  private func isKnown(_ holder: ProcessIdentity) -> Bool {
    holder == request.holder || holders[holder] != nil
  }

  /// Has its user find out about all holders that this round may come by, which
  /// takes longer than others should wait for the ledger.
  private func askForHolders<Failure>(
    _ record: (UInt16) throws(Failure) -> LedgerRecord
  ) throws(Failure) -> Step {
    var unknown: Set<ProcessIdentity> = []
    var walk = walk
    while let port = walk.port, unknown.count < Self.unknownLimit {
      if case .lease(let lease) = try record(port), !isKnown(lease.holder) {
        unknown.insert(lease.holder)
      }
      walk.advance()
    }
    return .ask(Array(unknown))
  }

  private mutating func canTake(
    _ port: UInt16, _ record: LedgerRecord
  ) -> Bool {
    // What comes after a whole round was counted in it.
    let count = visited <= usage.ports ? 1 : 0
    switch record {
    case .vacant: break
    case .lease(let lease):
      if lease.holder == lastAlive || holders[lease.holder] ?? true {
        lastAlive = lease.holder
        usage.leased += count
        if lease.isTentative { tentativeCount += count }
        return false
      }
    case .damaged:
      damagedCount += count
      guard standard == .doubtful else { return false }
      doubtful.insert(port)
    }
    return !rejected.contains(port)
  }

  /// - Returns: Whether there is another round.
  private mutating func beginNextRound() -> Bool {
    switch standard {
    case .free where usage.inUse > 0: standard = .lingering
    case .free where damagedCount > 0, .lingering where damagedCount > 0:
      standard = .doubtful
    default: return false
    }
    if request.isContiguous {
      drop(found)
      found = []
    }
    walk.restart()
    visited = 0
    usage = PoolUsage(ports: usage.ports)
    damagedCount = 0
    tentativeCount = 0
    rejected = []
    return true
  }

  private mutating func drop(_ ports: [UInt16]) {
    dropped.formUnion(ports)
  }
}

// MARK: - What was found out

extension LeaseSearch {
  /// The ports to look at, the first to be looked at first.
  ///
  /// In a row the last one that is in use is the one that matters.
  package var toLookAt: [UInt16] {
    request.isContiguous ? pending.reversed() : pending
  }

  /// Takes note of what became of a port that was to be looked at.
  ///
  /// - Returns: Whether to look at the next one.
  package mutating func note(_ port: UInt16, _ status: PortStatus) -> Bool {
    let isGood =
      switch status {
      case .free: true
      case .lingering: isThorough
      case .inUse, .denied: false
      }
    if !isGood { reject(port, status) }
    return request.isContiguous
      ? noteInRow(port, isGood) : noteAlone(port, isGood)
  }

  private mutating func noteAlone(_ port: UInt16, _ isGood: Bool) -> Bool {
    pending.removeFirst()
    if isGood { found.append(port) } else { drop([port]) }
    if !hasFound { return !pending.isEmpty }
    drop(pending)
    pending = []
    return false
  }

  private mutating func noteInRow(_ port: UInt16, _ isGood: Bool) -> Bool {
    pending.removeLast()
    if isGood {
      tail.insert(port, at: 0)
      if !pending.isEmpty { return true }
      found += tail
    } else {
      drop(found + pending + [port])
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

  /// Takes note that a port that was found good is somebody else's by now.
  package mutating func lose(_ port: UInt16) {
    reject(port, .inUse)
    if request.isContiguous {
      drop(found)
      found = []
    } else {
      drop([port])
      found.removeAll { $0 == port }
    }
  }

  /// Takes note of which processes live.
  package mutating func learn(_ answers: [ProcessIdentity: Bool]) {
    holders.merge(answers) { $1 }
  }

  /// Forgets the ports that are not wanted any more.
  ///
  /// - Returns: Those ports.
  package mutating func takeDropped() -> Set<UInt16> {
    defer { dropped = [] }
    return dropped
  }
}
