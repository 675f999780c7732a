package import SystemPackage

/// Asks the kernel, by binding, whether a port is free.
///
/// A probe binds and closes at once; it leaves nothing behind.
package enum PortProbe {
  /// The port's status.
  ///
  /// In the common case, a free port, this takes two binds.
  ///
  /// - Throws: What the system is short of, such as descriptors
  ///   (`Errno.tooManyOpenFiles`). That a port is in use is no error.
  package static func status(of port: UInt16) throws(Errno) -> PortStatus {
    let quick = try quickStatus(of: port)
    if quick != .inUse { return quick }
    return try canBeReused(port) && onlyTimeWaitIsLeft(on: port)
      ? .lingering : .inUse
  }

  /// The port's status as far as two binds tell: a port that lingers is in use.
  ///
  /// - Throws: As ``status(of:)``.
  package static func quickStatus(
    of port: UInt16
  ) throws(Errno) -> PortStatus {
    try outcome { () throws(Errno) in
      _ = try PortSockets(binding: port)
    }
  }

  /// Whether a port that is in use by ``quickStatus(of:)`` lingers.
  ///
  /// - Parameters:
  ///   - port: The port.
  ///   - census: What TCP sockets there were a moment ago.
  /// - Returns: Whether nothing is left on it but what a program that sets
  ///   `SO_REUSEADDR` can bind over.
  /// - Throws: As ``status(of:)``.
  package static func isLingering(
    _ port: UInt16, by census: TCPSocketCensus
  ) throws(Errno) -> Bool {
    guard census[port] == .timeWait else { return false }
    return try canBeReused(port)
  }

  /// Whether the port can be bound by any program: two binds, whatever the
  /// answer; ``status(of:)`` looks closer at a port that is not free.
  ///
  /// - Throws: As ``status(of:)``.
  package static func isFree(_ port: UInt16) throws(Errno) -> Bool {
    try quickStatus(of: port) == .free
  }

  /// The port's status for one protocol alone.
  ///
  /// - Throws: As ``status(of:)``.
  package static func status(
    of port: UInt16, over transport: TransportProtocol
  ) throws(Errno) -> PortStatus {
    let strict = try outcome { () throws(Errno) in
      _ = try PortSocket(binding: port, transport)
    }
    if strict != .inUse || transport == .udp { return strict }
    let reusable = try outcome { () throws(Errno) in
      try PortSocket(binding: port, .tcp, reusingAddress: true)
        .listen(backlog: 1)
    }
    return reusable == .free && onlyTimeWaitIsLeft(on: port)
      ? .lingering : .inUse
  }

  /// Whether a program that sets `SO_REUSEADDR` can bind a port that is not free.
  ///
  /// That works over TIME_WAIT remnants, and also over a socket that somebody has
  /// bound with `SO_REUSEADDR` and keeps silent. So the kernel has to be asked for
  /// the port's sockets as well.
  private static func canBeReused(_ port: UInt16) throws(Errno) -> Bool {
    try outcome { () throws(Errno) in
      // Only listen(2) tells whether nobody else listens.
      _ = try PortSockets(reusing: port, backlog: 1)
    } == .free
  }

  /// Where the kernel does not say (a sandbox without socket diagnostics), the port
  /// counts as in use.
  private static func onlyTimeWaitIsLeft(on port: UInt16) -> Bool {
    (try? TCPSocketStates.onPort(port)) == .timeWait
  }

  /// Turns what a bind says into a status.
  private static func outcome(
    of bind: () throws(Errno) -> Void
  ) throws(Errno) -> PortStatus {
    do {
      try bind()
      return .free
    } catch {
      return try PortStatus(refusal: error)
    }
  }
}
