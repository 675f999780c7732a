import CHostSystem
package import SystemPackage

/// Replaces the content of a file, as a whole or not at all.
///
/// The file at a path, or at the target of a link, is read first. The new content is
/// written to a temporary file in the same directory, which then takes the place of the
/// file (rename(2)). At any moment, even if this process is killed, the file has either the
/// old content or the new one. After a failure, the file is unchanged, and the temporary
/// file is removed. A process that is killed may leave a temporary file, which the next
/// replacement removes.
///
/// The file keeps its owner, group, mode and extended attributes, which include access
/// control lists (acl(5)). It does not keep what belongs to the inode: its number,
/// flags (chattr(1)), and creation time. A file that does not exist is created with the
/// mode 0666 less the umask, or what the directory's default list says.
///
/// Replacements in the same directory wait for each other, so that none undoes another.
/// Another program may change the file at any time; ``replace(with:)`` does not undo
/// that, except in the moment of the last check.
package struct FileReplacement: ~Copyable {
  /// The file, without links.
  package let path: String
  /// What is in the file; empty if it does not exist.
  package let content: [UInt8]
  /// Whether the file exists.
  package var exists: Bool { status != nil }

  private let directory: Descriptor
  private let status: Stat?
  /// The file itself, for its attributes.
  private let file: Descriptor?

  /// Reads a file, and locks its directory until this value is destroyed.
  ///
  /// Nothing is changed.
  ///
  /// - Parameters:
  ///   - path: The file. It need not exist, but its directory must.
  ///   - limit: The number of bytes that the file may have.
  ///   - deadline: How long to wait for other replacements.
  /// - Throws: Why the file cannot be replaced.
  package init(
    of path: String, limit: Int, until deadline: Deadline
  ) throws(FileReplacementError) {
    let target = try Self.doing(.find) { () throws(Errno) in
      try canonicalPathOfMissing(path)
    }
    // With a slash at the end, it names a directory, whatever is there.
    if path.utf8.last == UInt8(ascii: "/") { throw .directory }
    let parent = FilePath(target).removingLastComponent().string
    let directory = try Self.doing(.find) { () throws(Errno) in
      try Descriptor { Glibc.open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    }
    try Self.lock(directory, until: deadline)
    let status = try Self.doing(.find) { () throws(Errno) in
      try Self.status(of: target)
    }
    var file: Descriptor?
    var content: [UInt8] = []
    if let status {
      try Self.check(status, target)
      let opened = try Self.open(target, status)
      content = try Self.doing(.read) { () throws(Errno) in
        try readAll(opened.raw, limit: limit + 1)
      }
      if content.count > limit { throw .tooLarge(limit: limit) }
      file = consume opened
    }
    self.path = target
    self.content = content
    self.directory = directory
    self.status = status
    self.file = file
  }

  private static func open(
    _ path: String, _ status: Stat
  ) throws(FileReplacementError) -> Descriptor {
    let file = try doing(.read) { () throws(Errno) in
      try Descriptor {
        Glibc.open(
          path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
      }
    }
    let opened = try doing(.read) { () throws(Errno) in
      try file.raw.stat()
    }
    guard isSame(opened, status) else { throw .changed }
    return file
  }

  /// Replaces the content.
  ///
  /// - Parameter bytes: The new content.
  /// - Throws: Why it is not replaced; ``FileReplacementError/changed`` if the file was
  ///   changed since it was read.
  package func replace(with bytes: [UInt8]) throws(FileReplacementError) {
    let temporary = path + ".portpicker-new"
    // What a process that was killed has left. The lock keeps that of a living one.
    try Self.doing(.create) { () throws(Errno) in try removeFile(temporary) }
    let new = try Self.doing(.create) { () throws(Errno) in
      try Descriptor {
        Glibc.open(
          temporary,
          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
          status == nil ? 0o666 : 0o600)
      }
    }
    do throws(FileReplacementError) {
      try write(bytes, to: new)
      try keepProperties(of: new)
      try Self.doing(.write) { () throws(Errno) in
        _ = try systemCall { fsync(new.raw.rawValue) }
      }
      try install(temporary)
    } catch {
      try? removeFile(temporary)
      throw error
    }
    // The content is complete in either case.
    fsync(directory.raw.rawValue)
  }

  private func write(
    _ bytes: [UInt8], to file: borrowing Descriptor
  ) throws(FileReplacementError) {
    let raw = file.raw.rawValue
    try Self.doing(.write) { () throws(Errno) in
      try checkFileSizeLimit(bytes.count)
      var done = 0
      while done < bytes.count {
        done += try systemCall {
          bytes.withUnsafeBytes {
            Glibc.write(raw, $0.baseAddress.map { $0 + done }, $0.count - done)
          }
        }
      }
    }
  }

  /// Gives the new file the old one's owner, group, mode, and attributes.
  private func keepProperties(
    of new: borrowing Descriptor
  ) throws(FileReplacementError) {
    guard let status else { return }
    let number = new.raw.rawValue
    let made = try Self.doing(.write) { () throws(Errno) in
      try new.raw.stat()
    }
    if made.userID != status.userID || made.groupID != status.groupID,
      fchown(number, status.userID.rawValue, status.groupID.rawValue) != 0
    {
      throw .owner(
        user: status.userID.rawValue, group: status.groupID.rawValue)
    }
    let old = Descriptor.raw(of: file)?.rawValue
    try Self.doing(.keepAttributes) { () throws(Errno) in
      if let old {
        _ = try systemCall { chs_copy_attributes(old, number) }
      }
      // Last, because a change of the owner or of a list changes the mode.
      _ = try systemCall { fchmod(number, status.permissions.rawValue) }
    }
  }

  /// Renames the temporary file, if the file is still the one that was read.
  private func install(
    _ temporary: String
  ) throws(FileReplacementError) {
    let now = try Self.doing(.find) { () throws(Errno) in
      try Self.status(of: path)
    }
    switch (status, now) {
    case (nil, nil):
      do throws(Errno) {
        try renameFile(temporary, to: path)
      } catch {
        if error == .fileExists { throw .changed }
        // Not every file system can do it.
        guard error == .invalidArgument || error == .notSupported
        else { throw .system(.replace, error) }
        try replace(temporary)
      }
    case (let status?, let now?) where Self.isSame(status, now):
      try replace(temporary)
    default: throw .changed
    }
  }

  private func replace(_ temporary: String) throws(FileReplacementError) {
    try Self.doing(.replace) { () throws(Errno) in
      try replaceFile(path, with: temporary)
    }
  }
}

// MARK: - Checks

extension FileReplacement {
  private static func lock(
    _ directory: borrowing Descriptor, until deadline: Deadline
  ) throws(FileReplacementError) {
    let isLocked: Bool
    do throws(Errno) {
      isLocked = try HostSystem.lock(directory.raw, until: deadline)
    } catch {
      // Some network file systems cannot lock a directory. There, the check before the
      // renaming is all there is.
      return
    }
    if !isLocked {
      throw .locked(
        by: (try? directory.raw.stat()).flatMap { lockHolder(of: $0) })
    }
  }

  /// - Returns: `nil` if the file does not exist.
  private static func status(of path: String) throws(Errno) -> Stat? {
    do {
      return try Stat(ofLink: path)
    } catch {
      guard error == .noSuchFileOrDirectory else { throw error }
      return nil
    }
  }

  private static func check(
    _ status: Stat, _ path: String
  ) throws(FileReplacementError) {
    switch status.type {
    case .regular: break
    case .directory: throw .directory
    default: throw .notAFile
    }
    if status.linkCount > 1 { throw .hardLinks }
    // Root may write to any file; that it is read-only is meant nevertheless.
    let writers: FilePermissions = [.ownerWrite, .groupWrite, .otherWrite]
    if status.permissions.isDisjoint(with: writers)
      || faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0 && errno == EACCES
    {
      throw .readOnly
    }
  }

  /// Whether a file is the same, and unchanged.
  private static func isSame(_ one: Stat, _ other: Stat) -> Bool {
    one.deviceID == other.deviceID && one.inode == other.inode
      && one.size == other.size
      && isSame(one.st_mtim, other.st_mtim)
      && isSame(one.st_ctim, other.st_ctim)
  }

  private static func isSame(_ one: timespec, _ other: timespec) -> Bool {
    one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec
  }

  private static func doing<Result: ~Copyable>(
    _ step: FileReplacementError.Step, _ body: () throws(Errno) -> Result
  ) throws(FileReplacementError) -> Result {
    do {
      return try body()
    } catch {
      throw .system(step, error)
    }
  }
}

/// Why a file is not replaced.
package enum FileReplacementError: Error, Hashable, Sendable {
  /// A system call failed.
  case system(Step, Errno)
  /// It is a directory.
  case directory
  /// It is a pipe, a socket, or a device.
  case notAFile
  /// It has several names (hard links), of which the others would keep the old content.
  case hardLinks
  /// This process may not write to it, or nobody may.
  case readOnly
  /// It belongs to a user or group that this process cannot give a file to.
  case owner(user: UInt32, group: UInt32)
  /// It has more bytes than the limit.
  case tooLarge(limit: Int)
  /// Another process, if it is known, has its directory locked.
  case locked(by: Int32?)
  /// It was changed while it was being replaced.
  case changed

  /// What a system call was to do.
  package enum Step: Hashable, Sendable {
    /// Find the file, and its directory.
    case find
    /// Read the file.
    case read
    /// Create a temporary file beside it.
    case create
    /// Write to that.
    case write
    /// Give that the mode and attributes of the file.
    case keepAttributes
    /// Put that in the place of the file.
    case replace
  }
}
