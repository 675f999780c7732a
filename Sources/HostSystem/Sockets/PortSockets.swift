package import SystemPackage

/// A port's two sockets, TCP and UDP, bound together.
package struct PortSockets: ~Copyable, Sendable {
  package let port: UInt16
  package let tcp: PortSocket
  package let udp: PortSocket

  /// Binds a port that is free.
  ///
  /// Neither socket sets `SO_REUSEADDR`, so that it works only where nothing
  /// at all has the port, and any program could have bound it.
  ///
  /// - Parameters:
  ///   - port: The port.
  ///   - address: Where.
  /// - Throws: `Errno.addressInUse`, `Errno.permissionDenied`, or what the
  ///   system is short of.
  package init(
    binding port: UInt16, at address: PortAddress = .any
  ) throws(Errno) {
    let tcp = try PortSocket(binding: port, .tcp, at: address)
    let udp = try PortSocket(binding: port, .udp, at: address)
    self.init(port: port, tcp: tcp, udp: udp)
  }

  /// Binds a port over TIME_WAIT remnants, and over sockets that are bound
  /// with `SO_REUSEADDR` and do nothing.
  ///
  /// - Parameters:
  ///   - port: The port.
  ///   - address: Where.
  ///   - backlog: If given, the TCP socket listens.
  /// - Throws: As ``init(binding:at:)``.
  package init(
    reusing port: UInt16, at address: PortAddress = .any, backlog: Int32?
  ) throws(Errno) {
    let tcp = try PortSocket(
      binding: port, .tcp, at: address, reusingAddress: true)
    let udp = try PortSocket(binding: port, .udp, at: address)
    if let backlog { try tcp.listen(backlog: backlog) }
    self.init(port: port, tcp: tcp, udp: udp)
  }

  /// The number of the network namespace that they were made in; see
  /// ``currentNetworkNumber()``.
  package var networkNumber: UInt64 {
    HostSystem.networkNumber(of: tcp.descriptor.raw)
  }

  /// Closes both.
  package consuming func close() {}

  /// Gives the descriptors up without closing them.
  package consuming func release() -> (
    tcp: FileDescriptor, udp: FileDescriptor
  ) {
    (tcp.release(), udp.release())
  }

  private init(
    port: UInt16, tcp: consuming PortSocket, udp: consuming PortSocket
  ) {
    self.port = port
    self.tcp = tcp
    self.udp = udp
  }
}
