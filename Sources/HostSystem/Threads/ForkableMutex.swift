/// A value that only one thread at a time can use.
///
/// Unlike the standard library's `Mutex`, this can be used in a child created by
/// fork(2). On Linux, `Mutex` identifies threads by cached numbers, which a child
/// inherits. The kernel rejects them, and the process ends with `SIGILL` (Swift 6.3).
///
/// A lock that another thread held during the fork can never be used in the child. A
/// child must create its own; see ``forkGeneration()``.
package final class ForkableMutex<Value>: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(
    capacity: 1)
  /// Allocated, because each use of a value that is stored in the object would be
  /// checked for exclusive access.
  private let value = UnsafeMutablePointer<Value>.allocate(capacity: 1)

  package init(_ value: sending Value) {
    self.value.initialize(to: value)
    // The default kind cannot fail.
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
    value.deinitialize(count: 1)
    value.deallocate()
  }

  /// Waits until no other thread uses the value, and calls `body`.
  package func withLock<Result, Failure>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&value.pointee)
  }
}
