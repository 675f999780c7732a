import HostSystem
import Synchronization

/// A free port that no other test of this process is given, outside of what
/// the kernel and this project hand out.
package func unusedTestPort() throws -> UInt16 {
  for _ in 20000...24999 {
    let port = nextPort.withLock { next in
      next = next == 24999 ? 20000 : next + 1
      return next
    }
    if try PortProbe.isFree(port) { return port }
  }
  throw NoFreePort()
}

private let nextPort = Mutex(UInt16.random(in: 20000...24999))

private struct NoFreePort: Error {}
