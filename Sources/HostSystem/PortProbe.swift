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
    let strict = try outcome { () throws(Errno) in
      _ = try PortSockets(binding: port)
    }
    if strict != .inUse { return strict }
    return try isLingering(port) ? .lingering : .inUse
  }

  /// Whether the port can be bound by any program: two binds, whatever the
  /// answer; ``status(of:)`` looks closer at a port that is not free.
  ///
  /// - Throws: As ``status(of:)``.
  package static func isFree(_ port: UInt16) throws(Errno) -> Bool {
    try outcome { () throws(Errno) in
      _ = try PortSockets(binding: port)
    } == .free
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

  /// Whether a port that is not free has nothing left on it but TIME_WAIT
  /// remnants that a program with `SO_REUSEADDR` can bind over.
  ///
  /// The bind tells whether that works. It would also work over a socket that
  /// somebody has bound with `SO_REUSEADDR` and keeps silent, so the kernel is
  /// asked for the port's sockets as well. Where it does not say (a sandbox
  /// without socket diagnostics), the port counts as in use.
  private static func isLingering(_ port: UInt16) throws(Errno) -> Bool {
    let reusable = try outcome { () throws(Errno) in
      // Only listen(2) tells whether nobody else listens.
      _ = try PortSockets(reusing: port, backlog: 1)
    }
    return reusable == .free && onlyTimeWaitIsLeft(on: port)
  }

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
