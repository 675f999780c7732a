/// The claims of a user: the content of the claims file.
///
/// The file is text, edited by people too. A line that is not changed stays as it is,
/// byte for byte, also one that cannot be read.
package struct ClaimList: Sendable {
  /// A line that cannot be read.
  package struct UnreadableLine: Hashable, Sendable {
    /// Its number, from 1.
    package let number: Int
    /// Its text; invalid UTF-8 is repaired.
    package let text: String
    /// Why it cannot be read.
    package let reason: String
    /// The ports that it may stand for, which are not handed out.
    package let blocked: ClosedRange<UInt16>?
  }

  private var lines: [ClaimLine] = []
  /// The lines of the claims.
  private var indices: [Key: Int] = [:]

  private struct Key: Hashable {
    let place: PlacePath
    let name: PortName
  }

  package init() {}

  /// Reads the content of a file; any bytes are accepted.
  package init(parsing bytes: [UInt8]) {
    for range in lineRanges(in: bytes) {
      append(ClaimLine(parsing: bytes[range]))
    }
  }

  /// Reads the claims of one place from the content of a file.
  ///
  /// Of two claims with the same name, the first counts.
  package static func claims(
    of place: PlacePath, in bytes: [UInt8]
  ) -> [Claim] {
    ClaimLine.claims(of: place, in: bytes)
  }

  /// Whether claims of a place can be recorded: its path is absolute and one line.
  package static func canHold(_ place: PlacePath) -> Bool {
    ClaimLine.canHold(place)
  }

  /// The content of the file.
  package var bytes: [UInt8] { lines.flatMap(\.bytes) }

  /// The claims, in the order of the file.
  package var claims: [Claim] { lines.compactMap(\.claim) }

  /// The lines that cannot be read.
  package var unreadable: [UnreadableLine] {
    lines.enumerated().compactMap { index, line in
      guard case .unreadable(let reason, let blocked) = line.content else {
        return nil
      }
      return UnreadableLine(
        number: index + 1,
        text: String(decoding: ClaimLine.text(of: line.bytes), as: UTF8.self),
        reason: reason, blocked: blocked)
    }
  }

  /// The ports of claims, and those that unreadable lines may stand for.
  package var ports: PortPool { portsExcept([]) }

  /// The ports of all but some claims, and those that unreadable lines may stand for.
  package func portsExcept(_ claims: [Claim]) -> PortPool {
    let excluded = Set(claims)
    return PortPool(
      lines.compactMap { line in
        switch line.content {
        case .blank: nil
        case .claim(let claim): excluded.contains(claim) ? nil : claim.ports
        case .unreadable(_, let blocked): blocked
        }
      })
  }

  /// A place's claim of a name.
  package func claim(of name: PortName, at place: PlacePath) -> Claim? {
    indices[Key(place: place, name: name)].flatMap { lines[$0].claim }
  }

  /// Claims that share ports: each with the next one that it shares a port with.
  package var overlaps: [(first: Claim, second: Claim)] {
    let sorted = claims.sorted {
      ($0.ports.lowerBound, $0.ports.upperBound)
        < ($1.ports.lowerBound, $1.ports.upperBound)
    }
    var overlaps: [(first: Claim, second: Claim)] = []
    var last: Claim?
    for claim in sorted {
      if let last, last.ports.overlaps(claim.ports) {
        overlaps.append((last, claim))
      }
      if claim.ports.upperBound >= last?.ports.upperBound ?? 0 { last = claim }
    }
    return overlaps
  }
}

// MARK: - Changes

extension ClaimList {
  /// Adds a claim at the end.
  ///
  /// The place must not have the name yet.
  package mutating func add(_ claim: Claim) {
    if !lines.isEmpty { lines[lines.count - 1].complete() }
    append(ClaimLine(claim))
  }

  /// Removes claims, also from lines that repeat them.
  ///
  /// - Parameters:
  ///   - place: The place.
  ///   - condition: Whether to remove a name.
  /// - Returns: The claims, without repetitions.
  @discardableResult
  package mutating func remove(
    at place: PlacePath, where condition: (PortName) -> Bool = { _ in true }
  ) -> [Claim] {
    var removed: [Claim] = []
    let all = lines
    lines = []
    indices = [:]
    for line in all {
      // A repeated claim must not count once the first is removed.
      if let claim = line.written, claim.place == place, condition(claim.name) {
        if line.claim != nil { removed.append(claim) }
      } else {
        append(line)
      }
    }
    return removed
  }

  /// Changes since when places are gone.
  ///
  /// - Parameter time: Since when a claim's place is gone, in seconds since 1970; `nil`
  ///   if it exists.
  /// - Returns: Whether anything changed.
  package mutating func setGone(_ time: (Claim) -> Int64?) -> Bool {
    var isChanged = false
    for index in lines.indices {
      guard let claim = lines[index].claim else { continue }
      let gone = time(claim)
      if gone == claim.goneSince { continue }
      lines[index].setGone(since: gone)
      isChanged = true
    }
    return isChanged
  }

  private mutating func append(_ line: ClaimLine) {
    var line = line
    if let claim = line.claim {
      let key = Key(place: claim.place, name: claim.name)
      if indices[key] == nil {
        indices[key] = lines.count
      } else {
        line.makeDuplicate()
      }
    }
    lines.append(line)
  }
}

extension ClaimLine {
  fileprivate var claim: Claim? {
    if case .claim(let claim) = content { claim } else { nil }
  }

  /// The claim that the line has, also if it repeats another.
  fileprivate var written: Claim? {
    claim ?? ClaimLine(parsing: bytes).claim
  }
}
