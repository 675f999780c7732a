/// Whether a directory exists, as far as that can be determined.
package enum Presence: Hashable, Sendable {
  case exists
  /// There is no directory with that path (`ENOENT`, `ENOTDIR`).
  case gone
  /// It cannot be determined, for example because a parent directory may not be
  /// searched, or because a file system does not answer.
  case unknown

  /// Looks at a directory (stat(2)).
  ///
  /// It waits for as long as the file system takes.
  package init(ofDirectory path: String) {
    var status = stat()
    if stat(path, &status) == 0 {
      self = status.st_mode & S_IFMT == S_IFDIR ? .exists : .gone
    } else {
      self = errno == ENOENT || errno == ENOTDIR ? .gone : .unknown
    }
  }
}

/// Looks at directories on another thread, because a file system may not answer.
///
/// A value looks once.
package final class DirectoryLook: @unchecked Sendable {
  private let paths: [String]
  private let look: @Sendable (String) -> Presence
  /// Signaled when all are looked at.
  private let monitor = Monitor()

  // Guarded by `monitor`.
  private var found: [Presence] = []
  private var isOver = false

  /// - Parameters:
  ///   - paths: The directories.
  ///   - look: Looks at a directory.
  package init(
    at paths: [String],
    _ look: @escaping @Sendable (String) -> Presence = {
      Presence(ofDirectory: $0)
    }
  ) {
    self.paths = paths
    self.look = look
  }

  /// Looks at the directories.
  ///
  /// - Parameters:
  ///   - limit: How long to wait.
  ///   - threads: A directory that does not answer keeps one of them.
  /// - Returns: One element for each directory, in the same order; `unknown` for those
  ///   that were not looked at in time.
  package func presences(
    within limit: Duration, on threads: WaitingThreads
  ) -> [Presence] {
    let isStarted: ()? = try? threads.run { self.work() }
    let deadline = Deadline(after: limit)
    return monitor.withLock {
      while isStarted != nil, found.count < paths.count, !deadline.hasPassed {
        monitor.wait(until: deadline)
      }
      isOver = true
      let rest = paths.count - found.count
      return found + [Presence](repeating: .unknown, count: rest)
    }
  }

  private func work() {
    for path in paths {
      let presence = look(path)
      let goesOn = monitor.withLock {
        if isOver { return false }
        found.append(presence)
        if found.count == paths.count { monitor.signal() }
        return true
      }
      if !goesOn { return }
    }
  }
}
