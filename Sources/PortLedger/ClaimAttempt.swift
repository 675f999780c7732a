import HostSystem
import PortLeasing
import SystemPackage

/// The part of a claim that is made under the lock of the claims file.
struct ClaimAttempt<Host: LeaseConditions<Errno>> {
  var list: ClaimList
  let file: ClaimsFile
  let mark: ClaimMark
  let ledger: Ledger
  let context: ClaimContext<Host>
  /// Whether places existed, before the lock was taken.
  let presences: [PlacePath: Presence]
  /// The lease of the ports that are to be claimed, once there are any.
  private var lease: Lease?
  /// The ports that are leased or claimed, for names that are not in the file yet.
  private var taken: [UInt16] = []
  private var isChanged = false
  /// Whether claims of places that are gone were removed.
  private var hasReclaimed = false
  /// Ports of places that are gone, but not free.
  private var rejected: Set<UInt16> = []

  init(
    list: ClaimList, file: ClaimsFile, mark: ClaimMark, ledger: Ledger,
    context: ClaimContext<Host>, presences: [PlacePath: Presence]
  ) {
    self.list = list
    self.file = file
    self.mark = mark
    self.ledger = ledger
    self.context = context
    self.presences = presences
  }

  mutating func run(
    _ requests: [ClaimRequest], at place: PlacePath, _ note: (ClaimNote) -> Void
  ) throws(ClaimsError) -> [Claim] {
    var notes: [ClaimNote] = []
    markPlaces(place)
    let isMissing = requests.contains {
      list.claim(of: $0.name, at: place) == nil
    }
    for request in requests {
      if let claim = list.claim(of: request.name, at: place) {
        try request.check(claim)
      }
    }
    let original = list.ports
    let conflicts = try reconcile(original, context.deadline)
    rejected = conflicts.foreign.union(conflicts.leases.keys)
    do throws(ClaimsError) {
      for request in requests
      where list.claim(of: request.name, at: place) == nil {
        try add(request, at: place, &notes)
      }
      if isMissing { try convert() }
      if isMissing || isChanged {
        if let error = try file.write(list.bytes) {
          notes.append(.mayNotLast(path: file.path, error))
        }
      }
      // The rest of a block that was not needed is free now. If that cannot be recorded,
      // the next claim does it.
      if hasReclaimed { _ = try? reconcile(list.ports, context.deadline) }
    } catch {
      if isMissing { withdraw(to: original) }
      throw error
    }
    let claims = requests.compactMap { list.claim(of: $0.name, at: place) }
    for claim in claims {
      if let port = claim.ports.first(where: { conflicts.leases[$0] != nil }),
        let lease = conflicts.leases[port]
      {
        notes.append(.leased(claim, port: port, lease))
      }
    }
    for item in notes { note(item) }
    return claims
  }

  /// Notes in the file which places are gone, and which have come back.
  private mutating func markPlaces(_ own: PlacePath) {
    let now = wallClockSeconds()
    let presences = presences
    isChanged = list.setGone { claim in
      if claim.place == own { return nil }
      return switch presences[claim.place] {
      case .gone: claim.goneSince ?? now
      case .exists: nil
      case .unknown, nil: claim.goneSince
      }
    }
  }

  // MARK: Finding ports

  private mutating func add(
    _ request: ClaimRequest, at place: PlacePath, _ notes: inout [ClaimNote]
  ) throws(ClaimsError) {
    var obstacle: PreferenceObstacle?
    if let preferred = request.preferred {
      obstacle = try obstacleToLeasing(preferred)
      if obstacle == nil {
        append(preferred, request, place, &notes)
        return
      }
    }
    let start = context.pool.start(
      ofUser: mark.user, place: place, name: request.name)
    let free = context.pool.subtracting(list.ports)
    let ports: ClosedRange<UInt16>
    switch try search(free, request.newCount, after: start) {
    case .found(let found): ports = found
    case .exhausted(var usage):
      usage.ports = context.pool.count
      usage.claimed += context.pool.count - free.count
      ports = try reclaim(request, usage, &notes)
    }
    append(ports, request, place, &notes)
    if let obstacle, let preferred = request.preferred {
      notes.append(
        .replaced(
          request.name, preferred: preferred, by: ports, because: obstacle))
    }
  }

  private mutating func append(
    _ ports: ClosedRange<UInt16>, _ request: ClaimRequest, _ place: PlacePath,
    _ notes: inout [ClaimNote]
  ) {
    let claim = Claim(
      ports: ports, name: request.name, place: place, time: wallClockSeconds())
    list.add(claim)
    notes.append(.made(claim))
  }

  private enum SearchResult {
    case found(ClosedRange<UInt16>)
    case exhausted(PoolUsage)
  }

  private mutating func makeLease() throws(ClaimsError) -> Lease {
    if let lease { return lease }
    do throws(Errno) {
      let new = Lease(
        holder: try context.host.asker(), user: mark.user,
        leasedAt: nanosecondsSinceBoot())
      lease = new
      return new
    } catch {
      throw .leasing(.asker(error))
    }
  }

  /// Makes the ledger agree with the ports of a claims file.
  ///
  /// - Returns: Ports that others have.
  @discardableResult
  private func reconcile(
    _ ports: PortPool, _ deadline: Deadline
  ) throws(ClaimsError) -> MirrorConflicts {
    try leasing { () throws(LeasingError) in
      try ledger.reconcile(
        ClaimedPorts(mark: mark, ports: ports),
        isAlive: context.host.isAlive, deadline: deadline)
    }
  }

  /// Leases ports to this process, consecutive ones unless told otherwise.
  private mutating func search(
    _ pool: PortPool, _ count: Int, after start: UInt16, inARow: Bool = true
  ) throws(ClaimsError) -> SearchResult {
    if pool.isEmpty { return .exhausted(PoolUsage(ports: 0)) }
    let lease = try makeLease()
    let request = LeaseRequest(
      pool: pool, holder: lease.holder, user: lease.user, count: count,
      isContiguous: inARow && count > 1, start: start)
    let outcome = try leasing { () throws(LeasingError) in
      try ledger.lease(
        request, under: context.host, now: lease.leasedAt,
        deadline: context.deadline)
    }
    switch outcome {
    case .exhausted(let usage): return .exhausted(usage)
    case .leased(let ports):
      taken += ports
      guard let first = ports.min(), let last = ports.max() else {
        return .exhausted(PoolUsage(ports: pool.count))
      }
      return .found(first...last)
    }
  }

  /// Leases preferred ports to this process.
  ///
  /// - Returns: Why that is not possible, or `nil`.
  private mutating func obstacleToLeasing(
    _ ports: ClosedRange<UInt16>
  ) throws(ClaimsError) -> PreferenceObstacle? {
    if let other = list.claims.first(where: { $0.ports.overlaps(ports) }) {
      return .claimed(other)
    }
    let blocking = list.unreadable.first {
      $0.blocked?.overlaps(ports) == true
    }
    if let blocking { return .unreadable(line: blocking.number) }
    let result = try search(
      PortPool([ports]), ports.count, after: ports.lowerBound - 1)
    guard case .exhausted(let usage) = result else { return nil }
    if usage.claimed > 0 { return .claimedElsewhere }
    if usage.leased > 0 {
      for port in ports {
        let lease = try leasing { () throws(LeasingError) in
          try ledger.lease(of: port, deadline: context.deadline)
        }
        if let lease, context.host.isAlive(lease.holder) {
          return .leased(port: port, lease)
        }
      }
    }
    return usage.denied > 0 ? .denied : .inUse
  }

  /// Finds ports of places that are gone, those of the longest gone first.
  ///
  /// Their records stay as they are, because they are claimed before and after.
  private mutating func reclaim(
    _ request: ClaimRequest, _ usage: PoolUsage, _ notes: inout [ClaimNote]
  ) throws(ClaimsError) -> ClosedRange<UInt16> {
    let candidates = list.claims
      .filter { $0.goneSince != nil && presences[$0.place] == .gone }
      .sorted {
        ($0.goneSince ?? 0, $0.ports.lowerBound)
          < ($1.goneSince ?? 0, $1.ports.lowerBound)
      }
    var given: [Claim] = []
    for claim in candidates
    where Presence(ofDirectory: claim.place.text) == .gone {
      if context.deadline.hasPassed { break }
      given.append(claim)
      let available = context.pool.subtracting(list.portsExcept(given))
      for ports in available.rows(of: request.newCount, touching: claim.ports) {
        guard try take(ports, claimed: PortPool(given.map(\.ports))) else {
          continue
        }
        for claim in given where claim.ports.overlaps(ports) {
          list.remove(at: claim.place) { $0 == claim.name }
          notes.append(.handedOut(claim))
          hasReclaimed = true
        }
        return ports
      }
    }
    throw .exhausted(
      usage, request.name, count: request.newCount, pool: context.pool)
  }

  /// Takes ports, of which some are claimed by places that are gone, if all of them
  /// are free.
  private mutating func take(
    _ ports: ClosedRange<UInt16>, claimed: PortPool
  ) throws(ClaimsError) -> Bool {
    let wanted = PortPool([ports])
    for port in wanted.intersection(claimed).ranges.joined() {
      if rejected.contains(port) { return false }
      do throws(Errno) {
        switch try context.host.status(of: port) {
        case .free, .lingering: continue
        case .inUse, .denied, nil: break
        }
      } catch {
        throw .leasing(.probe(port, error))
      }
      rejected.insert(port)
      return false
    }
    let vacant = wanted.subtracting(claimed)
    if vacant.isEmpty { return true }
    if case .found = try search(vacant, vacant.count, after: 0, inARow: false) {
      return true
    }
    return false
  }

  // MARK: The end

  /// Turns the leases into claimed ports.
  private func convert() throws(ClaimsError) {
    guard let lease else { return }
    let isClaimed = try leasing { () throws(LeasingError) in
      try ledger.claim(
        taken, leased: lease, as: mark, deadline: context.deadline)
    }
    // Somebody has replaced the ledger.
    if !isClaimed {
      throw .leasing(.ledger(.unstable, path: ledger.location.path))
    }
  }

  /// Undoes what was recorded in the ledger.
  private func withdraw(to ports: PortPool) {
    // The deadline may have passed.
    let deadline = max(context.deadline, Deadline(after: .milliseconds(100)))
    if let lease {
      try? ledger.withdraw(taken, leased: lease, deadline: deadline)
    }
    _ = try? reconcile(ports, deadline)
  }

  private func leasing<Result>(
    _ body: () throws(LeasingError) -> Result
  ) throws(ClaimsError) -> Result {
    do throws(LeasingError) {
      return try body()
    } catch {
      throw .leasing(error)
    }
  }
}

extension PortPool {
  /// The rows of consecutive ports of a length that have a port in a range.
  fileprivate func rows(
    of count: Int, touching ports: ClosedRange<UInt16>
  ) -> [ClosedRange<UInt16>] {
    ranges.flatMap { range -> [ClosedRange<UInt16>] in
      let lower = max(Int(range.lowerBound), Int(ports.lowerBound) - count + 1)
      let upper = min(Int(range.upperBound) - count + 1, Int(ports.upperBound))
      if lower > upper { return [] }
      return (lower...upper).map { UInt16($0)...UInt16($0 + count - 1) }
    }
  }
}
