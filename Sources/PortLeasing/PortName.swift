/// The name of a port, or of a block of ports, in a place.
package struct PortName: Hashable, Sendable {
  /// The name: a lowercase letter, then up to 62 lowercase letters, digits and `-`.
  package let text: String

  /// What a name consists of, for messages.
  package static let rule =
    "a lowercase letter, then up to 62 lowercase letters, digits and -"

  /// How many bytes a name has at most.
  package static let maximumLength = 63

  /// A name; `nil` if the text is not one.
  package init?(_ text: some StringProtocol) {
    guard Self.isValid(text.utf8) else { return nil }
    self.text = String(text)
  }

  /// Whether bytes are a name.
  package static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
    guard let first = bytes.first, isLetter(first) else { return false }
    var length = 0
    for byte in bytes {
      length += 1
      guard length <= maximumLength,
        isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "-")
      else { return false }
    }
    return true
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  /// The environment variable for it by default: uppercase, with `_` for `-`, and
  /// `_PORT` at the end, such as `API_V2_PORT`.
  package var variable: String {
    text.uppercased().split(separator: "-", omittingEmptySubsequences: false)
      .joined(separator: "_") + "_PORT"
  }
}

extension PortName: Comparable {
  package static func < (one: PortName, other: PortName) -> Bool {
    one.text < other.text
  }
}

extension PortName: CustomStringConvertible {
  package var description: String { text }
}
