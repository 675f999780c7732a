import PortLeasing
import Testing

@Suite struct PortPoolParsingTests {
  @Test(
    arguments: [
      ("1", [1...1]),
      ("65535", [65535...65535]),
      ("1-65535", [1...65535]),
      ("25000-25999,30000", [25000...25999, 30000...30000]),
      ("30000,25000-25999", [25000...25999, 30000...30000]),
      ("5-5", [5...5]),
      ("1,2,3", [1...3]),
      ("1-10,5-20", [1...20]),
      ("5,5", [5...5]),
      (" 1 , 2 - 4\t,\n9 ", [1...4, 9...9]),
      ("1\u{A0}-\u{2003}2", [1...2]),
      ("00080", [80...80]),
    ] as [(String, [ClosedRange<UInt16>])])
  func poolIsRead(_ text: String, _ ranges: [ClosedRange<UInt16>]) throws {
    #expect(try PortPool(parsing: text).ranges == ranges)
  }

  @Test(arguments: ["", " ", "\t\n ", "\u{2003}"])
  func nothingIsNoPool(_ text: String) {
    #expect(throws: PortPool.ParsingError.empty) {
      try PortPool(parsing: text)
    }
  }

  /// The text, and the invalid item.
  @Test(arguments: [
    ("x", "x"), (",", ""), ("1,", ""), (",1", ""), ("1,,2", ""),
    ("1, ,2", " "), ("-", "-"), ("1-", "1-"), ("-1", "-1"), ("1-2-3", "1-2-3"),
    ("--", "--"), ("+1", "+1"), ("1.5", "1.5"), ("0x10", "0x10"),
    ("1 2", "1 2"), ("1-2 3", "1-2 3"), ("1 - 2 x", "1 - 2 x"),
    ("1;2", "1;2"), ("1–2", "1–2"), ("٣", "٣"), ("1\0", "1\0"),
    ("5,x,0", "x"), ("1\u{2003}2", "1\u{2003}2"), ("1é", "1é"),
    ("\u{2003},1", "\u{2003}"),
  ])
  func itemIsNoRange(_ text: String, _ item: String) {
    #expect(throws: PortPool.ParsingError.notARange(item)) {
      try PortPool(parsing: text)
    }
  }

  @Test(arguments: [
    ("0", "0"), ("0-5", "0-5"), ("65536", "65536"), ("1-65536", "1-65536"),
    ("65536-1", "65536-1"), ("5,70000", "70000"),
    ("99999999999999999999999", "99999999999999999999999"),
    ("1-99999999999999999999999", "1-99999999999999999999999"),
  ])
  func portIsOutOfBounds(_ text: String, _ item: String) {
    #expect(throws: PortPool.ParsingError.outOfBounds(item)) {
      try PortPool(parsing: text)
    }
  }

  @Test(arguments: [("2-1", "2-1"), ("1-2,65535-1", "65535-1")])
  func rangeIsReversed(_ text: String, _ item: String) {
    #expect(throws: PortPool.ParsingError.reversed(item)) {
      try PortPool(parsing: text)
    }
  }

  @Test(
    arguments: [
      ("10-19,5", [5...5, 10...19], []),
      ("x,10-19", [10...19], [.notARange("x")]),
      ("10-19,0-5,30", [10...19, 30...30], [.outOfBounds("0-5")]),
      ("9-1,1-65536,7", [7...7], [.reversed("9-1"), .outOfBounds("1-65536")]),
      (",8080,", [8080...8080], [.notARange(""), .notARange("")]),
      (" 1 - 2 , ", [1...2], [.notARange(" ")]),
      ("5-5,+1,5", [5...5], [.notARange("+1")]),
      ("", [], [.notARange("")]),
      ("70000", [], [.outOfBounds("70000")]),
      ("1-2-3,-", [], [.notARange("1-2-3"), .notARange("-")]),
    ] as [(String, [ClosedRange<UInt16>], [PortPool.ParsingError])])
  func badItemsAreLeftOut(
    _ text: String, _ ranges: [ClosedRange<UInt16>],
    _ skipped: [PortPool.ParsingError]
  ) {
    var errors: [PortPool.ParsingError] = []
    let pool = PortPool(parsing: text) { errors.append($0) }
    #expect(pool.ranges == ranges)
    #expect(errors == skipped)
  }

  @Test(arguments: ["1", "65535", "1-65535", "25000-32767,40000", "1-2,4-5,7"])
  func descriptionIsWhatWasRead(_ text: String) throws {
    #expect(try PortPool(parsing: text).description == text)
  }

  @Test func descriptionsOfErrorsNameTheItem() {
    typealias Failure = PortPool.ParsingError
    #expect("\(Failure.empty)" == "it names no port")
    for error in [
      Failure.notARange("9-x"), .outOfBounds("9-x"), .reversed("9-x"),
    ] {
      #expect("\(error)".hasPrefix("'9-x' "))
    }
  }
}
