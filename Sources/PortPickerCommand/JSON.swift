/// A JSON value (RFC 8259).
indirect enum JSON {
  case null
  case bool(Bool)
  case int(Int)
  /// A number with one decimal, in tenths.
  case tenths(Int)
  case string(String)
  case array([JSON])
  case object([(String, JSON)])

  init(_ text: String?) {
    self = text.map { .string($0) } ?? .null
  }

  /// The value as indented text.
  var text: String {
    var text = ""
    write(to: &text, indent: "")
    return text
  }

  private func write(to text: inout String, indent: String) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .int(let value): text += "\(value)"
    case .tenths(let value): text += "\(value / 10).\(value % 10)"
    case .string(let value): Self.write(value, to: &text)
    case .array(let values):
      Self.write(values, "[", "]", to: &text, indent) { value, text, indent in
        value.write(to: &text, indent: indent)
      }
    case .object(let fields):
      Self.write(fields, "{", "}", to: &text, indent) { field, text, indent in
        Self.write(field.0, to: &text)
        text += ": "
        field.1.write(to: &text, indent: indent)
      }
    }
  }

  private static func write<Item>(
    _ items: [Item], _ open: String, _ close: String, to text: inout String,
    _ indent: String, _ write: (Item, inout String, String) -> Void
  ) {
    if items.isEmpty {
      text += open + close
      return
    }
    let inner = indent + "  "
    text += open
    for (index, item) in items.enumerated() {
      text += (index == 0 ? "\n" : ",\n") + inner
      write(item, &text, inner)
    }
    text += "\n" + indent + close
  }

  private static func write(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\t": text += "\\t"
      case "\0"..."\u{1F}", "\u{7F}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
