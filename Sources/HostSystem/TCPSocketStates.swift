import CHostSystem
import Glibc
package import SystemPackage

/// The states that the TCP sockets of a port are in, as the kernel's socket
/// diagnostics say (sock_diag(7)).
///
/// Sockets that are bound and do nothing are among them from Linux 6.8 on;
/// an older kernel does not show those.
package struct TCPSocketStates: OptionSet, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// The state whose number in `net/tcp_states.h` is 6.
  package static let timeWait = TCPSocketStates(state: 6)

  private init(state: UInt8) {
    self.init(rawValue: state < 32 ? 1 << UInt32(state) : 1 << 31)
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
