/// A text in HTML, in which everything that others have chosen is escaped.
struct HTML: Sendable, ExpressibleByStringInterpolation {
  private(set) var source: String

  init() { source = "" }

  /// Markup that this program has written.
  init(stringLiteral markup: String) { source = markup }

  init(stringInterpolation: StringInterpolation) {
    source = stringInterpolation.source
  }

  /// A text that is shown as it is.
  init(text: String) { source = Self.escaped(text) }

  static func += (html: inout HTML, other: HTML) {
    html.source += other.source
  }

  /// Markup with values, which are escaped unless they are HTML.
  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var source = ""

    init(literalCapacity: Int, interpolationCount: Int) {
      source.reserveCapacity(literalCapacity + 16 * interpolationCount)
    }

    mutating func appendLiteral(_ literal: String) { source += literal }

    mutating func appendInterpolation(_ html: HTML) { source += html.source }

    mutating func appendInterpolation(_ text: String) {
      source += HTML.escaped(text)
    }

    mutating func appendInterpolation(_ number: some BinaryInteger) {
      source += "\(number)"
    }
  }

  /// A text with the characters replaced that have a meaning in HTML, and control
  /// characters, which have no place in it.
  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      // Overrides of the writing direction would reorder what follows.
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{202A}"..."\u{202E}",
        "\u{2066}"..."\u{2069}":
        escaped += "\u{FFFD}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}

extension Sequence<HTML> {
  /// All of them, one after another.
  func joined() -> HTML {
    var html = HTML()
    for part in self { html += part }
    return html
  }
}
