import CHostSystem
package import SystemPackage

/// Starts a thread that runs a closure and ends.
///
/// All signals are blocked in it, because signals belong to the program.
///
/// - Parameters:
///   - stackSize: The size of its stack, in bytes. The kernel allocates only what is
///     used.
///   - body: The closure.
/// - Throws: The error of pthread_create(3). The closure is not called then.
package func startDetachedThread(
  stackSize: Int = 256 << 10,
  _ body: @escaping @Sendable () -> Void
) throws(Errno) {
  let box = Unmanaged.passRetained(ThreadBody(body))
  let error = chs_start_thread(
    stackSize,
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
