package import HostSystem

/// The leases of a port server, and its unleased ports.
///
/// Leasing, refusing, releasing and reclaiming take constant time per port, however
/// many ports and holders there are. Every port of the pool is in one queue:
///
/// - **free**: it has no lease. The port that has been free for longest is leased
///   first, so that the remnants of its last holder's connections have had time to
///   expire.
/// - **taken**: it has no lease, but the quick probe failed. It is probed again only
///   if no port is free, and only after ``probePause``.
/// - **in use**: the thorough probe failed as well, so the port does not linger.
/// - **doubtful**: its record in the ledger is damaged, so it might be leased. It is
///   leased only if no other port is left.
/// - or the queue of its holder.
///
/// It performs no I/O and reads no clock. Its user reports the end of a holder.
package struct LeaseTable {
  /// How many ports the pool has.
  package let portCount: Int
  private var queues: PortQueues
  private(set) var free = PortQueue()
  private(set) var taken = PortQueue()
  private(set) var inUse = PortQueue()
  private(set) var doubtful = PortQueue()
  private var holders: [ProcessIdentity: PortQueue] = [:]
  /// How many leased ports each user has requested.
  private var userCounts: [UInt32: Int] = [:]
  /// The state of each port, starting with the pool's first.
  private(set) var states: [State]
  /// The free ports, and those without a lease; neither contains doubtful ports.
  private(set) var freePorts: PortBits
  private(set) var unleasedPorts: PortBits
  /// The pool's first port.
  let base: Int
  /// Where the search for the next row of consecutive ports starts.
  var nextRow = 0

  enum State {
    /// The port is not in the pool.
    case outside
    case free
    case taken(probedAt: UInt64)
    case inUse(probedAt: UInt64)
    case doubtful
    case leased(Lease)
  }

  /// The answer to a request.
  package struct Outcome: Hashable, Sendable {
    /// As many ports as requested, or none.
    package let ports: [UInt16]
    /// How many probes were made.
    package let portsChecked: Int
  }

  /// A table in which all ports are free.
  ///
  /// The pool must not be empty.
  package init(pool: PortPool) {
    portCount = pool.count
    let ports =
      (pool.ranges.first?.lowerBound ?? 1)...(pool.ranges.last?.upperBound ?? 1)
    queues = PortQueues(for: ports)
    states = Array(repeating: .outside, count: ports.count)
    base = Int(ports.lowerBound)
    freePorts = PortBits(count: ports.count)
    unleasedPorts = PortBits(count: ports.count)
    for range in pool.ranges {
      for port in range {
        queues.append(port, to: &free)
        note(.free, of: port)
      }
    }
  }

  /// How the pool is used, as far as is known without a probe.
  package var usage: PoolUsage {
    let parked = taken.count + inUse.count
    return PoolUsage(
      ports: portCount,
      leased: portCount - free.count - doubtful.count - parked, inUse: parked)
  }

  /// How many ports are free, doubtful ones not included.
  package var freeCount: Int { free.count }

  /// The state of a port within the pool's bounds.
  subscript(port: UInt16) -> State { states[Int(port) - base] }

  /// How many ports are leased to a process.
  package func portCount(of holder: ProcessIdentity) -> Int {
    holders[holder]?.count ?? 0
  }

  /// How many leased ports a user has requested.
  package func portCount(ofUser user: UInt32) -> Int {
    userCounts[user] ?? 0
  }

  /// How many users have requested ports that are leased.
  package var userCount: Int { userCounts.count }

  /// The users who have requested most leased ports, those with most first.
  ///
  /// - Parameter limit: How many at most.
  /// - Returns: The users, and how many ports each has requested.
  package func usersWithMostPorts(
    _ limit: Int
  ) -> [(user: UInt32, ports: Int)] {
    userCounts.map { (user: $0.key, ports: $0.value) }
      .sorted { $0.ports == $1.ports ? $0.user < $1.user : $0.ports > $1.ports }
      .prefix(limit).map { $0 }
  }

  /// How many processes have ports.
  package var holderCount: Int { holders.count }

  /// The processes that have ports.
  package var allHolders: Set<ProcessIdentity> { Set(holders.keys) }

  /// All leases, by port.
  package var leases: [(port: UInt16, lease: Lease)] {
    leases(from: 0, atMost: states.count)
  }

  /// The first leases from a port on, in the order of the ports, up to a limit.
  package func leases(
    from port: Int, atMost limit: Int
  ) -> [(port: UInt16, lease: Lease)] {
    var found: [(port: UInt16, lease: Lease)] = []
    for index in states.indices.dropFirst(max(port - base, 0)) {
      guard case .leased(let lease) = states[index] else { continue }
      found.append((UInt16(base + index), lease))
      if found.count == limit { break }
    }
    return found
  }

  /// The ranges of ports without a lease that were in use when they were probed.
  ///
  /// - Parameters:
  ///   - port: Where to start.
  ///   - limit: How many ranges at most.
  /// - Returns: The ranges, ascending.
  package func portsInUse(
    from port: Int, atMost limit: Int
  ) -> [ClosedRange<UInt16>] {
    var ranges: [ClosedRange<UInt16>] = []
    for index in states.indices.dropFirst(max(port - base, 0)) {
      switch states[index] {
      case .taken, .inUse: break
      case .outside, .free, .doubtful, .leased: continue
      }
      let port = UInt16(base + index)
      if let last = ranges.last, Int(last.upperBound) + 1 == Int(port) {
        ranges[ranges.count - 1] = last.lowerBound...port
      } else if ranges.count == limit {
        break
      } else {
        ranges.append(port...port)
      }
    }
    return ranges
  }

  /// Adopts the lease of a port of the pool from an earlier server.
  package mutating func restore(_ lease: Lease, of port: UInt16) {
    move(port, to: .leased(lease))
  }

  /// Marks a free port as doubtful, so that it is leased last.
  package mutating func distrust(_ port: UInt16) {
    if case .free = self[port] { move(port, to: .doubtful) }
  }

  /// Leases ports: all that are requested, or none.
  ///
  /// A lingering port is leased only if there is no free one.
  ///
  /// - Parameters:
  ///   - lease: The holder, which is alive, the user, and the time.
  ///   - count: How many, at least 1.
  ///   - isContiguous: Whether they must be consecutive, in ascending order. That
  ///     search reads one bit for each port of the pool.
  ///   - ports: Probes ports.
  /// - Returns: The ports; none if there are not enough.
  /// - Throws: What a probe throws; nothing is leased then.
  package mutating func lease<Failure>(
    _ lease: Lease, count: Int = 1, isContiguous: Bool = false,
    on ports: some PortConditions<Failure>
  ) throws(Failure) -> Outcome {
    var budget = ProbeBudget(at: lease.leasedAt)
    if count > 1, isContiguous {
      let row = try findRow(of: count, on: ports, &budget).map(Array.init) ?? []
      for port in row { move(port, to: .leased(lease)) }
      return Outcome(ports: row, portsChecked: budget.probes)
    }
    if count == 1 {
      // The usual case: there is nothing to undo.
      let port = try findPort(on: ports, &budget)
      if let port { move(port, to: .leased(lease)) }
      return Outcome(
        ports: port.map { [$0] } ?? [], portsChecked: budget.probes)
    }
    var found: [UInt16] = []
    var doubted: [UInt16] = []
    do throws(Failure) {
      while found.count < count {
        // If there are certainly too few, no port is probed.
        guard found.count + unleasedCount >= count,
          let port = try findPort(on: ports, &budget)
        else { break }
        if case .doubtful = self[port] { doubted.append(port) }
        move(port, to: .leased(lease))
        found.append(port)
      }
    } catch {
      undo(found, doubted)
      throw error
    }
    if found.count < count {
      undo(found, doubted)
      found = []
    }
    return Outcome(ports: found, portsChecked: budget.probes)
  }

  /// Reclaims all ports of a process that has ended.
  ///
  /// - Returns: How many there were.
  @discardableResult
  package mutating func reclaimAll(of holder: ProcessIdentity) -> Int {
    var count = 0
    while let port = holders[holder]?.first {
      move(port, to: .free)
      count += 1
    }
    return count
  }

  /// Undoes the leases of a request that failed.
  ///
  /// Doubtful ports are doubtful again.
  private mutating func undo(_ found: [UInt16], _ doubted: [UInt16]) {
    release(found)
    for port in doubted { distrust(port) }
  }

  /// Releases ports.
  ///
  /// Ports without a lease are ignored.
  package mutating func release(_ ports: some Sequence<UInt16>) {
    for port in ports {
      if lease(of: port) != nil { move(port, to: .free) }
    }
  }

  /// The lease of a port, if it is in the pool and leased.
  package func lease(of port: UInt16) -> Lease? {
    guard states.indices.contains(Int(port) - base),
      case .leased(let lease) = self[port]
    else { return nil }
    return lease
  }

  /// How many ports have no lease.
  var unleasedCount: Int {
    free.count + taken.count + inUse.count + doubtful.count
  }

  /// Moves a port from its queue to the end of another.
  mutating func move(_ port: UInt16, to state: State) {
    switch self[port] {
    case .outside: return
    case .free: queues.remove(port, from: &free)
    case .taken: queues.remove(port, from: &taken)
    case .inUse: queues.remove(port, from: &inUse)
    case .doubtful: queues.remove(port, from: &doubtful)
    case .leased(let lease):
      let holder = lease.holder
      let others = portCount(ofUser: lease.user) - 1
      userCounts[lease.user] = others > 0 ? others : nil
      queues.remove(port, from: &holders[holder, default: PortQueue()])
      if holders[holder]?.isEmpty == true { holders[holder] = nil }
    }
    switch state {
    case .outside: break
    case .free: queues.append(port, to: &free)
    case .taken: queues.append(port, to: &taken)
    case .inUse: queues.append(port, to: &inUse)
    case .doubtful: queues.append(port, to: &doubtful)
    case .leased(let lease):
      userCounts[lease.user, default: 0] += 1
      queues.append(port, to: &holders[lease.holder, default: PortQueue()])
    }
    note(state, of: port)
  }

  private mutating func note(_ state: State, of port: UInt16) {
    let index = Int(port) - base
    states[index] = state
    switch state {
    case .free: (freePorts[index], unleasedPorts[index]) = (true, true)
    case .taken, .inUse:
      (freePorts[index], unleasedPorts[index]) = (false, true)
    case .outside, .doubtful, .leased:
      (freePorts[index], unleasedPorts[index]) = (false, false)
    }
  }
}
