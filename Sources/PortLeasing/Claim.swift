/// Ports that belong to a place under a name.
package struct Claim: Hashable, Sendable {
  /// The port, or the consecutive ports of a block.
  package let ports: ClosedRange<UInt16>
  /// The name.
  package let name: PortName
  /// The place: the canonical path of a directory.
  package let place: PlacePath
  /// When it was made, in seconds since 1970.
  package let time: Int64
  /// When the place was first seen to be gone, in seconds since 1970; `nil` if it
  /// exists, as far as known.
  package var goneSince: Int64?

  package init(
    ports: ClosedRange<UInt16>, name: PortName, place: PlacePath, time: Int64,
    goneSince: Int64? = nil
  ) {
    self.ports = ports
    self.name = name
    self.place = place
    self.time = time
    self.goneSince = goneSince
  }
}

/// What a ledger knows of a claim: whose it is, and in which file it is.
package struct ClaimMark: Hashable, Sendable {
  /// The user whose claim it is.
  package let user: UInt32
  /// The identifier of the claims file.
  package let file: UInt64

  package init(user: UInt32, file: UInt64) {
    self.user = user
    self.file = file
  }
}

extension PortPool {
  /// The port after which a name's search of the pool starts.
  ///
  /// A hash determines it, so that a place that is set up again usually gets its old
  /// ports.
  ///
  /// - Parameters:
  ///   - user: The user that claims the name.
  ///   - place: The place.
  ///   - name: The name.
  /// - Returns: The port before the one that is tried first.
  package func start(
    ofUser user: UInt32, place: PlacePath, name: PortName
  ) -> UInt16 {
    var hash = FNV1a()
    hash.add("\(user) \(name) ".utf8)
    hash.add(place.text.utf8)
    var position = Int(hash.mixed % UInt64(max(count, 1)))
    for range in ranges {
      if position < range.count {
        return range.lowerBound + UInt16(position) - 1
      }
      position -= range.count
    }
    return 0
  }
}
