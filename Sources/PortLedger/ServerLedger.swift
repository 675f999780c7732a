import HostSystem
package import PortLeasing
import SystemPackage

/// The file that records the leases of a port server, so that they outlive it.
///
/// It has the format of a ``Ledger``, but the server holds its lock until it exits, so
/// that no other server has the same leases. The file is read once, at the start. From
/// then on, the server's memory is authoritative.
package final class ServerLedger {
  private let store: LedgerStore
  private var file: LedgerFile
  private var image: LedgerImage
  /// How many times a server has taken over leases of an earlier one from this
  /// ledger.
  package private(set) var restarts: UInt64
  /// The page that the next repair starts with.
  private var nextPage = 0

  /// How many pages a repair checks.
  private static let pageBatch = 64

  /// The content of a ledger when it was opened.
  package struct Contents: Sendable {
    /// The leases, by port.
    ///
    /// Their holders may have ended.
    package var leases: [(port: UInt16, lease: Lease)] = []
    /// Ports whose records are damaged.
    ///
    /// They may have been leased.
    package var damaged: [UInt16] = []
  }

  /// Opens a ledger, or creates it, and locks it.
  ///
  /// - Parameters:
  ///   - location: Where it is.
  ///   - context: The boot and the namespaces that its content belongs to.
  ///   - warn: Called with every repair.
  /// - Throws: Why it cannot be used; `locked` if another server uses it.
  package init(
    at location: LedgerLocation, context: LedgerContext,
    warn: @escaping @Sendable (LedgerWarning) -> Void
  ) throws(LeasingError) {
    store = LedgerStore(at: location, context: context, warn: warn)
    if let unusable = location.unusable {
      warn(.elsewhere(path: location.path, unusable: unusable))
    }
    let file = try Self.openLocked(store)
    self.file = file
    image = try store.step { () throws(Errno) in try LedgerImage(of: file) }
    restarts = try store.step { () throws(Errno) in try file.restarts() }
  }

  package var path: String { store.location.path }

  /// The content for the ports of a pool.
  package func contents(of pool: PortPool) -> Contents {
    var contents = Contents()
    for range in pool.ranges {
      for port in range {
        switch file.record(image[port], of: port) {
        case .vacant: break
        case .lease(let lease): contents.leases.append((port, lease))
        // A server's ledger has no claims.
        case .damaged, .claimed: contents.damaged.append(port)
        }
      }
    }
    return contents
  }

  /// Records that this server has taken over leases of an earlier one.
  ///
  /// - Throws: Why it cannot be written.
  package func countRestart() throws(LeasingError) {
    restarts &+= 1
    try store.step { () throws(Errno) in try file.write(restarts: restarts) }
  }

  /// Records the lease of ports; `nil` for none.
  ///
  /// When this returns, the record survives a `SIGKILL`.
  ///
  /// - Throws: Why it cannot be written; some of the ports may be recorded then.
  package func write(
    _ lease: Lease?, for ports: [UInt16]
  ) throws(LeasingError) {
    for port in ports { image[port] = file.words(of: lease, for: port) }
    try store.step { () throws(Errno) in try image.write(ports, to: file) }
  }

  /// The result of ``repair()``.
  package enum Repair {
    /// Nothing was wrong.
    case intact
    /// Records that others had changed were repaired.
    case repaired
    /// The file was created again, because it was removed, replaced or truncated.
    case recreated
  }

  /// Repairs what others have done to the file.
  ///
  /// That includes leases of ports that are no longer in the pool, and marks of damage.
  /// Each call checks 64 pages; nine calls check all of them.
  ///
  /// - Throws: Why the file cannot be repaired. The server keeps its leases in memory.
  package func repair() throws(LeasingError) -> Repair {
    if !isInPlace {
      try recreate()
      return .recreated
    }
    var wasRepaired = false
    for _ in 0..<Self.pageBatch {
      do throws(Errno) {
        if try image.repair(page: nextPage, of: file) { wasRepaired = true }
      } catch {
        throw store.problem(.system(error))
      }
      nextPage = (nextPage + 1) % LedgerImage.pageCount
    }
    return wasRepaired ? .repaired : .intact
  }

  private func recreate() throws(LeasingError) {
    // Another server may have created its own ledger there.
    if let other = try? LedgerFile(File(openingExisting: path), boot: 0),
      other.inode != file.inode || other.device != file.device,
      (try? other.lock(until: Deadline(after: .zero))) == false
    {
      throw store.locked
    }
    let path = path
    file = try store.makeFile { new throws(Errno) in
      guard try new.lock(until: Deadline(after: .zero)) else {
        throw .wouldBlock
      }
      try image.write(to: new)
      try new.write(restarts: restarts)
    } place: { temporary throws(Errno) in
      try replaceFile(path, with: temporary)
    }
  }

  /// Removes the ledger of a server that ends, unless a live process has a port in it,
  /// from this server or an earlier one.
  package func removeIfUnused() {
    if isInPlace, !store.mayBeNeeded(file) { try? removeFile(path) }
  }

  /// Removes the ledgers of killed servers in which no live process has a port.
  ///
  /// This applies to the default directory only: a named directory may contain other
  /// files.
  package func removeStaleLedgers() {
    guard let directory = store.location.privateDirectory,
      let names = try? fileNames(in: directory)
    else { return }
    let own = FilePath(path).lastComponent?.string
    // The next server removes the rest.
    for name in names.filter({ $0.hasPrefix("server-") && $0 != own }).prefix(
      50)
    {
      let other = LedgerStore(
        at: LedgerLocation(of: "\(directory)/\(name)", besides: store.location),
        context: store.context, warn: { _ in })
      other.removeIfStale()
    }
  }

  /// Whether the path names the open file, and the file is complete.
  private var isInPlace: Bool {
    guard let status = try? Stat(ofLink: path) else {
      return false
    }
    return status.deviceID == file.device && status.inode == file.inode
      && Int(status.size) == LedgerFormat.fileSize
  }

  private static func openLocked(
    _ store: LedgerStore
  ) throws(LeasingError) -> LedgerFile {
    for _ in 0..<100 {
      let file = try store.open()
      // A server that is being killed holds the lock until it is gone.
      let deadline = Deadline(after: .milliseconds(500))
      guard
        try store.step({ () throws(Errno) in try file.lock(until: deadline) })
      else { throw store.locked }
      if try store.verify(file) != nil { return file }
    }
    throw store.problem(.unstable)
  }
}
