import SystemPackage

/// A process, and those of its ancestors that it was started from in its session
/// (setsid(2)), with their current directories.
///
/// The session's leader, usually a shell or a terminal's first program, does not count
/// as such an ancestor, nor does anything above it: it starts programs of any kind.
package struct ProcessLineage: Hashable, Sendable {
  /// The current directory of a process, as far as it can be seen.
  package enum Directory: Hashable, Sendable {
    /// Its canonical path.
    case path(String)
    /// It was removed, or has a name that ends like that of one (proc_pid_cwd(5)): its
    /// last path, with ` (deleted)`.
    case deleted(String)
    /// It cannot be seen: the process is another user's, or in another mount namespace,
    /// in which a path means another directory.
    case hidden
  }

  /// The process.
  package let process: ProcessIdentity
  /// The directory of the process, then that of its parent, and so on.
  package let directories: [Directory]

  package init(process: ProcessIdentity, directories: [Directory]) {
    self.process = process
    self.directories = directories
  }

  /// Reads the lineage of a process.
  ///
  /// The result describes one process at one moment. If the process ends during the
  /// call, the result is `nil`, even if another process then has its pid. If an ancestor
  /// ends, or is replaced, the lineage ends before it.
  ///
  /// None of what this reads waits for the process.
  ///
  /// - Parameters:
  ///   - pid: The pid.
  ///   - condition: What must hold for the process. It is checked while the process is
  ///     known to be the same.
  /// - Returns: `nil` if there is no such process any more, it cannot be looked at, or
  ///   the condition does not hold.
  package static func of(
    _ pid: Int32, where condition: () -> Bool = { true }
  ) -> ProcessLineage? {
    guard (try? ProcessIdentity.requireMatchingProc()) != nil,
      let namespace = try? Namespace.mount(of: "self"),
      let first = ProcessLook(pid, namespace), condition()
    else { return nil }
    var directories = [first.directory]
    var child = first
    while let parent = child.parent(namespace) {
      directories.append(parent.directory)
      child = parent
    }
    guard first.isStillTrue else { return nil }
    return ProcessLineage(
      process: ProcessIdentity(pid: pid, startTime: first.status.startTime),
      directories: directories)
  }
}

/// What a process was while it was looked at.
private struct ProcessLook {
  let pid: Int32
  let status: ProcessStatus
  let directory: ProcessLineage.Directory

  /// Looks at a process; `nil` if it has ended, or another one has its pid now.
  init?(_ pid: Int32, _ namespace: Namespace) {
    guard let status = try? ProcessStatus(ofProcess: pid),
      status.life == .running
    else { return nil }
    self.pid = pid
    self.status = status
    directory = currentDirectory(ofProcess: pid, namespace)
    guard isStillTrue else { return nil }
  }

  /// Whether the process is still running, with the same parent and session.
  ///
  /// As long as it has its parent, that has not ended: a process whose parent ends has
  /// another one at once.
  var isStillTrue: Bool {
    guard let now = try? ProcessStatus(ofProcess: pid) else { return false }
    return now.life == .running && now.startTime == status.startTime
      && now.parent == status.parent && now.session == status.session
  }

  /// Its parent, if that is below the leader of the same session.
  func parent(_ namespace: Namespace) -> ProcessLook? {
    // A session of 0 may be any outside this pid namespace.
    guard let session = status.session, session > 0, status.parent > 0,
      pid != session, status.parent != session,
      let parent = ProcessLook(status.parent, namespace),
      parent.status.session == session, isStillTrue
    else { return nil }
    return parent
  }
}

/// The current directory of a process (`/proc/PID/cwd`, proc_pid_cwd(5)).
///
/// The link is read and not followed, so that a file system that does not answer has no
/// effect.
private func currentDirectory(
  ofProcess pid: Int32, _ namespace: Namespace
) -> ProcessLineage.Directory {
  guard (try? Namespace.mount(of: "\(pid)")) == namespace,
    let path = try? linkTarget(of: "/proc/\(pid)/cwd", limit: Int(PATH_MAX)),
    // Outside this process's root, the kernel gives no absolute path.
    path.hasPrefix("/")
  else { return .hidden }
  return path.hasSuffix(" (deleted)") ? .deleted(path) : .path(path)
}
