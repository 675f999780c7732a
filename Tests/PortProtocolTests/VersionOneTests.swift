import PortProtocol
import Testing

@Suite struct VersionOneTests {
  private func reply(
    _ text: String, isComplete: Bool = false
  ) -> VersionOneReply? {
    VersionOneReply(Array(text.utf8), isComplete: isComplete)
  }

  @Test(
    arguments: [
      (1, "1\n"), (4242, "4242\n"), (.max, "2147483647\n"), (0, "0\n"),
      (-1, "-1\n"),
    ] as [(Int32, String)])
  func requestIsThePIDAndALineFeed(_ pid: Int32, _ text: String) {
    #expect(VersionOneRequest(pid: pid).bytes == Array(text.utf8))
  }

  @Test func replyInPiecesIsReadOnceItsLineHasEnded() {
    let bytes = Array("15000\n".utf8)
    for count in 0..<bytes.count {
      let piece = Array(bytes[..<count])
      #expect(VersionOneReply(piece, isComplete: false) == nil)
    }
    #expect(VersionOneReply(bytes, isComplete: false) == .port(15000))
    #expect(VersionOneReply(bytes, isComplete: true) == .port(15000))
  }

  @Test(
    arguments: [
      ("15000\r\n", 15000), ("15000\nrest", 15000), ("15000\n\n", 15000),
      (" 15000 \n", 15000), ("+1_5\n", 15), ("1\n", 1), ("65535\n", 65535),
      ("15000\n16000\n", 15000),
    ] as [(String, UInt16)])
  func replyIsAPort(_ text: String, _ port: UInt16) {
    #expect(reply(text) == .port(port))
    #expect(reply(text, isComplete: true) == .port(port))
  }

  @Test func refusalIsAZeroOrNothingAtAll() {
    #expect(reply("0\n") == .refused)
    #expect(reply("0\n", isComplete: true) == .refused)
    #expect(reply("00\n15000\n") == .refused)
    #expect(reply("", isComplete: true) == .refused)
  }

  @Test(arguments: [
    "65536\n", "-1\n", "abc\n", "\n", " \n", "\n15000\n", "15000 16000\n",
    "0x10\n", "15000\0\n", "99999999999999999999\n",
  ])
  func lineThatIsNoPortIsMalformed(_ text: String) {
    #expect(reply(text) == .malformed)
    #expect(reply(text, isComplete: true) == .malformed)
  }

  @Test(arguments: ["150", "0", " ", "abc", "15000\r"])
  func lineThatWasCutShortIsMalformed(_ text: String) {
    #expect(reply(text) == nil)
    #expect(reply(text, isComplete: true) == .malformed)
  }

  @Test func lineThatNeverEndsIsMalformed() {
    let zeros = String(repeating: "0", count: 1022)
    #expect(VersionOneReply.maximumLength == 1024)
    #expect(reply(zeros + "1") == nil)
    #expect(reply(zeros + "12") == .malformed)
    #expect(reply(zeros + "123") == .malformed)
    // One that ends just in time is read.
    #expect(reply(zeros + "1\n") == .port(1))
  }

  @Test func bytesThatAreNoTextAreMalformed() {
    #expect(
      VersionOneReply([0xFF, 0xFE, 0x0A], isComplete: false) == .malformed)
  }
}
