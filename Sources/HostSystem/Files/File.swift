import CHostSystem
import Synchronization
package import SystemPackage

/// An open file, read and written at offsets.
package struct File: ~Copyable, Sendable {
  let descriptor: Descriptor

  /// Opens a file for reading and writing, never through a symbolic link.
  ///
  /// - Throws: What `open(2)` says; `Errno.tooManySymbolicLinkLevels` where
  ///   the path names a symbolic link.
  package init(openingExisting path: String) throws(Errno) {
    descriptor = try Descriptor {
      open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    }
  }

  /// Makes a file, with mode 0600.
  ///
  /// - Throws: What `open(2)` says; `Errno.fileExists` where there is one.
  package init(creating path: String) throws(Errno) {
    descriptor = try Descriptor {
      open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    }
    // Whatever the umask is.
    fchmod(descriptor.raw.rawValue, 0o600)
  }

  /// fstat(2).
  package func status() throws(Errno) -> Stat {
    try descriptor.raw.stat()
  }

  /// Reads bytes at an offset.
  ///
  /// - Returns: How many bytes were read: fewer than the buffer holds only
  ///   where the file ends.
  /// - Throws: What `pread(2)` says.
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

  /// Writes all of the bytes at an offset.
  ///
  /// - Throws: What `pwrite(2)` says; some of the bytes may be written then.
  ///   `Errno.fileTooLarge` where that would pass the limit on the size of files.
  package func write(
    _ bytes: UnsafeRawBufferPointer, at offset: Int
  ) throws(Errno) {
    try checkFileSizeLimit(offset + bytes.count)
    var done = 0
    while done < bytes.count {
      done += try systemCall {
        pwrite(
          descriptor.raw.rawValue, bytes.baseAddress.map { $0 + done },
          bytes.count - done, off_t(offset + done))
      }
    }
  }

  /// Cuts the file, or lengthens it with zeros that take no space
  /// (ftruncate(2)).
  ///
  /// - Throws: What `ftruncate(2)` says; `Errno.fileTooLarge` where that would
  ///   pass the limit on the size of files.
  package func resize(to size: Int) throws(Errno) {
    try checkFileSizeLimit(size)
    _ = try systemCall { ftruncate(descriptor.raw.rawValue, off_t(size)) }
  }

  /// Waits for the lock that one open file at a time can have (flock(2)).
  ///
  /// It ends with ``unlock()``, or with the process, however that ends.
  ///
  /// flock(2) itself knows no time limit, and a process that was stopped
  /// (SIGSTOP) may keep the lock for ever; so a taken lock is asked for again
  /// and again, after a pause that grows to a millisecond. Where little of the time
  /// is left, the pauses are shorter, so that those who have waited for longest are
  /// likely to be next.
  ///
  /// - Returns: Whether the lock was had before the deadline; it is asked for
  ///   at least once.
  /// - Throws: What `flock(2)` says.
  package func lock(until deadline: Deadline) throws(Errno) -> Bool {
    try HostSystem.lock(descriptor.raw, until: deadline)
  }

  /// Ends the lock.
  package func unlock() {
    // It cannot fail on a descriptor that is open, and closing ends it too.
    _ = flock(descriptor.raw.rawValue, LOCK_UN)
  }
}

/// mkdir(2): makes a directory that only this user may enter.
package func makePrivateDirectory(_ path: String) throws(Errno) {
  try systemCall { mkdir(path, 0o700) }
  // Whatever the umask is.
  _ = try systemCall { chmod(path, 0o700) }
}

/// Renames a file, replacing none (renameat2(2), `RENAME_NOREPLACE`).
///
/// - Throws: `Errno.fileExists` where the new name is taken.
package func renameFile(_ path: String, to new: String) throws(Errno) {
  _ = try systemCall { chs_rename_without_replacing(path, new) }
}

/// Renames a file, which takes the place of the one that has the name now
/// (rename(2)).
package func replaceFile(_ path: String, with new: String) throws(Errno) {
  _ = try systemCall { rename(new, path) }
}

/// Gives each of two files the other's name, at once (renameat2(2),
/// `RENAME_EXCHANGE`).
package func exchangeFiles(_ one: String, _ other: String) throws(Errno) {
  _ = try systemCall { chs_exchange_names(one, other) }
}

/// The names of what is in a directory (readdir(3)).
package func fileNames(in directory: String) throws(Errno) -> [String] {
  guard let stream = opendir(directory) else { throw Errno(rawValue: errno) }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    withUnsafePointer(to: &entry.pointee.d_name) { name in
      name.withMemoryRebound(to: CChar.self, capacity: 256) {
        names.append(String(cString: $0))
      }
    }
  }
  return names
}

/// Removes a file (unlink(2)); that there is none is no error.
package func removeFile(_ path: String) throws(Errno) {
  do {
    try systemCall { unlink(path) }
  } catch {
    guard error == .noSuchFileOrDirectory else { throw error }
  }
}

/// Waits for the lock that one open file, or directory, at a time can have; see
/// ``File/lock(until:)``.
func lock(
  _ descriptor: FileDescriptor, until deadline: Deadline
) throws(Errno) -> Bool {
  var pause: UInt64 = 20_000
  while true {
    do {
      try systemCall { flock(descriptor.rawValue, LOCK_EX | LOCK_NB) }
      return true
    } catch {
      guard error == .wouldBlock else { throw error }
    }
    let remaining = deadline.remaining.nanoseconds
    if remaining == 0 { return false }
    let limit = min(max(remaining / 5000, 50_000), 1_000_000)
    var time = timespec(tv_sec: 0, tv_nsec: Int(min(pause, limit)))
    nanosleep(&time, nil)
    pause = min(pause * 2, 1_000_000)
  }
}
