package import HostSystem
package import PortLeasing
package import SystemPackage

extension Ledger {
  /// Leases ports: all that are requested, or none.
  ///
  /// Ports are chosen and recorded under the lock, and probed without it, so that
  /// nobody waits for a probe. A single port is recorded as leased before its probe,
  /// because it is usually free. Other ports are first recorded as tentative leases
  /// of the asker. A call that finds too few ports while others have tentative leases
  /// tries again until its deadline.
  ///
  /// - Parameters:
  ///   - request: What to lease.
  ///   - host: Probes ports and checks holders.
  ///   - now: The time, in nanoseconds since boot; not 0.
  ///   - deadline: How long to search, and to wait for the lock. One port is probed
  ///     even if it has passed.
  /// - Returns: The ports, which are recorded, or that there are not enough.
  /// - Throws: ``LeasingError``; nothing is leased then.
  package func lease(
    _ request: LeaseRequest, under host: any LeaseConditions<Errno>,
    now: UInt64, deadline: Deadline
  ) throws(LeasingError) -> LeaseOutcome {
    var wait = Duration.microseconds(500)
    while true {
      var attempt = LeaseAttempt(
        request, in: self, under: host, now: now, until: deadline)
      let outcome = try attempt.run()
      guard case .exhausted = outcome, attempt.dependsOnOthers,
        !deadline.hasPassed
      else { return outcome }
      // The pause is random, so that two that met do not meet again.
      pause(for: min(wait * Double.random(in: 0.5...1), deadline.remaining))
      wait = min(wait * 2, .milliseconds(500))
    }
  }
}

/// One search for ports, and what it records meanwhile.
private struct LeaseAttempt: ~Copyable {
  private let ledger: Ledger
  private let host: any LeaseConditions<Errno>
  private let deadline: Deadline
  /// What the ports' records are in the end.
  private let lease: Lease
  /// What they are until then, once that is needed.
  private var tentative: Lease?
  /// Whether the next port is recorded as leased before its probe.
  private var leasesBeforeProbe: Bool
  private var search: LeaseSearch

  init(
    _ request: LeaseRequest, in ledger: Ledger,
    under host: any LeaseConditions<Errno>, now: UInt64,
    until deadline: Deadline
  ) {
    self.ledger = ledger
    self.host = host
    self.deadline = deadline
    lease = Lease(holder: request.holder, user: request.user, leasedAt: now)
    leasesBeforeProbe = request.count == 1
    search = LeaseSearch(request)
  }

  var dependsOnOthers: Bool { search.dependsOnOthers }

  mutating func run() throws(LeasingError) -> LeaseOutcome {
    do throws(LeasingError) {
      while true {
        if let outcome = try advance() { return outcome }
      }
    } catch {
      withdraw()
      throw error
    }
  }

  /// Takes a step of the search under the lock, and carries it out without the lock.
  ///
  /// - Returns: `nil` if the search goes on.
  private mutating func advance() throws(LeasingError) -> LeaseOutcome? {
    let step = try ledger.withLockedFile(until: deadline) {
      file, header throws(LeasingError) in
      try nextStep(in: file, &header)
    }
    for port in search.takeDropped() { host.drop(port) }
    switch step {
    case .found: return .leased(search.found)
    case .exhausted(let usage): return .exhausted(usage)
    case .checkHolders(let holders):
      var answers: [ProcessIdentity: Bool] = [:]
      for holder in holders { answers[holder] = host.isAlive(holder) }
      search.learn(answers)
    case .probe:
      try probe()
      if leasesBeforeProbe, search.hasFound { return .leased(search.found) }
      leasesBeforeProbe = false
    }
    return nil
  }

  /// Takes a step of the search, and records what it proposes or has found.
  private mutating func nextStep(
    in file: LedgerFile, _ header: inout LedgerHeader
  ) throws(LeasingError) -> LeaseSearch.Step {
    let (ledger, host) = (ledger, host)
    while true {
      try clearDropped(in: file)
      // A new ledger's first search starts at a random port, so that the ledgers of
      // several users do not walk through the same ports side by side.
      let cursor =
        search.request.start
        ?? (header.cursor == 0
          ? search.request.pool.randomPort() : header.cursor)
      // Passing `host.isAlive` itself would allocate a closure.
      let step = try search.next(after: cursor, isAlive: { host.isAlive($0) }) {
        port throws(LeasingError) in try ledger.record(of: port, in: file)
      }
      try clearDropped(in: file)
      switch step {
      case .checkHolders, .exhausted: return step
      case .probe:
        let (ports, doubtful) = (search.pending, search.doubtful)
        if doubtful.contains(ports[0]) { leasesBeforeProbe = false }
        if search.request.start == nil {
          header.cursor = ports[ports.count - 1]
        }
        try write(
          leasesBeforeProbe ? lease : makeTentative(),
          for: doubtful.isEmpty
            ? ports : ports.filter { !doubtful.contains($0) },
          header, to: file)
        return step
      case .found:
        if let lost = try firstLost(of: search.found, in: file) {
          search.lose(lost)
          continue
        }
        try write(lease, for: search.found, header, to: file)
        return step
      }
    }
  }

  private mutating func makeTentative() throws(LeasingError) -> Lease {
    if let tentative { return tentative }
    do throws(Errno) {
      let new = Lease.tentative(of: try host.asker(), user: search.request.user)
      tentative = new
      return new
    } catch {
      throw .asker(error)
    }
  }

  /// The first accepted port whose record is not what this attempt wrote, because
  /// somebody has replaced the file.
  private func firstLost(
    of ports: [UInt16], in file: LedgerFile
  ) throws(LeasingError) -> UInt16? {
    for port in ports {
      let expected: LedgerRecord? =
        search.doubtful.contains(port)
        ? .damaged : tentative.map(LedgerRecord.lease)
      if try ledger.record(of: port, in: file) != expected { return port }
    }
    return nil
  }

  /// Probes the ports that the search proposes.
  private mutating func probe() throws(LeasingError) {
    while let port = search.nextToProbe {
      if !leasesBeforeProbe, deadline.hasPassed {
        throw .outOfTime(search.usage)
      }
      let status: PortStatus
      do throws(Errno) {
        if search.isThorough {
          status = try host.status(of: port) ?? .inUse
        } else {
          status = try host.isFree(port) ? .free : .inUse
        }
      } catch {
        throw .probe(port, error)
      }
      if !search.note(status, of: port) { return }
    }
  }

  /// Clears what the attempt has recorded.
  private func withdraw() {
    let ports = search.proposed
    if ports.isEmpty { return }
    // The deadline may have passed.
    let deadline = max(deadline, Deadline(after: .milliseconds(100)))
    try? ledger.withLockedFile(until: deadline) {
      file, _ throws(LeasingError) in
      try clear(ports, in: file)
    }
  }

  private func clearDropped(in file: LedgerFile) throws(LeasingError) {
    if search.dropped.isEmpty { return }
    try clear(Array(search.dropped), in: file)
  }

  /// Clears the records that this attempt has written.
  private func clear(
    _ ports: [UInt16], in file: LedgerFile
  ) throws(LeasingError) {
    try ledger.store.step { () throws(Errno) in
      try file.clear(ports) { record in
        guard case .lease(let found) = record else { return false }
        return found == lease || found == tentative
      }
    }
  }

  /// Records leases and the header.
  ///
  /// If one cannot be written, those before it are cleared.
  private func write(
    _ lease: Lease, for ports: [UInt16], _ header: LedgerHeader,
    to file: LedgerFile
  ) throws(LeasingError) {
    try ledger.store.step { () throws(Errno) in
      do throws(Errno) {
        try file.update(ports) { port, _ in file.words(of: lease, for: port) }
        try file.write(header)
      } catch {
        try? file.clear(ports) { $0 == .lease(lease) }
        throw error
      }
    }
  }
}

extension Ledger {
  fileprivate func record(
    of port: UInt16, in file: LedgerFile
  ) throws(LeasingError) -> LedgerRecord {
    try store.step { () throws(Errno) in try file.record(of: port) }
  }
}
