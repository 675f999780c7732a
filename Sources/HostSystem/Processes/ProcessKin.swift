import SystemPackage

/// The processes that this process descends from or shares a session with, and for
/// which it may therefore act.
package struct ProcessKin: Sendable {
  /// This process, its parent, and so on, to the top of this pid namespace.
  package let ancestors: [Int32]
  /// The session (setsid(2)).
  ///
  /// It is 0 for processes that descend from init without a session of their own,
  /// and for those whose session leader is outside this pid namespace. They count
  /// as one session.
  private let session: Int32

  /// Finds the ancestors of this process in `/proc`.
  ///
  /// If `/proc` does not show one of them, the list ends there.
  package init() {
    var pid = getpid()
    var ancestors: [Int32] = []
    while pid > 0, !ancestors.contains(pid) {
      ancestors.append(pid)
      pid = ancestors.count == 1 ? getppid() : Self.status(of: pid)?.parent ?? 0
    }
    self.ancestors = ancestors
    session = getsid(0)
  }

  /// Whether a process is an ancestor or in the same session.
  package func contains(_ pid: Int32) -> Bool {
    if ancestors.contains(pid) { return true }
    return Self.status(of: pid)?.session == session
  }

  private static func status(of pid: Int32) -> ProcessStatus? {
    do {
      try ProcessIdentity.requireMatchingProc()
      return try ProcessStatus(ofProcess: pid)
    } catch {
      return nil
    }
  }
}

/// Whether a process is in this process's own pid namespace, so that pids mean the same
/// in both.
///
/// - Parameter pid: The pid; 0 stands for a process outside this pid namespace.
/// - Returns: `false` also if it cannot be determined.
package func isInSamePIDNamespace(_ pid: Int32) -> Bool {
  if pid <= 0 { return false }
  do {
    try ProcessIdentity.requireMatchingProc()
    return try ProcessDetails(ofProcess: pid).namespaceDepth == 0
  } catch {
    return false
  }
}
