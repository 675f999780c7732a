package import HostSystem
package import PortLeasing
package import SystemPackage

/// The claims of a user on this machine.
///
/// The claims file is authoritative. Ledgers mirror it, so that no process is leased a
/// claimed port. Claims are made and forgotten under the file's lock; if a process is
/// killed meanwhile, the next claim clears up what it left in the ledger.
package struct Claims: Sendable {
  package let location: ClaimsLocation
  /// The user whose claims they are.
  let user: UInt32

  package init(at location: ClaimsLocation, user: UInt32) {
    self.location = location
    self.user = user
  }

  /// Reads the file, without a lock.
  ///
  /// - Returns: The claims; an empty list if the file does not exist.
  /// - Throws: `ClaimsError.file`.
  package func list() throws(ClaimsError) -> ClaimList {
    ClaimList(parsing: try ClaimsFile(location.resolved()).read() ?? [])
  }

  /// Reads the claims of a place, without a lock.
  ///
  /// - Returns: The claims, in the order of the file.
  /// - Throws: `ClaimsError.file`.
  package func claims(of place: PlacePath) throws(ClaimsError) -> [Claim] {
    ClaimList.claims(
      of: place, in: try ClaimsFile(location.resolved()).read() ?? [])
  }

  /// The ports that a new ledger records as claimed; `nil` without a claims file.
  package func ports() throws(ClaimsError) -> ClaimedPorts? {
    // Most users have none, and every pick asks.
    guard let bytes = try ClaimsFile(location.path).read() else { return nil }
    return ClaimedPorts(
      mark: mark(in: ClaimsFile(try location.resolved())),
      ports: ClaimList(parsing: bytes).ports)
  }

  func mark(in file: ClaimsFile) -> ClaimMark {
    ClaimMark(user: user, file: file.identifier)
  }

  /// Calls `body` with the file, its directory created and its lock held.
  func withLockedFile<Result>(
    until deadline: Deadline,
    _ body: (ClaimsFile) throws(ClaimsError) -> Result
  ) throws(ClaimsError) -> Result {
    try location.makeDirectory()
    let file = ClaimsFile(try location.resolved())
    return try file.withLock(until: deadline, user: user) {
      () throws(ClaimsError) in try body(file)
    }
  }
}

// MARK: - Giving up claims

extension Claims {
  /// Gives up claims of a place.
  ///
  /// - Parameters:
  ///   - name: The name; `nil` for all.
  ///   - place: The place.
  ///   - ledger: Mirrors the claims.
  ///   - deadline: How long to wait for locks.
  ///   - note: Called with what the user should know.
  /// - Returns: The claims that it had.
  /// - Throws: `ClaimsError.file`; nothing is given up then.
  package func forget(
    _ name: PortName?, at place: PlacePath, in ledger: Ledger?,
    deadline: Deadline, note: (ClaimNote) -> Void
  ) throws(ClaimsError) -> [Claim] {
    let condition = { (other: PortName) in name == nil || other == name }
    guard try claims(of: place).contains(where: { condition($0.name) }) else {
      return []
    }
    return try withLockedFile(until: deadline) { file throws(ClaimsError) in
      var list = ClaimList(parsing: try file.read() ?? [])
      let removed = list.remove(at: place, where: condition)
      if removed.isEmpty { return [] }
      if let error = try file.write(list.bytes) {
        note(.mayNotLast(path: file.path, error))
      }
      // Another claim may share a port.
      let free = PortPool(removed.map(\.ports)).subtracting(list.ports)
      do throws(LeasingError) {
        try ledger?.unclaim(
          Array(free.ranges.joined()), of: mark(in: file), deadline: deadline)
      } catch {
        note(.notReleased(error))
      }
      return removed
    }
  }
}

/// Something about claims that the user should know although it is not an error.
package enum ClaimNote: Hashable, Sendable {
  /// A name was claimed that the place did not have.
  case made(Claim)
  /// A name did not get its preferred ports.
  case replaced(
    PortName, preferred: ClosedRange<UInt16>, by: ClosedRange<UInt16>,
    because: PreferenceObstacle)
  /// The ports of a place that is gone were handed out again.
  case handedOut(Claim)
  /// A claimed port is leased to a living process, so both may use it.
  case leased(Claim, port: UInt16, Lease)
  /// Claims were answered although it is not certain that the ledger mirrors them.
  case notMirrored(ClaimsError)
  /// Claims were given up, but the ledger still has them until the next claim.
  case notReleased(LeasingError)
  /// The file was replaced, but that may not survive a power failure.
  case mayNotLast(path: String, Errno)
}

/// Why a name does not get its preferred ports.
package enum PreferenceObstacle: Hashable, Sendable {
  /// Another name has one of them.
  case claimed(Claim)
  /// A line of the claims file that cannot be read may stand for one of them.
  case unreadable(line: Int)
  /// Another claims file has one of them.
  case claimedElsewhere
  /// One of them is leased to a process.
  case leased(port: UInt16, Lease)
  /// At least one of them is in use.
  case inUse
  /// This process may not bind one of them.
  case denied
}
