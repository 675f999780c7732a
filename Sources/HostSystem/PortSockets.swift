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
  /// - Throws: `Errno.addressInUse`, `Errno.permissionDenied`, or what the
  ///   system is short of.
  package init(binding port: UInt16) throws(Errno) {
    let tcp = try PortSocket(binding: port, .tcp)
    let udp = try PortSocket(binding: port, .udp)
    self.init(port: port, tcp: tcp, udp: udp)
  }

  /// Binds a port over TIME_WAIT remnants, and over sockets that are bound
  /// with `SO_REUSEADDR` and do nothing.
  ///
  /// - Parameters:
  ///   - port: The port.
  ///   - backlog: If given, the TCP socket listens.
  /// - Throws: As ``init(binding:)``.
  package init(reusing port: UInt16, backlog: Int32?) throws(Errno) {
    let tcp = try PortSocket(binding: port, .tcp, reusingAddress: true)
    let udp = try PortSocket(binding: port, .udp)
    if let backlog { try tcp.listen(backlog: backlog) }
    self.init(port: port, tcp: tcp, udp: udp)
  }

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
