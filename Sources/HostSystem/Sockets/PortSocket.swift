package import SystemPackage

/// The addresses on which a port is bound.
package enum PortAddress: Sendable {
  /// Every address of both IP families.
  case any
  /// The IPv4 loopback address, 127.0.0.1.
  case loopback
}

/// A socket bound to one port, by default on every address of both IP families.
///
/// It is an IPv6 socket that also accepts IPv4. Bound to `::`, it conflicts with
/// every socket on that port, of either family, including one on `127.0.0.1` only.
/// If the kernel has no IPv6, it is an IPv4 socket.
package struct PortSocket: ~Copyable, Sendable {
  package let descriptor: Descriptor

  /// Binds a port.
  ///
  /// - Parameters:
  ///   - port: The port; 0 lets the kernel choose one.
  ///   - transport: TCP or UDP.
  ///   - address: The addresses to bind.
  ///   - reusingAddress: Whether to set `SO_REUSEADDR` (socket(7)). Without it,
  ///     bind(2) fails if anything at all uses the port.
  /// - Throws: `Errno.addressInUse` if the port is in use,
  ///   `Errno.permissionDenied` if this process may not bind it, or an error that
  ///   says nothing about the port, such as `Errno.tooManyOpenFiles`.
  package init(
    binding port: UInt16, _ transport: TransportProtocol,
    at address: PortAddress = .any, reusingAddress: Bool = false
  ) throws(Errno) {
    func bound(_ family: Int32) throws(Errno) -> Descriptor {
      let descriptor = try Descriptor(socket: family, transport.socketType)
      if reusingAddress {
        try descriptor.setOption(SOL_SOCKET, SO_REUSEADDR, to: 1)
      }
      if family == AF_INET6 { try descriptor.acceptIPv4() }
      try descriptor.bind(port, family, address)
      return descriptor
    }
    if address == .loopback {
      descriptor = try bound(AF_INET)
      return
    }
    do {
      descriptor = try bound(AF_INET6)
    } catch {
      switch error {
      case .addressFamilyNotSupported, .addressNotAvailable:
        descriptor = try bound(AF_INET)
      default: throw error
      }
    }
  }

  /// Sets `SO_REUSEADDR`.
  ///
  /// If the socket is bound and does not listen, sockets that also set the option
  /// can then bind over it. It still keeps the port from all others. If the socket
  /// listens, it still lets no other socket in, but the connections that it accepts
  /// inherit the option, so that their TIME_WAIT remnants do not keep the next server
  /// from the port.
  package func allowAddressReuse() throws(Errno) {
    try descriptor.setOption(SOL_SOCKET, SO_REUSEADDR, to: 1)
  }

  /// listen(2).
  package func listen(backlog: Int32) throws(Errno) {
    try systemCall { Glibc.listen(descriptor.raw.rawValue, backlog) }
  }

  /// Gives up ownership of the descriptor without closing it.
  package consuming func release() -> FileDescriptor {
    descriptor.release()
  }

  /// The port that the socket is bound to (getsockname(2)).
  package func port() throws(Errno) -> UInt16 {
    // The port has the same offset in the addresses of both families.
    var address = sockaddr_in6()
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    try withUnsafeMutablePointer(to: &address) { pointer throws(Errno) in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        pointer throws(Errno) in
        _ = try systemCall {
          getsockname(descriptor.raw.rawValue, pointer, &length)
        }
      }
    }
    return UInt16(bigEndian: address.sin6_port)
  }
}

extension Descriptor {
  /// Makes an IPv6 socket accept IPv4 too (`IPV6_V6ONLY` off, ipv6(7)).
  ///
  /// Usually it already does; `net.ipv6.bindv6only` sets the default. Reading the
  /// option takes half the time of setting it.
  fileprivate func acceptIPv4() throws(Errno) {
    let level = Int32(IPPROTO_IPV6)
    if try option(level, IPV6_V6ONLY) != 0 {
      try setOption(level, IPV6_V6ONLY, to: 0)
    }
  }

  /// Binds a socket to a port, on every address of its family or on the loopback
  /// address of IPv4.
  fileprivate func bind(
    _ port: UInt16, _ family: Int32, _ place: PortAddress
  ) throws(Errno) {
    if family == AF_INET6 {
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(family)
      address.sin6_port = port.bigEndian
      try bind(&address, MemoryLayout<sockaddr_in6>.size)
    } else {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(family)
      address.sin_port = port.bigEndian
      if place == .loopback {
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
      }
      try bind(&address, MemoryLayout<sockaddr_in>.size)
    }
  }
}
