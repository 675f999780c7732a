import PortProtocol
import TestSupport
import Testing

/// The rules are Python's, so Python is the reference.
@Suite(.alone) struct DecimalIntegerPythonTests {
  @Test(.enabled(if: Command.originalPython != nil))
  func everyShortTextIsReadAsPythonReadsIt() throws {
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

    let answers = try pythonIntegers(texts)
    for (text, answer) in zip(texts, answers) {
      #expect(decimalInteger(text) == answer, "\(hexadecimal(text))")
    }
    #expect(answers.count { $0 != nil } > 200)
  }
}
