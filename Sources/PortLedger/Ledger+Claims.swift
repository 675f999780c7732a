package import HostSystem
package import PortLeasing
import SystemPackage

// A ledger mirrors claims, so that no process is leased a claimed port.

/// The ports of a claims file, as a ledger records them.
package struct ClaimedPorts: Hashable, Sendable {
  package let mark: ClaimMark
  package let ports: PortPool

  package init(mark: ClaimMark, ports: PortPool) {
    self.mark = mark
    self.ports = ports
  }
}

/// Claimed ports that a ledger cannot record as such, because others have them.
package struct MirrorConflicts: Hashable, Sendable {
  /// Those that are leased to living processes, and their leases.
  package var leases: [UInt16: Lease] = [:]
  /// Those that belong to another claims file.
  package var foreign: Set<UInt16> = []

  package init() {}
}

/// Reads the claims that a new ledger begins with; returns `nil` without a claims file.
package typealias ClaimSource =
  @Sendable () throws(ClaimsError) -> ClaimedPorts?

extension Ledger {
  /// Whether all of some ports are recorded as claimed.
  ///
  /// It takes no lock, and one read for the records of up to 128 ports.
  ///
  /// - Returns: `false` also if the ledger cannot be read.
  package func hasClaimed(_ ports: [ClosedRange<UInt16>]) -> Bool {
    guard
      let file = try? LedgerFile(
        File(openingExisting: location.path), boot: store.context.boot)
    else { return false }
    return ports.allSatisfy { range in
      range.allSatisfy { port in
        if case .claimed = try? file.record(of: port) { true } else { false }
      }
    }
  }

  /// Makes the records agree with a claims file.
  ///
  /// Ports that the file does not have any more become vacant. Its other ports are
  /// recorded as claimed, unless they are leased to a living process.
  ///
  /// - Parameters:
  ///   - claims: The ports of the file.
  ///   - isAlive: Whether a holder is alive.
  ///   - deadline: How long to wait for the lock.
  /// - Returns: Ports that others have.
  /// - Throws: `LeasingError.ledger`.
  package func reconcile(
    _ claims: ClaimedPorts, isAlive: (ProcessIdentity) -> Bool,
    deadline: Deadline
  ) throws(LeasingError) -> MirrorConflicts {
    try withLockedFile(until: deadline) { file, _ throws(LeasingError) in
      try store.step { () throws(Errno) in
        try file.mirror(claims, removingOthers: true, isAlive: isAlive)
      }
    }
  }

  /// Turns leases of this process into claimed ports: all of them or none.
  ///
  /// - Parameters:
  ///   - ports: The ports.
  ///   - lease: Their lease.
  ///   - mark: Whose they become.
  ///   - deadline: How long to wait for the lock.
  /// - Returns: Whether all of them had that lease; otherwise nothing is changed.
  /// - Throws: `LeasingError.ledger`; some of them may be claimed then.
  package func claim(
    _ ports: [UInt16], leased lease: Lease, as mark: ClaimMark,
    deadline: Deadline
  ) throws(LeasingError) -> Bool {
    try withLockedFile(until: deadline) { file, _ throws(LeasingError) in
      try store.step { () throws(Errno) in
        for port in ports {
          guard try file.record(of: port) == .lease(lease) else {
            return false
          }
        }
        try file.update(ports) { port, _ in file.words(of: mark, for: port) }
        return true
      }
    }
  }

  /// Makes claimed ports vacant.
  ///
  /// Ports that are not claimed in that file are ignored.
  ///
  /// - Parameters:
  ///   - ports: The ports.
  ///   - mark: Whose they are.
  ///   - deadline: How long to wait for the lock.
  /// - Throws: `LeasingError.ledger`.
  package func unclaim(
    _ ports: [UInt16], of mark: ClaimMark, deadline: Deadline
  ) throws(LeasingError) {
    try withLockedFile(until: deadline) { file, _ throws(LeasingError) in
      try store.step { () throws(Errno) in
        try file.clear(ports) { $0.isClaimed(in: mark.file) }
      }
    }
  }

  /// Clears leases that this process made for a claim that failed.
  package func withdraw(
    _ ports: [UInt16], leased lease: Lease, deadline: Deadline
  ) throws(LeasingError) {
    try withLockedFile(until: deadline) { file, _ throws(LeasingError) in
      try store.step { () throws(Errno) in
        try file.clear(ports) { $0 == .lease(lease) }
      }
    }
  }

  /// The lease of a port, also of a process that has ended; `nil` if it has none.
  package func lease(
    of port: UInt16, deadline: Deadline
  ) throws(LeasingError) -> Lease? {
    try withLockedFile(until: deadline) { file, _ throws(LeasingError) in
      try store.step { () throws(Errno) in
        guard case .lease(let lease) = try file.record(of: port) else {
          return nil
        }
        return lease
      }
    }
  }
}

extension LedgerFile {
  /// Records the ports of a claims file as claimed, unless they are leased to a living
  /// process or belong to another claims file.
  ///
  /// - Parameters:
  ///   - claims: The ports of the file.
  ///   - removingOthers: Whether other ports that are recorded as claimed in the file
  ///     become vacant.
  ///   - isAlive: Whether a holder is alive.
  /// - Returns: Ports that others have.
  /// - Throws: The error of a read or write; some records may be changed then.
  func mirror(
    _ claims: ClaimedPorts, removingOthers: Bool = false,
    isAlive: (ProcessIdentity) -> Bool = \.isAlive
  ) throws(Errno) -> MirrorConflicts {
    var wanted = PortBits(count: Int(UInt16.max) + 1)
    for range in claims.ports.ranges {
      for port in range { wanted[Int(port)] = true }
    }
    var conflicts = MirrorConflicts()
    let mark = claims.mark
    var ports = claims.ports
    if removingOthers {
      ports = PortPool(ports.ranges + (try occupiedPorts()).map { $0...$0 })
    }
    for range in ports.ranges {
      try update(Array(range)) { port, record in
        guard wanted[Int(port)] else {
          return record.isClaimed(in: mark.file) ? .zero : nil
        }
        switch record {
        case .claimed(let other) where other.file != mark.file:
          conflicts.foreign.insert(port)
          return nil
        case .claimed(let other):
          return other == mark ? nil : words(of: mark, for: port)
        case .lease(let lease) where isAlive(lease.holder):
          conflicts.leases[port] = lease
          return nil
        case .vacant, .lease, .damaged: return words(of: mark, for: port)
        }
      }
    }
    return conflicts
  }
}

extension LedgerRecord {
  fileprivate func isClaimed(in file: UInt64) -> Bool {
    if case .claimed(let mark) = self { mark.file == file } else { false }
  }
}
