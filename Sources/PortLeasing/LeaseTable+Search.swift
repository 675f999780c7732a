import HostSystem

/// How ports to lease are found, and how many probes that may take.
extension LeaseTable {
  /// How long a port is not probed again after a probe failed, in nanoseconds.
  static let probePause: UInt64 = 100_000_000

  /// The probes that a request may still make of ports that were not free.
  ///
  /// They bound the cost of a refusal if other programs use the pool.
  struct ProbeBudget {
    let now: UInt64
    /// How many probes the request has made.
    var probes = 0
    var quick = 64
    var thorough = 16
    var doubtful = 16

    init(at now: UInt64) {
      self.now = now
    }
  }

  /// Finds a port that can be leased.
  mutating func findPort<Failure>(
    on ports: some PortConditions<Failure>, _ budget: inout ProbeBudget
  ) throws(Failure) -> UInt16? {
    while !free.isEmpty {
      let port = free.first
      if try passesQuickProbe(port, on: ports, &budget) { return port }
    }
    while budget.quick > 0, let port = nextDue(at: budget.now) {
      budget.quick -= 1
      if try passesQuickProbe(port, on: ports, &budget) { return port }
    }
    while budget.thorough > 0, !taken.isEmpty {
      budget.thorough -= 1
      let port = taken.first
      if try passesThoroughProbe(port, on: ports, &budget) { return port }
    }
    while budget.doubtful > 0, !doubtful.isEmpty {
      budget.doubtful -= 1
      let port = doubtful.first
      if try passesQuickProbe(port, on: ports, &budget) { return port }
    }
    return nil
  }

  /// Finds consecutive ports that can be leased; `nil` if the pool has no such row.
  ///
  /// If the free ports contain no such row, ports that were taken are probed again.
  mutating func findRow<Failure>(
    of count: Int, on ports: some PortConditions<Failure>,
    _ budget: inout ProbeBudget
  ) throws(Failure) -> ClosedRange<UInt16>? {
    if unleasedCount < count { return nil }
    // The search starts after the row that was leased last.
    let start = min(max(nextRow - base, 0), states.count)
    for probesAgain in [false, true] {
      if probesAgain, taken.isEmpty, inUse.isEmpty { break }
      for part in [start..<states.count, 0..<min(start + count, states.count)] {
        var index = part.lowerBound
        while let first = (probesAgain ? unleasedPorts : freePorts).row(
          of: count, in: index..<part.upperBound)
        {
          let row = UInt16(base + first)...UInt16(base + first + count - 1)
          // No port is probed unless all of them may be available.
          var obstacle = row.last { !mayTake($0, budget) }
          if obstacle == nil {
            obstacle = try self.obstacle(in: row, on: ports, &budget)
          }
          guard let obstacle else {
            nextRow = Int(row.upperBound) + 1
            return row
          }
          index = Int(obstacle) - base + 1
        }
      }
    }
    return nil
  }

  /// Whether a port may be available, as far as is known without a probe.
  private func mayTake(_ port: UInt16, _ budget: ProbeBudget) -> Bool {
    switch self[port] {
    case .free: true
    case .taken: budget.thorough > 0
    case .inUse(let time):
      budget.quick > 0 && time &+ Self.probePause <= budget.now
    case .outside, .doubtful, .leased: false
    }
  }

  /// Probes a row.
  ///
  /// - Returns: A port that cannot be leased; `nil` if all can.
  private mutating func obstacle<Failure>(
    in row: ClosedRange<UInt16>, on ports: some PortConditions<Failure>,
    _ budget: inout ProbeBudget
  ) throws(Failure) -> UInt16? {
    // Ports that were taken are the most likely obstacles.
    for port in row {
      switch self[port] {
      case .taken:
        if budget.thorough == 0 { return port }
        budget.thorough -= 1
        if try !passesThoroughProbe(port, on: ports, &budget) { return port }
      case .inUse:
        if budget.quick == 0 { return port }
        budget.quick -= 1
        if try !passesQuickProbe(port, on: ports, &budget) { return port }
      case .outside, .free, .doubtful, .leased: break
      }
    }
    for port in row {
      guard case .free = self[port] else { continue }
      if try !passesQuickProbe(port, on: ports, &budget) { return port }
    }
    return nil
  }

  /// Makes the quick probe, and parks the port if it is not free.
  private mutating func passesQuickProbe<Failure>(
    _ port: UInt16, on ports: some PortConditions<Failure>,
    _ budget: inout ProbeBudget
  ) throws(Failure) -> Bool {
    budget.probes += 1
    if try ports.isFree(port) { return true }
    move(port, to: .taken(probedAt: budget.now))
    return false
  }

  /// Makes the thorough probe, and parks the port if it does not even linger.
  private mutating func passesThoroughProbe<Failure>(
    _ port: UInt16, on ports: some PortConditions<Failure>,
    _ budget: inout ProbeBudget
  ) throws(Failure) -> Bool {
    budget.probes += 1
    switch try ports.status(of: port) {
    case .free, .lingering: return true
    case nil:
      // Thorough probes are not available now. The port stays in its queue.
      budget.thorough = 0
      return false
    case .inUse, .denied:
      move(port, to: .inUse(probedAt: budget.now))
      return false
    }
  }

  /// The port whose last probe is the longest ago, if that is long enough.
  private func nextDue(at now: UInt64) -> UInt16? {
    var due: UInt16?
    var earliest = now &- min(now, Self.probePause)
    for port in [taken.first, inUse.first] where port != 0 {
      switch self[port] {
      case .taken(let time), .inUse(let time):
        if time <= earliest { (due, earliest) = (port, time) }
      case .outside, .free, .doubtful, .leased: break
      }
    }
    return due
  }
}
