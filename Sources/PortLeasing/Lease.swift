package import HostSystem

/// A lease of a port.
package struct Lease: Hashable, Sendable {
  /// The process that the port is leased to.
  package let holder: ProcessIdentity
  /// The user that requested it.
  package let user: UInt32
  /// When it was made, in nanoseconds since boot, which no clock step moves.
  package let leasedAt: UInt64

  package init(holder: ProcessIdentity, user: UInt32, leasedAt: UInt64) {
    self.holder = holder
    self.user = user
    self.leasedAt = leasedAt
  }
}

extension Lease {
  /// The lease of a port while a process probes it.
  ///
  /// Its holder is the probing process, so that it ends with that process. After the
  /// probe it is replaced or cleared.
  package static func tentative(of asker: ProcessIdentity, user: UInt32)
    -> Lease
  {
    Lease(holder: asker, user: user, leasedAt: 0)
  }

  /// Whether the lease is tentative.
  package var isTentative: Bool { leasedAt == 0 }
}

/// A ledger's record of a port.
package enum LedgerRecord: Hashable, Sendable {
  /// The port was never leased, or was released.
  case vacant
  /// The port is leased while the holder is alive.
  case lease(Lease)
  /// The port belongs to a name; see ``Claim``.
  case claimed(ClaimMark)
  /// Unknown: the content was not written by a ledger.
  case damaged
}
