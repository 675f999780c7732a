import PortLeasing
import TestSupport
import Testing

/// What a claims file means, and what a change leaves as it is.
@Suite struct ClaimListTests {
  private func list(_ text: String) -> ClaimList {
    ClaimList(parsing: Array(text.utf8))
  }

  private func text(_ list: ClaimList) -> String {
    String(decoding: list.bytes, as: UTF8.self)
  }

  private func claim(
    _ name: String, _ ports: ClosedRange<UInt16>, at place: String,
    time: Int64 = 0, goneSince: Int64? = nil
  ) throws -> Claim {
    Claim(
      ports: ports, name: try #require(PortName(name)),
      place: PlacePath(place), time: time, goneSince: goneSince)
  }

  @Test func aLineIsAClaim() throws {
    let list = list(
      """
      10432 1 web 2026-11-28T14:31:00Z /home/a/my project
      10500 10 workers 2026-11-28T14:31:01Z/2026-12-01T00:00:00Z /b

      """)
    #expect(
      list.claims == [
        try claim(
          "web", 10432...10432, at: "/home/a/my project", time: 1_795_876_260),
        try claim(
          "workers", 10500...10509, at: "/b", time: 1_795_876_261,
          goneSince: 1_796_083_200),
      ])
    #expect(list.unreadable == [])
    #expect(list.ports == PortPool([10432...10432, 10500...10509]))
  }

  @Test(arguments: [
    "1 1 a 1970-01-01T00:00:00Z /", "65535 1 a 9999-12-31T23:59:59Z /x",
    "1\t65535   a-b-9 \t2028-02-29T23:59:59Z\t\t/a b/ c ",
    "  10000 1 a 2000-02-29T00:00:00Z /a\r",
  ])
  func aLineOfAnyShapeIsAClaim(line: String) {
    #expect(list(line).claims.count == 1)
    #expect(list(line).unreadable == [])
    #expect(text(list(line)) == line)
  }

  @Test(
    arguments: [
      ("0 1 a 2000-01-01T00:00:00Z /", nil),
      ("70000 1 a 2000-01-01T00:00:00Z /", nil),
      ("99999999999999999999 1 a 2000-01-01T00:00:00Z /", nil),
      ("-1 1 a 2000-01-01T00:00:00Z /", nil),
      ("web", nil),
      ("10000", 10000...10000),
      ("10000x 3 a 2000-01-01T00:00:00Z /", 10000...10000),
      ("10000 0 a 2000-01-01T00:00:00Z /", 10000...10000),
      ("10000 x a 2000-01-01T00:00:00Z /", 10000...10000),
      ("65535 2 a 2000-01-01T00:00:00Z /", 65535...65535),
      ("10000 99999 a 2000-01-01T00:00:00Z /", 10000...10000),
      ("10000 3", 10000...10002),
      ("10000 3 A 2000-01-01T00:00:00Z /", 10000...10002),
      ("10000 3 a yesterday /", 10000...10002),
      ("10000 3 a 2001-02-29T00:00:00Z /", 10000...10002),
      ("10000 3 a 1969-01-01T00:00:00Z /", 10000...10002),
      ("10000 3 a 2000-01-01T00:00:00Z/ /", 10000...10002),
      ("10000 3 a 2000-01-01T00:00:00Z", 10000...10002),
      ("10000 3 a 2000-01-01T00:00:00Z relative", 10000...10002),
    ] as [(String, ClosedRange<UInt16>?)])
  func whatCannotBeReadBlocksWhatItMayMean(
    line: String, blocked: ClosedRange<UInt16>?
  ) throws {
    let list = list("# comment\n\(line)\n10100 1 a 2000-01-01T00:00:00Z /\n")
    #expect(list.claims.map(\.ports) == [10100...10100])
    let unreadable = try #require(list.unreadable.first)
    #expect(list.unreadable.count == 1)
    #expect(unreadable.number == 2)
    #expect(unreadable.text == line)
    #expect(unreadable.blocked == blocked)
    #expect(
      list.ports == PortPool([10100...10100] + (blocked.map { [$0] } ?? [])))
  }

  @Test func bytesThatAreNotUTF8SpoilOnlyTheirLine() throws {
    let good = Array("10000 1 a 2000-01-01T00:00:00Z /a\n".utf8)
    let bad = Array("10001 1 a 2000-01-01T00:00:00Z /b".utf8) + [0xFF, 0x0A]
    var list = ClaimList(parsing: good + bad + good + [0, 0x0A])
    #expect(list.claims.count == 1)
    #expect(list.unreadable.map(\.number) == [2, 3, 4])
    #expect(list.ports == PortPool([10000...10001]))
    list.add(try claim("b", 10002...10002, at: "/b"))
    #expect(list.bytes.starts(with: good + bad + good + [0, 0x0A]))
  }

  @Test func ofARepeatedClaimTheFirstCounts() throws {
    var list = list(
      """
      10000 1 a 2000-01-01T00:00:00Z /a
      10001 1 a 2000-01-01T00:00:00Z /a
      10002 1 b 2000-01-01T00:00:00Z /a
      """)
    #expect(list.claims.map(\.ports) == [10000...10000, 10002...10002])
    #expect(list.unreadable.map(\.blocked) == [10001...10001])
    // The second one would count then.
    let a = try #require(PortName("a"))
    #expect(
      list.remove(at: PlacePath("/a")) { $0 == a }.map(\.ports)
        == [10000...10000])
    #expect(text(list) == "10002 1 b 2000-01-01T00:00:00Z /a")
  }

  @Test func aChangeLeavesOtherBytesAsTheyAre() throws {
    let before = "\u{FEFF}# mine\r\n\r\n10000  1\ta 2000-01-01T00:00:00Z /a\r\n"
    var list = list(before + "nonsense")
    #expect(!list.setGone { $0.goneSince })
    #expect(list.setGone { _ in 86_400 })
    #expect(
      text(list)
        == "\u{FEFF}# mine\r\n\r\n10000  1\ta 2000-01-01T00:00:00Z"
        + "/1970-01-02T00:00:00Z /a\r\nnonsense")
    #expect(list.claims.first?.goneSince == 86_400)
    #expect(list.setGone { _ in nil })
    #expect(text(list) == before + "nonsense")
    list.add(try claim("b", 10002...10004, at: "/x y", time: 1))
    #expect(
      text(list) == before + "nonsense\n10002 3 b 1970-01-01T00:00:01Z /x y\n")
  }

  /// `é` can be written as one character or two, and these are two directories.
  @Test func placesAreComparedByteByByte() throws {
    let (composed, decomposed) = ("/caf\u{E9}", "/cafe\u{301}")
    var list = ClaimList()
    list.add(try claim("a", 10000...10000, at: composed))
    list.add(try claim("a", 10001...10001, at: decomposed))
    #expect(list.claims.count == 2)
    for (place, port) in [(composed, 10000 as UInt16), (decomposed, 10001)] {
      #expect(
        ClaimList.claims(of: PlacePath(place), in: list.bytes).map(\.ports)
          == [port...port])
    }
    list.remove(at: PlacePath(composed))
    #expect(list.claims.map(\.place) == [PlacePath(decomposed)])
  }

  @Test func theClaimsOfOnePlaceAreFoundAmongOthers() throws {
    let bytes = Array(
      """
      10000 1 a 2000-01-01T00:00:00Z /p
      10001 1 b 2000-01-01T00:00:00Z /p /p
      10002 1 c 2000-01-01T00:00:00Z /x/p
      10003 1 d 2000-01-01T00:00:00Z /p/x
      10004 1 e 2000-01-01T00:00:00Z /p\r
      # 10005 1 f 2000-01-01T00:00:00Z /p
      10006 1 a 2000-01-01T00:00:00Z /p
      10007 x g 2000-01-01T00:00:00Z /p
      /p
      10008 1 h 2000-01-01T00:00:00Z \t/p
      """.utf8)
    let found = ClaimList.claims(of: PlacePath("/p"), in: bytes)
    #expect(found.map(\.name.text) == ["a", "e", "h"])
    let list = ClaimList(parsing: bytes)
    #expect(found == list.claims.filter { $0.place == PlacePath("/p") })
  }

  @Test func aPlaceMustBeOneLine() {
    for place in ["/", "/a b", "/ä\t"] {
      #expect(ClaimList.canHold(PlacePath(place)))
    }
    for place in ["", "a", "/a\nb", "/a\r", "/a\0b"] {
      #expect(!ClaimList.canHold(PlacePath(place)))
    }
  }

  @Test func claimsThatShareAPortAreFound() throws {
    var list = ClaimList()
    for (name, ports) in [
      ("a", 10000...10009), ("b", 10009...10009), ("c", 10005...10006),
      ("d", 10010...10010), ("e", 10009...10020),
    ] as [(String, ClosedRange<UInt16>)] {
      list.add(try claim(name, ports, at: "/"))
    }
    let pairs = list.overlaps.map { "\($0.first.name)\($0.second.name)" }
    #expect(pairs == ["ac", "ab", "be", "ed"])
  }

  @Test func anyTimeIsWrittenAndReadAgain() throws {
    var random = Seeded(seed: 1)
    for _ in 0..<2000 {
      var list = ClaimList()
      let claim = try claim(
        "a", 1...1, at: "/",
        time: .random(in: 0..<253_402_300_800, using: &random))
      list.add(claim)
      #expect(ClaimList(parsing: list.bytes).claims == [claim])
    }
  }

  /// Random bytes, and random edits of lines that are right.
  @Test(arguments: 0..<20)
  func anyFileIsKeptByteForByte(seed: Int) throws {
    var random = Seeded(seed: seed)
    var bytes: [UInt8] = []
    for number in 0..<20 {
      bytes += Array(
        "\(10000 + number) 1 n\(number % 15) 2000-01-01T00:00:00Z /p\n".utf8)
    }
    let alphabet = Array("0 1\t/a\r\n#-ZT:\u{E9}".utf8) + [0, 0xFF]
    for _ in 0..<200 {
      let index = Int.random(in: 0..<max(bytes.count, 1), using: &random)
      let byte = alphabet.randomElement(using: &random) ?? 0
      switch Int.random(in: 0..<3, using: &random) {
      case 0: bytes.insert(byte, at: min(index, bytes.count))
      case 1 where !bytes.isEmpty: bytes[index] = byte
      case _ where !bytes.isEmpty: bytes.remove(at: index)
      default: break
      }
      try expectModel(of: bytes, &random)
    }
  }

  private func expectModel(
    of bytes: [UInt8], _ random: inout Seeded
  ) throws {
    var list = ClaimList(parsing: bytes)
    #expect(list.bytes == bytes)
    let (claims, unreadable) = (list.claims, list.unreadable)
    #expect(Set(claims.map { "\($0.name) \($0.place)" }).count == claims.count)
    for place in Set(claims.map(\.place)) {
      #expect(
        ClaimList.claims(of: place, in: bytes)
          == claims.filter { $0.place == place })
    }
    // Marks come and go without a trace.
    let marks = claims.map(\.goneSince)
    var rest = marks[...]
    _ = list.setGone { _ in 1 }
    #expect(list.claims.allSatisfy { $0.goneSince == 1 })
    _ = list.setGone { _ in rest.popFirst() ?? nil }
    #expect(list.bytes == bytes)
    // What is added comes after everything else.
    let new = try claim("new", 1...1, at: "/new")
    list.add(new)
    #expect(ClaimList(parsing: list.bytes).claims == claims + [new])
    #expect(ClaimList(parsing: list.bytes).unreadable == unreadable)
    list.remove(at: new.place)
    let newline: [UInt8] = bytes.isEmpty || bytes.last == 0x0A ? [] : [0x0A]
    #expect(list.bytes == bytes + newline)
    if let claim = claims.randomElement(using: &random) {
      list.remove(at: claim.place) { $0 == claim.name }
      #expect(
        ClaimList(parsing: list.bytes).claims == claims.filter { $0 != claim })
    }
  }
}
