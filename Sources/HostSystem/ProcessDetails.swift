package import SystemPackage

/// Whose a process is, and where it stands (`/proc/PID/status`,
/// proc_pid_status(5)).
package struct ProcessDetails: Hashable, Sendable {
  /// Its real, effective and saved user.
  package let users: Set<UInt32>
  /// The pid of its parent; 0 where that is outside of this pid namespace.
  package let parent: Int32
  /// Its pid in every pid namespace that it is in, from this process's own to
  /// the innermost (`NSpid`).
  package let namespacePIDs: [Int32]

  /// Reads them.
  ///
  /// - Throws: What reading says; `Errno.noSuchProcess` or
  ///   `Errno.noSuchFileOrDirectory` where there is no such process, or `/proc`
  ///   hides it.
  package init(ofProcess pid: Int32) throws(Errno) {
    let text = try readTextFile("/proc/\(pid)/status")
    guard let details = ProcessDetails(parsing: text) else { throw .ioError }
    self = details
  }

  /// Reads the text of `/proc/PID/status`; `nil` where a line is missing.
  package init?(parsing text: String) {
    var users: Set<UInt32> = []
    var parent: Int32?
    var pids: [Int32] = []
    for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
      // What the process calls itself stands in a line of its own, in which the
      // kernel escapes line ends.
      let words = Substring(line).split(whereSeparator: \.isWhitespace)
      switch words.first {
      case "PPid:": parent = words.last.flatMap { Int32($0) }
      case "Uid:": users = Set(words[1...].prefix(3).compactMap { UInt32($0) })
      case "NSpid:": pids = words[1...].compactMap { Int32($0) }
      default: break
      }
    }
    guard let parent, !users.isEmpty, !pids.isEmpty else { return nil }
    self.users = users
    self.parent = parent
    namespacePIDs = pids
  }

  /// The pid that the process has for those in its own namespace.
  package var innermostPID: Int32 { namespacePIDs[namespacePIDs.count - 1] }

  /// How many pid namespaces lie between this process's own and its.
  package var namespaceDepth: Int { namespacePIDs.count - 1 }
}
