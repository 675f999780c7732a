import HostSystem

/// The ranges of the lines in bytes, each with its line feed.
func lineRanges(in bytes: [UInt8]) -> [Range<Int>] {
  var lines: [Range<Int>] = []
  forEachLine(in: bytes) { line, _ in lines.append(line) }
  return lines
}

/// The ranges of the lines that end with some text, with or without CRLF.
func linesEnding(with text: [UInt8], in bytes: [UInt8]) -> [Range<Int>] {
  var lines: [Range<Int>] = []
  forEachLine(in: bytes) { line, base in
    var end = line.upperBound
    if end > line.lowerBound, base[end - 1] == UInt8(ascii: "\n") { end -= 1 }
    if end > line.lowerBound, base[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    guard end - line.lowerBound > text.count,
      memcmp(base + (end - text.count), text, text.count) == 0
    else { return }
    lines.append(line)
  }
  return lines
}

private func forEachLine(
  in bytes: [UInt8], _ body: (Range<Int>, UnsafePointer<UInt8>) -> Void
) {
  bytes.withUnsafeBufferPointer { buffer in
    guard let base = buffer.baseAddress else { return }
    var start = 0
    while start < buffer.count {
      // memchr(3) looks at many bytes at once.
      let found = memchr(
        base + start, Int32(UInt8(ascii: "\n")), buffer.count - start)
      let end =
        found.map { UnsafeRawPointer($0) - UnsafeRawPointer(base) + 1 }
        ?? buffer.count
      body(start..<end, base)
      start = end
    }
  }
}
