package import SystemPackage

// Where a port is judged lingering. Two conditions must hold for a port that cannot
// be bound without `SO_REUSEADDR`:
//
// 1. A program that sets `SO_REUSEADDR` can bind it and listen on it.
// 2. The kernel lists no TCP socket on it except TIME_WAIT remnants. The first
//    condition also holds over a socket that another program bound with
//    `SO_REUSEADDR` and does not listen on.
extension PortProbe {
  /// Whether a port that ``quickStatus(of:)`` reports as in use lingers.
  ///
  /// - Throws: See ``status(of:)``.
  static func isLingering(_ port: UInt16) throws(Errno) -> Bool {
    try canBeReused(port) && onlyTimeWaitRemains(on: port)
  }

  /// Whether a port that ``quickStatus(of:)`` reports as in use lingers, judged by a
  /// census taken a moment ago.
  ///
  /// - Throws: See ``status(of:)``.
  package static func isLingering(
    _ port: UInt16, by census: TCPSocketCensus
  ) throws(Errno) -> Bool {
    guard census[port] == .timeWait else { return false }
    return try canBeReused(port)
  }

  /// Whether a TCP port that cannot be bound without `SO_REUSEADDR` lingers, whatever
  /// UDP sockets have it.
  ///
  /// - Throws: See ``status(of:)``.
  static func isLingeringOnTCP(_ port: UInt16) throws(Errno) -> Bool {
    let reusable = try outcome { () throws(Errno) in
      try PortSocket(binding: port, .tcp, reusingAddress: true)
        .listen(backlog: 1)
    }
    return reusable == .free && onlyTimeWaitRemains(on: port)
  }

  /// Whether a program that sets `SO_REUSEADDR` can bind the port and listen on it.
  private static func canBeReused(_ port: UInt16) throws(Errno) -> Bool {
    try outcome { () throws(Errno) in
      // Only listen(2) shows that no other socket listens.
      _ = try PortSockets(reusing: port, backlog: 1)
    } == .free
  }

  /// Whether the kernel lists only TIME_WAIT remnants on the port; `false` if socket
  /// diagnostics are not available, as in some sandboxes.
  private static func onlyTimeWaitRemains(on port: UInt16) -> Bool {
    (try? TCPSocketStates.onPort(port)) == .timeWait
  }
}
