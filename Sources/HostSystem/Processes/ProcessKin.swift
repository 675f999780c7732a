import SystemPackage

/// The processes that this one descends from or shares a session with: those that
/// it can speak for.
package struct ProcessKin: Sendable {
  /// This process, its parent, and so on, as far up as this pid namespace goes.
  package let ancestors: [Int32]
  /// The session (setsid(2)).
  ///
  /// It is 0 for processes that descend from init without a session of their own,
  /// and for those whose session leader is outside this pid namespace. They count
  /// as one session.
  private let session: Int32

  /// Finds them (`/proc/PID/stat`, proc_pid_stat(5)).
  ///
  /// Where `/proc` does not tell, they end early.
  package init() {
    var pid = getpid()
    var ancestors: [Int32] = []
    while pid > 0, !ancestors.contains(pid) {
      ancestors.append(pid)
      pid =
        ancestors.count == 1 ? getppid() : Self.standing(of: pid)?.parent ?? 0
    }
    self.ancestors = ancestors
    session = getsid(0)
  }

  /// Whether a process is one of them.
  package func contains(_ pid: Int32) -> Bool {
    if ancestors.contains(pid) { return true }
    return Self.standing(of: pid)?.session == session
  }

  private static func standing(
    of pid: Int32
  ) -> (parent: Int32, session: Int32)? {
    do {
      try ProcessIdentity.requireOwnProc()
      let line = try readTextFile("/proc/\(pid)/stat")
      // What the process calls itself may have parentheses as well.
      guard let name = line.lastIndex(of: ")") else { return nil }
      // Behind it come the state, the parent, the group and the session.
      let fields = line[name...].split(separator: " ").dropFirst()
        .prefix(4).map { Int32($0) ?? 0 }
      return fields.count == 4 ? (fields[1], fields[3]) : nil
    } catch {
      return nil
    }
  }
}

/// Whether a process is in this process's own pid namespace, and not in one below
/// or above it, so that pids mean the same in both.
///
/// - Parameter pid: Its pid; 0 stands for one that has none here.
/// - Returns: `false` also where that cannot be told.
package func isInOwnNamespace(_ pid: Int32) -> Bool {
  if pid <= 0 { return false }
  do {
    try ProcessIdentity.requireOwnProc()
    return try ProcessDetails(ofProcess: pid).namespaceDepth == 0
  } catch {
    return false
  }
}
