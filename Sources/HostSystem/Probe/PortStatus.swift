package import SystemPackage

/// What the kernel says of a port, on TCP and UDP together and on every
/// address of both IP families.
package enum PortStatus: Hashable, Sendable {
  /// Any program can bind the port, whatever socket options it sets.
  case free
  /// Nothing but TIME_WAIT remnants of closed TCP connections is left on the
  /// port, and a program that sets `SO_REUSEADDR` can bind it; another cannot
  /// for up to a minute.
  case lingering
  /// A socket has the port, or remnants that no option passes over.
  case inUse
  /// This process may not bind the port (`ip_unprivileged_port_start`).
  case denied
}

extension PortStatus {
  /// What it says of a port that bind(2) has failed.
  ///
  /// - Parameter error: What it said.
  /// - Throws: The error itself, where it says nothing of the port, but that
  ///   the system is short of something.
  package init(refusal error: Errno) throws(Errno) {
    switch error {
    case .addressInUse: self = .inUse
    case .permissionDenied, .notPermitted: self = .denied
    default: throw error
    }
  }
}
