package import HostSystem
package import PortLeasing
package import SystemPackage

/// A name whose ports are wanted.
package struct ClaimRequest: Hashable, Sendable {
  package let name: PortName
  /// How many consecutive ports it has; `nil` for as many as it has, or one.
  package let count: Int?
  /// The ports that it gets if they are available when it is first claimed.
  package let preferred: ClosedRange<UInt16>?

  /// - Parameters:
  ///   - name: The name.
  ///   - count: See ``count``.
  ///   - preferred: The first port of ``preferred``. Ports beyond the last one are
  ///     ignored, and so is a block that does not fit.
  package init(
    _ name: PortName, count: Int? = nil, preferring preferred: UInt16? = nil
  ) {
    self.name = name
    self.count = count
    self.preferred = preferred.flatMap { first in
      let last = Int(first) + (count ?? 1) - 1
      return first > 0 && last <= Int(UInt16.max) ? first...UInt16(last) : nil
    }
  }

  /// How many ports a new claim has.
  var newCount: Int { count ?? 1 }
}

/// What claiming needs to know of its caller.
package struct ClaimContext<Host: LeaseConditions<Errno>> {
  /// The ports to choose from.
  package let pool: PortPool
  /// Probes ports, checks holders, and knows this process, to which the ports are
  /// leased until they are claimed.
  package let host: Host
  /// For looking at places.
  package let threads: WaitingThreads
  /// How long to search, and to wait for locks.
  package let deadline: Deadline

  package init(
    pool: PortPool, host: Host, threads: WaitingThreads, deadline: Deadline
  ) {
    self.pool = pool
    self.host = host
    self.threads = threads
    self.deadline = deadline
  }
}
