import HostSystem
import PortLeasing

/// What a user may do with processes and leases of others.
struct Rights {
  /// Whether every user may have ports leased to every process.
  let allowsForeignPIDs: Bool
  private let ownUser = effectiveUserID()

  init(allowsForeignPIDs: Bool) {
    self.allowsForeignPIDs = allowsForeignPIDs
  }

  /// Whether a user may do everything: root and the server's own user may.
  func mayDoAll(_ user: UInt32) -> Bool { user == 0 || user == ownUser }

  /// Whether a user may have ports leased to a process: one that runs as that
  /// user now.
  ///
  /// - Throws: `broken` if `/proc` cannot tell.
  func mayLease(
    to process: KnownProcess, _ user: UInt32
  ) throws(Denial) -> Bool {
    if allowsForeignPIDs || mayDoAll(user) { return true }
    return try process.belongs(to: user)
  }

  /// Whether a user may return a port: one that the user asked for, or whose
  /// holder runs as that user now.
  ///
  /// - Throws: `broken` if `/proc` cannot tell.
  func mayReturn(
    _ lease: Lease, of holder: KnownProcess, _ user: UInt32
  ) throws(Denial) -> Bool {
    if mayDoAll(user) || lease.user == user { return true }
    return try holder.belongs(to: user)
  }
}
