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
  package let location: LedgerLocation
  private let context: LedgerContext
  private let warn: @Sendable (LedgerWarning) -> Void
  /// The file, kept open from call to call.
  ///
  /// A child made by fork(2) shares it with its parent, and with it the lock:
  /// both would have that at once. So a file is of use only to the process that
  /// opened it.
  private let file = Mutex<(file: LedgerFile, pid: Int32)?>(nil)

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
    self.location = location
    self.context = context
    self.warn = warn
  }

  /// Leases ports.
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
    try withLockedFile(until: deadline) { file, header throws(LeasingError) in
      // The first search begins anywhere, lest the ledgers of several users
      // go through the same ports side by side.
      let cursor =
        header.cursor == 0 ? request.pool.randomPort() : header.cursor
      var search = LeaseSearch(request, under: conditions)
      let outcome = try search.run(from: cursor) { port throws(LeasingError) in
        try self.step { () throws(Errno) in try file.record(of: port) }
      }
      if case .leased(let ports) = outcome {
        let lease = Lease(
          holder: request.holder, user: request.user, leasedAt: now)
        header.cursor = ports[ports.count - 1]
        try self.step { () throws(Errno) in
          try Self.write(lease, for: ports, header, to: file)
        }
      }
      return outcome
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
      try self.step { () throws(Errno) in
        for port in ports {
          guard case .lease(let lease) = try file.record(of: port),
            lease.holder == holder
          else { continue }
          try file.write(nil, for: port)
        }
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
}

// MARK: - Opening and mending

extension Ledger {
  /// Calls `body` with the file locked and its header read.
  private func withLockedFile<Result: Sendable>(
    until deadline: Deadline,
    _ body: (LedgerFile, inout LedgerHeader) throws(LeasingError) -> Result
  ) throws(LeasingError) -> Result {
    try file.withLock { open throws(LeasingError) in
      // Somebody may replace the file between its opening and its locking, but
      // hardly again and again.
      for _ in 0..<100 {
        let pid = currentPID()
        let file =
          if let open, open.pid == pid { open.file } else { try self.open() }
        open = (file, pid)
        guard try step({ () throws(Errno) in try file.lock(until: deadline) })
        else { throw problem(.locked(by: lockHolder())) }
        defer { file.unlock() }
        if var header = try verify(file) {
          file.isVerified = true
          return try body(file, &header)
        }
        open = nil
      }
      throw problem(.unstable)
    }
  }

  private func open() throws(LeasingError) -> LedgerFile {
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
      try makeFile(salvaging: nil) { temporary throws(Errno) in
        try renameFile(temporary, to: location.path)
      }
    }
    throw problem(.unstable)
  }

  /// Looks whether a locked file is the ledger, and mends it.
  ///
  /// - Returns: The header, or `nil` where the path names another file by now,
  ///   which is to be opened.
  private func verify(_ file: LedgerFile) throws(LeasingError) -> LedgerHeader?
  {
    let status: Stat
    do {
      status = try Stat(location.path, followTargetSymlink: false)
    } catch {
      guard error == .noSuchFileOrDirectory else {
        throw problem(.system(error))
      }
      // Somebody removed it. What we still have of it goes into the next one.
      try makeFile(salvaging: file) { temporary throws(Errno) in
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
    let leases = try makeFile(salvaging: file) { temporary throws(Errno) in
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
  ///   - old: A file whose leases, as far as they can be read, are copied.
  ///   - place: Renames the file; that its new name is taken by somebody who
  ///     was faster is no error.
  /// - Returns: How many leases were copied.
  /// - Throws: Why the file cannot be made.
  @discardableResult
  private func makeFile(
    salvaging old: LedgerFile?, place: (String) throws(Errno) -> Void
  ) throws(LeasingError) -> Int {
    try location.restoreDirectory()
    let temporary = "\(location.path).new-\(currentPID())"
    return try step { () throws(Errno) in
      // One that a process with our pid left when it was killed.
      try removeFile(temporary)
      let file = try LedgerFile(File(creating: temporary), boot: context.boot)
      var leases = 0
      do throws(Errno) {
        try file.begin(newHeader)
        leases = try old?.copyLeases(to: file) ?? 0
        try place(temporary)
      } catch {
        try? removeFile(temporary)
        if error != .fileExists { throw error }
      }
      return leases
    }
  }

  /// Says which ledger a system's error is about.
  private func step<Result>(
    _ body: () throws(Errno) -> Result
  ) throws(LeasingError) -> Result {
    do {
      return try body()
    } catch {
      throw problem(.system(error))
    }
  }

  private func problem(_ problem: LedgerProblem) -> LeasingError {
    .ledger(problem, path: location.path)
  }

  private func lockHolder() -> Int32? {
    guard let status = try? Stat(location.path) else { return nil }
    return HostSystem.lockHolder(of: status)
  }
}
