import HostSystem

/// How ports to lease are found, and how many are looked at for it.
extension LeaseTable {
  /// How long a port that somebody outside uses is not looked at again.
  static let lookPause: UInt64 = 100_000_000
  /// How many ports that were taken are looked at again for one request, quickly
  /// and thoroughly: so a refusal has its bound also where others use the pool.
  static let quickLooks = 64
  static let thoroughLooks = 16

  /// How many ports may still be looked at for a request.
  struct Looks {
    let now: UInt64
    var made = 0
    /// At ports that were taken when they were looked at last.
    var quick = LeaseTable.quickLooks
    var thorough = LeaseTable.thoroughLooks
    var doubtful = LeaseTable.thoroughLooks

    init(at now: UInt64) {
      self.now = now
    }
  }

  /// A port that can be leased.
  mutating func findPort<Failure>(
    on ports: some PortConditions<Failure>, _ looks: inout Looks
  ) throws(Failure) -> UInt16? {
    while !free.isEmpty {
      let port = free.first
      if try isFree(port, on: ports, &looks) { return port }
    }
    while looks.quick > 0, let port = nextDue(at: looks.now) {
      looks.quick -= 1
      if try isFree(port, on: ports, &looks) { return port }
    }
    while looks.thorough > 0, !taken.isEmpty {
      looks.thorough -= 1
      let port = taken.first
      if try canLinger(port, on: ports, &looks) { return port }
    }
    while looks.doubtful > 0, !doubtful.isEmpty {
      looks.doubtful -= 1
      let port = doubtful.first
      if try isFree(port, on: ports, &looks) { return port }
    }
    return nil
  }

  /// Ports in a row that can be leased; `nil` where there are none.
  ///
  /// Where the free ones leave no row, those that were taken are looked at again.
  mutating func findRow<Failure>(
    of count: Int, on ports: some PortConditions<Failure>, _ looks: inout Looks
  ) throws(Failure) -> ClosedRange<UInt16>? {
    if unleasedCount < count { return nil }
    // The first row is one that begins behind the row that was leased last.
    let start = min(max(nextRow - base, 0), states.count)
    for looksAgain in [false, true] {
      if looksAgain, taken.isEmpty, inUse.isEmpty { break }
      for part in [start..<states.count, 0..<min(start + count, states.count)] {
        var index = part.lowerBound
        while let first = (looksAgain ? unleasedPorts : freePorts).row(
          of: count, in: index..<part.upperBound)
        {
          let row = UInt16(base + first)...UInt16(base + first + count - 1)
          // Only where all are known to be worth it, they are looked at.
          var obstacle = row.last { !mayTake($0, looks) }
          if obstacle == nil {
            obstacle = try self.obstacle(in: row, on: ports, &looks)
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

  /// Whether a port can be in a row, as far as it is known without a look.
  private func mayTake(_ port: UInt16, _ looks: Looks) -> Bool {
    switch self[port] {
    case .free: true
    case .taken: looks.thorough > 0
    case .inUse(let time):
      looks.quick > 0 && time &+ Self.lookPause <= looks.now
    case .outside, .doubtful, .leased: false
    }
  }

  /// A port of a row that cannot be leased after all; `nil` where all can.
  private mutating func obstacle<Failure>(
    in row: ClosedRange<UInt16>, on ports: some PortConditions<Failure>,
    _ looks: inout Looks
  ) throws(Failure) -> UInt16? {
    // Those that were taken are the likeliest to be so still.
    for port in row {
      switch self[port] {
      case .taken:
        if looks.thorough == 0 { return port }
        looks.thorough -= 1
        if try !canLinger(port, on: ports, &looks) { return port }
      case .inUse:
        if looks.quick == 0 { return port }
        looks.quick -= 1
        if try !isFree(port, on: ports, &looks) { return port }
      case .outside, .free, .doubtful, .leased: break
      }
    }
    for port in row {
      guard case .free = self[port] else { continue }
      if try !isFree(port, on: ports, &looks) { return port }
    }
    return nil
  }

  /// Asks the host, and parks the port if it is not free.
  private mutating func isFree<Failure>(
    _ port: UInt16, on ports: some PortConditions<Failure>, _ looks: inout Looks
  ) throws(Failure) -> Bool {
    looks.made += 1
    if try ports.isFree(port) { return true }
    move(port, to: .taken(lookedAt: looks.now))
    return false
  }

  /// Asks the host more thoroughly, and parks the port if it can not even be
  /// leased as one that lingers.
  private mutating func canLinger<Failure>(
    _ port: UInt16, on ports: some PortConditions<Failure>, _ looks: inout Looks
  ) throws(Failure) -> Bool {
    looks.made += 1
    switch try ports.status(of: port) {
    case .free, .lingering: return true
    case nil:
      // It keeps its place. No other port can be looked at so now, either.
      looks.thorough = 0
      return false
    case .inUse, .denied:
      move(port, to: .inUse(lookedAt: looks.now))
      return false
    }
  }

  /// The port that nobody has looked at for longest, if that is long enough.
  private func nextDue(at now: UInt64) -> UInt16? {
    var due: UInt16?
    var earliest = now &- min(now, Self.lookPause)
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
