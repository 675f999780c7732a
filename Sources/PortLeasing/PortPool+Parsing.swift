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
    for item in Self.items(text) {
      do throws(ParsingError) {
        ranges.append(try Self.range(parsing: item))
      } catch {
        skip(error)
      }
    }
    self.init(ranges)
  }

  /// Parses the command-line form: ports and inclusive ranges of ports, separated by
  /// commas, such as `25000-25999,30000`.
  package init(parsing text: String) throws(ParsingError) {
    if text.unicodeScalars.allSatisfy(Self.isSpace) { throw .empty }
    var ranges: [ClosedRange<UInt16>] = []
    for item in Self.items(text) {
      ranges.append(try Self.range(parsing: item))
    }
    self.init(ranges)
  }

  // Scalars, because it takes long to find where characters end, and the C library parses
  // a pool for each pick.
  private typealias Item = Substring.UnicodeScalarView

  private static func items(_ text: String) -> [Item] {
    text.unicodeScalars.split(separator: ",", omittingEmptySubsequences: false)
  }

  private static func range(
    parsing item: Item
  ) throws(ParsingError) -> ClosedRange<UInt16> {
    let ends = item.split(
      separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard
      let first = number(ends[0]), let last = number(ends[ends.count - 1])
    else { throw .notARange(String(item)) }
    let ports = 1...Int(UInt16.max)
    guard ports.contains(first), ports.contains(last) else {
      throw .outOfBounds(String(item))
    }
    guard first <= last else { throw .reversed(String(item)) }
    return UInt16(first)...UInt16(last)
  }

  private static func number(_ text: Item) -> Int? {
    let start = text.drop(while: isSpace)
    let digits = start.prefix { !isSpace($0) }
    let rest = start.dropFirst(digits.count)
    guard rest.allSatisfy(isSpace) else { return nil }
    // `Int` would accept a sign.
    guard digits.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
    // A number that does not fit is out of bounds.
    return digits.isEmpty ? nil : Int(String(digits)) ?? .max
  }

  private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace
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
