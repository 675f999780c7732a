package import HostSystem

/// A lease, less the port that it is for.
package struct Lease: Hashable, Sendable {
  /// The process that the port is leased to.
  package let holder: ProcessIdentity
  /// The user who asked for it.
  package let user: UInt32
  /// When, in nanoseconds since boot: no step of the wall clock moves that.
  package let leasedAt: UInt64

  package init(holder: ProcessIdentity, user: UInt32, leasedAt: UInt64) {
    self.holder = holder
    self.user = user
    self.leasedAt = leasedAt
  }
}

extension Lease {
  /// The lease of a port that a process looks at, to know whether it is free.
  ///
  /// It is the looking process's own, so that it ends with that, and it becomes
  /// another lease or none at once.
  package static func tentative(of asker: ProcessIdentity, user: UInt32)
    -> Lease
  {
    Lease(holder: asker, user: user, leasedAt: 0)
  }

  /// Whether it is such a lease.
  package var isTentative: Bool { leasedAt == 0 }
}

/// What a ledger has on a port.
package enum LedgerRecord: Hashable, Sendable {
  /// The port was never leased, or it was given back.
  case vacant
  /// The port is leased for as long as the holder lives.
  case lease(Lease)
  /// Nobody can tell: what stands there was not written by a ledger.
  case damaged
}
