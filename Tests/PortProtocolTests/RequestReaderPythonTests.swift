import PortProtocol
import TestSupport
import Testing

/// A whole request is valid if Python's `int()`, which the original calls, reads a
/// number in it.
@Suite(.alone) struct RequestReaderPythonTests {
  @Test(.enabled(if: Command.originalPython != nil))
  func aRequestIsWhatPythonReadsAsANumber() throws {
    let parts = [
      ["", "", "\n", " \t", "\r\n"], ["", "", "", "+", "-"],
      ["1", "42", "0", "4_2", "", "9223372036854775808", "X"],
      ["", "", "00", "_1", "99999", " "], ["\n", "\r\n", "\n\n", "", " \n"],
      ["", "", "", "", "\n1", "\0", "\u{B}"],
    ]
    let texts = (0..<2000).map { _ in
      parts.flatMap { Array(($0.randomElement() ?? "").utf8) }
    }
    var requestCount = 0
    for (text, number) in zip(texts, try pythonIntegers(texts)) {
      var reader = RequestReader()
      var step = text.withUnsafeBytes { reader.receive($0) }
      if step == .incomplete { step = reader.finish() }
      if let number, text.count <= VersionOneRequest.maximumLength {
        let request = VersionOneRequest(pid: Int32(clamping: number))
        #expect(step == .versionOne(request), "\(hexadecimal(text))")
        requestCount += 1
      } else {
        #expect(step == .malformed, "\(hexadecimal(text))")
      }
    }
    #expect(requestCount > 200)
    #expect(requestCount < 1800)
  }
}
