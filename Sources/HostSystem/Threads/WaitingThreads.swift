import CHostSystem
package import SystemPackage

/// Threads for work that waits, so that the threads of Swift's tasks need not.
///
/// A thread is started when there is work and none is idle, up to
/// ``maximum``; what comes beyond that waits for its turn, first come, first
/// served. A thread that has had nothing to do for a while ends. All signals
/// are blocked in these threads: they are the program's business.
///
/// Threads start in the network namespace of the thread that hands the work
/// over. A child made by fork(2) has none of them, and must not use the value
/// that it inherits: see ``forkGeneration()``.
package final class WaitingThreads: @unchecked Sendable {
  /// How many threads there are at most.
  package static let maximum = 64

  /// Enough for a pick, in bytes; the kernel gives memory for what is used.
  private static let stackSize = 512 << 10

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(
    capacity: 1)
  private let hasWork = UnsafeMutablePointer<pthread_cond_t>.allocate(
    capacity: 1)
  private let idleTimeout: Duration

  // Guarded by `mutex`.
  private var queue: ArraySlice<@Sendable () -> Void> = []
  private var threads = 0
  private var idle = 0

  /// - Parameter idleTimeout: How long a thread waits for work before it ends.
  package init(idleTimeout: Duration = .seconds(5)) {
    self.idleTimeout = idleTimeout
    pthread_mutex_init(mutex, nil)
    // No step of the wall clock is to move the time.
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(hasWork, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    // Each thread has a reference to this, so there is none left.
    pthread_cond_destroy(hasWork)
    pthread_mutex_destroy(mutex)
    hasWork.deallocate()
    mutex.deallocate()
  }

  /// Runs something on one of the threads.
  ///
  /// - Throws: What `pthread_create(3)` says where there is no thread and none
  ///   can be started; the work is not done then.
  package func run(_ work: @escaping @Sendable () -> Void) throws(Errno) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    queue.append(work)
    if idle > 0 { pthread_cond_signal(hasWork) }
    // Those that were woken and have not come yet still count as idle.
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

  /// How many threads there are now.
  package var count: Int {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return threads
  }

  private func startThread() throws(Errno) {
    let own = Unmanaged.passRetained(self)
    let error = chs_start_thread(
      Self.stackSize,
      { own in
        if let own {
          Unmanaged<WaitingThreads>.fromOpaque(own).takeRetainedValue().serve()
        }
        return nil
      }, own.toOpaque())
    if error != 0 {
      own.release()
      throw Errno(rawValue: error)
    }
  }

  /// What a thread does.
  private func serve() {
    while let work = next() { work() }
  }

  /// Waits for work; `nil` where none has come for a while.
  private func next() -> (@Sendable () -> Void)? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    if let work = queue.popFirst() { return work }
    idle += 1
    defer { idle -= 1 }
    var end = timespec()
    clock_gettime(CLOCK_MONOTONIC, &end)
    let idleTimeout = idleTimeout.timespec
    end.tv_sec += idleTimeout.tv_sec
    end.tv_nsec += idleTimeout.tv_nsec
    if end.tv_nsec >= 1_000_000_000 {
      end.tv_sec += 1
      end.tv_nsec -= 1_000_000_000
    }
    while queue.isEmpty {
      if pthread_cond_timedwait(hasWork, mutex, &end) == ETIMEDOUT,
        queue.isEmpty
      {
        threads -= 1
        return nil
      }
    }
    return queue.popFirst()
  }
}
