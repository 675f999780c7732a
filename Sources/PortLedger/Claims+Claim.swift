package import HostSystem
package import PortLeasing
package import SystemPackage

extension Claims {
  /// How long to look at places for.
  private static let lookLimit = Duration.seconds(1)

  /// The claims of a place under some names, if it has all of them, and the ledger
  /// mirrors them.
  ///
  /// It takes no lock, makes no probe, and looks at no other place.
  ///
  /// - Parameters:
  ///   - requests: The names; none twice.
  ///   - place: The place.
  ///   - ledger: Mirrors the claims; called only if all exist.
  /// - Returns: One claim for each request, in the same order; `nil` if they must be
  ///   claimed with ``claim(_:at:in:_:note:)``.
  /// - Throws: `ClaimsError.file`, `otherCount`.
  package func known<Failure>(
    _ requests: [ClaimRequest], at place: PlacePath,
    in ledger: () throws(Failure) -> Ledger
  ) throws(ClaimsError) -> [Claim]? {
    guard let known = try existing(requests, at: place),
      known.allSatisfy({ $0.goneSince == nil }),
      let ledger = try? ledger(), ledger.hasClaimed(known.map(\.ports))
    else { return nil }
    return known
  }

  /// The ports of a place under some names; those that are missing are claimed, all
  /// of them or none.
  ///
  /// - Parameters:
  ///   - requests: The names; none twice.
  ///   - place: The place, which exists.
  ///   - ledger: Mirrors the claims.
  ///   - context: How to claim.
  ///   - note: Called with what the user should know.
  /// - Returns: One claim for each request, in the same order.
  /// - Throws: ``ClaimsError``; nothing is claimed then.
  package func claim(
    _ requests: [ClaimRequest], at place: PlacePath, in ledger: Ledger,
    _ context: ClaimContext<some LeaseConditions<Errno>>,
    note: (ClaimNote) -> Void
  ) throws(ClaimsError) -> [Claim] {
    let known = try existing(requests, at: place)
    do throws(ClaimsError) {
      let presences =
        known == nil ? try listAndPresences(context.threads).1 : [:]
      return try withLockedFile(until: context.deadline) {
        file throws(ClaimsError) in
        var attempt = ClaimAttempt(
          list: ClaimList(parsing: try file.read() ?? []), file: file,
          mark: mark(in: file), ledger: ledger, context: context,
          presences: presences)
        return try attempt.run(requests, at: place, note)
      }
    } catch {
      // They are the place's, whatever is wrong with the lock or the ledger.
      guard let known else { throw error }
      note(.notMirrored(error))
      return known
    }
  }

  /// The claims of a place under some names, whether or not a ledger mirrors them.
  ///
  /// - Returns: One claim for each request, in the same order; `nil` if one is missing.
  /// - Throws: `ClaimsError.file`, `otherCount`.
  package func existing(
    _ requests: [ClaimRequest], at place: PlacePath
  ) throws(ClaimsError) -> [Claim]? {
    try Self.select(requests, from: claims(of: place))
  }

  /// The claims for requests; `nil` if one is missing.
  ///
  /// - Throws: `otherCount`.
  fileprivate static func select(
    _ requests: [ClaimRequest], from claims: [Claim]
  ) throws(ClaimsError) -> [Claim]? {
    var selected: [Claim] = []
    for request in requests {
      guard let claim = claims.first(where: { $0.name == request.name }) else {
        continue
      }
      try request.check(claim)
      selected.append(claim)
    }
    return selected.count == requests.count ? selected : nil
  }

  /// Reads the file, without a lock, and looks at the places of all claims.
  ///
  /// - Throws: `ClaimsError.file`.
  package func listAndPresences(
    _ threads: WaitingThreads
  ) throws(ClaimsError) -> (ClaimList, [PlacePath: Presence]) {
    let list = try list()
    let places = Array(Set(list.claims.map(\.place)))
    let presences = DirectoryLook(at: places.map(\.text))
      .presences(within: Self.lookLimit, on: threads)
    return (
      list,
      Dictionary(
        zip(places, presences), uniquingKeysWith: { first, _ in first })
    )
  }
}

extension ClaimRequest {
  /// - Throws: `otherCount` if a claim has not as many ports as requested.
  func check(_ claim: Claim) throws(ClaimsError) {
    if let count, count != claim.ports.count {
      throw .otherCount(claim, expected: count)
    }
  }
}
