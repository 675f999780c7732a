import CHostSystem
package import SystemPackage

/// The states of the TCP sockets on a port, from the kernel's socket diagnostics
/// (sock_diag(7)).
///
/// Sockets that are bound and do nothing are included since Linux 6.8. Older
/// kernels do not list them.
package struct TCPSocketStates: OptionSet, Sendable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  /// TIME_WAIT, number 6 in `net/tcp_states.h`.
  package static let timeWait = TCPSocketStates(state: 6)

  fileprivate init(state: UInt8) {
    self.init(rawValue: state < 15 ? 1 << UInt16(state) : 1 << 15)
  }

  /// The states of all sockets of both families with this local port.
  ///
  /// - Throws: The kernel's error if socket diagnostics are not available.
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

/// The states of the TCP sockets on every port of this network namespace, at one
/// moment.
///
/// A census takes about a microsecond for each socket (sock_diag(7)). A query for one
/// port takes as long, because the kernel walks through all sockets that are bound and
/// idle.
package struct TCPSocketCensus: Sendable {
  /// Indexed by port.
  private let states: [TCPSocketStates]

  /// Takes a census.
  ///
  /// If socket diagnostics are not available, as in some sandboxes, every port has
  /// all states, so that no port counts as lingering.
  package init() {
    states =
      (try? Self.readStates())
      ?? Array(repeating: TCPSocketStates(rawValue: .max), count: 1 << 16)
  }

  private static func readStates() throws(Errno) -> [TCPSocketStates] {
    let diagnostics = try SocketDiagnostics()
    var states = [TCPSocketStates](repeating: [], count: 1 << 16)
    for family in [AF_INET, AF_INET6] {
      try diagnostics.dump(family, .tcp, port: nil) { socket in
        states[Int(UInt16(bigEndian: socket.id.idiag_sport))]
          .formUnion(TCPSocketStates(state: socket.idiag_state))
      }
    }
    return states
  }

  /// The states of the sockets on a port.
  package subscript(port: UInt16) -> TCPSocketStates { states[Int(port)] }
}
