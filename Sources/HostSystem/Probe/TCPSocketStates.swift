import CHostSystem
package import SystemPackage

/// The states that the TCP sockets of a port are in, as the kernel's socket
/// diagnostics say (sock_diag(7)).
///
/// Sockets that are bound and do nothing are among them from Linux 6.8 on;
/// an older kernel does not show those.
package struct TCPSocketStates: OptionSet, Sendable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  /// The state whose number in `net/tcp_states.h` is 6.
  package static let timeWait = TCPSocketStates(state: 6)

  fileprivate init(state: UInt8) {
    self.init(rawValue: state < 15 ? 1 << UInt16(state) : 1 << 15)
  }

  /// The states of all sockets with this local port, of both families.
  ///
  /// - Throws: What the system says where socket diagnostics are not to be
  ///   had.
  package static func onPort(
    _ port: UInt16
  ) throws(Errno) -> TCPSocketStates {
    let diagnostics = try SocketDiagnostics()
    var states: TCPSocketStates = []
    for family in [AF_INET, AF_INET6] {
      try diagnostics.dump(family, .tcp, port: port) { socket in
        states.formUnion(TCPSocketStates(state: socket.idiag_state))
      }
    }
    return states
  }
}

/// The states that the TCP sockets of every port of this network namespace are in at
/// one moment.
///
/// To take it costs about a microsecond for each socket (sock_diag(7)), as it does to
/// ask for one port: the kernel goes through all sockets that are bound and do
/// nothing.
package struct TCPSocketCensus: Sendable {
  /// By port.
  private var states: [TCPSocketStates]

  /// Takes a census.
  ///
  /// - Throws: What the system says where socket diagnostics are not available.
  package init() throws(Errno) {
    let diagnostics = try SocketDiagnostics()
    var states = [TCPSocketStates](repeating: [], count: 1 << 16)
    for family in [AF_INET, AF_INET6] {
      try diagnostics.dump(family, .tcp, port: nil) { socket in
        states[Int(UInt16(bigEndian: socket.id.idiag_sport))]
          .formUnion(TCPSocketStates(state: socket.idiag_state))
      }
    }
    self.states = states
  }

  private init(states: [TCPSocketStates]) {
    self.states = states
  }

  /// One that says of no port that it lingers.
  package static let unknown = TCPSocketCensus(
    states: Array(repeating: TCPSocketStates(rawValue: .max), count: 1 << 16))

  /// The states of the sockets of a port.
  package subscript(port: UInt16) -> TCPSocketStates { states[Int(port)] }
}
