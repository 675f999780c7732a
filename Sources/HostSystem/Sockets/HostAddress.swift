package import SystemPackage

/// A numeric address of this host that a socket can be bound to.
package struct HostAddress: Hashable, Sendable {
  /// The text that the address was parsed from.
  package let text: String
  /// In network byte order: 4 or 16 bytes.
  private let bytes: [UInt8]

  /// Parses an address (inet_pton(3)).
  ///
  /// - Returns: `nil` if the text is neither an IPv4 nor an IPv6 address.
  package init?(_ text: String) {
    for (family, length) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: length)
      if inet_pton(family, text, &bytes) == 1 {
        self.text = text
        self.bytes = bytes
        return
      }
    }
    return nil
  }

  /// Creates a TCP socket that listens at the address.
  ///
  /// It sets `SO_REUSEADDR`, so that it can be bound over a socket on every address
  /// that also sets it and does not listen.
  ///
  /// - Parameter port: The port.
  /// - Returns: The socket. The caller closes it.
  /// - Throws: The error of socket(2), setsockopt(2), bind(2), or listen(2), such as
  ///   `Errno.addressNotAvailable`.
  package func listen(onPort port: UInt16) throws(Errno) -> FileDescriptor {
    let isIPv4 = bytes.count == 4
    let socket = try Descriptor(
      socket: isIPv4 ? AF_INET : AF_INET6, SOCK_STREAM)
    try socket.setOption(SOL_SOCKET, SO_REUSEADDR, to: 1)
    if isIPv4 {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      withUnsafeMutableBytes(of: &address.sin_addr) {
        $0.copyBytes(from: bytes)
      }
      try socket.bind(&address, MemoryLayout<sockaddr_in>.size)
    } else {
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      withUnsafeMutableBytes(of: &address.sin6_addr) {
        $0.copyBytes(from: bytes)
      }
      try socket.bind(&address, MemoryLayout<sockaddr_in6>.size)
    }
    // The kernel lowers it to `net.core.somaxconn`.
    try systemCall { Glibc.listen(socket.raw.rawValue, 4096) }
    return socket.release()
  }
}

/// Whether the kernel supports IPv6 (`/proc/net/if_inet6`).
package func hasIPv6() -> Bool {
  (try? readFile("/proc/net/if_inet6", limit: 1)) != nil
}
