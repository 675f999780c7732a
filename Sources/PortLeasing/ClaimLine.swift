/// A line of a claims file: `PORT COUNT NAME TIME PATH`.
///
/// Spaces and tabs separate the fields; the path is the rest of the line. The time of
/// a claim whose place is gone is an interval `MADE/GONE`.
struct ClaimLine {
  /// What a line holds.
  enum Content {
    /// Nothing, or a comment.
    case blank
    case claim(Claim)
    /// Something else: why it is not a claim, and the ports that it may stand for.
    case unreadable(String, blocked: ClosedRange<UInt16>?)
  }

  /// The bytes, with the line's end.
  private(set) var bytes: ArraySlice<UInt8>
  private(set) var content = Content.blank
  /// Where the time is, in a line with a claim.
  private var time = 0..<0

  private static let space = UInt8(ascii: " ")
  private static let tab = UInt8(ascii: "\t")
  private static let lineFeed = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")

  /// Reads a line.
  init(parsing bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    content = parse()
  }

  /// A line for a claim.
  init(_ claim: Claim) {
    self.init(
      parsing: Array(
        """
        \(claim.ports.lowerBound) \(claim.ports.count) \(claim.name) \
        \(Self.timeText(claim)) \(claim.place.text)

        """.utf8)[...])
  }

  /// Whether a place's path can be in a line.
  static func canHold(_ place: PlacePath) -> Bool {
    let path = place.text.utf8
    return path.first == UInt8(ascii: "/") && path.last != carriageReturn
      && !path.contains(lineFeed) && !path.contains(0)
  }

  /// Whether the line ends with a line feed.
  var isComplete: Bool { bytes.last == Self.lineFeed }

  /// Ends a last line that has no line feed.
  mutating func complete() {
    if !isComplete { bytes = Array(bytes + [Self.lineFeed])[...] }
  }

  /// A claim that is in the file before has the same name and place.
  mutating func makeDuplicate() {
    guard case .claim(let claim) = content else { return }
    content = .unreadable(
      "an earlier line has the same name and place", blocked: claim.ports)
  }

  /// Changes since when the place of the line's claim is gone, and nothing else.
  mutating func setGone(since gone: Int64?) {
    guard case .claim(var claim) = content, claim.goneSince != gone else {
      return
    }
    claim.goneSince = gone
    bytes =
      Array(
        bytes[..<time.lowerBound] + Array(Self.timeText(claim).utf8)
          + bytes[time.upperBound...])[...]
    content = parse()
  }

  private static func timeText(_ claim: Claim) -> String {
    ClaimTime.text(claim.time)
      + (claim.goneSince.map { "/" + ClaimTime.text($0) } ?? "")
  }
}

// MARK: - Parsing

extension ClaimLine {
  /// The line without its end.
  static func text(of bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var bytes = bytes
    if bytes.last == lineFeed { bytes.removeLast() }
    if bytes.last == carriageReturn { bytes.removeLast() }
    return bytes
  }

  private mutating func parse() -> Content {
    var rest = Self.text(of: bytes)
    Self.skipBlanks(&rest)
    guard let first = rest.first, first != UInt8(ascii: "#") else {
      return .blank
    }
    let portField = Self.field(&rest)
    let countField = Self.field(&rest)
    guard let port = Self.number(portField) else {
      return .unreadable(
        "the port is not a number from 1 to 65535",
        blocked: Self.leadingNumber(portField).map { $0...$0 })
    }
    guard let count = Self.number(countField),
      Int(port) + Int(count) - 1 <= Int(UInt16.max)
    else {
      return .unreadable(
        "the count is not the number of a block of ports", blocked: port...port)
    }
    let ports = port...port + (count - 1)
    let nameField = Self.field(&rest)
    guard PortName.isValid(nameField),
      let name = PortName(String(decoding: nameField, as: UTF8.self))
    else { return .unreadable("the name is invalid", blocked: ports) }
    let timeField = Self.field(&rest)
    guard let (made, gone) = Self.times(timeField) else {
      return .unreadable(
        "the time is not of the form 2026-11-28T14:31:00Z", blocked: ports)
    }
    guard rest.first == UInt8(ascii: "/"), !rest.contains(0),
      let place = String(validating: rest, as: UTF8.self)
    else {
      return .unreadable(
        "the path is not absolute, or not UTF-8", blocked: ports)
    }
    time = timeField.startIndex..<timeField.endIndex
    return .claim(
      Claim(
        ports: ports, name: name, place: PlacePath(place), time: made,
        goneSince: gone)
    )
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == space || byte == tab
  }

  private static func skipBlanks(_ rest: inout ArraySlice<UInt8>) {
    rest = rest.drop(while: isBlank)
  }

  /// Takes a field and the blanks behind it.
  private static func field(
    _ rest: inout ArraySlice<UInt8>
  ) -> ArraySlice<UInt8> {
    let field = rest.prefix { !isBlank($0) }
    rest = rest[field.endIndex...]
    skipBlanks(&rest)
    return field
  }

  /// A number from 1 to 65535.
  private static func number(_ field: ArraySlice<UInt8>) -> UInt16? {
    let digits = field.prefix(while: isDigit)
    return digits.count == field.count ? leadingNumber(field) : nil
  }

  private static func leadingNumber(_ field: ArraySlice<UInt8>) -> UInt16? {
    var number: UInt16 = 0
    for digit in field.prefix(while: isDigit) {
      let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(
        UInt16(digit - UInt8(ascii: "0")))
      if overflow || carry { return nil }
      number = sum
    }
    return number == 0 ? nil : number
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func times(
    _ field: ArraySlice<UInt8>
  ) -> (made: Int64, gone: Int64?)? {
    let parts = field.split(
      separator: UInt8(ascii: "/"), maxSplits: 1,
      omittingEmptySubsequences: false)
    guard let made = ClaimTime.seconds(parts[0]) else { return nil }
    if parts.count == 1 { return (made, nil) }
    guard let gone = ClaimTime.seconds(parts[1]) else { return nil }
    return (made, gone)
  }
}

// MARK: - The lines of one place

extension ClaimLine {
  /// Reads the claims of one place from the bytes of a file.
  ///
  /// Lines of other places cost a comparison each, because there may be thousands.
  ///
  /// - Parameters:
  ///   - place: The place.
  ///   - bytes: The content of the file.
  /// - Returns: The claims; of two with the same name, the first.
  static func claims(of place: PlacePath, in bytes: [UInt8]) -> [Claim] {
    var claims: [Claim] = []
    for line in linesEnding(with: Array(place.text.utf8), in: bytes) {
      guard case .claim(let claim) = ClaimLine(parsing: bytes[line]).content,
        claim.place == place,
        !claims.contains(where: { $0.name == claim.name })
      else { continue }
      claims.append(claim)
    }
    return claims
  }
}
