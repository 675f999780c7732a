/// A value that one thread at a time uses.
///
/// Unlike the standard library's `Mutex`, it can be used in a child made by
/// fork(2). On Linux that one knows threads by numbers which it keeps, and
/// which a child inherits; the kernel refuses them, and the process ends with
/// `SIGILL` (Swift 6.3).
///
/// No lock can be used in a child that another thread had taken at the moment
/// of the fork: what a child may use is made anew by it; see
/// ``forkGeneration()``.
package final class ForkableMutex<Value>: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(
    capacity: 1)
  private var value: Value

  package init(_ value: sending Value) {
    self.value = value
    // Of the default kind, which cannot fail.
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Calls `body` when no other thread uses the value.
  package func withLock<Result, Failure>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&value)
  }

  /// Calls `body` unless another thread uses the value.
  ///
  /// - Returns: `nil` if one does.
  package func withLockIfAvailable<Result, Failure>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    guard pthread_mutex_trylock(mutex) == 0 else { return nil }
    defer { pthread_mutex_unlock(mutex) }
    return try body(&value)
  }
}
