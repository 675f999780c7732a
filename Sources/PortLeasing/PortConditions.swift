package import HostSystem
package import SystemPackage

/// What whoever leases ports has to know of them.
///
/// It is handed in, so that what leases only decides.
package protocol PortConditions {
  /// Whether any program could bind the port: the quick question.
  func isFree(_ port: UInt16) throws(Errno) -> Bool

  /// The port's status: the thorough question, for a port that is not free.
  func status(of port: UInt16) throws(Errno) -> PortStatus
}

/// The ports of this host.
package struct HostPorts: PortConditions {
  package init() {}

  package func isFree(_ port: UInt16) throws(Errno) -> Bool {
    try PortProbe.isFree(port)
  }

  package func status(of port: UInt16) throws(Errno) -> PortStatus {
    try PortProbe.status(of: port)
  }
}
