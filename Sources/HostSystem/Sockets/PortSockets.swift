package import SystemPackage

/// The TCP and UDP sockets of a port.
package struct PortSockets: ~Copyable, Sendable {
  package let port: UInt16
  package let tcp: PortSocket
  package let udp: PortSocket

  /// Binds a port that is free.
  ///
  /// Neither socket sets `SO_REUSEADDR`. This succeeds only if nothing at all uses
  /// the port, so that any program could have bound it.
  ///
  /// - Parameters:
  ///   - port: The port.
  ///   - address: The addresses to bind.
  /// - Throws: See ``PortSocket/init(binding:_:at:reusingAddress:)``.
  package init(
    binding port: UInt16, at address: PortAddress = .any
  ) throws(Errno) {
    let tcp = try PortSocket(binding: port, .tcp, at: address)
    let udp = try PortSocket(binding: port, .udp, at: address)
    self.init(port: port, tcp: tcp, udp: udp)
  }

  /// Binds a port over TIME_WAIT remnants, and over TCP sockets that are bound with
  /// `SO_REUSEADDR` and do not listen.
  ///
  /// - Parameters:
  ///   - port: The port.
  ///   - address: The addresses to bind.
  ///   - backlog: If given, the TCP socket listens with this backlog.
  /// - Throws: See ``init(binding:at:)``; `Errno.addressInUse` also if another socket
  ///   listens.
  package init(
    reusing port: UInt16, at address: PortAddress = .any, backlog: Int32?
  ) throws(Errno) {
    let tcp = try PortSocket(
      binding: port, .tcp, at: address, reusingAddress: true)
    let udp = try PortSocket(binding: port, .udp, at: address)
    if let backlog { try tcp.listen(backlog: backlog) }
    self.init(port: port, tcp: tcp, udp: udp)
  }

  /// The cookie of the network namespace that they were created in; see
  /// ``currentNetworkNamespaceCookie()``.
  package var networkNamespaceCookie: UInt64 {
    HostSystem.networkNamespaceCookie(of: tcp.descriptor.raw)
  }

  /// Closes both sockets.
  package consuming func close() {}

  /// Gives up ownership of the descriptors without closing them.
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
