import PortProtocol
import TestSupport
import Testing

/// The rules are Python's, so it is asked.
@Suite(.alone) struct DecimalIntegerPythonTests {
  private static let program = """
    import sys
    for text in sys.argv[1].split(","):
      try:
        print(int(bytes.fromhex(text)))
      except ValueError:
        print("none")
    """

  @Test(.enabled(if: Command.originalPython != nil))
  func everyShortTextIsReadAsPythonReadsIt() throws {
    let python = try #require(Command.originalPython)
    let alphabet = Array(" \t\n\r+-_019a\0".utf8)
    // All texts of up to two bytes, and longer ones at random.
    var texts: [[UInt8]] = [[]]
    texts += alphabet.map { [$0] }
    texts += alphabet.flatMap { first in alphabet.map { [first, $0] } }
    for count in 3...8 {
      for _ in 0..<200 {
        texts.append((0..<count).map { _ in alphabet.randomElement() ?? 0 })
      }
    }
    // Random texts are seldom numbers; these often are.
    for _ in 0..<500 {
      let parts = [
        [" ", "\n", ""], ["+", "-", ""], ["0", "1"], ["_", ""],
        ["0", "9", ""], ["_", "", ""], ["1", "9"], ["\r\n", "\0", "", ""],
      ]
      texts.append(parts.flatMap { Array(($0.randomElement() ?? "").utf8) })
    }

    let argument = texts.map(hexadecimal).joined(separator: ",")
    let result = try Command(python, ["-c", Self.program, argument]).run()
    #expect(result.status == 0, "\(result.errors)")
    let answers = result.output.split(separator: "\n").map { Int($0) }
    try #require(answers.count == texts.count)
    for (text, answer) in zip(texts, answers) {
      #expect(decimalInteger(text) == answer, "\(hexadecimal(text))")
    }
    #expect(answers.count { $0 != nil } > 200)
  }
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { byte in
    String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
  }.joined()
}
