import HostSystem
import PortLeasing
import SystemPackage

/// Reads and writes a claims file.
///
/// The file is replaced as a whole, so that reading it takes no lock.
struct ClaimsFile: Sendable {
  /// The file itself; its path contains no symbolic link.
  let path: String

  /// How many bytes it may have: far more than a claim for each port.
  static let limit = 16 << 20

  init(_ path: String) {
    self.path = path
  }

  /// The identifier that ledgers know it by.
  var identifier: UInt64 {
    var hash = FNV1a()
    hash.add(path.utf8)
    return hash.value
  }

  private var directory: String {
    FilePath(path).removingLastComponent().string
  }

  /// Reads the file.
  ///
  /// - Returns: Its bytes; `nil` if it does not exist.
  /// - Throws: `ClaimsError.file`.
  func read() throws(ClaimsError) -> [UInt8]? {
    do {
      return try readRegularFile(path, limit: Self.limit)
    } catch {
      switch error {
      case .noSuchFileOrDirectory: return nil
      case .isDirectory, .notSupported: throw problem(.notAFile)
      case .fileTooLarge: throw problem(.tooLarge(limit: Self.limit))
      default: throw problem(.system(error))
      }
    }
  }

  /// Replaces the file, so that the change survives a power failure.
  ///
  /// The lock must be held.
  ///
  /// - Parameter bytes: The new content.
  /// - Returns: The error of waiting for the directory. The file is replaced then, but
  ///   that may not survive a power failure.
  /// - Throws: `ClaimsError.file`; the file is unchanged then.
  func write(_ bytes: [UInt8]) throws(ClaimsError) -> Errno? {
    guard bytes.count <= Self.limit else {
      throw problem(.tooLarge(limit: Self.limit))
    }
    // Only one process at a time has the lock. A killed one may have left a file.
    let temporary = "\(path).new"
    do throws(Errno) {
      try removeFile(temporary)
      do throws(Errno) {
        let file = try File(creating: temporary)
        try file.write(bytes, at: 0)
        try file.synchronize()
        try replaceFile(path, with: temporary)
      } catch {
        try? removeFile(temporary)
        throw error
      }
    } catch {
      throw problem(.system(error))
    }
    do throws(Errno) {
      try synchronizeDirectory(directory)
      return nil
    } catch {
      return error
    }
  }

  /// Calls `body` with the lock.
  ///
  /// The lock is that of a file of its own, because the claims file is replaced. It
  /// stays, so that all processes lock the same file.
  ///
  /// - Parameters:
  ///   - deadline: How long to wait for the lock.
  ///   - user: The user to whom the file and its directory must belong.
  ///   - body: What to do.
  /// - Returns: What `body` returns.
  /// - Throws: `ClaimsError.file`, or what `body` throws.
  func withLock<Result>(
    until deadline: Deadline, user: UInt32,
    _ body: () throws(ClaimsError) -> Result
  ) throws(ClaimsError) -> Result {
    try requireOwner(user)
    let lockPath = "\(path).lock"
    for _ in 0..<100 {
      // Opened anew each time: the lock belongs to an open file, and so separates
      // threads like processes.
      let file = try converting(lockPath) { () throws(Errno) in
        try File(openingOrCreating: lockPath)
      }
      let status = try converting(lockPath) { () throws(Errno) in
        try file.status()
      }
      let isLocked = try converting(lockPath) { () throws(Errno) in
        try file.lock(until: deadline)
      }
      guard isLocked else { throw problem(.locked(by: lockHolder(of: status))) }
      // A child made by fork(2) has the open file too.
      defer { file.unlock() }
      // Somebody may have removed the lock's file.
      guard let named = try? Stat(ofLink: lockPath),
        named.deviceID == status.deviceID, named.inode == status.inode
      else { continue }
      return try body()
    }
    throw .file(.unstable, path: lockPath)
  }

  /// Refuses to write what belongs to another user: that user could not use it any
  /// more.
  private func requireOwner(_ user: UInt32) throws(ClaimsError) {
    for path in [path, directory] {
      let status: Stat
      do {
        status = try Stat(path)
      } catch {
        if error == .noSuchFileOrDirectory, path == self.path { continue }
        throw .file(.system(error), path: path)
      }
      if path == self.path, status.type != .regular { throw problem(.notAFile) }
      let owner = status.userID.rawValue
      // A directory such as /tmp lets others write to it.
      let isShared =
        path != self.path
        && !status.permissions.isDisjoint(with: [.groupWrite, .otherWrite])
      if owner != user, !isShared {
        throw .file(.foreign(owner: owner), path: path)
      }
    }
  }

  private func converting<Result: ~Copyable>(
    _ path: String, _ body: () throws(Errno) -> Result
  ) throws(ClaimsError) -> Result {
    do {
      return try body()
    } catch {
      throw .file(.system(error), path: path)
    }
  }

  func problem(_ problem: ClaimsProblem) -> ClaimsError {
    .file(problem, path: path)
  }
}
