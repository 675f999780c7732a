import TestSupport
import Testing

/// What Python's `int()` reads in some texts; `nil` if it refuses one, or if the
/// number does not fit.
func pythonIntegers(_ texts: [[UInt8]]) throws -> [Int?] {
  let program = """
    import sys
    for text in sys.argv[1].split(","):
      try:
        print(int(bytes.fromhex(text)))
      except ValueError:
        print("none")
    """
  let python = try #require(Command.originalPython)
  let argument = texts.map(hexadecimal).joined(separator: ",")
  let result = try Command(python, ["-c", program, argument]).run()
  #expect(result.status == 0, "\(result.errors)")
  let answers = result.output.split(separator: "\n").map { Int($0) }
  try #require(answers.count == texts.count)
  return answers
}

/// Bytes as Python's `bytes.fromhex()` takes them.
func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { byte in
    String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
  }.joined()
}
