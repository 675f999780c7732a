import HostSystem
import PortLeasing
import SystemPackage

/// Where a ledger is, and how its file is opened, made, and put right.
struct LedgerStore: Sendable {
  let location: LedgerLocation
  let context: LedgerContext
  /// Whether a file that the user named and that never was a ledger is an error,
  /// and not set aside.
  private let sparesForeignFiles: Bool
  private let warn: @Sendable (LedgerWarning) -> Void

  init(
    at location: LedgerLocation, context: LedgerContext,
    sparingForeignFiles: Bool = false,
    warn: @escaping @Sendable (LedgerWarning) -> Void
  ) {
    self.location = location
    self.context = context
    sparesForeignFiles = sparingForeignFiles && !location.isPrivate
    self.warn = warn
  }

  /// Opens the file, or makes it.
  ///
  /// - Parameter wasMade: Called where it was not there.
  /// - Returns: The file, which is not locked.
  /// - Throws: Why it can be neither opened nor made.
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

  /// Removes the file if nobody has it locked and nobody alive has a lease in
  /// it.
  ///
  /// What is no whole ledger of this machine's namespaces is left alone.
  func removeIfStale() {
    guard
      let file = try? LedgerFile(
        File(openingExisting: location.path), boot: context.boot),
      (try? file.lock(until: Deadline(after: .zero))) == true,
      let words = try? file.headerWords(), let header = LedgerHeader(words),
      header.context == context || header.context.boot != context.boot,
      let status = try? Stat(location.path, followTargetSymlink: false),
      status.deviceID == file.device, status.inode == file.inode
    else { return }
    if header.context.boot == context.boot, mayBeNeeded(file) { return }
    // A server that opens it in this moment finds, once it has the lock, that
    // the path names it no longer.
    try? removeFile(location.path)
  }

  /// Removes the ledgers beside this one that no process can need any more, because
  /// their pid namespace is gone, or nobody alive in this one has a port in them.
  ///
  /// What cannot be told stays.
  func removeAbandonedLedgers() {
    guard let directory = location.privateDirectory,
      let names = try? fileNames(in: directory)
    else { return }
    let own = FilePath(location.path).lastComponent?.string
    // The rest is for the next time.
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
      let status = try? Stat(path, followTargetSymlink: false),
      status.deviceID == file.device, status.inode == file.inode
    else { return }
    // While it is locked, nobody can write a lease into it.
    if namespace == context.process {
      guard let words = try? file.headerWords(),
        let header = LedgerHeader(words), header.context.boot == context.boot,
        header.context.time == context.time, !mayBeNeeded(file)
      else { return }
    } else {
      guard let used = Namespace.processNamespacesInUse(),
        !used.contains(namespace)
      else { return }
    }
    try? removeFile(path)
  }

  /// Whether a ledger has leases of living processes, or records that may be
  /// some.
  func mayBeNeeded(_ file: LedgerFile) -> Bool {
    for port in 1...UInt16.max {
      switch try? file.record(of: port) {
      case .vacant: break
      case .lease(let lease): if lease.holder.isAlive { return true }
      case .damaged, nil: return true
      }
    }
    return false
  }

  /// Looks whether a locked file is the ledger, and mends it.
  ///
  /// - Returns: The header, or `nil` where the path names another file by now,
  ///   which is to be opened.
  func verify(_ file: LedgerFile) throws(LeasingError) -> LedgerHeader? {
    let status: Stat
    do {
      status = try Stat(location.path, followTargetSymlink: false)
    } catch {
      guard error == .noSuchFileOrDirectory else {
        throw problem(.system(error))
      }
      // Somebody removed it. What we still have of it goes into the next one.
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
    return try mend(file, of: Int(status.size))
  }

  /// Puts right what is wrong with a locked file's content.
  ///
  /// - Returns: The header, or `nil` where the file was set aside.
  private func mend(
    _ file: LedgerFile, of size: Int
  ) throws(LeasingError) -> LedgerHeader? {
    if size == 0 {
      // A file that the user has made for us is empty, too; one that we know,
      // or that is in our own place, was not.
      if file.isVerified || location.isPrivate {
        warn(.truncated(path: location.path))
      }
      return try begin(file)
    }
    let words = try step { () throws(Errno) in try file.headerWords() }
    guard let header = LedgerHeader(words) else {
      if sparesForeignFiles, !LedgerFormat.isRemnant(words[0], size: size) {
        throw problem(.notALedger)
      }
      try setAside(file)
      return nil
    }
    // Nobody who held a port then is alive now.
    if header.context.boot != context.boot { return try begin(file) }
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

  private func begin(_ file: LedgerFile) throws(LeasingError) -> LedgerHeader {
    let header = newHeader
    try step { () throws(Errno) in try file.begin(header) }
    return header
  }

  /// Renames a file that is no ledger of ours and puts a new ledger in its
  /// place, with the leases that can still be read.
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
      // Whoever opens the path finds one file or the other.
      try exchangeFiles(newPath, location.path)
    }
    warn(.setAside(path: location.path, newPath: newPath, leases: leases))
  }

  /// Makes a ledger and lets `place` give it its name, so that nobody ever
  /// opens half of one.
  ///
  /// - Parameters:
  ///   - fill: Writes what it is to have from the beginning.
  ///   - place: Renames the file; that its new name is taken by somebody who
  ///     was faster is no error.
  /// - Returns: The file.
  /// - Throws: Why the file cannot be made.
  @discardableResult
  func makeFile(
    filling fill: (LedgerFile) throws(Errno) -> Void = { _ in },
    place: (String) throws(Errno) -> Void
  ) throws(LeasingError) -> LedgerFile {
    try location.restoreDirectory()
    let temporary = "\(location.path).new-\(currentThreadID())"
    return try step { () throws(Errno) in
      // One that a thread with our number left when it was killed.
      try removeFile(temporary)
      let file = try LedgerFile(File(creating: temporary), boot: context.boot)
      do throws(Errno) {
        try file.begin(newHeader)
        try fill(file)
        try place(temporary)
      } catch {
        try? removeFile(temporary)
        if error != .fileExists { throw error }
      }
      return file
    }
  }

  /// Says which ledger a system's error is about.
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

  /// What is wrong where another process has the file locked.
  var locked: LeasingError {
    problem(.locked(by: (try? Stat(location.path)).flatMap(lockHolder)))
  }
}
