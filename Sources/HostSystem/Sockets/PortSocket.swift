import Synchronization
package import SystemPackage

/// Where a port is bound.
package enum PortAddress: Sendable {
  /// Every address of both IP families.
  case any
  /// The IPv4 loopback address, 127.0.0.1.
  case loopback
}

/// A socket bound to one port, on every address of both IP families unless
/// another is wanted.
///
/// It is an IPv6 socket that takes IPv4 too: bound to `::`, it conflicts with
/// every socket on that port of either family, also with one on `127.0.0.1`
/// alone. Where the kernel has no IPv6 it is an IPv4 socket.
package struct PortSocket: ~Copyable, Sendable {
  package let descriptor: Descriptor

  /// Binds a port.
  ///
  /// - Parameters:
  ///   - port: The port; 0 lets the kernel choose one.
  ///   - transport: TCP or UDP.
  ///   - address: Where.
  ///   - reusingAddress: Whether `SO_REUSEADDR` is set (socket(7)). Without
  ///     it, bind(2) fails if anything at all has the port.
  /// - Throws: `Errno.addressInUse` where something has the port,
  ///   `Errno.permissionDenied` where this process may not bind it, otherwise
  ///   what the system is short of.
  package init(
    binding port: UInt16, _ transport: TransportProtocol,
    at address: PortAddress = .any, reusingAddress: Bool = false
  ) throws(Errno) {
    func bound(_ family: Int32) throws(Errno) -> Descriptor {
      let descriptor = try Descriptor {
        socket(family, transport.socketType | Int32(SOCK_CLOEXEC.rawValue), 0)
      }
      if reusingAddress {
        try descriptor.setOption(SOL_SOCKET, SO_REUSEADDR, to: 1)
      }
      if family == AF_INET6 {
        // The default depends on `net.ipv6.bindv6only` (ipv6(7)).
        try descriptor.setOption(Int32(IPPROTO_IPV6), IPV6_V6ONLY, to: 0)
      }
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
  /// On a socket that is already bound, and not listening, this lets others
  /// that set it bind over this one from now on, while it still keeps the port
  /// from everybody else. On one that listens already it lets nobody in, but
  /// the connections that it accepts inherit it, so that their TIME_WAIT
  /// remnants do not keep the port from the next server.
  package func allowAddressReuse() throws(Errno) {
    try descriptor.setOption(SOL_SOCKET, SO_REUSEADDR, to: 1)
  }

  /// listen(2).
  package func listen(backlog: Int32) throws(Errno) {
    try systemCall { Glibc.listen(descriptor.raw.rawValue, backlog) }
  }

  /// Gives the descriptor up without closing it.
  package consuming func release() -> FileDescriptor {
    descriptor.release()
  }

  /// The port, as the kernel has it (getsockname(2)).
  package func port() throws(Errno) -> UInt16 {
    // The port stands at the same place in both families' addresses.
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
  /// Binds a socket to a port, on every address of its family or the loopback
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

  private func bind(_ address: UnsafeRawPointer, _ size: Int) throws(Errno) {
    _ = try systemCall {
      Glibc.bind(
        raw.rawValue, address.assumingMemoryBound(to: sockaddr.self),
        socklen_t(size))
    }
  }

  fileprivate func setOption(
    _ level: Int32, _ name: Int32, to value: Int32
  ) throws(Errno) {
    var value = value
    _ = try systemCall {
      setsockopt(
        raw.rawValue, level, name, &value,
        socklen_t(MemoryLayout<Int32>.size))
    }
  }
}
