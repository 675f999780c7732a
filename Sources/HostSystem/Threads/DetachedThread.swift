import CHostSystem
package import SystemPackage

/// Starts a thread that runs a closure and ends.
///
/// All signals are blocked in it, because signals belong to the program.
///
/// - Throws: The error of pthread_create(3). The closure is not called then.
package func startDetachedThread(
  _ body: @escaping @Sendable () -> Void
) throws(Errno) {
  let box = Unmanaged.passRetained(ThreadBody(body))
  let error = chs_start_thread(
    256 << 10,
    { box in
      if let box {
        Unmanaged<ThreadBody>.fromOpaque(box).takeRetainedValue().body()
      }
      return nil
    }, box.toOpaque())
  if error != 0 {
    box.release()
    throw Errno(rawValue: error)
  }
}

private final class ThreadBody: Sendable {
  let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) {
    self.body = body
  }
}
