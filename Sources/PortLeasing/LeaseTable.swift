package import HostSystem

/// The leases of one port server, and the ports that it has left.
///
/// Leasing, refusing and taking back cost the same however many ports and
/// holders there are. Every port of the pool stands in one queue:
///
/// - **free**: nobody has a lease on it. The one that has been free for longest
///   is leased first, so that what its last holder left behind has had time to
///   go.
/// - **taken**: it should be free, but somebody outside uses it. It is looked at
///   again only when the free ones have run out, and then not before a while
///   has passed since the last look.
/// - **in use**: as before; it was looked at thoroughly, so it does not linger.
/// - **doubtful**: it may have been leased by a server before this one. It is
///   leased when there is no other.
/// - or that of its holder.
///
/// It opens nothing and reads no clock: what it has to know is handed in. That a
/// holder has ended, it is told.
package struct LeaseTable {
  /// How many ports it has.
  package let portCount: Int
  private var queues: PortQueues
  private(set) var free = PortQueue()
  private(set) var taken = PortQueue()
  private(set) var inUse = PortQueue()
  private(set) var doubtful = PortQueue()
  private var holders: [ProcessIdentity: PortQueue] = [:]
  /// How many ports each user has asked for.
  private var userCounts: [UInt32: Int] = [:]
  /// What is known of each port, by port, from the pool's smallest on.
  private(set) var states: [State]
  /// The ports that are free, and those that nobody has a lease on, as far as that
  /// is known: doubtful ones are not among them.
  private(set) var freePorts: PortBits
  private(set) var unleasedPorts: PortBits
  /// The pool's smallest port.
  let base: Int
  /// Where the next row of ports is looked for first.
  var nextRow = 0

  enum State {
    /// It is not in the pool.
    case outside
    case free
    case taken(lookedAt: UInt64)
    case inUse(lookedAt: UInt64)
    case doubtful
    case leased(Lease)
  }

  /// What came of a request.
  package struct Outcome: Hashable, Sendable {
    /// The ports, as many as were asked for; none where that many are not left.
    package let ports: [UInt16]
    /// How many ports were looked at.
    package let portsChecked: Int
  }

  /// A table of a pool that has at least one port, all of them free.
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

  /// How the pool is used, as far as it is known without a look at the ports.
  package var usage: PoolUsage {
    let parked = taken.count + inUse.count
    return PoolUsage(
      ports: portCount,
      leased: portCount - free.count - doubtful.count - parked, inUse: parked)
  }

  /// What is known of a port within the pool's bounds.
  subscript(port: UInt16) -> State { states[Int(port) - base] }

  /// How many ports a process has.
  package func portCount(of holder: ProcessIdentity) -> Int {
    holders[holder]?.count ?? 0
  }

  /// How many ports a user has asked for that are leased still.
  package func portCount(ofUser user: UInt32) -> Int {
    userCounts[user] ?? 0
  }

  /// How many processes have ports.
  package var holderCount: Int { holders.count }

  /// All leases, by port.
  package var leases: [(port: UInt16, lease: Lease)] {
    leases(from: 0, atMost: states.count)
  }

  /// The first leases from a port on, by port; at most as many as asked for.
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

  /// Takes over a lease that a server before this one has given, on a port of
  /// the pool.
  package mutating func restore(_ lease: Lease, of port: UInt16) {
    move(port, to: .leased(lease))
  }

  /// Leases a port only when there is no other, for somebody may have it.
  package mutating func distrust(_ port: UInt16) {
    if case .free = self[port] { move(port, to: .doubtful) }
  }

  /// Leases ports, all that are asked for or none.
  ///
  /// A lingering port is leased only where no free one was found.
  ///
  /// - Parameters:
  ///   - lease: Who they are for, who is alive; who asks; and the time.
  ///   - count: How many, at least 1.
  ///   - isContiguous: Whether they have to be in a row; they ascend then. To
  ///     find such ports takes a look at a bit of each port of the pool.
  ///   - ports: The host.
  /// - Returns: The ports, or that there are not enough.
  /// - Throws: What a probe says that cannot be made; nothing is leased then.
  package mutating func lease<Failure>(
    _ lease: Lease, count: Int = 1, isContiguous: Bool = false,
    on ports: some PortConditions<Failure>
  ) throws(Failure) -> Outcome {
    var looks = Looks(at: lease.leasedAt)
    if count > 1, isContiguous {
      let row = try findRow(of: count, on: ports, &looks).map(Array.init) ?? []
      for port in row { move(port, to: .leased(lease)) }
      return Outcome(ports: row, portsChecked: looks.made)
    }
    var found: [UInt16] = []
    var doubted: [UInt16] = []
    do throws(Failure) {
      while found.count < count {
        // Where it is clear that there are too few, nobody looks for them.
        guard found.count + unleasedCount >= count,
          let port = try findPort(on: ports, &looks)
        else { break }
        if case .doubtful = self[port] { doubted.append(port) }
        move(port, to: .leased(lease))
        found.append(port)
      }
    } catch {
      putBack(found, doubted)
      throw error
    }
    if found.count < count {
      putBack(found, doubted)
      found = []
    }
    return Outcome(ports: found, portsChecked: looks.made)
  }

  /// Takes back all ports of a process that has ended.
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

  /// Undoes leases that did not suffice; those that somebody may have are in doubt
  /// again.
  private mutating func putBack(_ found: [UInt16], _ doubted: [UInt16]) {
    release(found)
    for port in doubted { distrust(port) }
  }

  /// Takes back ports; those that are not leased are left alone.
  package mutating func release(_ ports: some Sequence<UInt16>) {
    for port in ports {
      if lease(of: port) != nil { move(port, to: .free) }
    }
  }

  /// The lease of a port; `nil` also for a port that is not in the pool.
  package func lease(of port: UInt16) -> Lease? {
    guard states.indices.contains(Int(port) - base),
      case .leased(let lease) = self[port]
    else { return nil }
    return lease
  }

  /// How many ports nobody has a lease on.
  var unleasedCount: Int {
    free.count + taken.count + inUse.count + doubtful.count
  }

  /// Moves a port from the queue that it is in to the end of another.
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
