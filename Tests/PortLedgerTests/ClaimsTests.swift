import Foundation
import HostSystem
import PortLeasing
import PortLedger
import SystemPackage
import TestSupport
import Testing

/// Claims in a file, and their mirror in a ledger.
@Suite(.alone) struct ClaimsTests {
  private let test: TestClaims

  init() throws {
    test = try TestClaims()
  }

  @Test func aPlaceKeepsItsPort() throws {
    let place = try test.place("p")
    let ports = try test.claim("web", at: place)
    let text = try test.text
    #expect(text.hasPrefix("\(ports.lowerBound) 1 web 20"))
    #expect(text.hasSuffix("Z \(place.text)\n"))
    for _ in 0..<3 {
      // A claim that exists is not probed: its server may be listening.
      let host = FakeHost(onProbe: { _ in Issue.record("a probe") })
      #expect(try test.claim("web", at: place, on: host) == ports)
    }
    #expect(try test.text == text)
    #expect(try test.mirrored() == Array(ports))
    #expect(try test.leased() == [])
    #expect(test.notes.all.count == 1)
    let mode = try Stat(test.path).permissions
    #expect(mode == [.ownerReadWrite])
    let names = try FileManager.default.contentsOfDirectory(
      atPath: test.directory.path)
    #expect(names.sorted() == ["claims", "claims.lock", "ledger", "p"])
  }

  @Test func everyNameAndPlaceHasItsOwnPort() throws {
    var ports: Set<UInt16> = []
    for place in try [test.place("p"), test.place("q")] {
      for name in ["a", "b", "c", "d", "e"] {
        ports.formUnion(try test.claim(name, at: place))
      }
    }
    #expect(ports.sorted() == Array(10000...10009))
    #expect(try test.claims.list().claims.count == 10)
    try test.expectAgreement()
  }

  @Test func aPlaceThatIsSetUpAgainHasItsOldPorts() throws {
    let place = try test.place("p")
    let pool = PortPool([10000...14999])
    let before = try ["a", "b", "c"].map {
      try test.claim($0, at: place, pool: pool)
    }
    #expect(try test.forget(nil, at: place).count == 3)
    #expect(try test.text == "")
    #expect(try test.mirrored() == [])
    let after = try ["a", "b", "c"].map {
      try test.claim($0, at: place, pool: pool)
    }
    #expect(after == before)
  }

  @Test func aForgottenPortIsFreeForEverybody() throws {
    let place = try test.place("p")
    let pool = PortPool([10000...10000])
    try test.claim("a", at: place, pool: pool)
    #expect(
      try test.ledger.lease(pool, to: .a)
        == .exhausted(PoolUsage(ports: 1, claimed: 1)))
    #expect(try test.forget("b", at: place) == [])
    #expect(try test.forget("a", at: place).map(\.ports) == [10000...10000])
    #expect(try test.forget("a", at: place) == [])
    #expect(try test.ledger.lease(pool, to: .a) == .leased([10000]))
  }

  @Test func noProcessIsGivenAClaimedPort() throws {
    let place = try test.place("p")
    for name in ["a", "b", "c"] { try test.claim(name, at: place) }
    let claimed = Set(try test.mirrored())
    let leased = try test.ledger.drain(.test, to: .a)
    #expect(leased.count == 7)
    #expect(claimed.isDisjoint(with: leased))
    // And no name is given a leased port.
    expectClaimsError(
      .exhausted(
        PoolUsage(ports: 10, leased: 7, claimed: 3),
        try #require(PortName("d")), count: 1, pool: .test)
    ) { try test.claim("d", at: place) }
    #expect(try test.claims.list().claims.count == 3)
  }

  @Test func aPortInUseIsNotClaimed() throws {
    let place = try test.place("p")
    var host = FakeHost()
    for port in 10000...10008 as ClosedRange<UInt16> {
      host.statuses[port] = .inUse
    }
    #expect(try test.claim("a", at: place, on: host) == 10009...10009)
    expectClaimsError(
      .exhausted(
        PoolUsage(ports: 10, claimed: 1, inUse: 9), try #require(PortName("b")),
        count: 1, pool: .test)
    ) { try test.claim("b", at: place, on: host) }
    try test.expectAgreement()
  }

  // MARK: Blocks

  @Test func aBlockIsInARow() throws {
    let place = try test.place("p")
    var host = FakeHost()
    host.statuses[10005] = .inUse
    #expect(
      try test.claim("w", count: 5, at: place, on: host) == 10000...10004)
    // Without a count, later, the same block.
    #expect(try test.claim("w", at: place) == 10000...10004)
    expectClaimsError(
      .otherCount(try #require(test.claims.list().claims.first), expected: 3)
    ) { try test.claim("w", count: 3, at: place) }
    expectClaimsError(
      .exhausted(
        PoolUsage(ports: 10, claimed: 5, inUse: 1),
        try #require(PortName("x")), count: 5, pool: .test)
    ) { try test.claim("x", count: 5, at: place, on: host) }
    try test.expectAgreement()
  }

  @Test func allNamesAreClaimedOrNone() throws {
    let place = try test.place("p")
    let names = ["a", "b", "c"].compactMap { PortName($0) }
    var requests = names.map { ClaimRequest($0) }
    requests[2] = ClaimRequest(names[2], count: 9)
    #expect(throws: ClaimsError.self) {
      try test.claim(requests, at: place)
    }
    #expect(!FileManager.default.fileExists(atPath: test.path))
    #expect(try test.mirrored() == [])
    #expect(try test.leased() == [])
    // So many are in a row, wherever the other two are.
    requests[2] = ClaimRequest(names[2], count: 3)
    let claims = try test.claim(requests, at: place)
    #expect(claims.map(\.name) == names)
    #expect(claims.map(\.ports.count) == [1, 1, 3])
    try test.expectAgreement()
  }

  // MARK: Preferred ports

  @Test func aPreferredPortIsGiven() throws {
    let place = try test.place("p")
    #expect(try test.claim("a", preferring: 3000, at: place) == 3000...3000)
    #expect(
      try test.claim("b", count: 3, preferring: 3001, at: place) == 3001...3003)
    #expect(test.notes.all.count == 2)
    try test.expectAgreement()
  }

  @Test func whyAPreferredPortIsReplacedIsSaid() throws {
    let (p, q) = (try test.place("p"), try test.place("q"))
    try test.claim("a", preferring: 3000, at: p)
    let claim = try #require(test.claims.list().claims.first)
    _ = try test.ledger.lease(PortPool([3001...3001]), to: .b)
    var host = FakeHost()
    host.statuses[3002] = .inUse
    host.statuses[3003] = .denied
    try Data("nonsense\n3004 x\n".utf8).append(to: test.path)
    for port in 3000...3004 as ClosedRange<UInt16> {
      try test.claim("n\(port)", preferring: port, at: q, on: host)
    }
    let obstacles = test.notes.all.compactMap { note in
      if case .replaced(_, _, _, let obstacle) = note { obstacle } else { nil }
    }
    #expect(
      obstacles == [
        .claimed(claim),
        .leased(port: 3001, Lease(holder: .b, user: 0, leasedAt: 1)),
        .inUse, .denied, .unreadable(line: 3),
      ])
  }

  // MARK: Places that are gone

  @Test func aPlaceThatIsGoneKeepsItsPortsWhileOthersAreFree() throws {
    let (p, q) = (try test.place("p"), try test.place("q"))
    let ports = try test.claim("a", at: p)
    try test.remove(p)
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
      #expect(try test.claim(name, at: q) != ports)
    }
    #expect(
      try test.claims.list().claims.first?.goneSince ?? 0
        >= wallClockSeconds() - 100)
    // It is back.
    _ = try test.place("p")
    #expect(try test.claim("a", at: p) == ports)
    #expect(
      try test.claims.list().claims.allSatisfy { $0.goneSince == nil })
    try test.expectAgreement()
    #expect(throws: ClaimsError.self) { try test.claim("j", at: q) }
  }

  @Test func theLongestGoneGiveUpTheirPortsFirst() throws {
    let places = try (0..<10).map { try test.place("p\($0)") }
    let ports = try places.map { try test.claim("a", at: $0) }
    // p3 is gone for longest, then p5 and p4; p6 has come back, and p7 only looks as
    // if it were gone.
    for (number, year) in [(3, 2001), (5, 2002), (4, 2003), (6, 2000)] {
      let line = try #require(
        test.text.split(separator: "\n").first {
          $0.hasSuffix(places[number].text)
        })
      let fields = line.split(separator: " ", maxSplits: 4)
      let new =
        fields[..<3].joined(separator: " ")
        + " \(fields[3])/\(year)-01-01T00:00:00Z \(fields[4])"
      try test.write(test.text.replacing(line, with: new))
      if number != 6 { try test.remove(places[number]) }
    }
    let q = try test.place("q")
    #expect(try test.claim("a", at: q) == ports[3])
    #expect(try test.claim("b", at: q) == ports[5])
    #expect(try test.claim("c", at: q) == ports[4])
    #expect(throws: ClaimsError.self) { try test.claim("d", at: q) }
    #expect(try test.claims.list().claims.count == 10)
    try test.expectAgreement()
    let handedOut = test.notes.all.compactMap { note in
      if case .handedOut(let claim) = note { claim.place } else { nil }
    }
    #expect(handedOut == [places[3], places[5], places[4]])
    // A place that comes back too late gets others.
    try test.forget(nil, at: q)
    _ = try test.place("p3")
    try test.claim("a", at: places[3])
  }

  @Test func aBlockIsMadeOfThePortsOfSeveralPlacesThatAreGone() throws {
    let places = try (0..<10).map { try test.place("p\($0)") }
    var byPort: [UInt16: PlacePath] = [:]
    for place in places {
      byPort[try test.claim("a", at: place).lowerBound] = place
    }
    for port in [10001, 10003, 10004, 10005, 10008] as [UInt16] {
      try test.remove(try #require(byPort[port]))
    }
    let q = try test.place("q")
    var host = FakeHost()
    #expect(
      try test.claim("w", count: 3, at: q, on: host) == 10003...10005)
    #expect(try test.claims.list().claims.count == 8)
    try test.expectAgreement()
    // Ports that are in use are kept for their places.
    host.statuses[10001] = .inUse
    #expect(try test.claim("x", at: q, on: host) == 10008...10008)
    #expect(throws: ClaimsError.self) {
      try test.claim("y", at: q, on: host)
    }
    try test.expectAgreement()
  }

  @Test func aFileIsNoPlace() throws {
    let p = try test.place("p/sub")
    let pool = PortPool([10000...10000])
    try test.claim("a", at: p, pool: pool)
    let parent = test.directory.file("p")
    try FileManager.default.removeItem(atPath: parent)
    try Data().write(to: URL(filePath: parent))
    #expect(
      try test.claim("a", at: test.place("q"), pool: pool) == 10000...10000)
  }
}

extension Data {
  fileprivate func append(to path: String) throws {
    let handle = try FileHandle(forWritingTo: URL(filePath: path))
    try handle.seekToEnd()
    try handle.write(contentsOf: self)
    try handle.close()
  }
}
