package import SystemPackage

/// Whose a process is, and where it stands (`/proc/PID/status`,
/// proc_pid_status(5)).
package struct ProcessDetails: Hashable, Sendable {
  /// Its real, effective and saved user.
  package let users: [UInt32]
  /// The pid of its parent; 0 where that is outside of this pid namespace.
  package let parent: Int32
  /// Its pid in every pid namespace that it is in, from this process's own to
  /// the innermost (`NSpid`).
  package let namespacePIDs: [Int32]

  /// Reads them.
  ///
  /// - Throws: What reading says; `Errno.noSuchProcess` or
  ///   `Errno.noSuchFileOrDirectory` where there is no such process,
  ///   `Errno.permissionDenied` where `/proc` hides it, and
  ///   `Errno.resourceTemporarilyUnavailable` where another's was read each time.
  package init(ofProcess pid: Int32) throws(Errno) {
    // While another thread of the process takes over the pid of its first one, in
    // execve(2), either may be shown, or none: a matter of microseconds.
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
          kill(pid, 0) == 0 || errno == EPERM
        else { throw error }
        if error == .noSuchFileOrDirectory { doubt = .permissionDenied }
      }
    }
    throw doubt
  }

  private init(readingStatusOf pid: Int32) throws(Errno) {
    // Some 1,500 bytes, and up to 11 more for each of 65,536 groups.
    let text = try readFile("/proc/\(pid)/status", limit: 1 << 20)
    guard let details = ProcessDetails(parsing: text) else { throw .ioError }
    self = details
  }

  /// Reads the text of `/proc/PID/status`; `nil` where a line is missing.
  ///
  /// What the process calls itself stands in a line of its own, in which the
  /// kernel escapes line ends.
  package init?(parsing text: [UInt8]) {
    guard
      let parents = Self.numbers("PPid:", in: text),
      let users = Self.numbers("Uid:", in: text),
      let pids = Self.numbers("NSpid:", in: text),
      let parent = parents.first, users.count == 4, !pids.isEmpty
    else { return nil }
    self.parent = Int32(clamping: parent)
    // The fourth is for file systems alone.
    self.users = users.prefix(3).map { UInt32(clamping: $0) }
    namespacePIDs = pids.map { Int32(clamping: $0) }
  }

  /// The pid that the process has for those in its own namespace.
  package var innermostPID: Int32 { namespacePIDs[namespacePIDs.count - 1] }

  /// How many pid namespaces lie between this process's own and its.
  package var namespaceDepth: Int { namespacePIDs.count - 1 }

  /// The numbers in the line that begins with a name.
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

/// Whether a process acts with a user's rights now: whether that is its effective
/// user, which `/proc/PID` belongs to (proc(5)).
///
/// It costs a fraction of what ``ProcessDetails`` do.
///
/// - Returns: `false` also where that cannot be told.
package func process(_ pid: Int32, actsFor user: UInt32) -> Bool {
  var status = stat()
  return stat("/proc/\(pid)", &status) == 0 && status.st_uid == user
}
