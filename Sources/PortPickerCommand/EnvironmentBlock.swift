/// The lines between two markers of a text file, which belong to this command.
///
/// No other byte of the file is ever changed. A file that does not end with a line end
/// gets one in front of a new block. Lines end as the block's first line does, or the
/// file's first line if there is no block yet: with LF or CRLF.
enum EnvironmentBlock {
  static let begin = "# >>> portpicker >>>"
  static let end = "# <<< portpicker <<<"

  /// Why a text is not changed.
  ///
  /// Lines are counted from 1.
  enum Problem: Error, Hashable {
    /// It has a NUL, so that it is not text in an encoding that contains ASCII.
    case notText
    /// A second block begins.
    case secondBlock(first: Int, second: Int)
    /// A block begins and does not end.
    case noEnd(begin: Int)
    /// A block ends that has not begun.
    case noBegin(end: Int)
  }

  /// Replaces the block of a text, or appends one.
  ///
  /// - Parameters:
  ///   - text: The text.
  ///   - lines: The new lines of the block, without line ends.
  /// - Returns: The new text. Doing it again returns the same.
  /// - Throws: ``Problem``.
  static func replacing(
    in text: [UInt8], with lines: [String]
  ) throws(Problem) -> [UInt8] {
    if text.contains(0) { throw .notText }
    guard let block = try find(in: text) else {
      let lineEnd = firstLineEnd(in: text) ?? [0x0A]
      let isComplete = text.isEmpty || text.last == 0x0A
      return text + (isComplete ? [] : lineEnd) + bytes(lines, lineEnd)
        + lineEnd
    }
    let lineEnd = firstLineEnd(in: text[block.lowerBound...]) ?? [0x0A]
    return text[..<block.lowerBound] + bytes(lines, lineEnd)
      + text[block.upperBound...]
  }

  /// The block, without the end of its last line.
  private static func bytes(_ lines: [String], _ lineEnd: [UInt8]) -> [UInt8] {
    Array(
      ([begin] + lines + [end]).map { Array($0.utf8) }.joined(
        separator: lineEnd))
  }

  /// Where the block is, without the end of its last line.
  private static func find(
    in text: [UInt8]
  ) throws(Problem) -> Range<Int>? {
    var first: (start: Int, number: Int)?
    var found: (range: Range<Int>, number: Int)?
    var number = 0
    for line in text.split(separator: 0x0A, omittingEmptySubsequences: false) {
      number += 1
      var line = line
      let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
      if number == 1, line.starts(with: mark) { line = line.dropFirst(3) }
      if line.last == 0x0D { line.removeLast() }
      if line.elementsEqual(begin.utf8) {
        if let earlier = first?.number ?? found?.number {
          throw .secondBlock(first: earlier, second: number)
        }
        first = (line.startIndex, number)
      } else if line.elementsEqual(end.utf8) {
        guard let begin = first else { throw .noBegin(end: number) }
        found = (begin.start..<line.endIndex, begin.number)
        first = nil
      }
    }
    if let first { throw .noEnd(begin: first.number) }
    return found?.range
  }

  /// The first line end of a text: LF or CRLF.
  private static func firstLineEnd(in text: some Collection<UInt8>) -> [UInt8]?
  {
    var last: UInt8?
    for byte in text {
      if byte == 0x0A { return last == 0x0D ? [0x0D, 0x0A] : [0x0A] }
      last = byte
    }
    return nil
  }
}
