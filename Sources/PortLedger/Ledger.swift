package import HostSystem
package import PortLeasing
package import SystemPackage

/// The file in which leases are written down, so that processes which know
/// nothing of each other share one pool.
///
/// Every call takes the file's lock and lets go of it. A process that is
/// killed inside a call leaves a ledger that the next call uses. What cannot
/// be trusted is rebuilt, and a warning says so.
///
/// One value serves all threads of a process.
package final class Ledger: Sendable {
  private let store: LedgerStore
  /// The file, open several times where several threads have used it at once: the
  /// lock is an open file's, so it parts threads as it parts processes.
  ///
  /// A child made by fork(2) shares them with its parent, and with them the lock:
  /// both would have that at once. So one is of use only to the process that
  /// opened it.
  private let files = ForkableMutex<[(file: LedgerFile, pid: Int32)]>([])

  /// How many stay open from call to call.
  private static let keptFiles = 4

  /// A ledger, which is opened, or begun, when it is first used.
  ///
  /// - Parameters:
  ///   - location: Where it is.
  ///   - context: What gives its content its meaning.
  ///   - warn: Told of what was put right.
  package init(
    at location: LedgerLocation, context: LedgerContext,
    warn: @escaping @Sendable (LedgerWarning) -> Void
  ) {
    store = LedgerStore(
      at: location, context: context, sparingForeignFiles: true, warn: warn)
    if let unusable = location.unusable {
      warn(.elsewhere(path: location.path, unusable: unusable))
    }
  }

  package var location: LedgerLocation { store.location }

  /// Leases ports.
  ///
  /// Ports are chosen and written down under the lock, and looked at without it, so
  /// that others need not wait for that. One port is written down as leased at once,
  /// for mostly it is free. What is looked at besides is written down as a tentative
  /// lease of the process that asks. Others who find too few ports while there are
  /// such leases try again until the deadline.
  ///
  /// - Parameters:
  ///   - request: What is asked for.
  ///   - host: What has to be known of the host.
  ///   - now: The time, in nanoseconds since boot; not 0.
  ///   - deadline: How long to look for ports, and to wait for others. One port is
  ///     looked at even if it has passed.
  /// - Returns: The ports, which are written down by now, or that there are
  ///   not enough.
  /// - Throws: Why the ledger cannot be used, or a port not be probed; or that the
  ///   time is over. Nothing is leased then.
  package func lease(
    _ request: LeaseRequest, under host: some LeaseConditions<Errno>,
    now: UInt64,
    deadline: Deadline
  ) throws(LeasingError) -> LeaseOutcome {
    var wait = Duration.microseconds(500)
    while true {
      var hunt = Hunt(request, now: now)
      let outcome: LeaseOutcome
      do throws(LeasingError) {
        outcome = try run(&hunt, under: host, deadline)
      } catch {
        withdraw(hunt, deadline)
        throw error
      }
      guard case .exhausted = outcome, hunt.search?.dependsOnOthers == true,
        !deadline.hasPassed
      else { return outcome }
      // At different times, lest they meet again.
      pause(for: min(wait * Double.random(in: 0.5...1), deadline.remaining))
      wait = min(wait * 2, .milliseconds(500))
    }
  }

  /// A search for ports, and what is written down meanwhile.
  private struct Hunt {
    let request: LeaseRequest
    /// What is written down in the end.
    let lease: Lease
    /// What is written down until then, once that is needed.
    private(set) var tentative: Lease?
    /// Whether the first port is written down as leased at once.
    var isFirst: Bool
    /// It begins where the ledger's cursor stands, so with the first lock.
    var search: LeaseSearch?

    init(_ request: LeaseRequest, now: UInt64) {
      self.request = request
      lease = Lease(holder: request.holder, user: request.user, leasedAt: now)
      isFirst = request.count == 1
    }

    mutating func makeTentative(
      under host: some LeaseConditions<Errno>
    ) throws(LeasingError) -> Lease {
      if let tentative { return tentative }
      do throws(Errno) {
        let new = Lease.tentative(of: try host.asker(), user: request.user)
        tentative = new
        return new
      } catch {
        throw .asker(error)
      }
    }

    /// Whether a record is what this search has written.
    func wrote(_ record: LedgerRecord) -> Bool {
      guard case .lease(let found) = record else { return false }
      return found == lease || found == tentative
    }
  }

  private func run(
    _ hunt: inout Hunt, under host: some LeaseConditions<Errno>,
    _ deadline: Deadline
  ) throws(LeasingError) -> LeaseOutcome {
    while true {
      let step = try withLockedFile(until: deadline) {
        file, header throws(LeasingError) in
        try self.step(&hunt, under: host, in: file, &header)
      }
      for port in hunt.search?.takeDropped() ?? [] { host.drop(port) }
      switch step {
      case .found(let ports): return .leased(ports)
      case .exhausted(let usage): return .exhausted(usage)
      case .ask(let holders):
        var answers: [ProcessIdentity: Bool] = [:]
        for holder in holders { answers[holder] = host.isAlive(holder) }
        hunt.search?.learn(answers)
      case .look(let ports):
        try look(&hunt, under: host, deadline)
        // It is written down as it should be.
        if hunt.isFirst, hunt.search?.hasFound == true {
          return .leased(ports)
        }
        hunt.isFirst = false
      }
    }
  }

  /// Goes on with a search under the lock, and writes down what comes of it.
  private func step(
    _ hunt: inout Hunt, under host: some LeaseConditions<Errno>,
    in file: LedgerFile,
    _ header: inout LedgerHeader
  ) throws(LeasingError) -> LeaseSearch.Step {
    // The first search begins anywhere, lest the ledgers of several users go
    // through the same ports side by side.
    var search =
      hunt.search
      ?? LeaseSearch(
        hunt.request,
        from: header.cursor == 0
          ? hunt.request.pool.randomPort() : header.cursor)
    defer { hunt.search = search }
    while true {
      try clear(search.dropped, of: hunt, in: file)
      let step = try search.next(isAlive: host.isAlive) {
        port throws(LeasingError) in try self.record(of: port, in: file)
      }
      try clear(search.dropped, of: hunt, in: file)
      switch step {
      case .ask, .exhausted: return step
      case .look(let ports):
        if search.isDoubtful(ports[0]) { hunt.isFirst = false }
        let lease =
          hunt.isFirst ? hunt.lease : try hunt.makeTentative(under: host)
        let marked = ports.filter { !search.isDoubtful($0) }
        header.cursor = ports[ports.count - 1]
        let header = header
        try store.step { () throws(Errno) in
          try Self.write(lease, for: marked, header, to: file)
        }
        return step
      case .found(let ports):
        if let lost = try firstLost(of: ports, search, hunt, in: file) {
          search.lose(lost)
          continue
        }
        let (lease, header) = (hunt.lease, header)
        try store.step { () throws(Errno) in
          try Self.write(lease, for: ports, header, to: file)
        }
        return step
      }
    }
  }

  /// The first of the ports that were found good whose record is not what this
  /// search has written: somebody may have put another file in this one's place.
  private func firstLost(
    of ports: [UInt16], _ search: LeaseSearch, _ hunt: Hunt, in file: LedgerFile
  ) throws(LeasingError) -> UInt16? {
    for port in ports {
      let expected: LedgerRecord? =
        search.isDoubtful(port)
        ? .damaged : hunt.tentative.map(LedgerRecord.lease)
      if try record(of: port, in: file) != expected { return port }
    }
    return nil
  }

  /// Looks at the ports that a search proposes.
  private func look(
    _ hunt: inout Hunt, under host: some LeaseConditions<Errno>,
    _ deadline: Deadline
  ) throws(LeasingError) {
    guard let ports = hunt.search?.toLookAt else { return }
    for port in ports {
      if !hunt.isFirst, deadline.hasPassed {
        throw .outOfTime(hunt.search?.usageSoFar ?? PoolUsage(ports: 0))
      }
      let status: PortStatus
      do throws(Errno) {
        if hunt.search?.isThorough == true {
          status = try host.status(of: port) ?? .inUse
        } else {
          status = try host.isFree(port) ? .free : .inUse
        }
      } catch {
        throw .probe(port, error)
      }
      if hunt.search?.note(port, status) != true { return }
    }
  }

  /// Undoes what a search has written down.
  private func withdraw(_ hunt: Hunt, _ deadline: Deadline) {
    guard let search = hunt.search, !search.proposed.isEmpty else { return }
    // The time may be over already.
    let deadline = max(deadline, Deadline(after: .milliseconds(100)))
    try? withLockedFile(until: deadline) { file, _ throws(LeasingError) in
      try self.clear(search.proposed, of: hunt, in: file)
    }
  }

  private func record(
    of port: UInt16, in file: LedgerFile
  ) throws(LeasingError) -> LedgerRecord {
    try store.step { () throws(Errno) in try file.record(of: port) }
  }

  /// Clears the records of ports, as far as they are what this search has written.
  private func clear(
    _ ports: some Sequence<UInt16>, of hunt: Hunt, in file: LedgerFile
  ) throws(LeasingError) {
    try store.step { () throws(Errno) in
      try file.update(ports) { _, record in hunt.wrote(record) ? .zero : nil }
    }
  }

  /// Gives ports back.
  ///
  /// Those that the holder does not have are left alone.
  ///
  /// - Parameters:
  ///   - ports: The ports.
  ///   - holder: Who has them.
  ///   - deadline: How long to wait for the lock.
  /// - Throws: Why the ledger cannot be used.
  package func release(
    _ ports: [UInt16], of holder: ProcessIdentity, deadline: Deadline
  ) throws(LeasingError) {
    try withLockedFile(until: deadline) { file, _ throws(LeasingError) in
      try self.store.step { () throws(Errno) in
        for port in ports {
          guard case .lease(let lease) = try file.record(of: port),
            lease.holder == holder
          else { continue }
          try file.write(nil, for: port)
        }
      }
    }
  }

  /// What the ledger has.
  package struct Contents: Sendable {
    /// The leases of living processes, by port.
    package var leases: [(port: UInt16, lease: Lease)] = []
    /// Ports whose records are damaged.
    package var damaged: [UInt16] = []
  }

  /// Reads all of it.
  ///
  /// - Parameters:
  ///   - isAlive: Whether a holder lives.
  ///   - deadline: How long to wait for the lock.
  /// - Returns: What it has.
  /// - Throws: Why the ledger cannot be used.
  package func contents(
    isAlive: (ProcessIdentity) -> Bool, deadline: Deadline
  ) throws(LeasingError) -> Contents {
    var contents = try withLockedFile(until: deadline) {
      file, _ throws(LeasingError) in
      try self.store.step { () throws(Errno) in
        var contents = Contents()
        for port in 1...UInt16.max {
          switch try file.record(of: port) {
          case .vacant: break
          case .lease(let lease) where lease.isTentative: break
          case .lease(let lease): contents.leases.append((port, lease))
          case .damaged: contents.damaged.append(port)
          }
        }
        return contents
      }
    }
    // Others need not wait while processes are looked at.
    var holders: [ProcessIdentity: Bool] = [:]
    contents.leases.removeAll { _, lease in
      let lives = holders[lease.holder] ?? isAlive(lease.holder)
      holders[lease.holder] = lives
      return !lives
    }
    return contents
  }

  /// Writes all leases and the header, or nothing: where one cannot be written,
  /// those before it are taken back.
  private static func write(
    _ lease: Lease, for ports: [UInt16], _ header: LedgerHeader,
    to file: LedgerFile
  ) throws(Errno) {
    do throws(Errno) {
      try file.update(ports) { port, _ in file.words(of: lease, for: port) }
      try file.write(header)
    } catch {
      try? file.update(ports) { _, record in
        record == .lease(lease) ? .zero : nil
      }
      throw error
    }
  }

  /// Calls `body` with the file locked and its header read.
  private func withLockedFile<Result>(
    until deadline: Deadline,
    _ body: (LedgerFile, inout LedgerHeader) throws(LeasingError) -> Result
  ) throws(LeasingError) -> Result {
    // Somebody may replace the file between its opening and its locking, but
    // hardly again and again.
    for _ in 0..<100 {
      let pid = currentPID()
      let file =
        if let kept = takeFile(openedBy: pid) {
          kept
        } else {
          // A new one is made once in a namespace's life: time to clear up.
          try store.open { store.removeAbandonedLedgers() }
        }
      guard
        try store.step({ () throws(Errno) in try file.lock(until: deadline) })
      else { throw store.locked }
      var isOurs = false
      defer {
        file.unlock()
        if isOurs { keep(file, openedBy: pid) }
      }
      if var header = try store.verify(file) {
        isOurs = true
        file.isVerified = true
        return try body(file, &header)
      }
    }
    throw store.problem(.unstable)
  }

  // To open a file costs less than to wait for those who look for an open one.

  private func takeFile(openedBy pid: Int32) -> LedgerFile? {
    files.withLockIfAvailable { files in
      files.removeAll { $0.pid != pid }
      return files.popLast()?.file
    } ?? nil
  }

  private func keep(_ file: LedgerFile, openedBy pid: Int32) {
    _ = files.withLockIfAvailable { files in
      if files.count < Self.keptFiles { files.append((file, pid)) }
    }
  }
}
