package import SystemPackage

/// An address of this host, in numbers, that a socket can be bound to.
package struct HostAddress: Hashable, Sendable {
  /// The text that the address was made from.
  package let text: String
  /// In network byte order: 4 bytes or 16.
  private let bytes: [UInt8]

  /// Reads an address (inet_pton(3)).
  ///
  /// - Returns: `nil` where the text is neither an IPv4 nor an IPv6 address.
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

  /// Makes a TCP socket that listens at the address.
  ///
  /// It sets `SO_REUSEADDR`, so that it can be bound over a socket on every address
  /// that also does and is silent.
  ///
  /// - Parameter port: The port.
  /// - Returns: The socket, which is the caller's to close.
  /// - Throws: What the system says, such as `Errno.addressNotAvailable`.
  package func listen(onPort port: UInt16) throws(Errno) -> FileDescriptor {
    let isIPv4 = bytes.count == 4
    let socket = try Descriptor {
      Glibc.socket(
        isIPv4 ? AF_INET : AF_INET6,
        Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }
    var yes: Int32 = 1
    try systemCall {
      setsockopt(
        socket.raw.rawValue, SOL_SOCKET, SO_REUSEADDR, &yes,
        socklen_t(MemoryLayout<Int32>.size))
    }
    if isIPv4 {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      withUnsafeMutableBytes(of: &address.sin_addr) {
        $0.copyBytes(from: bytes)
      }
      try Self.bind(socket.raw, &address, MemoryLayout<sockaddr_in>.size)
    } else {
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      withUnsafeMutableBytes(of: &address.sin6_addr) {
        $0.copyBytes(from: bytes)
      }
      try Self.bind(socket.raw, &address, MemoryLayout<sockaddr_in6>.size)
    }
    // The kernel lowers it to `net.core.somaxconn`.
    try systemCall { Glibc.listen(socket.raw.rawValue, 4096) }
    return socket.release()
  }

  private static func bind(
    _ socket: FileDescriptor, _ address: UnsafeRawPointer, _ size: Int
  ) throws(Errno) {
    _ = try systemCall {
      Glibc.bind(
        socket.rawValue, address.assumingMemoryBound(to: sockaddr.self),
        socklen_t(size))
    }
  }
}
