import PortProtocol
import TestSupport
import Testing

/// The requests that a client sends, piece by piece.
@Suite struct RequestReaderTests {
  private func receive(
    _ reader: inout RequestReader, _ bytes: some Sequence<UInt8>
  ) -> RequestReader.Step {
    Array(bytes).withUnsafeBytes { reader.receive($0) }
  }

  /// The result of a text that arrives in one piece, and of the end that follows.
  private func outcome(_ text: String) -> RequestReader.Step {
    var reader = RequestReader()
    let step = receive(&reader, text.utf8)
    return step == .incomplete ? reader.finish() : step
  }

  private func request(_ pid: Int32) -> RequestReader.Step {
    .versionOne(VersionOneRequest(pid: pid))
  }

  @Test(arguments: [
    "4242\n", "4242", " 4242 \r\n", "\n4242\n", "+4242\n",
    "00000000000000004242",
    "4_2_4_2\n", "4242\n\n",
  ])
  func requests(text: String) {
    #expect(outcome(text) == request(4242))
  }

  @Test(arguments: [
    "", "\n", "X", "4242x\n", "42 42\n", "4242\n1\n", "4.2\n", "-\n", "_1\n",
    "000000000000000004242", "00000000000000004242\n", "0x10\n", "٣\n",
  ])
  func whatIsNoRequest(text: String) {
    #expect(outcome(text) == .malformed)
  }

  @Test func numbersThatNoPidHasAreRequests() {
    #expect(outcome("0\n") == request(0))
    #expect(outcome("-5\n") == request(-5))
    #expect(outcome("4294967297\n") == request(.max))
    #expect(outcome("-4294967297\n") == request(.min))
  }

  @Test(arguments: ["4242\n", " 17 \r\n", "4242", "X1\n", "\n\n9\n"])
  func anyPiecesAreAsGoodAsTheWhole(text: String) {
    let bytes = Array(text.utf8)
    // A cut, or none, after each byte.
    for cuts in 0..<(1 << bytes.count) {
      var reader = RequestReader()
      var piece: [UInt8] = []
      var step = RequestReader.Step.incomplete
      for (index, byte) in bytes.enumerated() where step == .incomplete {
        piece.append(byte)
        if cuts & 1 << index != 0 || index == bytes.count - 1 {
          step = receive(&reader, piece)
          piece = []
        }
      }
      if step == .incomplete { step = reader.finish() }
      #expect(step == outcome(text))
    }
  }

  @Test func nothingIsKeptBeyondTheLimit() {
    var reader = RequestReader()
    let blanks = [UInt8](
      repeating: 0x20, count: VersionOneRequest.maximumLength)
    #expect(receive(&reader, blanks) == .incomplete)
    #expect(receive(&reader, [0x20]) == .malformed)
    var other = RequestReader()
    #expect(receive(&other, [UInt8](repeating: 0x31, count: 100)) == .malformed)
    #expect(other.isEmpty)
  }

  /// Bytes of all kinds, and those that requests are made of.
  @Test(arguments: 0..<500)
  func whateverArrivesIsReadWithinTheLimit(seed: Int) throws {
    var random = Seeded(seed: seed)
    let usual = Array("0123456789 \n_+-".utf8)
    let letters = Array("version lease=pool \n".utf8)
    var reader = RequestReader()
    var step = RequestReader.Step.incomplete
    var count = 0
    while step == .incomplete {
      let piece = (0..<Int.random(in: 0...9, using: &random)).map { _ in
        seed % 2 == 0
          ? UInt8.random(in: 0...255, using: &random)
          : (seed % 3 == 0 ? letters : usual).randomElement(using: &random) ?? 0
      }
      step = receive(&reader, piece)
      count += piece.count
      let limit =
        reader.speaksVersionTwo
        ? VersionTwoRequest.maximumLineLength : VersionOneRequest.maximumLength
      #expect(step != .incomplete || count <= limit)
      let kept = Mirror(reflecting: reader).descendant("bytes") as? [UInt8]
      #expect(try #require(kept).count <= limit)
      #expect(reader.finish() != .incomplete)
    }
  }

  @Test func everyPortIsWrittenAsItsNumber() {
    for port in UInt16.min...UInt16.max {
      var text = ""
      VersionOneReply.withBytes(of: port) {
        text = String(decoding: $0, as: UTF8.self)
      }
      #expect(text == "\(port)\n")
      #expect(
        VersionOneReply(Array(text.utf8), isComplete: true)
          == (port == 0 ? .refused : .port(port)))
    }
  }
}
