package import SystemPackage

/// The users, parent, and pids of a process (`/proc/PID/status`,
/// proc_pid_status(5)).
package struct ProcessDetails: Hashable, Sendable {
  /// The real, effective, and saved user.
  package let users: [UInt32]
  /// The pid of the parent; 0 if the parent is outside this pid namespace.
  package let parent: Int32
  /// The pid in each pid namespace that the process is in, from this process's own to
  /// the innermost (`NSpid`).
  package let namespacePIDs: [Int32]

  /// Reads the details of a process.
  ///
  /// - Throws: `Errno.noSuchProcess` or `Errno.noSuchFileOrDirectory` if there is no
  ///   such process; `Errno.permissionDenied` if `/proc` hides it;
  ///   `Errno.resourceTemporarilyUnavailable` if every attempt read another process's
  ///   details; or another error of reading the file.
  package init(ofProcess pid: Int32) throws(Errno) {
    // While another thread takes over the pid of its process in execve(2), /proc may
    // show either thread, or none, for microseconds.
    var doubt = Errno.resourceTemporarilyUnavailable
    for _ in 0..<16 {
      do throws(Errno) {
        let details = try ProcessDetails(readingStatusOf: pid)
        if details.namespacePIDs[0] == pid {
          self = details
          return
        }
      } catch {
        guard error == .noSuchProcess || error == .noSuchFileOrDirectory,
          ProcessIdentity.exists(pid)
        else { throw error }
        if error == .noSuchFileOrDirectory { doubt = .permissionDenied }
      }
    }
    throw doubt
  }

  private init(readingStatusOf pid: Int32) throws(Errno) {
    // About 1,500 bytes, and up to 11 more for each of 65,536 groups.
    let text = try readFile("/proc/\(pid)/status", limit: 1 << 20)
    guard let details = ProcessDetails(parsing: text) else { throw .ioError }
    self = details
  }

  /// Parses the text of `/proc/PID/status`; `nil` if a line is missing.
  ///
  /// The process's name cannot fake a line, because the kernel escapes line feeds.
  package init?(parsing text: [UInt8]) {
    guard
      let parents = Self.numbers("PPid:", in: text),
      let users = Self.numbers("Uid:", in: text),
      let pids = Self.numbers("NSpid:", in: text),
      let parent = parents.first, users.count == 4, !pids.isEmpty
    else { return nil }
    self.parent = Int32(clamping: parent)
    // The fourth applies only to file systems.
    self.users = users.prefix(3).map { UInt32(clamping: $0) }
    namespacePIDs = pids.map { Int32(clamping: $0) }
  }

  /// The pid that the process has in its own pid namespace.
  package var innermostPID: Int32 { namespacePIDs[namespacePIDs.count - 1] }

  /// How many levels the process's pid namespace is nested below this process's.
  package var namespaceDepth: Int { namespacePIDs.count - 1 }

  /// The numbers in the line that begins with the given name.
  private static func numbers(
    _ name: StaticString, in text: [UInt8]
  ) -> [UInt64]? {
    let name = UnsafeBufferPointer(
      start: name.utf8Start, count: name.utf8CodeUnitCount)
    var start = text.startIndex
    while !text[start...].starts(with: name) {
      guard let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) else {
        return nil
      }
      start = end + 1
    }
    var numbers: [UInt64] = []
    var number: UInt64?
    for byte in text[(start + name.count)...] {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        number = (number ?? 0) &* 10 &+ UInt64(byte - UInt8(ascii: "0"))
      default:
        if let number { numbers.append(number) }
        number = nil
        if byte == UInt8(ascii: "\n") { return numbers }
      }
    }
    return nil
  }
}

/// Whether a user is the effective user of a process, which owns `/proc/PID`
/// (proc(5)).
///
/// This costs a fraction of reading ``ProcessDetails``.
///
/// - Returns: `false` also if it cannot be determined.
package func isEffectiveUser(_ user: UInt32, ofProcess pid: Int32) -> Bool {
  var status = stat()
  return stat("/proc/\(pid)", &status) == 0 && status.st_uid == user
}
