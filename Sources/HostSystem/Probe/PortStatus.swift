package import SystemPackage

/// The status of a port, on TCP and UDP together and on every address of both IP
/// families.
package enum PortStatus: Hashable, Sendable {
  /// Any program can bind the port, whatever socket options it sets.
  case free
  /// Only TIME_WAIT remnants of closed TCP connections are left on the port. A
  /// program that sets `SO_REUSEADDR` can bind it; others cannot for up to a
  /// minute.
  case lingering
  /// The port has a socket, or remnants that no option gets past.
  case inUse
  /// This process may not bind the port (`ip_unprivileged_port_start`).
  case denied
}

extension PortStatus {
  /// The status that a failed bind(2) shows.
  ///
  /// - Parameter error: The error of bind(2).
  /// - Throws: The error itself if it says nothing about the port, such as
  ///   `Errno.tooManyOpenFiles`.
  package init(refusal error: Errno) throws(Errno) {
    switch error {
    case .addressInUse: self = .inUse
    case .permissionDenied, .notPermitted: self = .denied
    default: throw error
    }
  }
}
