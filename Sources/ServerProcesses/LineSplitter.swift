/// Splits what arrives in pieces into lines.
struct LineSplitter {
  /// The beginning of a line whose end has not arrived.
  private var open: [UInt8] = []

  /// The longest line; a longer one is divided.
  private static let limit = 1 << 16

  /// Adds what arrived next.
  ///
  /// - Returns: The lines that are complete, without their ends.
  mutating func add(_ bytes: [UInt8]) -> [String] {
    var lines: [String] = []
    for byte in bytes {
      if byte != 0x0A { open.append(byte) }
      guard byte == 0x0A || open.count == Self.limit else { continue }
      if open.last == 0x0D { open.removeLast() }
      lines.append(String(decoding: open, as: UTF8.self))
      open.removeAll(keepingCapacity: true)
    }
    return lines
  }

  /// The last line, if it has no end.
  var rest: String? {
    open.isEmpty ? nil : String(decoding: open, as: UTF8.self)
  }
}
