import CHostSystem
package import SystemPackage

/// Threads for blocking work, so that the threads of Swift's tasks do not block.
///
/// A thread is started if there is work and no thread is idle, up to ``maximum``.
/// Further work waits its turn, in order. A thread without work ends after a timeout.
/// All signals are blocked in these threads, because signals belong to the program.
///
/// A thread starts in the network namespace of the thread that submits the work. A
/// child created by fork(2) has none of the threads, and must not use a value that it
/// inherits; see ``forkGeneration()``.
package final class WaitingThreads: @unchecked Sendable {
  /// The maximum number of threads.
  package static let maximum = 64

  /// Enough for a pick, in bytes.
  private static let stackSize = 512 << 10

  /// Signaled when there is work.
  private let monitor = Monitor()
  private let idleTimeout: Duration

  // Guarded by `monitor`.
  private var queue: ArraySlice<@Sendable () -> Void> = []
  private var threads = 0
  private var idle = 0

  /// - Parameter idleTimeout: How long a thread waits for work before it ends.
  package init(idleTimeout: Duration = .seconds(5)) {
    self.idleTimeout = idleTimeout
  }

  /// Runs work on one of the threads.
  ///
  /// - Throws: The error of pthread_create(3) if there is no thread and none can be
  ///   started. The work is not run then.
  package func run(_ work: @escaping @Sendable () -> Void) throws(Errno) {
    try monitor.withLock { () throws(Errno) in
      queue.append(work)
      if idle > 0 { monitor.signal() }
      // Threads that were woken but do not run yet still count as idle.
      if idle >= queue.count || threads == Self.maximum { return }
      do throws(Errno) {
        try startThread()
        threads += 1
      } catch {
        if threads > 0 { return }
        queue.removeLast()
        throw error
      }
    }
  }

  /// The current number of threads.
  package var count: Int {
    monitor.withLock { threads }
  }

  private func startThread() throws(Errno) {
    try startDetachedThread(stackSize: Self.stackSize) { self.serve() }
  }

  /// The body of a thread.
  private func serve() {
    while let work = next() { work() }
  }

  /// Waits for work; `nil` if none arrives within the idle timeout.
  private func next() -> (@Sendable () -> Void)? {
    monitor.withLock {
      if let work = queue.popFirst() { return work }
      idle += 1
      defer { idle -= 1 }
      let deadline = Deadline(after: idleTimeout)
      while queue.isEmpty {
        if !monitor.wait(until: deadline), queue.isEmpty {
          threads -= 1
          return nil
        }
      }
      return queue.popFirst()
    }
  }
}
