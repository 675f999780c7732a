import Testing

@testable import PortPickerCommand

struct EnvironmentBlockTests {
  private static let begin = EnvironmentBlock.begin
  private static let end = EnvironmentBlock.end
  /// With `|` for a line end.
  private static let block = "\(begin)|A=1|B=2|\(end)"

  private func replace(
    _ text: String, _ lines: [String] = ["A=1", "B=2"]
  ) throws(EnvironmentBlock.Problem) -> String {
    let bytes = try EnvironmentBlock.replacing(
      in: Array(text.utf8), with: lines)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A text, and what is expected of it; `%` stands for a block.
  @Test(
    arguments: [
      ("", "%|"), ("X=1|", "X=1|%|"), ("X=1", "X=1|%|"), ("|", "|%|"),
      ("X=1||", "X=1||%|"), ("%", "%"), ("%|", "%|"), ("X=1|%", "X=1|%"),
      ("%|Y", "%|Y"), ("X|%||Y|", "X|%||Y|"),
    ], ["\n", "\r\n"])
  func `Only the block is changed`(
    _ texts: (before: String, after: String), _ lineEnd: String
  ) throws {
    // Without a line end, there is no other than LF.
    let isPlain = !texts.before.contains("|") && !texts.before.contains("%")
    let lineEnd = isPlain ? "\n" : lineEnd
    for old in ["", "OLD=9|", "A=1|B=2|", "\u{FF}|"] {
      let before = texts.before
        .replacing("%", with: "\(Self.begin)|\(old)\(Self.end)")
        .replacing("|", with: lineEnd)
      let after = texts.after.replacing("%", with: Self.block)
        .replacing("|", with: lineEnd)
      #expect(try replace(before) == after)
      #expect(try replace(after) == after)
    }
  }

  @Test
  func `Bytes around the block stay, whatever they are`() throws {
    let begin = Array(Self.begin.utf8)
    let end = Array(Self.end.utf8)
    let front: [UInt8] = [0xEF, 0xBB, 0xBF, 0xFF, 0x0D, 0x0D, 0x0A, 0x0A]
    let back: [UInt8] = [0x0D, 0x0A, 0xC3, 0x0A, 0x0D]
    let text = front + begin + [0x0A] + end + back
    let expected =
      front + begin + [0x0A] + Array("A=1".utf8) + [0x0A] + end + back
    #expect(
      try EnvironmentBlock.replacing(in: text, with: ["A=1"]) == expected)
  }

  @Test
  func `A block after a byte order mark is found`() throws {
    let text = "\u{FEFF}\(Self.begin)\n\(Self.end)\n"
    #expect(
      try replace(text, []) == text)
  }

  @Test
  func `A marker is a whole line`() throws {
    for line in [
      " \(Self.begin)", "\(Self.begin) ", "# \(Self.end)", "\(Self.end)x",
    ] {
      let text = try replace("\(line)\n", [])
      #expect(text == "\(line)\n\(Self.begin)\n\(Self.end)\n")
    }
  }

  @Test
  func `A text with other markers is refused`() {
    let begin = Self.begin
    let end = Self.end
    for (text, problem): (String, EnvironmentBlock.Problem) in [
      ("a\n\(begin)\nb", .noEnd(begin: 2)),
      ("a\r\n\r\n\(end)\r\nb", .noBegin(end: 3)),
      ("\(end)\n\(begin)\n", .noBegin(end: 1)),
      ("\(begin)\n\(begin)\n\(end)", .secondBlock(first: 1, second: 2)),
      (
        "\(begin)\n\(end)\n\n\(begin)\n\(end)\n",
        .secondBlock(first: 1, second: 4)
      ),
      ("\(begin)\n\(end)\n\(end)\n", .noBegin(end: 3)),
      ("A\0", .notText),
    ] {
      #expect(throws: problem) { try replace(text) }
    }
  }
}
