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
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(
    capacity: 1)
  private let hasFinished = UnsafeMutablePointer<pthread_cond_t>.allocate(
    capacity: 1)

  // Guarded by `mutex`.
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
    pthread_mutex_init(mutex, nil)
    // Steps of the wall clock must not affect the limit.
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(hasFinished, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(hasFinished)
    pthread_mutex_destroy(mutex)
    hasFinished.deallocate()
    mutex.deallocate()
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
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    let deadline = Deadline(after: limit)
    while isStarted != nil, found.count < paths.count, !deadline.hasPassed {
      var end = deadline.systemTime
      pthread_cond_timedwait(hasFinished, mutex, &end)
    }
    isOver = true
    let rest = paths.count - found.count
    return found + [Presence](repeating: .unknown, count: rest)
  }

  private func work() {
    for path in paths {
      let presence = look(path)
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      if isOver { return }
      found.append(presence)
      if found.count == paths.count { pthread_cond_signal(hasFinished) }
    }
  }
}
