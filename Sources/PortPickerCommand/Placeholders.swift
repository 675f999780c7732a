import PortPicker

/// The ports that placeholders in a program's arguments stand for: `{port}`,
/// `{port1}` and so on, and the names of ports, such as `{web}`.
struct Placeholders {
  let ports: [UInt16]
  /// The first port of each name; a name precedes a number.
  var names: [String: UInt16] = [:]

  /// Replaces the placeholders in arguments, which need not be text.
  ///
  /// - Throws: `invalidArgument` if a number is out of range.
  func fill(
    _ arguments: [[UInt8]]
  ) throws(PortPickerError) -> [[UInt8]] {
    try arguments.map { argument throws(PortPickerError) in
      var filled: [UInt8] = []
      var rest = argument[...]
      while let byte = rest.first {
        if let (text, length) = verbatim(rest) {
          filled += text
          rest = rest.dropFirst(length)
        } else if let (placeholder, length) = placeholder(rest) {
          filled += Array("\(try port(of: placeholder))".utf8)
          rest = rest.dropFirst(length)
        } else {
          filled.append(byte)
          rest = rest.dropFirst()
        }
      }
      return filled
    }
  }

  private enum Placeholder {
    case name(UInt16)
    case number(Int)
  }

  private func port(
    of placeholder: Placeholder
  ) throws(PortPickerError) -> UInt16 {
    switch placeholder {
    case .name(let port): return port
    case .number(let number):
      guard (1...ports.count).contains(number) else {
        throw PortPickerError(
          .invalidArgument,
          "{port\(number)} is out of range: the ports are {port1} to "
            + "{port\(ports.count)}"
            + (names.isEmpty ? "; ask for more with --count" : ""))
      }
      return ports[number - 1]
    }
  }

  /// Text that is left alone at the beginning of `text`, and how many bytes it
  /// stands for: a shell's `${…}`, and `{{port}}`, which stands for `{port}`.
  private func verbatim(
    _ text: ArraySlice<UInt8>
  ) -> (text: ArraySlice<UInt8>, length: Int)? {
    if text.starts(with: "${".utf8) {
      let end = text.firstIndex(of: UInt8(ascii: "}")) ?? text.endIndex - 1
      let whole = text[...end]
      return (whole, whole.count)
    }
    guard text.starts(with: "{{".utf8),
      let (_, length) = placeholder(text.dropFirst()),
      text.dropFirst(1 + length).first == UInt8(ascii: "}")
    else { return nil }
    return (text.dropFirst().prefix(length), length + 2)
  }

  /// The placeholder at the beginning of `text`, and its length in bytes.
  private func placeholder(
    _ text: ArraySlice<UInt8>
  ) -> (placeholder: Placeholder, length: Int)? {
    guard text.first == UInt8(ascii: "{") else { return nil }
    let bytes = text.dropFirst().prefix(while: Self.isInNames)
    let length = bytes.count + 2
    guard text.dropFirst(length - 1).first == UInt8(ascii: "}") else {
      return nil
    }
    let word = String(decoding: bytes, as: UTF8.self)
    if let port = names[word] { return (.name(port), length) }
    guard word.hasPrefix("port") else { return nil }
    let digits = word.dropFirst(4)
    if digits.isEmpty { return (.number(1), length) }
    guard digits.allSatisfy(\.isNumber) else { return nil }
    return (.number(Int(digits) ?? .max), length)
  }

  private static func isInNames(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
