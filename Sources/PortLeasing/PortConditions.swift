package import HostSystem

/// What whoever leases ports has to know of them.
///
/// It is handed in, so that what leases only decides.
package protocol PortConditions<Failure> {
  /// What is thrown where a port cannot be looked at.
  associatedtype Failure: Error

  /// Whether any program could bind the port: the quick question.
  func isFree(_ port: UInt16) throws(Failure) -> Bool

  /// The port's status: the thorough question, for a port that is not free.
  ///
  /// - Returns: `nil` where to find out would take too much of the host's time now;
  ///   the port can be asked for again later.
  func status(of port: UInt16) throws(Failure) -> PortStatus?
}
