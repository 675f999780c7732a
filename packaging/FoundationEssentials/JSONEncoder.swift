/// Encodes values as JSON, in the form that Foundation gives to pretty-printed JSON with
/// sorted keys.
public final class JSONEncoder {
  /// How the output is laid out.
  public struct OutputFormatting: OptionSet, Sendable {
    /// The options as bits.
    public let rawValue: UInt

    /// Options from bits.
    public init(rawValue: UInt) {
      self.rawValue = rawValue
    }

    /// On several lines, with indentation; always in effect here.
    public static let prettyPrinted = OutputFormatting(rawValue: 1)
    /// With the keys of an object in order; always in effect here.
    public static let sortedKeys = OutputFormatting(rawValue: 2)
  }

  /// Has no effect: there is one layout.
  public var outputFormatting: OutputFormatting = []

  /// An encoder.
  public init() {}

  /// The JSON text of a value.
  ///
  /// Throws what the value's `encode(to:)` throws, and `EncodingError.invalidValue` for
  /// numbers with a fraction, which ArgumentParser does not encode.
  public func encode<T: Encodable>(_ value: T) throws -> Data {
    let node = Node()
    try value.encode(to: TreeEncoder(node: node, codingPath: []))
    var text = ""
    node.write(to: &text, indentation: "")
    return Data(bytes: Array(text.utf8))
  }
}

/// A JSON value under construction.
final class Node {
  var content = Content.null

  enum Content {
    case null
    /// Text that stands for itself: a number, `true` or `false`.
    case literal(String)
    case string(String)
    case array([Node])
    case object([String: Node])
  }

  func member(_ key: String) -> Node {
    var members: [String: Node] = [:]
    if case .object(let present) = content { members = present }
    let node = members[key] ?? Node()
    members[key] = node
    content = .object(members)
    return node
  }

  func element() -> Node {
    var elements: [Node] = []
    if case .array(let present) = content { elements = present }
    let node = Node()
    content = .array(elements + [node])
    return node
  }

  func write(to text: inout String, indentation: String) {
    let inner = indentation + "  "
    switch content {
    case .null: text += "null"
    case .literal(let literal): text += literal
    case .string(let string): Self.write(string, to: &text)
    case .array(let elements):
      text += "[\n"
      for (index, element) in elements.enumerated() {
        text += index == 0 ? inner : ",\n" + inner
        element.write(to: &text, indentation: inner)
      }
      text += "\n" + indentation + "]"
    case .object(let members):
      text += "{\n"
      let sorted = members.sorted { $0.key < $1.key }
      for (index, member) in sorted.enumerated() {
        text += index == 0 ? inner : ",\n" + inner
        Self.write(member.key, to: &text)
        text += " : "
        member.value.write(to: &text, indentation: inner)
      }
      text += "\n" + indentation + "}"
    }
  }

  private static func write(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "/": text += "\\/"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{8}": text += "\\b"
      case "\u{C}": text += "\\f"
      case "\0"..<" ":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
