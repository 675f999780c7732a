/// The end of what a server has written.
package struct ServerOutput: Sendable {
  /// How many bytes are kept, at least.
  package static let limit = 1 << 20

  private var kept: [UInt8] = []
  /// How many bytes of the beginning are no longer kept.
  package private(set) var droppedCount = 0

  package init() {}

  /// Adds what was written next.
  package mutating func append(_ bytes: [UInt8]) {
    kept += bytes
    // Not each time, because the rest is moved.
    guard kept.count > 2 * Self.limit else { return }
    droppedCount += kept.count - Self.limit
    kept.removeFirst(kept.count - Self.limit)
  }

  /// What is kept.
  package var bytes: [UInt8] { kept }

  /// What is kept, as text; bytes that are not UTF-8 are replaced.
  package var text: String { String(decoding: kept, as: UTF8.self) }

  /// The last lines, without their ends.
  ///
  /// - Parameter count: The most lines.
  /// - Returns: The lines, in order.
  package func lastLines(_ count: Int = 50) -> [String] {
    var rest = kept[...]
    if rest.last == 0x0A { rest.removeLast() }
    if rest.isEmpty { return [] }
    var lines: [String] = []
    while lines.count < count {
      let start = rest.lastIndex(of: 0x0A).map { $0 + 1 } ?? rest.startIndex
      lines.append(String(decoding: rest[start...], as: UTF8.self))
      if start == rest.startIndex { break }
      rest = rest[..<(start - 1)]
    }
    return lines.reversed()
  }
}

extension ServerOutput {
  /// The last lines, to be appended to a message: `; its output ends with:` and the
  /// lines, indented.
  package var quotation: String {
    let lines = lastLines()
    if lines.isEmpty { return "; it has written nothing" }
    return (["; its output ends with:"] + lines.map { "  \($0)" })
      .joined(separator: "\n")
  }
}
