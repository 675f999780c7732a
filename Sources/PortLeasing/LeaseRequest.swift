package import HostSystem

/// A request for ports.
package struct LeaseRequest: Sendable {
  /// The ports to choose from.
  package var pool: PortPool
  /// The process that the ports are leased to.
  package var holder: ProcessIdentity
  /// The user that makes the request.
  package var user: UInt32
  /// How many ports, at least 1; all of them are leased or none.
  package var count: Int
  /// Whether the ports must be consecutive.
  package var isContiguous: Bool
  /// The port after which the search starts; `nil` for the ledger's cursor, which
  /// moves only then.
  package var start: UInt16?

  package init(
    pool: PortPool, holder: ProcessIdentity, user: UInt32, count: Int = 1,
    isContiguous: Bool = false, start: UInt16? = nil
  ) {
    self.pool = pool
    self.holder = holder
    self.user = user
    self.count = count
    self.isContiguous = isContiguous
    self.start = start
  }
}

/// The answer to a ``LeaseRequest``.
package enum LeaseOutcome: Hashable, Sendable {
  /// The ports, in the order in which they were found; consecutive ones ascend.
  case leased([UInt16])
  /// There are not enough ports.
  case exhausted(PoolUsage)
}

/// What a search found about the ports of a pool.
package struct PoolUsage: Hashable, Sendable {
  /// How many ports the pool has.
  package var ports: Int
  /// How many are leased to live processes.
  package var leased: Int
  /// How many belong to names; see ``Claim``.
  package var claimed: Int
  /// How many are in use without a lease, and belong to no name.
  package var inUse: Int
  /// How many this process may not bind.
  package var denied: Int

  package init(
    ports: Int, leased: Int = 0, claimed: Int = 0, inUse: Int = 0,
    denied: Int = 0
  ) {
    self.ports = ports
    self.leased = leased
    self.claimed = claimed
    self.inUse = inUse
    self.denied = denied
  }

  /// How many are available; they may be too few, or not consecutive.
  package var available: Int {
    ports - leased - claimed - inUse - denied
  }
}
