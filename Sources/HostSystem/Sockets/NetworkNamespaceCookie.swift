import CHostSystem
import SystemPackage

/// The cookie of the network namespace that a socket was created in
/// (`SO_NETNS_COOKIE`).
///
/// It is unique until the machine restarts; 0 if the kernel has none (before
/// Linux 5.14).
///
/// Reading it costs a twentieth of what `/proc/thread-self/ns/net` costs.
func networkNamespaceCookie(of socket: FileDescriptor) -> UInt64 {
  chs_netns_cookie(socket.rawValue)
}

/// The cookie of the network namespace that this thread is in; 0 if the kernel has
/// none, or no socket can be created.
package func currentNetworkNamespaceCookie() -> UInt64 {
  guard let probe = try? Descriptor(socket: AF_UNIX, SOCK_DGRAM) else {
    return 0
  }
  return networkNamespaceCookie(of: probe.raw)
}
