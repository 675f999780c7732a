package import SystemPackage

/// An open file that is read and written at offsets.
package struct File: ~Copyable, Sendable {
  let descriptor: Descriptor

  /// Opens a file for reading and writing, never through a symbolic link.
  ///
  /// - Throws: The error of open(2): `Errno.tooManySymbolicLinkLevels` if the path names
  ///   a symbolic link.
  package init(openingExisting path: String) throws(Errno) {
    descriptor = try Descriptor {
      open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    }
  }

  /// Opens a file for reading, also through a symbolic link, without waiting for a
  /// pipe.
  ///
  /// - Throws: The error of open(2).
  package init(reading path: String) throws(Errno) {
    descriptor = try Descriptor {
      open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    }
  }

  /// Opens a file for reading and writing, never through a symbolic link, and creates
  /// it with mode 0600 if it does not exist.
  ///
  /// - Throws: The error of open(2), as for ``init(openingExisting:)``.
  package init(openingOrCreating path: String) throws(Errno) {
    do {
      try self.init(openingExisting: path)
    } catch {
      guard error == .noSuchFileOrDirectory else { throw error }
      do {
        try self.init(creating: path)
      } catch {
        guard error == .fileExists else { throw error }
        // Another process was faster.
        try self.init(openingExisting: path)
      }
    }
  }

  /// Creates a file with mode 0600.
  ///
  /// - Throws: The error of open(2): `Errno.fileExists` if the path exists.
  package init(creating path: String) throws(Errno) {
    descriptor = try Descriptor {
      open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    }
    // The umask does not apply here.
    fchmod(descriptor.raw.rawValue, 0o600)
  }

  /// The file's status (fstat(2)).
  package func status() throws(Errno) -> Stat {
    try descriptor.raw.stat()
  }

  /// Reads bytes at an offset.
  ///
  /// - Returns: The number of bytes read. It is less than the buffer's size only at the
  ///   end of the file.
  /// - Throws: The error of pread(2).
  package func read(
    at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> Int {
    var done = 0
    while done < buffer.count {
      let count = try systemCall {
        pread(
          descriptor.raw.rawValue, buffer.baseAddress.map { $0 + done },
          buffer.count - done, off_t(offset + done))
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Reads bytes at an offset.
  ///
  /// - Returns: The bytes; fewer only at the end of the file.
  /// - Throws: The error of pread(2).
  package func read(at offset: Int, count: Int) throws(Errno) -> [UInt8] {
    var failure: Errno?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
      do throws(Errno) {
        done = try read(
          at: offset, into: UnsafeMutableRawBufferPointer(buffer))
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Writes all of the bytes at an offset; see
  /// ``write(_:at:isAllowed:)``.
  package func write(_ bytes: [UInt8], at offset: Int) throws(Errno) {
    var failure: Errno?
    bytes.withUnsafeBytes { buffer in
      do throws(Errno) {
        try write(buffer, at: offset)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  /// Writes all of the bytes at an offset.
  ///
  /// - Parameters:
  ///   - bytes: The bytes.
  ///   - offset: Where the first of them is written.
  ///   - isAllowed: Whether the file size limit is known to allow the write. If not, the
  ///     limit is checked first.
  /// - Throws: The error of pwrite(2), after which some of the bytes may be written;
  ///   `Errno.fileTooLarge` if the check shows that the write would exceed the limit.
  package func write(
    _ bytes: UnsafeRawBufferPointer, at offset: Int, isAllowed: Bool = false
  ) throws(Errno) {
    if !isAllowed { try checkFileSizeLimit(offset + bytes.count) }
    var done = 0
    while done < bytes.count {
      done += try systemCall {
        pwrite(
          descriptor.raw.rawValue, bytes.baseAddress.map { $0 + done },
          bytes.count - done, off_t(offset + done))
      }
    }
  }

  /// Waits until the content is on the disk (fsync(2)).
  package func synchronize() throws(Errno) {
    _ = try systemCall { fsync(descriptor.raw.rawValue) }
  }

  /// Truncates the file, or extends it with zeros that take no space (ftruncate(2)).
  ///
  /// - Throws: The error of ftruncate(2); `Errno.fileTooLarge` if the size would exceed
  ///   the file size limit.
  package func resize(to size: Int) throws(Errno) {
    try checkFileSizeLimit(size)
    _ = try systemCall { ftruncate(descriptor.raw.rawValue, off_t(size)) }
  }
}
