import Glibc
package import SystemPackage

/// Starts a thread that only the C library knows of, so that this can be used in a child
/// created by fork(2).
package func startThread(
  _ body: @escaping @Sendable () -> Void
) throws(Errno) {
  pthread_detach(try begin(body))
}

/// Runs work on such a thread, and waits until it has finished.
///
/// - Parameters:
///   - body: The work.
///   - other: What this thread does in the meantime.
/// - Throws: The error of pthread_create(3).
package func runThread(
  _ body: @escaping @Sendable () -> Void, besides other: () -> Void = {}
) throws(Errno) {
  let thread = try begin(body)
  other()
  pthread_join(thread, nil)
}

private func begin(
  _ body: @escaping @Sendable () -> Void
) throws(Errno) -> pthread_t {
  let box = Unmanaged.passRetained(Box(body))
  var thread = pthread_t()
  let error = pthread_create(
    &thread, nil,
    { box in
      if let box {
        Unmanaged<Box>.fromOpaque(box).takeRetainedValue().body()
      }
      return nil
    }, box.toOpaque())
  if error != 0 {
    box.release()
    throw Errno(rawValue: error)
  }
  return thread
}

private final class Box: Sendable {
  let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) {
    self.body = body
  }
}
