extension PortPool {
  /// Why a text is not a valid pool.
  package enum ParsingError: Error, Hashable {
    /// The text is empty.
    case empty
    /// An item is neither `PORT` nor `FIRST-LAST`.
    case notARange(String)
    /// A port is not within 1–65535.
    case outOfBounds(String)
    /// A range's last port is smaller than its first.
    case reversed(String)
  }

  /// Parses a pool and skips invalid items, as the original's server does.
  ///
  /// - Parameters:
  ///   - text: Ports and ranges as in ``init(parsing:)``.
  ///   - skip: Called with the reason for each skipped item.
  package init(
    parsing text: String, skippingBadItems skip: (ParsingError) -> Void
  ) {
    var ranges: [ClosedRange<UInt16>] = []
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      do throws(ParsingError) {
        ranges.append(try Self.range(parsing: String(item)))
      } catch {
        skip(error)
      }
    }
    self.init(ranges)
  }

  /// Parses the command-line form: ports and inclusive ranges of ports, separated by
  /// commas, such as `25000-25999,30000`.
  package init(parsing text: String) throws(ParsingError) {
    if text.allSatisfy(\.isWhitespace) { throw .empty }
    var ranges: [ClosedRange<UInt16>] = []
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      ranges.append(try Self.range(parsing: String(item)))
    }
    self.init(ranges)
  }

  private static func range(
    parsing item: String
  ) throws(ParsingError) -> ClosedRange<UInt16> {
    let ends = item.split(
      separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard
      let first = number(ends[0]), let last = number(ends[ends.count - 1])
    else { throw .notARange(item) }
    let ports = 1...Int(UInt16.max)
    guard ports.contains(first), ports.contains(last) else {
      throw .outOfBounds(item)
    }
    guard first <= last else { throw .reversed(item) }
    return UInt16(first)...UInt16(last)
  }

  private static func number(_ text: Substring) -> Int? {
    let start = text.drop(while: \.isWhitespace)
    let digits = start.prefix { !$0.isWhitespace }
    let rest = start.dropFirst(digits.count)
    guard rest.allSatisfy(\.isWhitespace) else { return nil }
    // `Int` would accept a sign.
    guard digits.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
    // A number that does not fit is out of bounds.
    return digits.isEmpty ? nil : Int(digits) ?? .max
  }
}

extension PortPool.ParsingError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .empty: "it names no port"
    case .notARange(let item):
      "'\(item)' is neither a port nor a range FIRST-LAST"
    case .outOfBounds(let item): "'\(item)' is not within 1-65535"
    case .reversed(let item): "'\(item)' ends before it begins"
    }
  }
}
