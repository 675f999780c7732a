import Foundation
import HostSystem
import PortLeasing
import PortLedger
import SystemPackage
import TestSupport
import Testing

/// The records of claims in a ledger, whatever happens to it.
@Suite(.alone) struct ClaimMirrorTests {
  private let test: TestClaims
  private let place: PlacePath

  init() throws {
    test = try TestClaims()
    place = try test.place("p")
  }

  private func claimThree() throws {
    for name in ["a", "b"] { try test.claim(name, at: place) }
    try test.claim("c", count: 3, at: place)
  }

  /// Changes the words of a port's record.
  private func change(
    _ port: UInt16, _ body: (inout [UInt64]) -> Void
  ) throws {
    let file = try FileHandle(forUpdating: URL(filePath: test.ledgerPath))
    try file.seek(toOffset: UInt64(LedgerFormat.offset(of: port)))
    var words = try #require(try file.read(upToCount: 32))
      .withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) }
    body(&words)
    try file.seek(toOffset: UInt64(LedgerFormat.offset(of: port)))
    try file.write(contentsOf: words.withUnsafeBytes { Data($0) })
    try file.close()
  }

  // MARK: A new ledger

  @Test func aLedgerThatIsCreatedHasTheClaims() throws {
    try claimThree()
    try FileManager.default.removeItem(atPath: test.ledgerPath)
    try test.reopened()
    #expect(try test.ledger.drain(.test, to: .a).count == 5)
    try test.ledger.release(Array(10000...10009), of: .a)
    try test.expectAgreement()
  }

  @Test func aLedgerAfterABootHasTheClaims() throws {
    try claimThree()
    var other = test.ledger
    for boot in [8, 9] as [UInt64] {
      let context = LedgerContext(
        boot: boot, network: Namespace(identifier: 1),
        process: Namespace(identifier: 2))
      other = try test.reopened(context: context)
      #expect(try other.drain(.test, to: .a).count == 5)
    }
    try other.release(Array(10000...10009), of: .a)
    try test.expectAgreement()
  }

  @Test func claimsOfAnotherFileSurviveABoot() throws {
    let mark = ClaimMark(user: 1, file: 4711)
    let ports = ClaimedPorts(mark: mark, ports: PortPool([10007...10008]))
    #expect(
      try test.ledger.reconcile(
        ports, isAlive: { _ in true }, deadline: Deadline(after: .seconds(5)))
        == MirrorConflicts())
    try test.claim("a", at: place)
    try test.reopened(
      context: LedgerContext(
        boot: 8, network: Namespace(identifier: 1),
        process: Namespace(identifier: 2)))
    #expect(try test.mirrored().count == 3)
    #expect(try Set(test.mirrored()).isSuperset(of: [10007, 10008]))
  }

  @Test func aLedgerInPlaceOfADamagedOneHasTheClaims() throws {
    let location = try LedgerLocation(
      ofUser: geteuid(), context: .test, parents: [test.directory.path])
    let warnings = Collected<LedgerWarning>()
    let claims = test.claims
    let open = {
      Ledger(
        at: location, context: .test,
        claims: { () throws(ClaimsError) in try claims.ports() },
        warn: { warnings.add($0) })
    }
    try claimThree()
    #expect(try open().drain(.test, to: .a).count == 5)
    try Data(repeating: 0x55, count: 100_000).write(
      to: URL(filePath: location.path))
    #expect(try open().drain(.test, to: .b).count == 5)
    #expect(warnings.all.count == 1)
  }

  @Test func aTruncatedLedgerHasTheClaimsAgain() throws {
    try claimThree()
    for size in [0, 100, LedgerFormat.fileSize / 2] {
      #expect(truncate(test.ledgerPath, size) == 0)
      try test.reopened()
      _ = try test.claim("c", at: place)
      try test.expectClaimsMirrored()
    }
  }

  @Test func aClaimsFileThatCannotBeReadIsAWarning() throws {
    try FileManager.default.createDirectory(
      atPath: test.path, withIntermediateDirectories: false)
    #expect(try test.ledger.drain(.test, to: .a).count == 10)
    guard case .claimsNotImported(let reason) = test.warnings.all.first else {
      Issue.record("no warning")
      return
    }
    #expect(reason.contains(test.path))
  }

  // MARK: Repairs

  @Test(arguments: ["vacant", "damaged", "dead"])
  func aRecordThatIsWrongIsPutRight(kind: String) throws {
    let port = try test.claim("a", at: place).lowerBound
    switch kind {
    case "vacant": try change(port) { $0 = [0, 0, 0, 0] }
    case "damaged": try change(port) { $0[3] ^= 1 }
    default:
      try change(port) { $0 = [0, 0, 0, 0] }
      #expect(
        try test.ledger.lease(PortPool([port...port]), to: .dead)
          == .leased([port]))
    }
    #expect(try test.claim("a", at: place) == port...port)
    try test.expectAgreement()
    #expect(test.notes.all.count == 1)
  }

  @Test func aLiveLeaseStaysAndIsSaid() throws {
    let port = try test.claim("a", at: place).lowerBound
    try change(port) { $0 = [0, 0, 0, 0] }
    let lease = Lease(holder: .b, user: 0, leasedAt: 1)
    _ = try test.ledger.lease(PortPool([port...port]), to: .b)
    #expect(try test.claim("a", at: place) == port...port)
    #expect(try test.leased() == [port])
    let claim = try #require(test.claims.list().claims.first)
    #expect(test.notes.all.last == .leased(claim, port: port, lease))
    try test.ledger.release([port], of: .b)
    #expect(try test.claim("a", at: place) == port...port)
    try test.expectAgreement()
  }

  /// A process that was killed before it wrote the file.
  @Test func anOrphanIsClearedByTheNextClaim() throws {
    try test.claim("a", at: place)
    let mark = try #require(test.claims.ports()?.mark)
    let all = ClaimedPorts(mark: mark, ports: .test)
    _ = try test.ledger.reconcile(
      all, isAlive: { _ in true }, deadline: Deadline(after: .seconds(5)))
    #expect(try test.mirrored().count == 10)
    try test.claim("b", at: place)
    try test.expectAgreement()
    #expect(try test.claims.list().claims.count == 2)
  }

  @Test func anotherFilesClaimsAreRespected() throws {
    let other = try TestClaims(file: test.directory.file("other"))
    let theirs = Claims(at: other.claims.location, user: geteuid())
    let context = ClaimContext(
      pool: .test, host: FakeHost(), threads: test.threads,
      deadline: Deadline(after: .seconds(5)))
    for name in ["a", "b", "c"].compactMap({ PortName($0) }) {
      _ = try theirs.claim(
        [ClaimRequest(name)], at: place, in: test.ledger, context
      ) { _ in }
    }
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
      try test.claim(name, at: place)
    }
    #expect(try test.mirrored() == Array(10000...10009))
    #expect(throws: ClaimsError.self) { try test.claim("h", at: place) }
    #expect(try theirs.list().claims.count == 3)
    try test.forget(nil, at: place)
    #expect(try test.mirrored().count == 3)
  }

  @Test func unreadableLinesBlockTheirPorts() throws {
    try test.write("10003 4 ?\n10008 gibberish\n")
    #expect(try test.ledger.drain(.test, to: .a).count == 5)
    try test.ledger.release(Array(10000...10009), of: .a)
    for name in ["a", "b", "c", "d", "e"] { try test.claim(name, at: place) }
    #expect(throws: ClaimsError.self) { try test.claim("f", at: place) }
    #expect(try test.text.hasPrefix("10003 4 ?\n10008 gibberish\n10"))
    try test.expectAgreement()
  }

  // MARK: The format

  /// A version that does not know claims must not read a dead process's lease.
  @Test func anOlderVersionReadsAClaimAsDamaged() throws {
    let port = try test.claim("a", at: place).lowerBound
    var record: [UInt64] = []
    try change(port) { record = $0 }
    #expect(UInt32(truncatingIfNeeded: record[0]) == .max)
    #expect(UInt32(record[0] >> 32) == geteuid())
    #expect(record[2] == 0)
    #expect(record[3] != Self.leaseChecksum(record, port, boot: 7))
    // The checksum is that of a lease indeed.
    try change(port) { $0 = [0, 0, 0, 0] }
    _ = try test.ledger.lease(PortPool([port...port]), to: .a)
    try change(port) { record = $0 }
    #expect(record[3] == Self.leaseChecksum(record, port, boot: 7))
  }

  /// The checksum of a lease in version 0.1.
  private static func leaseChecksum(
    _ words: [UInt64], _ port: UInt16, boot: UInt64
  ) -> UInt64 {
    var sum: UInt64 = 0x6B63_6970_7472_6F70 + 1
    for word in words[..<3] + [UInt64(port), boot] {
      sum = (sum ^ word) &* 0x9E37_79B9_7F4A_7C15
      sum ^= sum >> 29
    }
    return sum
  }
}

extension ProcessIdentity {
  /// A process that ``FakeHost`` does not know.
  fileprivate static let dead = ProcessIdentity(pid: 300, startTime: 3000)
}

extension TestClaims {
  /// That the ledger has all claims, and perhaps more.
  fileprivate func expectClaimsMirrored(
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let ports = try claims.list().ports.ranges.flatMap { Array($0) }
    #expect(
      try Set(mirrored()).isSuperset(of: ports), sourceLocation: sourceLocation)
  }
}
