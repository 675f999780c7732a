import CHostSystem
import SystemPackage

/// The number of the network namespace that a socket was made in
/// (`SO_NETNS_COOKIE`), which no other has until the machine starts again; 0
/// where the kernel knows none (before Linux 5.14).
///
/// It is had for a twentieth of what a look at `/proc/thread-self/ns/net` costs.
func networkNumber(of socket: FileDescriptor) -> UInt64 {
  chs_network_number(socket.rawValue)
}

/// The number of the network namespace that this thread is in; 0 also where no
/// socket can be made.
package func currentNetworkNumber() -> UInt64 {
  let probe = try? Descriptor {
    socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  }
  guard let probe else { return 0 }
  return networkNumber(of: probe.raw)
}
