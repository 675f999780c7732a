import HostSystem
import PortLeasing
import PortPicker

// MARK: - Ports of names

extension Diagnosis {
  mutating func examineNames() {
    let report: ClaimsReport?
    do throws(PortPickerError) {
      report = try Picker.shared.claimsReport()
    } catch {
      say(.problem, "names", "\(error)")
      report = nil
    }
    if let report {
      examineClaims(report)
      examineGonePlaces(report.claims)
    }
    examineManifest(report?.claims ?? [])
    examineClaimPool(report?.claims ?? [])
  }

  private mutating func examineClaims(_ report: ClaimsReport) {
    for line in report.unreadable {
      say(
        .problem, "names",
        "\(report.path), line \(line.number), cannot be read: \(line.reason); "
          + "correct or remove it"
          + (line.blocked.map {
            "; until then, nobody is given \(portsText(Array($0)))"
          } ?? ""))
    }
    for overlap in report.overlaps {
      let (one, other) = (overlap.first, overlap.second)
      say(
        .problem, "names",
        "\(one.name) of \(one.place) and \(other.name) of \(other.place) share "
          + "\(portsText(one.ports.filter(other.ports.contains))); give one of "
          + "them up: portpicker forget \(other.name) --at \(other.place)")
    }
    if report.unreadable.isEmpty, report.overlaps.isEmpty {
      let places = Set(report.claims.map(\.place)).count
      say(
        .ok, "names",
        "\(report.path): \(counted(report.claims.count, "name")) in "
          + "\(counted(places, "directory", "directories"))"
      )
    }
  }

  private mutating func examineGonePlaces(_ claims: [NamedPort]) {
    let gone = claims.filter { $0.goneSince != nil }
    guard let first = gone.first else { return }
    let places = Set(gone.map(\.place)).count
    say(
      .note, "names",
      "\(counted(gone.count, "name")) of directories that are gone: \(first.place)"
        + (places > 1 ? " and \(places - 1) more" : "")
        + "; their ports are used again when others run short, or give them up: "
        + "portpicker forget --at DIR")
  }

  private mutating func examineManifest(_ claims: [NamedPort]) {
    do throws(PortPickerError) {
      let place = try Place(at: nil)
      guard let manifest = try Manifest.read(at: place.path) else { return }
      say(
        .ok, "manifest",
        "\(place.manifestPath): \(counted(manifest.entries.count, "name"))")
      guard place.isMainCheckout else { return }
      for entry in manifest.entries {
        try examinePreference(of: entry, at: place, claims)
      }
    } catch {
      say(.problem, "manifest", "\(error)")
    }
  }

  /// Reports a preferred port that somebody else has.
  private mutating func examinePreference(
    of entry: Manifest.Entry, at place: Place, _ claims: [NamedPort]
  ) throws(PortPickerError) {
    guard let first = entry.preferredPort else { return }
    let wanted = Array(first..<first + (entry.count ?? 1))
    let own = claims.first {
      $0.place == place.path && $0.name == entry.name
    }
    if own?.ports == wanted { return }
    let instead = own.map { "; it has \($0.portsText)" } ?? ""
    let other = claims.first { claim in
      (claim.place, claim.name) != (place.path, entry.name)
        && claim.ports.contains(where: wanted.contains)
    }
    let listener = try PortOwnership.of(
      wanted.map { UInt16(clamping: $0) }, in: place
    ).flatMap(\.listeners).first
    let holder =
      other.map { "the name \($0.name) of \($0.place) has" }
      ?? listener.map { "is used by \($0.textWithDirectory)" }
    if let holder {
      say(
        .note, "manifest",
        "\(entry.name) prefers \(portsText(wanted)), which \(holder)\(instead)")
    } else if own != nil {
      say(
        .note, "manifest",
        "\(entry.name) prefers \(portsText(wanted)), which nobody has now"
          + "\(instead); portpicker forget \(entry.name) lets it have that")
    }
  }

  /// Reports pools of others that contain ports of names.
  private mutating func examineClaimPool(_ claims: [NamedPort]) {
    let claimPool = PortPool(ports: Picker.shared.claimPool)
    let claimed = PortPool(
      ports: claims.compactMap { claim in
        guard let first = claim.ports.first, let last = claim.ports.last else {
          return nil
        }
        return first...last
      })
    for (pool, owner) in pools {
      let taken = pool.intersection(claimed)
      let shared = taken.isEmpty ? pool.intersection(claimPool) : taken
      if shared.isEmpty { continue }
      switch owner {
      case .server(let server):
        say(
          taken.isEmpty ? .note : .problem, "pool (names)",
          "\(server) leases \(shared.summary), which "
            + (taken.isEmpty ? "names may get" : "names have")
            + ", and does not know of names; give it another --pool")
      case .ledger:
        say(
          .note, "pool (names)",
          "names and processes are given ports from \(shared.summary); none is "
            + "given twice, but there are fewer for each")
      }
    }
  }
}

private func counted(
  _ count: Int, _ one: String, _ several: String? = nil
) -> String {
  "\(count) " + (count == 1 ? one : several ?? one + "s")
}

/// Consecutive ports for messages, such as `port 3000` or `ports 3000-3009`.
private func portsText(_ ports: [Int]) -> String {
  (ports.count == 1 ? "port " : "ports ") + rangeText(ports)
}
