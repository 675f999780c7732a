import HostSystem
import PortLeasing
import SystemPackage

/// Opens, creates, and repairs the file of a ledger.
final class LedgerStore: Sendable {
  let location: LedgerLocation
  let context: LedgerContext
  private let claims: ClaimSource
  private let warn: @Sendable (LedgerWarning) -> Void

  init(
    at location: LedgerLocation, context: LedgerContext,
    claims: @escaping ClaimSource = { () throws(ClaimsError) in nil },
    warn: @escaping @Sendable (LedgerWarning) -> Void
  ) {
    self.location = location
    self.context = context
    self.claims = claims
    self.warn = warn
  }

  /// Opens the file, or creates it.
  ///
  /// - Parameter wasMade: Called after the file was created.
  /// - Returns: The file, not locked.
  /// - Throws: Why it can be neither opened nor created.
  func open(
    wasMade: () -> Void = {}
  ) throws(LeasingError) -> LedgerFile {
    for _ in 0..<100 {
      do {
        return try LedgerFile(
          File(openingExisting: location.path), boot: context.boot)
      } catch {
        switch error {
        case .noSuchFileOrDirectory: break
        case .tooManySymbolicLinkLevels: throw problem(.symbolicLink)
        case .isDirectory, .noSuchAddressOrDevice: throw problem(.notAFile)
        default: throw problem(.system(error))
        }
      }
      try makeFile { temporary throws(Errno) in
        try renameFile(temporary, to: location.path)
      }
      wasMade()
    }
    throw problem(.unstable)
  }

  /// Removes the file if it is not locked and contains no lease of a live process.
  ///
  /// Anything but a complete ledger of these namespaces is left alone.
  func removeIfStale() {
    guard
      let file = try? LedgerFile(
        File(openingExisting: location.path), boot: context.boot),
      (try? file.lock(until: Deadline(after: .zero))) == true,
      let words = try? file.headerWords(), let header = LedgerHeader(words),
      header.context == context || header.context.boot != context.boot,
      let status = try? Stat(ofLink: location.path),
      status.deviceID == file.device, status.inode == file.inode
    else { return }
    if header.context.boot == context.boot, mayBeNeeded(file) { return }
    // A server that has just opened it notices, once it has the lock, that the path
    // no longer names it.
    try? removeFile(location.path)
  }

  /// Removes the ledgers in the same directory that no process needs: their pid
  /// namespace no longer exists, or no live process has a port in them.
  ///
  /// If that is not certain, a ledger stays.
  func removeAbandonedLedgers() {
    guard let directory = location.privateDirectory,
      let names = try? fileNames(in: directory)
    else { return }
    let own = FilePath(location.path).lastComponent?.string
    // The next call removes the rest.
    for name in names.filter({ $0 != own }).prefix(200) {
      guard let namespace = LedgerLocation.processNamespace(inName: name) else {
        continue
      }
      removeIfAbandoned("\(directory)/\(name)", of: namespace)
    }
  }

  private func removeIfAbandoned(_ path: String, of namespace: Namespace) {
    guard
      let file = try? LedgerFile(
        File(openingExisting: path), boot: context.boot),
      (try? file.lock(until: Deadline(after: .zero))) == true,
      let status = try? Stat(ofLink: path),
      status.deviceID == file.device, status.inode == file.inode
    else { return }
    // Nobody can write a lease while the file is locked.
    if namespace == context.process {
      guard let words = try? file.headerWords(),
        let header = LedgerHeader(words), header.context.boot == context.boot,
        header.context.time == context.time, !mayBeNeeded(file)
      else { return }
    } else {
      guard let used = Namespace.pidNamespacesInUse(),
        !used.contains(namespace)
      else { return }
    }
    try? removeFile(path)
  }

  /// Whether a ledger contains leases of live processes, or damaged records, which
  /// may be such leases.
  func mayBeNeeded(_ file: LedgerFile) -> Bool {
    guard let ports = try? file.occupiedPorts() else { return true }
    for port in ports {
      switch try? file.record(of: port) {
      // Claims are in their own file, from which a new ledger has them.
      case .vacant, .claimed: break
      case .lease(let lease): if lease.holder.isAlive { return true }
      case .damaged, nil: return true
      }
    }
    return false
  }

  /// Checks that a locked file is the ledger, and repairs it.
  ///
  /// - Returns: The header, or `nil` if the path now names another file, which must
  ///   be opened instead.
  func verify(_ file: LedgerFile) throws(LeasingError) -> LedgerHeader? {
    let status: Stat
    do {
      status = try Stat(ofLink: location.path)
    } catch {
      guard error == .noSuchFileOrDirectory else {
        throw problem(.system(error))
      }
      // It was removed. Its leases are copied to a new one.
      try makeFile { new throws(Errno) in
        _ = try file.copyLeases(to: new)
      } place: { temporary throws(Errno) in
        try renameFile(temporary, to: location.path)
      }
      return nil
    }
    guard status.deviceID == file.device, status.inode == file.inode else {
      return nil
    }
    guard status.type == .regular else { throw problem(.notAFile) }
    guard status.linkCount == 1 else { throw problem(.hardLinks) }
    return try repair(file, of: Int(status.size))
  }

  /// Repairs the content of a locked file.
  ///
  /// - Returns: The header, or `nil` if the file was set aside.
  private func repair(
    _ file: LedgerFile, of size: Int
  ) throws(LeasingError) -> LedgerHeader? {
    if size == 0 {
      // An empty file may be one that the user has just created. One that was known as
      // a ledger, or is in the default location, was truncated.
      if file.isVerified || location.isPrivate {
        warn(.truncated(path: location.path))
      }
      return try begin(file)
    }
    let words = try step { () throws(Errno) in try file.headerWords() }
    guard let header = LedgerHeader(words) else {
      // It may be any file: the user may have mistyped the path.
      if location.isNamedByUser,
        !LedgerFormat.isRemnant(words[0], size: size)
      {
        throw problem(.notALedger)
      }
      try setAside(file)
      return nil
    }
    // No holder of an earlier boot is alive.
    if header.context.boot != context.boot {
      return try begin(file, after: header.context.boot)
    }
    guard header.context == context else { throw problem(.otherNamespace) }
    if size < LedgerFormat.fileSize {
      try step { () throws(Errno) in try file.fillWithDamage(from: size) }
      warn(.truncated(path: location.path))
    } else if size > LedgerFormat.fileSize {
      try step { () throws(Errno) in try file.resize() }
      warn(.overlong(path: location.path))
    }
    return header
  }

  private var newHeader: LedgerHeader {
    LedgerHeader(context: context, cursor: 0)
  }

  /// Starts a ledger in a locked file.
  ///
  /// - Parameters:
  ///   - file: The file.
  ///   - boot: The boot that its content belongs to, if that is known.
  /// - Returns: The header.
  /// - Throws: Why it cannot be written.
  private func begin(
    _ file: LedgerFile, after boot: UInt64? = nil
  ) throws(LeasingError) -> LedgerHeader {
    let header = newHeader
    let known = claimedPorts()
    try step { () throws(Errno) in
      // Other claims files are not known here, only their ports.
      var claims = try boot.map(file.claims) ?? [:]
      if let known {
        claims = claims.filter { $0.value.file != known.mark.file }
        for range in known.ports.ranges {
          for port in range { claims[port] = known.mark }
        }
      }
      try file.begin(header, with: claims)
    }
    return header
  }

  /// The ports of the claims file; if it cannot be read, a warning says so.
  private func claimedPorts() -> ClaimedPorts? {
    do throws(ClaimsError) {
      return try claims()
    } catch {
      warn(.claimsNotImported("\(error)"))
      return nil
    }
  }

  /// Renames a damaged file, and replaces it with a new ledger that contains the
  /// leases that can be read.
  private func setAside(_ file: LedgerFile) throws(LeasingError) {
    var newPath = ""
    var leases = 0
    try makeFile { new throws(Errno) in
      leases = try file.copyLeases(to: new)
    } place: { temporary throws(Errno) in
      for number in 1... {
        newPath = "\(location.path).set-aside-\(number)"
        do throws(Errno) {
          try renameFile(temporary, to: newPath)
          break
        } catch {
          guard error == .fileExists else { throw error }
          if number == 1000 { throw .noSpace }
        }
      }
      // The path always names one file or the other.
      try exchangeFiles(newPath, location.path)
    }
    warn(.setAside(path: location.path, newPath: newPath, leases: leases))
  }

  /// Creates a complete ledger under a temporary name, which `place` changes, so that
  /// nobody opens an incomplete one.
  ///
  /// - Parameters:
  ///   - fill: Writes its initial records.
  ///   - place: Renames the file. `Errno.fileExists` is ignored: another process was
  ///     faster.
  /// - Returns: The file.
  /// - Throws: Why the file cannot be created.
  @discardableResult
  func makeFile(
    filling fill: (LedgerFile) throws(Errno) -> Void = { _ in },
    place: (String) throws(Errno) -> Void
  ) throws(LeasingError) -> LedgerFile {
    try location.restoreDirectory()
    let temporary = "\(location.path).new-\(currentThreadID())"
    let claims = claimedPorts()
    return try step { () throws(Errno) in
      removeLeftovers(besides: currentThreadID())
      // A killed thread with the same number may have left one.
      try removeFile(temporary)
      let file = try LedgerFile(File(creating: temporary), boot: context.boot)
      do throws(Errno) {
        try file.begin(newHeader)
        try fill(file)
        if let claims { _ = try file.mirror(claims) }
        try place(temporary)
      } catch {
        try? removeFile(temporary)
        if error != .fileExists { throw error }
      }
      return file
    }
  }

  /// Removes temporary files of threads that do not exist any more: they were killed.
  private func removeLeftovers(besides own: Int32) {
    let path = FilePath(location.path)
    guard let name = path.lastComponent?.string,
      let names = try? fileNames(in: path.removingLastComponent().string),
      (try? Stat(ofLink: "/proc/self")) != nil
    else { return }
    let prefix = "\(name).new-"
    for other in names where other.hasPrefix(prefix) {
      guard let thread = Int32(other.dropFirst(prefix.count)), thread != own,
        (try? Stat(ofLink: "/proc/\(thread)")) == nil
      else { continue }
      try? removeFile("\(location.path).new-\(thread)")
    }
  }

  /// Converts a system error to an error of this ledger.
  func step<Result: ~Copyable>(
    _ body: () throws(Errno) -> Result
  ) throws(LeasingError) -> Result {
    do {
      return try body()
    } catch {
      throw problem(.system(error))
    }
  }

  func problem(_ problem: LedgerProblem) -> LeasingError {
    .ledger(problem, path: location.path)
  }

  /// The error for a file that another process has locked.
  var locked: LeasingError {
    problem(.locked(by: (try? Stat(location.path)).flatMap(lockHolder)))
  }
}
