import HostSystem
import PortLeasing
import PortLedger
import SystemPackage

extension Picker {
  /// This user's claims.
  static func locateClaims() throws(ClaimsError) -> Claims {
    let user = effectiveUserID()
    let location =
      if let named = try text(of: "PORTPICKER_CLAIMS") {
        try ClaimsLocation(namedByUser: named)
      } else {
        try ClaimsLocation(
          stateHome: text(of: "XDG_STATE_HOME"), home: text(of: "HOME"),
          user: user)
      }
    return Claims(at: location, user: user)
  }

  private static func text(
    of variable: String
  ) throws(ClaimsError) -> String? {
    do throws(Errno) {
      return try HostSystem.environmentText(variable)
    } catch {
      throw .file(.notText, path: variable)
    }
  }

  /// The ports of names in a place; those that are missing are claimed, all of them or
  /// none.
  ///
  /// - Parameters:
  ///   - requests: The names; none twice.
  ///   - place: The place.
  ///   - options: How to claim.
  ///   - unlisted: Names that the manifest lacks; a warning says so when they are
  ///     claimed.
  /// - Returns: One claim for each request, in the same order.
  /// - Throws: ``PortPickerError``.
  func claim(
    _ requests: [ClaimRequest], at place: PlacePath,
    _ options: NamedPortOptions, notInManifest unlisted: Set<PortName> = []
  ) throws(PortPickerError) -> [Claim] {
    let named = try PickRequest(
      options: PickOptions(pool: options.pool, timeout: options.timeout)
    ).validatedPool()
    guard ClaimList.canHold(place) else {
      throw PortPickerError(
        ClaimsError.file(.place, path: place.text))
    }
    let claims = try convertingErrors(Self.locateClaims)
    let known = try convertingErrors { () throws(ClaimsError) in
      try claims.known(requests, at: place, in: openLedger)
    }
    if let known { return known }
    let pool = named ?? ClaimPool.ports(on: conditions.kernel)
    try Self.checkCounts(
      of: requests, without: Self.claims(of: place).map(\.name), pool)
    warnOfOverlap(pool)
    let ledger: Ledger
    do throws(PortPickerError) {
      ledger = try openLedger()
    } catch {
      // They are the place's, whatever is wrong with the ledger.
      let existing = try convertingErrors { () throws(ClaimsError) in
        try claims.existing(requests, at: place)
      }
      guard let existing else { throw error }
      Warnings.issue(Self.notMirrored(place, "\(error)"))
      return existing
    }
    let context = ClaimContext(
      pool: pool,
      host: HostConditions(keepingSocketsFor: .none, in: network),
      threads: threads, deadline: Deadline(after: options.timeout))
    return try convertingErrors { () throws(ClaimsError) in
      try claims.claim(requests, at: place, in: ledger, context) { note in
        if case .made(let claim) = note {
          if unlisted.contains(claim.name) { warnOfUnlisted(claim) }
        } else {
          issue(note, at: place)
        }
      }
    }
  }

  /// Checks whether the pool can have the ports of names that are to be claimed.
  private static func checkCounts(
    of requests: [ClaimRequest], without existing: [PortName], _ pool: PortPool
  ) throws(PortPickerError) {
    for request in requests where !existing.contains(request.name) {
      let count = request.count ?? 1
      if count <= pool.count { continue }
      throw PortPickerError(
        .invalidArgument,
        "the count of '\(request.name)' is \(count), but the pool "
          + "\(pool.summary) has only \(pool.count) ports")
    }
  }

  /// The claims of a place.
  static func claims(
    of place: PlacePath
  ) throws(PortPickerError) -> [Claim] {
    let claims = try convertingErrors(locateClaims)
    return try convertingErrors { () throws(ClaimsError) in
      try claims.claims(of: place)
    }
  }

  /// The places that have claims, in no order, whether or not they exist.
  ///
  /// - Throws: As ``claimsReport()``.
  package static func claimedPlaces() throws(PortPickerError) -> [String] {
    let claims = try convertingErrors(locateClaims)
    let list = try convertingErrors { () throws(ClaimsError) in
      try claims.list()
    }
    return Set(list.claims.map(\.place)).map(\.text)
  }

  /// The ports that a new ledger records as claimed; `nil` if the user has no claims file.
  static func claimedPorts() throws(ClaimsError) -> ClaimedPorts? {
    do throws(ClaimsError) {
      return try locateClaims().ports()
    } catch {
      // Without a home, a user has no claims.
      if case .file(.noHome, _) = error { return nil }
      throw error
    }
  }

  /// Gives up the ports of a name, or of all names, in a place.
  ///
  /// - Returns: The claims that the place had.
  /// - Throws: ``PortPickerError``.
  func forget(
    _ name: PortName?, at place: PlacePath
  ) throws(PortPickerError) -> [Claim] {
    let claims = try convertingErrors(Self.locateClaims)
    // Without a ledger, no process is leased anything.
    let ledger = try? openLedger()
    let deadline = Deadline(after: NamedPortOptions().timeout)
    return try convertingErrors { () throws(ClaimsError) in
      try claims.forget(name, at: place, in: ledger, deadline: deadline) {
        issue($0, at: place)
      }
    }
  }

  /// Reads the claims file, without a lock, and looks which places exist.
  ///
  /// Nothing is claimed or written. A file that does not exist has no claims.
  ///
  /// - Throws: `claimsUnusable` if the file exists and cannot be read;
  ///   `invalidArgument` if `PORTPICKER_CLAIMS` is not an absolute path.
  package func claimsReport() throws(PortPickerError) -> ClaimsReport {
    let claims = try convertingErrors(Self.locateClaims)
    let (list, presences) = try convertingErrors { () throws(ClaimsError) in
      try claims.listAndPresences(threads)
    }
    let now = wallClockSeconds()
    let named = { (claim: Claim) in
      NamedPort(claim, seen: presences[claim.place] ?? .unknown, at: now)
    }
    return ClaimsReport(
      path: claims.location.path,
      claims: list.claims.sorted { ($0.place, $0.name) < ($1.place, $1.name) }
        .map(named),
      unreadable: list.unreadable.map(ClaimsReport.UnreadableLine.init),
      overlaps: list.overlaps.map {
        ClaimsReport.Overlap(first: named($0.first), second: named($0.second))
      })
  }

  /// The ports that names are claimed from, unless the options name others.
  package var claimPool: [ClosedRange<Int>] {
    ClaimPool.ports(on: conditions.kernel).ranges.map {
      Int($0.lowerBound)...Int($0.upperBound)
    }
  }
}

extension NamedPort {
  init(_ claim: Claim) {
    self.init(
      name: claim.name.text, ports: claim.ports.map { Int($0) },
      place: claim.place.text, claimedAt: claim.time,
      goneSince: claim.goneSince)
  }

  /// - Parameters:
  ///   - claim: The claim.
  ///   - presence: Whether its place exists.
  ///   - now: The time, in seconds since 1970.
  fileprivate init(_ claim: Claim, seen presence: Presence, at now: Int64) {
    var claim = claim
    switch presence {
    case .exists: claim.goneSince = nil
    case .gone: claim.goneSince = claim.goneSince ?? now
    case .unknown: break
    }
    self.init(claim)
  }
}

extension ClaimsReport.UnreadableLine {
  fileprivate init(_ line: ClaimList.UnreadableLine) {
    self.init(
      number: line.number, text: line.text, reason: line.reason,
      blocked: line.blocked.map { Int($0.lowerBound)...Int($0.upperBound) })
  }
}

// MARK: - Errors and warnings

extension PortPickerError {
  init(_ error: ClaimsError) {
    let code: Code =
      switch error {
      case .file(.relativePath, _), .file(.notText, _), .file(.place, _),
        .otherCount:
        .invalidArgument
      case .file: .claimsUnusable
      case .exhausted: .poolExhausted
      case .leasing(let error): Self.code(of: error)
      }
    self.init(code, error.description, error.errno)
  }
}

private func convertingErrors<Result>(
  _ body: () throws(ClaimsError) -> Result
) throws(PortPickerError) -> Result {
  do throws(ClaimsError) {
    return try body()
  } catch {
    throw PortPickerError(error)
  }
}

extension Picker {
  private func issue(_ note: ClaimNote, at place: PlacePath) {
    switch note {
    case .replaced(let name, let preferred, let ports, let obstacle):
      Warnings.issue(
        "'\(name)' has \(text(ports)) and not \(text(preferred)), because "
          + text(obstacle, preferred, at: place))
    case .handedOut(let claim):
      Warnings.issue(
        "\(text(claim.ports)) belonged to '\(claim.name)' in "
          + "'\(claim.place.text)', which does not exist any more, and was handed "
          + "out again because no other port is left")
    case .leased(let claim, let port, let lease):
      Warnings.issue(
        "port \(port) of '\(claim.name)' is leased to \(text(lease)), which was "
          + "given it before it was claimed; end that process, or claim another port "
          + "(portpicker forget \(claim.name))")
    case .notMirrored(let error):
      Warnings.issue(Self.notMirrored(place, "\(error)"))
    case .notReleased(let error):
      Warnings.issue(
        "the ports are not free until the next name is claimed: \(error)")
    case .made: break
    case .mayNotLast(let path, let error):
      Warnings.issue(
        "the change to '\(path)' may not survive a power failure: \(error)")
    }
  }

  private static func notMirrored(_ place: PlacePath, _ reason: String)
    -> String
  {
    "a process may be leased a named port of '\(place.text)': \(reason)"
  }

  private func warnOfUnlisted(_ claim: Claim) {
    Warnings.issue(
      "'\(claim.name)' was claimed although the manifest of '\(claim.place.text)' "
        + "does not list it; add it to \(Manifest.fileName), or give it up "
        + "(portpicker forget \(claim.name))")
  }

  private func text(_ ports: ClosedRange<UInt16>) -> String {
    ports.count == 1
      ? "port \(ports.lowerBound)"
      : "the ports \(ports.lowerBound)-\(ports.upperBound)"
  }

  private func text(_ lease: Lease) -> String {
    let pid = lease.holder.pid
    let command = commandLines.commandLines(of: [pid])[pid] ?? "?"
    return "process \(pid)" + (command == "?" ? "" : " (\(command))")
  }

  private func text(
    _ obstacle: PreferenceObstacle, _ ports: ClosedRange<UInt16>,
    at place: PlacePath
  ) -> String {
    let it = ports.count == 1 ? "it" : "one of them"
    switch obstacle {
    case .claimed(let claim):
      let remedy = "portpicker forget \(claim.name)"
      if claim.place == place {
        return "'\(claim.name)' has \(it) (\(remedy))"
      }
      let owner =
        claim.goneSince == nil
        ? "in '\(claim.place.text)'"
        : "in '\(claim.place.text)', which does not exist any more,"
      return "'\(claim.name)' \(owner) has \(it) (\(remedy) --at "
        + "'\(claim.place.text)')"
    case .unreadable(let line):
      return "line \(line) of the claims file, which is invalid, may stand for "
        + it
    case .claimedElsewhere: return "another claims file has \(it)"
    case .leased(let port, let lease):
      return "port \(port) is leased to \(text(lease))"
    case .inUse: return it + " is in use" + users(of: ports)
    case .denied: return "binding \(it) requires a privilege"
    }
  }

  /// The processes that use ports, for messages.
  private func users(of ports: ClosedRange<UInt16>) -> String {
    let sockets = (try? SocketTable.sockets(onPorts: Set(ports))) ?? []
    let owners = socketOwners(of: Set(sockets.map(\.inode)))
    let pids = Set(owners.values.joined()).sorted().prefix(3)
    if pids.isEmpty { return "" }
    let commands = commandLines.commandLines(of: Set(pids))
    return " by "
      + pids.map { "process \($0) (\(commands[$0] ?? "?"))" }
      .joined(separator: ", ")
  }
}
