/// A lock, and a condition for which threads wait under it.
///
/// Deadlines are on the monotonic clock, so that steps of the wall clock do not affect
/// them. A child created by fork(2) must not use a value that it inherits, because a
/// thread that does not exist in the child may hold the lock.
package final class Monitor: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(
    capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(
    capacity: 1)

  package init() {
    // The default kind cannot fail.
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Calls `body` with the lock.
  package func withLock<Result, Failure>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Calls `body` without the lock, which the caller holds.
  package func withoutLock<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_unlock(mutex)
    defer { pthread_mutex_lock(mutex) }
    return body()
  }

  /// Releases the lock, which the caller holds, until it is signaled, and takes it
  /// again.
  ///
  /// It may also return without a signal (pthread_cond_timedwait(3)).
  ///
  /// - Parameter deadline: How long to wait.
  /// - Returns: Whether the deadline has not passed.
  @discardableResult
  package func wait(until deadline: Deadline) -> Bool {
    var end = deadline.systemTime
    return pthread_cond_timedwait(condition, mutex, &end) != ETIMEDOUT
  }

  /// Wakes one of the threads that wait.
  package func signal() {
    pthread_cond_signal(condition)
  }

  /// Wakes all threads that wait.
  package func broadcast() {
    pthread_cond_broadcast(condition)
  }
}
