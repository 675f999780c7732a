import HostSystem
package import PortLeasing
import SystemPackage

/// The file in which a port server writes its leases down, so that they outlive
/// it.
///
/// It has the format of every ``Ledger``, but its lock is held for life: a second
/// server cannot have the same leases. What stands in it is read once, at the
/// start; from then on the server knows better.
package final class ServerLedger {
  private let store: LedgerStore
  private var file: LedgerFile
  private var image: LedgerImage
  /// The page that is looked after next.
  private var nextPage = 0

  /// How many pages are looked after at a time.
  private static let pageBatch = 64

  /// What a ledger had when it was opened.
  package struct Contents: Sendable {
    /// The leases by port; their holders may have ended.
    package var leases: [(port: UInt16, lease: Lease)] = []
    /// Ports whose records are damaged: they may have been leased.
    package var damaged: [UInt16] = []
  }

  /// Opens a ledger, or begins one, and locks it.
  ///
  /// - Parameters:
  ///   - location: Where it is.
  ///   - context: What gives its content its meaning.
  ///   - warn: Told of what was put right.
  /// - Throws: Why it cannot be used: `locked` where another server has it.
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
  }

  package var path: String { store.location.path }

  /// What the ledger has on a pool's ports.
  package func contents(of pool: PortPool) -> Contents {
    var contents = Contents()
    for range in pool.ranges {
      for port in range {
        switch file.record(image[port], of: port) {
        case .vacant: break
        case .lease(let lease): contents.leases.append((port, lease))
        case .damaged: contents.damaged.append(port)
        }
      }
    }
    return contents
  }

  /// Writes down the lease of ports; `nil` for none.
  ///
  /// It survives a `SIGKILL` from the moment this returns.
  ///
  /// - Throws: What writing says; some of the leases may be written down then.
  package func write(
    _ lease: Lease?, for ports: [UInt16]
  ) throws(LeasingError) {
    for port in ports { image[port] = file.words(of: lease, for: port) }
    try store.step { () throws(Errno) in try image.write(ports, to: file) }
  }

  /// What looking after a ledger has come to.
  package enum Repair {
    /// All that was looked at is as it should be.
    case intact
    /// Some records were put right, which others had changed.
    case repaired
    /// The file was made anew, for others had removed, replaced or cut it.
    case recreated
  }

  /// Puts right what others have done to the file.
  ///
  /// What stood in it is known: also leases of ports that are not in the pool any
  /// more, and which records were damaged. Of the records, some are looked at each
  /// time; all of them after eight times.
  ///
  /// - Throws: Why it cannot be put right. The server has its leases all the same,
  ///   until it ends.
  package func repair() throws(LeasingError) -> Repair {
    if !isInPlace {
      try makeAnew()
      return .recreated
    }
    var wasMended = false
    for _ in 0..<Self.pageBatch {
      do throws(Errno) {
        if try image.mend(page: nextPage, of: file) { wasMended = true }
      } catch {
        throw store.problem(.system(error))
      }
      nextPage = (nextPage + 1) % LedgerImage.pageCount
    }
    return wasMended ? .repaired : .intact
  }

  private func makeAnew() throws(LeasingError) {
    // Another server may have begun one of its own there.
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
    } place: { temporary throws(Errno) in
      try replaceFile(path, with: temporary)
    }
  }

  /// Removes the ledger of a server that ends, unless somebody alive has a port,
  /// in its pool or in that of a server before it.
  package func removeIfUnused() {
    if isInPlace, !store.mayBeNeeded(file) { try? removeFile(path) }
  }

  /// Removes the ledgers beside this one that servers have left behind when they
  /// were killed, and in which nobody alive has a port any more.
  ///
  /// Only where servers have one place for their ledgers; in a directory that
  /// somebody named are other people's files.
  package func removeStaleLedgers() {
    guard let directory = store.location.privateDirectory,
      let names = try? fileNames(in: directory)
    else { return }
    let own = FilePath(path).lastComponent?.string
    // The rest is for the next server.
    for name in names.filter({ $0.hasPrefix("server-") && $0 != own }).prefix(
      50)
    {
      let other = LedgerStore(
        at: LedgerLocation(of: "\(directory)/\(name)", besides: store.location),
        context: store.context, warn: { _ in })
      other.removeIfStale()
    }
  }

  /// Whether the path names the open file, whole.
  private var isInPlace: Bool {
    guard let status = try? Stat(path, followTargetSymlink: false) else {
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
      // A server that was killed in this moment has it until it is gone.
      let deadline = Deadline(after: .milliseconds(500))
      guard
        try store.step({ () throws(Errno) in try file.lock(until: deadline) })
      else { throw store.locked }
      if try store.verify(file) != nil { return file }
    }
    throw store.problem(.unstable)
  }
}
