import PortProtocol
import Testing

@Suite struct DecimalIntegerTests {
  @Test(arguments: [
    ("0", 0), ("7", 7), ("15000", 15000), ("007", 7), ("000", 0),
    (" 12\n", 12), ("12\r\n", 12), ("\t\n\u{B}\u{C}\r 12 \t", 12),
    ("+5", 5), ("-5", -5), ("-0", 0), (" -5 ", -5),
    ("1_0", 10), ("0_0", 0), ("1_2_3", 123), ("-1_0", -10), ("0_7", 7),
    ("9223372036854775807", .max), ("-9223372036854775808", .min),
    ("00000000000000000000000000000000000000001", 1),
  ])
  func numberIsRead(_ text: String, _ value: Int) {
    #expect(decimalInteger(Array(text.utf8)) == value)
  }

  @Test(arguments: [
    "", " ", "\n", "+", "-", "_", "+ 5", "- 5", "+-5", "--5", "5-", "5+",
    "1__0", "_1", "1_", "+_1", "-_1", "1_ ", " _1", "_", "1_-0", "0x1", "0b1",
    "1.0", "1e3", "12 3", "1\n2", "a", "1a", "a1", "1\0", "\01", "1\0 ",
    "\u{1C}1", "1\u{1F}", "\u{85}1", "\u{A0}1", "１２", "٣", "−5", "²",
    "9223372036854775808", "-9223372036854775809",
    "123456789012345678901234567890",
  ])
  func textIsNoNumberThatFits(_ text: String) {
    #expect(decimalInteger(Array(text.utf8)) == nil)
  }

  @Test(arguments: [[0xB2], [0x31, 0xB2], [0x85, 0x31], [0x31, 0xFF]])
  func bytesThatAreNoTextAreNoNumber(_ bytes: [UInt8]) {
    #expect(decimalInteger(bytes) == nil)
  }
}
