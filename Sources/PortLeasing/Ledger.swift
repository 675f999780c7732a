package import HostSystem
import Synchronization
import SystemPackage

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
  private let files = Mutex<[(file: LedgerFile, pid: Int32)]>([])

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
  }

  package var location: LedgerLocation { store.location }

  /// Leases ports.
  ///
  /// One port is chosen and written down under the lock, and then probed without
  /// it, so that others need not wait for that. Only where it is in use after all,
  /// and where several are asked for, ports are probed under the lock.
  ///
  /// - Parameters:
  ///   - request: What is asked for.
  ///   - conditions: What has to be known of the host.
  ///   - now: The time, in nanoseconds since boot.
  ///   - deadline: How long to wait for the lock.
  /// - Returns: The ports, which are written down by now, or that there are
  ///   not enough.
  /// - Throws: Why the ledger cannot be used, or a port not be probed.
  package func lease(
    _ request: LeaseRequest, under conditions: some LeaseConditions,
    now: UInt64, deadline: Deadline
  ) throws(LeasingError) -> LeaseOutcome {
    let lease = Lease(
      holder: request.holder, user: request.user, leasedAt: now)
    func search(
      under conditions: some LeaseConditions, clearing port: UInt16? = nil
    ) throws(LeasingError) -> LeaseOutcome {
      try withLockedFile(until: deadline) { file, header throws(LeasingError) in
        if let port { try self.clear(lease, of: port, in: file) }
        return try self.write(
          lease, LeaseSearch(request, under: conditions), to: file, &header)
      }
    }
    // Of several, those that come to nothing must not make the pool look exhausted
    // to others.
    if request.count > 1 { return try search(under: conditions) }
    let outcome = try search(under: UnprobedPorts(conditions))
    switch outcome {
    case .exhausted(let usage):
      // All of them are leased, or the records of some are damaged.
      return usage.available == 0 ? outcome : try search(under: conditions)
    case .leased(let ports):
      do throws(LeasingError) {
        if try isFree(ports[0], under: conditions) { return outcome }
        return try search(under: conditions, clearing: ports[0])
      } catch {
        withdraw(lease, of: ports[0], deadline)
        throw error
      }
    }
  }

  private func isFree(
    _ port: UInt16, under conditions: some LeaseConditions
  ) throws(LeasingError) -> Bool {
    do {
      return try conditions.isFree(port)
    } catch {
      throw .probe(port, error)
    }
  }

  /// Takes back the lease of a port that is in use, or cannot be probed.
  private func withdraw(
    _ lease: Lease, of port: UInt16, _ deadline: Deadline
  ) {
    // The time may be over already.
    let deadline = max(deadline, Deadline(after: .milliseconds(100)))
    try? withLockedFile(until: deadline) { file, _ throws(LeasingError) in
      try self.clear(lease, of: port, in: file)
    }
  }

  /// Looks for ports and writes their leases down.
  private func write(
    _ lease: Lease, _ search: LeaseSearch<some LeaseConditions>,
    to file: LedgerFile, _ header: inout LedgerHeader
  ) throws(LeasingError) -> LeaseOutcome {
    // The first search begins anywhere, lest the ledgers of several users
    // go through the same ports side by side.
    let cursor =
      header.cursor == 0 ? search.request.pool.randomPort() : header.cursor
    var search = search
    let outcome = try search.run(from: cursor) { port throws(LeasingError) in
      try self.store.step { () throws(Errno) in try file.record(of: port) }
    }
    if case .leased(let ports) = outcome {
      header.cursor = ports[ports.count - 1]
      let header = header
      try store.step { () throws(Errno) in
        try Self.write(lease, for: ports, header, to: file)
      }
    }
    return outcome
  }

  /// Clears the record of a port, if it is of this very lease.
  private func clear(
    _ lease: Lease, of port: UInt16, in file: LedgerFile
  ) throws(LeasingError) {
    try store.step { () throws(Errno) in
      if case .lease(lease) = try file.record(of: port) {
        try file.write(nil, for: port)
      }
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
  package func giveBack(
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

  /// Gives ports back, whoever has them.
  ///
  /// - Parameters:
  ///   - ports: The ports.
  ///   - isAlive: Whether a holder lives.
  ///   - deadline: How long to wait for the lock.
  /// - Returns: Those that a living process had.
  /// - Throws: Why the ledger cannot be used.
  package func giveBack(
    _ ports: [UInt16], isAlive: (ProcessIdentity) -> Bool, deadline: Deadline
  ) throws(LeasingError) -> [UInt16] {
    try withLockedFile(until: deadline) { file, _ throws(LeasingError) in
      try self.store.step { () throws(Errno) in
        var leased: [UInt16] = []
        for port in ports {
          guard case .lease(let lease) = try file.record(of: port),
            isAlive(lease.holder)
          else { continue }
          try file.write(nil, for: port)
          leased.append(port)
        }
        return leased
      }
    }
  }

  /// Writes all leases and the header, or nothing: where one cannot be written,
  /// those before it are taken back.
  private static func write(
    _ lease: Lease, for ports: [UInt16], _ header: LedgerHeader,
    to file: LedgerFile
  ) throws(Errno) {
    do throws(Errno) {
      for port in ports { try file.write(lease, for: port) }
      try file.write(header)
    } catch {
      for port in ports { try? file.write(nil, for: port) }
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
        if let kept = takeFile(openedBy: pid) { kept } else { try store.open() }
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
