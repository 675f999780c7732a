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
    Self.forEachItem(text) { item in
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
    var ranges: [ClosedRange<UInt16>] = []
    do throws(ParsingError) {
      try Self.forEachItem(text) { (item) throws(ParsingError) in
        ranges.append(try Self.range(parsing: item))
      }
    } catch {
      let isBlank = text.unicodeScalars.allSatisfy(\.properties.isWhitespace)
      throw isBlank ? .empty : error
    }
    self.init(ranges)
  }

  // Bytes, because it takes long to find where characters end, and the C library parses
  // a pool for each pick.
  private typealias Item = Slice<UnsafeBufferPointer<UInt8>>

  private static func forEachItem<Failure>(
    _ text: String, _ body: (Item) throws(Failure) -> Void
  ) throws(Failure) {
    var text = text
    // `withUTF8` does not pass on the type of an error.
    try text.withUTF8 { bytes in
      Result { () throws(Failure) in
        var rest = bytes[...]
        while let comma = rest.firstIndex(of: UInt8(ascii: ",")) {
          try body(rest[..<comma])
          rest = rest[(comma + 1)...]
        }
        try body(rest)
      }
    }.get()
  }

  /// A text in ASCII: other spaces become spaces, and other characters question marks.
  private static func ascii(_ text: some Collection<UInt8>) -> [UInt8] {
    String(decoding: text, as: UTF8.self).unicodeScalars.map {
      $0.isASCII
        ? UInt8($0.value)
        : UInt8(ascii: $0.properties.isWhitespace ? " " : "?")
    }
  }

  private static func range(
    parsing item: Item
  ) throws(ParsingError) -> ClosedRange<UInt16> {
    let dash = item.firstIndex(of: UInt8(ascii: "-")) ?? item.endIndex
    guard let first = number(item[..<dash]),
      let last = dash == item.endIndex ? first : number(item[(dash + 1)...])
    else { throw .notARange(String(decoding: item, as: UTF8.self)) }
    let ports = 1...Int(UInt16.max)
    guard ports.contains(first), ports.contains(last) else {
      throw .outOfBounds(String(decoding: item, as: UTF8.self))
    }
    guard first <= last else {
      throw .reversed(String(decoding: item, as: UTF8.self))
    }
    return UInt16(first)...UInt16(last)
  }

  /// Parses digits, with or without spaces around them.
  private static func number(_ text: some Collection<UInt8>) -> Int? {
    var number: Int?
    var hasEnded = false
    for byte in text {
      if byte >= 0x80 { return Self.number(ascii(text)) }
      if isSpace(byte) {
        hasEnded = number != nil
        continue
      }
      guard !hasEnded, let digit = digit(byte) else { return nil }
      // However many digits follow, it is out of bounds.
      number = min((number ?? 0) * 10 + digit, 1_000_000)
    }
    return number
  }

  private static func digit(_ byte: UInt8) -> Int? {
    guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else { return nil }
    return Int(byte - UInt8(ascii: "0"))
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ")
      || UInt8(ascii: "\t")...UInt8(ascii: "\r") ~= byte
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
