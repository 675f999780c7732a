package import SystemPackage

/// Determines by binding whether a port is free.
///
/// A probe closes its sockets at once and leaves nothing behind.
package enum PortProbe {
  /// The port's status.
  ///
  /// A free port, the common case, costs two binds.
  ///
  /// - Throws: An error that says nothing about the port, such as
  ///   `Errno.tooManyOpenFiles`. A port in use is not an error.
  package static func status(of port: UInt16) throws(Errno) -> PortStatus {
    let quick = try quickStatus(of: port)
    if quick != .inUse { return quick }
    return try isLingering(port) ? .lingering : .inUse
  }

  /// The port's status as two binds show it: a lingering port is reported as in use.
  ///
  /// - Throws: See ``status(of:)``.
  package static func quickStatus(
    of port: UInt16
  ) throws(Errno) -> PortStatus {
    try outcome { () throws(Errno) in
      _ = try PortSockets(binding: port)
    }
  }

  /// Whether any program can bind the port.
  ///
  /// This always costs at most two binds.
  ///
  /// - Throws: See ``status(of:)``.
  package static func isFree(_ port: UInt16) throws(Errno) -> Bool {
    try quickStatus(of: port) == .free
  }

  /// The port's status on one protocol.
  ///
  /// - Throws: See ``status(of:)``.
  package static func status(
    of port: UInt16, over transport: TransportProtocol
  ) throws(Errno) -> PortStatus {
    let strict = try outcome { () throws(Errno) in
      _ = try PortSocket(binding: port, transport)
    }
    if strict != .inUse || transport == .udp { return strict }
    return try isLingeringOnTCP(port) ? .lingering : .inUse
  }

  /// The status that the result of a bind shows.
  static func outcome(
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
