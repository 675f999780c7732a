import Glibc
package import SystemPackage

/// A socket of an unrelated program, with any family, address, and options.
package final class TestSocket: Sendable {
  package let descriptor: Int32

  /// An address that sockets bind to.
  package enum Address: Sendable, CaseIterable {
    case anyIPv4
    case loopbackIPv4
    case anyIPv6
    case loopbackIPv6

    package var isIPv6: Bool { self == .anyIPv6 || self == .loopbackIPv6 }
  }

  /// Whether TCP or UDP.
  package enum Kind: Sendable, CaseIterable {
    case tcp
    case udp
  }

  /// Creates and binds a socket.
  ///
  /// - Parameters:
  ///   - kind: TCP or UDP.
  ///   - address: The address.
  ///   - port: The port; 0 lets the kernel choose.
  ///   - reusingAddress: Whether to set `SO_REUSEADDR` first.
  ///   - listening: Whether to listen as well.
  /// - Throws: The system's error.
  package init(
    _ kind: Kind, at address: Address, port: UInt16,
    reusingAddress: Bool = false, listening: Bool = false
  ) throws(Errno) {
    let type = kind == .tcp ? SOCK_STREAM : SOCK_DGRAM
    descriptor = socket(
      address.isIPv6 ? AF_INET6 : AF_INET,
      Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if descriptor < 0 { throw Errno(rawValue: errno) }
    var one: Int32 = 1
    if reusingAddress {
      setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    }
    // Otherwise, an IPv6 socket on :: could accept IPv4 as well.
    if address.isIPv6 {
      setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, 4)
    }
    try Self.check(
      Self.withAddress(address, port) { bind(descriptor, $0, $1) })
    if listening { try Self.check(listen(descriptor, 16)) }
  }

  private init(owning descriptor: Int32) {
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
  }

  /// Connects to a port on this host.
  package func connect(to address: Address, port: UInt16) throws(Errno) {
    try Self.check(
      Self.withAddress(address, port) { Glibc.connect(descriptor, $0, $1) })
  }

  /// Waits for a connection and accepts it.
  package func accept() throws(Errno) -> TestSocket {
    let connection = Glibc.accept(descriptor, nil, nil)
    try Self.check(connection)
    return TestSocket(owning: connection)
  }

  /// Sends a byte.
  package func send() throws(Errno) {
    try Self.check(Glibc.send(descriptor, "x", 1, Int32(MSG_NOSIGNAL)))
  }

  /// Waits for something to read, or for the end of the connection.
  ///
  /// - Returns: The number of bytes.
  package func receive() throws(Errno) -> Int {
    var buffer = [UInt8](repeating: 0, count: 16)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    try Self.check(count)
    return count
  }

  /// The port that the socket is bound to.
  package var port: UInt16 {
    var address = sockaddr_in6()
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    _ = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        getsockname(descriptor, $0, &length)
      }
    }
    return UInt16(bigEndian: address.sin6_port)
  }

  private static func check(_ result: some SignedInteger) throws(Errno) {
    if result < 0 { throw Errno(rawValue: errno) }
  }

  private static func withAddress<Result>(
    _ address: Address, _ port: UInt16,
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    if address.isIPv6 {
      var ipv6 = sockaddr_in6()
      ipv6.sin6_family = sa_family_t(AF_INET6)
      ipv6.sin6_port = port.bigEndian
      if address == .loopbackIPv6 { ipv6.sin6_addr = in6addr_loopback }
      return withUnsafePointer(to: &ipv6) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
        }
      }
    }
    var ipv4 = sockaddr_in()
    ipv4.sin_family = sa_family_t(AF_INET)
    ipv4.sin_port = port.bigEndian
    if address == .loopbackIPv4 {
      ipv4.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
    }
    return withUnsafePointer(to: &ipv4) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}

extension TestSocket {
  /// Leaves a closed connection in TIME_WAIT on a port and nothing else.
  ///
  /// - Parameters:
  ///   - port: The port, which must be free.
  ///   - reusingAddress: Whether the server that leaves it had set
  ///     `SO_REUSEADDR`.
  /// - Throws: The system's error.
  package static func leaveTimeWait(
    on port: UInt16, reusingAddress: Bool
  ) throws(Errno) {
    let server = try TestSocket(
      .tcp, at: .loopbackIPv4, port: port, reusingAddress: reusingAddress,
      listening: true)
    let client = try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
    try client.connect(to: .loopbackIPv4, port: port)
    let accepted = try server.accept()
    // The end that closes first keeps the TIME_WAIT. When the client reads end-of-file,
    // the server's FIN has arrived, and the other way round.
    shutdown(accepted.descriptor, Int32(SHUT_WR))
    _ = try client.receive()
    shutdown(client.descriptor, Int32(SHUT_WR))
    _ = try accepted.receive()
  }
}
