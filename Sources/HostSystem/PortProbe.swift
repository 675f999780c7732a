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
    return reusable == .free
      && (try? TCPSocketStates.onPort(port)) == .timeWait
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
