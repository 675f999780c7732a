package import HostSystem
package import PortLeasing
import Synchronization
import SystemPackage

/// The file that records leases, so that independent processes share one pool.
///
/// Every call takes the file's lock and releases it. If a process is killed inside a
/// call, the next call can use the ledger. Damaged parts are rebuilt, with a warning.
///
/// One value serves all threads of a process.
package final class Ledger: Sendable {
  let store: LedgerStore
  /// Open files that no call is using.
  ///
  /// Each concurrent call has its own, because the lock belongs to an open
  /// file, and so separates threads like processes. A call that finds none opens one.
  private let files = InlineArray<4, Atomic<Unmanaged<LedgerFile>?>> { _ in
    Atomic(nil)
  }

  /// A ledger that is opened, or created, when it is first used.
  ///
  /// - Parameters:
  ///   - location: Where it is.
  ///   - context: The boot and the namespaces that its content belongs to.
  ///   - claims: The claims that a new ledger begins with.
  ///   - warn: Called with every repair.
  package init(
    at location: LedgerLocation, context: LedgerContext,
    claims: @escaping ClaimSource = { () throws(ClaimsError) in nil },
    warn: @escaping @Sendable (LedgerWarning) -> Void
  ) {
    store = LedgerStore(
      at: location, context: context, claims: claims, warn: warn)
    if let unusable = location.unusable {
      warn(.elsewhere(path: location.path, unusable: unusable))
    }
  }

  deinit {
    while takeFile() != nil {}
  }

  package var location: LedgerLocation { store.location }

  /// Releases ports.
  ///
  /// Ports that the holder does not have are ignored. The caller decides who may
  /// return whose ports: `ReturnScope` for the command, `OwnPorts` for the library.
  ///
  /// - Parameters:
  ///   - ports: The ports.
  ///   - holder: The process that has them.
  ///   - deadline: How long to wait for the lock.
  /// - Throws: `LeasingError.ledger`.
  package func release(
    _ ports: [UInt16], of holder: ProcessIdentity, deadline: Deadline
  ) throws(LeasingError) {
    try withLockedFile(until: deadline) { file, _ throws(LeasingError) in
      try store.step { () throws(Errno) in
        try file.clear(ports) { record in
          guard case .lease(let lease) = record else { return false }
          return lease.holder == holder
        }
      }
    }
  }

  /// The content of a ledger.
  package struct Contents: Sendable {
    /// The leases of live processes, by port.
    package var leases: [(port: UInt16, lease: Lease)] = []
    /// Ports that belong to names.
    package var claimed: [UInt16] = []
    /// Ports whose records are damaged.
    package var damaged: [UInt16] = []
  }

  /// Reads the whole ledger.
  ///
  /// - Parameters:
  ///   - isAlive: Whether a holder is alive.
  ///   - deadline: How long to wait for the lock.
  /// - Returns: Its content.
  /// - Throws: `LeasingError.ledger`.
  package func contents(
    isAlive: (ProcessIdentity) -> Bool, deadline: Deadline
  ) throws(LeasingError) -> Contents {
    var contents = try withLockedFile(until: deadline) {
      file, _ throws(LeasingError) in
      try store.step { () throws(Errno) in
        var contents = Contents()
        for port in try file.occupiedPorts() {
          switch try file.record(of: port) {
          case .vacant: break
          case .lease(let lease) where lease.isTentative: break
          case .lease(let lease): contents.leases.append((port, lease))
          case .claimed: contents.claimed.append(port)
          case .damaged: contents.damaged.append(port)
          }
        }
        return contents
      }
    }
    // Checking holders takes time, so the lock is not held.
    var holders: [ProcessIdentity: Bool] = [:]
    contents.leases.removeAll { _, lease in
      let lives = holders[lease.holder] ?? isAlive(lease.holder)
      holders[lease.holder] = lives
      return !lives
    }
    return contents
  }

  /// Calls `body` with the file locked and its header read.
  func withLockedFile<Result>(
    until deadline: Deadline,
    _ body: (LedgerFile, inout LedgerHeader) throws(LeasingError) -> Result
  ) throws(LeasingError) -> Result {
    // Another process may replace the file between opening and locking, but hardly
    // a hundred times.
    for _ in 0..<100 {
      let file =
        if let kept = takeFile() {
          kept
        } else {
          // A ledger is created once for a namespace: a good time to clean up.
          try store.open { store.removeAbandonedLedgers() }
        }
      guard
        try store.step({ () throws(Errno) in try file.lock(until: deadline) })
      else { throw store.locked }
      var isOurs = false
      defer {
        file.unlock()
        if isOurs { keep(file) }
      }
      if var header = try store.verify(file) {
        isOurs = true
        file.isVerified = true
        return try body(file, &header)
      }
    }
    throw store.problem(.unstable)
  }

  private func takeFile() -> LedgerFile? {
    for index in files.indices {
      if let file = files[index].exchange(nil, ordering: .acquiring)?
        .takeRetainedValue(), file.isOwn
      {
        return file
      }
    }
    return nil
  }

  private func keep(_ file: LedgerFile) {
    let kept = Unmanaged.passRetained(file)
    for index in files.indices
    where files[index].compareExchange(
      expected: nil, desired: kept, ordering: .releasing
    ).exchanged {
      return
    }
    kept.release()
  }
}
