package import HostSystem
package import SystemPackage

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
  private var free = PortQueue()
  private var taken = PortQueue()
  private var inUse = PortQueue()
  private var doubtful = PortQueue()
  private var holders: [ProcessIdentity: PortQueue] = [:]
  /// How many ports each user has asked for.
  private var userCounts: [UInt32: Int] = [:]
  /// What is known of each port, by port, from the pool's smallest on.
  private var states: [State]
  private let base: Int

  private enum State {
    case free
    case taken(lookedAt: UInt64)
    case inUse(lookedAt: UInt64)
    case doubtful
    case leased(Lease)
  }

  /// What came of a request.
  package struct Outcome: Hashable, Sendable {
    /// The port; `nil` where none is left.
    package let port: UInt16?
    /// How many ports were looked at.
    package let portsChecked: Int
  }

  /// A table of a pool that has at least one port, all of them free.
  package init(pool: PortPool) {
    portCount = pool.count
    let ports =
      (pool.ranges.first?.lowerBound ?? 1)...(pool.ranges.last?.upperBound ?? 1)
    queues = PortQueues(for: ports)
    states = Array(repeating: .free, count: ports.count)
    base = Int(ports.lowerBound)
    for range in pool.ranges {
      for port in range { queues.append(port, to: &free) }
    }
  }

  /// How the pool is used, as far as it is known without a look at the ports.
  package var usage: PoolUsage {
    let parked = taken.count + inUse.count
    return PoolUsage(
      ports: portCount,
      leased: portCount - free.count - doubtful.count - parked, inUse: parked)
  }

  private subscript(port: UInt16) -> State {
    get { states[Int(port) - base] }
    set { states[Int(port) - base] = newValue }
  }

  /// How many ports a process has.
  package func portCount(of holder: ProcessIdentity) -> Int {
    holders[holder]?.count ?? 0
  }

  /// How many ports a user has asked for that are leased still.
  package func portCount(ofUser user: UInt32) -> Int {
    userCounts[user] ?? 0
  }

  /// All leases, by port.
  package var leases: [(port: UInt16, lease: Lease)] {
    states.indices.compactMap { index in
      guard case .leased(let lease) = states[index] else { return nil }
      return (UInt16(base + index), lease)
    }
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

  /// How long a port that somebody outside uses is not looked at again.
  static let lookPause: UInt64 = 100_000_000
  /// How many ports that were taken are looked at again for one request, quickly
  /// and thoroughly: so a refusal has its bound also where others use the pool.
  static let quickLooks = 64
  static let thoroughLooks = 16

  /// Leases a port.
  ///
  /// A lingering port is leased only where no free one was found.
  ///
  /// - Parameters:
  ///   - lease: Who it is for, who is alive; who asks; and the time.
  ///   - ports: The host.
  /// - Returns: The port, or that there is none.
  /// - Throws: What a probe says that cannot be made; nothing is leased then.
  package mutating func lease(
    _ lease: Lease, on ports: some PortConditions
  ) throws(Errno) -> Outcome {
    var checked = 0
    let port = try findPort(at: lease.leasedAt, on: ports, &checked)
    if let port { move(port, to: .leased(lease)) }
    return Outcome(port: port, portsChecked: checked)
  }

  /// Takes back all ports of a process that has ended.
  ///
  /// - Returns: How many there were.
  @discardableResult
  package mutating func takeBackAll(of holder: ProcessIdentity) -> Int {
    var count = 0
    while let port = holders[holder]?.first {
      move(port, to: .free)
      count += 1
    }
    return count
  }

  /// Takes back one port; one that is not leased is left alone.
  package mutating func takeBack(_ port: UInt16) {
    if case .leased = self[port] { move(port, to: .free) }
  }

  /// A port that can be leased.
  private mutating func findPort(
    at now: UInt64, on ports: some PortConditions, _ checked: inout Int
  ) throws(Errno) -> UInt16? {
    while !free.isEmpty {
      let port = free.first
      checked += 1
      if try ports.isFree(port) { return port }
      move(port, to: .taken(lookedAt: now))
    }
    for _ in 0..<Self.quickLooks {
      guard let port = nextDue(at: now) else { break }
      checked += 1
      if try ports.isFree(port) { return port }
      move(port, to: .taken(lookedAt: now))
    }
    for _ in 0..<Self.thoroughLooks where !taken.isEmpty {
      let port = taken.first
      checked += 1
      switch try ports.status(of: port) {
      case .free, .lingering: return port
      case .inUse, .denied: move(port, to: .inUse(lookedAt: now))
      }
    }
    for _ in 0..<Self.thoroughLooks where !doubtful.isEmpty {
      let port = doubtful.first
      checked += 1
      if try ports.isFree(port) { return port }
      move(port, to: .taken(lookedAt: now))
    }
    return nil
  }

  /// The port that nobody has looked at for longest, if that is long enough.
  private func nextDue(at now: UInt64) -> UInt16? {
    var due: UInt16?
    var earliest = now &- min(now, Self.lookPause)
    for port in [taken.first, inUse.first] where port != 0 {
      switch self[port] {
      case .taken(let time), .inUse(let time):
        if time <= earliest { (due, earliest) = (port, time) }
      case .free, .doubtful, .leased: break
      }
    }
    return due
  }

  /// Moves a port from the queue that it is in to the end of another.
  private mutating func move(_ port: UInt16, to state: State) {
    switch self[port] {
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
    case .free: queues.append(port, to: &free)
    case .taken: queues.append(port, to: &taken)
    case .inUse: queues.append(port, to: &inUse)
    case .doubtful: queues.append(port, to: &doubtful)
    case .leased(let lease):
      userCounts[lease.user, default: 0] += 1
      queues.append(port, to: &holders[lease.holder, default: PortQueue()])
    }
    self[port] = state
  }
}
