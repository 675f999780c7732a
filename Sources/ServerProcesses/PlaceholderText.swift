import PortLeasing

/// Text that may contain placeholders, such as `{web}`.
///
/// A shell's `${…}` is left alone, and `{{web}}` stands for the text `{web}`.
package struct PlaceholderText: Hashable, Sendable {
  /// A part of the text.
  package enum Piece: Hashable, Sendable {
    case text([UInt8])
    /// A placeholder, without its braces.
    case placeholder(String)
  }

  /// The parts, in order.
  package let pieces: [Piece]

  /// Parses text, which need not be UTF-8.
  ///
  /// - Parameters:
  ///   - text: The text.
  ///   - isPlaceholder: Whether a word of lowercase letters, digits and `-` in braces is
  ///     a placeholder; otherwise it is text.
  package init(
    parsing text: [UInt8],
    isPlaceholder: (String) -> Bool = { PortName($0) != nil }
  ) {
    var pieces: [Piece] = []
    var plain: [UInt8] = []
    var rest = text[...]
    while let byte = rest.first {
      if let (text, length) = Self.verbatim(rest, isPlaceholder) {
        plain += text
        rest = rest.dropFirst(length)
      } else if let word = Self.placeholder(rest, isPlaceholder) {
        if !plain.isEmpty { pieces.append(.text(plain)) }
        plain = []
        pieces.append(.placeholder(word))
        rest = rest.dropFirst(word.utf8.count + 2)
      } else {
        plain.append(byte)
        rest = rest.dropFirst()
      }
    }
    if !plain.isEmpty { pieces.append(.text(plain)) }
    self.pieces = pieces
  }

  /// The placeholders, in order; one that occurs twice is there twice.
  package var placeholders: [String] {
    pieces.compactMap {
      if case .placeholder(let word) = $0 { word } else { nil }
    }
  }

  /// The text with its placeholders replaced.
  package func filled<Failure>(
    with value: (String) throws(Failure) -> String
  ) throws(Failure) -> [UInt8] {
    var filled: [UInt8] = []
    for piece in pieces {
      switch piece {
      case .text(let text): filled += text
      case .placeholder(let word): filled += Array(try value(word).utf8)
      }
    }
    return filled
  }

  /// Text that is left alone at the beginning of `text`, and how many bytes it stands
  /// for: `${…}`, and `{{word}}`, which stands for `{word}`.
  private static func verbatim(
    _ text: ArraySlice<UInt8>, _ isPlaceholder: (String) -> Bool
  ) -> (text: ArraySlice<UInt8>, length: Int)? {
    if text.starts(with: "${".utf8) {
      let end = text.firstIndex(of: UInt8(ascii: "}")) ?? text.endIndex - 1
      let whole = text[...end]
      return (whole, whole.count)
    }
    guard text.starts(with: "{{".utf8),
      let word = placeholder(text.dropFirst(), isPlaceholder),
      text.dropFirst(word.utf8.count + 3).first == UInt8(ascii: "}")
    else { return nil }
    let length = word.utf8.count + 2
    return (text.dropFirst().prefix(length), length + 2)
  }

  /// The placeholder at the beginning of `text`, without its braces.
  private static func placeholder(
    _ text: ArraySlice<UInt8>, _ isPlaceholder: (String) -> Bool
  ) -> String? {
    guard text.first == UInt8(ascii: "{") else { return nil }
    let bytes = text.dropFirst().prefix(while: isInWords)
    guard text.dropFirst(bytes.count + 1).first == UInt8(ascii: "}") else {
      return nil
    }
    let word = String(decoding: bytes, as: UTF8.self)
    return isPlaceholder(word) ? word : nil
  }

  private static func isInWords(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
