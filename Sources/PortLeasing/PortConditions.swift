package import HostSystem

/// What an allocator must know about the ports of the host.
///
/// It is passed in, so that the allocator performs no I/O.
package protocol PortConditions<Failure> {
  /// What a probe throws that cannot be made.
  associatedtype Failure: Error

  /// Whether every program can bind the port: the quick probe.
  func isFree(_ port: UInt16) throws(Failure) -> Bool

  /// The port's status: the thorough probe, for a port that is not free.
  ///
  /// - Returns: `nil` if the probe would take too much of the host's time now; it
  ///   can be made later.
  func status(of port: UInt16) throws(Failure) -> PortStatus?
}

/// What a search must know about the host.
package protocol LeaseConditions<Failure>: PortConditions {
  /// Whether a holder is alive.
  func isAlive(_ holder: ProcessIdentity) -> Bool

  /// The process that makes the request.
  ///
  /// It is looked up only if it is needed.
  ///
  /// - Throws: Why it cannot be identified.
  func asker() throws(Failure) -> ProcessIdentity

  /// The search no longer needs a port that was free.
  func drop(_ port: UInt16)
}

extension LeaseConditions {
  package func drop(_ port: UInt16) {}
}
