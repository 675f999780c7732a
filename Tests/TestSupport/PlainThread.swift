import Glibc
package import SystemPackage

/// Starts a thread that nothing knows of but the C library, so that it can be
/// used in a child made by fork(2).
package func startThread(
  _ body: @escaping @Sendable () -> Void
) throws(Errno) {
  pthread_detach(try begin(body))
}

/// Runs something on such a thread to its end.
///
/// - Parameters:
///   - body: What.
///   - other: What this thread does in the meantime.
/// - Throws: Why there is no thread.
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
