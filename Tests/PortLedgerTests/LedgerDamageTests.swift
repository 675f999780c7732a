import Foundation
import HostSystem
import PortLeasing
import PortLedger
import SystemPackage
import TestSupport
import Testing

/// What happens to leases if the file is damaged.
@Suite struct LedgerDamageTests {
  private let pool = PortPool([25000...25009])

  /// A ledger in which `a` has 25000–25003.
  private func ledgerWithLeases() throws -> TestLedger {
    let test = try TestLedger()
    _ = try test.ledger.drain(PortPool([25000...25003]), to: .a)
    return test
  }

  @Test func aDamagedRecordIsHandedOutLast() throws {
    let test = try ledgerWithLeases()
    try test.overwrite(at: LedgerFormat.offset(of: 25002) + 5, with: [0xEE])
    let ledger = try test.reopened()
    let ports = try ledger.drain(pool, to: .b)
    #expect(Set(ports.dropLast()) == Set(25004...25009))
    #expect(ports.last == 25002)
  }

  @Test(arguments: [1, 63, 64, 65, 1000, LedgerFormat.offset(of: 25002) + 7])
  func aTruncatedLedgerIsMendedAndSaysSo(size: Int) throws {
    let test = try ledgerWithLeases()
    try test.truncate(to: size)
    let ledger = try test.reopened()
    let ports = try ledger.drain(pool, to: .b)
    let lost = size < 64 ? 10 : 8
    #expect(ports.count == (size > 1000 ? lost : 10))
    if size > 1000 { #expect(!ports.contains(25000) && !ports.contains(25001)) }
    #expect(test.warnings.all.count == 1)
    #expect(test.size == LedgerFormat.fileSize)
    // Once is enough.
    #expect(
      try test.reopened().lease(pool, to: .b)
        == .exhausted(PoolUsage(ports: 10, leased: 10)))
    #expect(test.warnings.all.count == 1)
  }

  @Test func whatWasCutOffIsHandedOutLast() throws {
    let test = try ledgerWithLeases()
    try test.truncate(to: LedgerFormat.offset(of: 25002))
    let all = PortPool([24990...24999, 25002...25003])
    let ports = try test.reopened().drain(all, to: .b)
    #expect(Set(ports.prefix(10)) == Set(24990...24999))
    #expect(test.warnings.all == [.truncated(path: test.path)])
  }

  @Test func aLedgerCutWhileItIsOpenIsMended() throws {
    let test = try ledgerWithLeases()
    try test.truncate(to: LedgerFormat.offset(of: 25002))
    #expect(try test.ledger.drain(pool, to: .b).count == 8)
    #expect(test.warnings.all == [.truncated(path: test.path)])
  }

  @Test func anEmptyFileIsANewLedger() throws {
    let test = try TestLedger()
    try test.write([])
    #expect(try test.ledger.drain(pool, to: .a).count == 10)
    #expect(test.warnings.all.isEmpty)
  }

  @Test func aLedgerThatIsEmptiedIsBegunAgainAndThatIsSaid() throws {
    let test = try ledgerWithLeases()
    try test.truncate(to: 0)
    #expect(try test.ledger.drain(pool, to: .b).count == 10)
    #expect(test.warnings.all == [.truncated(path: test.path)])
  }

  @Test func damagedRecordsStayDamagedUnderANewHeader() throws {
    let test = try ledgerWithLeases()
    try test.overwrite(at: LedgerFormat.offset(of: 25002) + 5, with: [0xEE])
    try test.overwrite(at: 0, with: [0])
    let ports = try test.reopened().drain(pool, to: .b)
    #expect(ports.count == 7)
    #expect(ports.last == 25002)
  }

  @Test func leasesOfAnotherTimeNamespaceAreNotBelieved() throws {
    let test = try ledgerWithLeases()
    let elsewhere = LedgerContext(
      boot: 7, network: LedgerContext.test.network,
      process: LedgerContext.test.process, time: Namespace(identifier: 3))
    try expectProblem(.otherNamespace) {
      _ = try test.reopened(context: elsewhere).lease(pool, to: .b)
    }
  }

  @Test func anOverlongLedgerIsCut() throws {
    let test = try ledgerWithLeases()
    try test.truncate(to: LedgerFormat.fileSize + 4711)
    #expect(try test.reopened().drain(pool, to: .b).count == 6)
    #expect(test.size == LedgerFormat.fileSize)
    #expect(test.warnings.all == [.overlong(path: test.path)])
  }

  @Test func aForeignFileIsLeftAsItIs() throws {
    let test = try TestLedger()
    let thesis = Array("This is no ledger, and somebody needs it.".utf8)
    try test.write(thesis)
    try expectProblem(.notALedger) { _ = try test.ledger.lease(pool, to: .a) }
    let kept = try #require(FileManager.default.contents(atPath: test.path))
    #expect(Array(kept) == thesis)
    #expect(test.warnings.all.isEmpty)
  }

  @Test func aFileThatWasALedgerIsSetAside() throws {
    let test = try TestLedger()
    let thesis = [UInt8](repeating: 0x5A, count: LedgerFormat.fileSize)
    try test.write(thesis)
    #expect(try test.ledger.drain(pool, to: .a).count == 10)
    let newPath = test.path + ".set-aside-1"
    #expect(
      test.warnings.all
        == [.setAside(path: test.path, newPath: newPath, leases: 0)])
    let kept = try #require(FileManager.default.contents(atPath: newPath))
    #expect(Array(kept) == thesis)
    // A second one does not replace the first.
    try test.write(thesis)
    #expect(try test.reopened().drain(pool, to: .a).count == 10)
    #expect(FileManager.default.fileExists(atPath: test.path + ".set-aside-2"))
  }

  @Test func leasesSurviveADamagedHeader() throws {
    let test = try ledgerWithLeases()
    try test.overwrite(at: 8, with: [9, 9, 9, 9])
    let ports = try test.reopened().drain(pool, to: .b)
    #expect(Set(ports) == Set(25004...25009))
    #expect(
      test.warnings.all == [
        .setAside(
          path: test.path, newPath: test.path + ".set-aside-1", leases: 4)
      ])
  }

  @Test func aLedgerOfZerosIsSetAside() throws {
    let test = try TestLedger()
    try test.write([UInt8](repeating: 0, count: LedgerFormat.fileSize))
    #expect(try test.ledger.drain(pool, to: .a).count == 10)
    #expect(test.warnings.all.count == 1)
  }

  @Test func leasesOfAnEarlierBootAreOver() throws {
    let test = try ledgerWithLeases()
    let later = LedgerContext(
      boot: 8, network: LedgerContext.test.network,
      process: LedgerContext.test.process)
    #expect(try test.reopened(context: later).drain(pool, to: .b).count == 10)
    #expect(test.warnings.all.isEmpty)
  }

  @Test func aLedgerOfAnotherNamespaceIsRefused() throws {
    let test = try ledgerWithLeases()
    let elsewhere = LedgerContext(
      boot: 7, network: Namespace(identifier: 99),
      process: LedgerContext.test.process)
    try expectProblem(.otherNamespace) {
      _ = try test.reopened(context: elsewhere).lease(pool, to: .b)
    }
    // It was left unchanged.
    #expect(try test.reopened().drain(pool, to: .b).count == 6)
  }

  @Test func leasesSurviveTheRemovalOfTheFile() throws {
    let test = try ledgerWithLeases()
    try FileManager.default.removeItem(atPath: test.path)
    #expect(try test.ledger.drain(pool, to: .b).count == 6)
    #expect(test.size == LedgerFormat.fileSize)
  }

  @Test func aReplacedFileIsUsedFromThenOn() throws {
    let test = try ledgerWithLeases()
    let other = try TestLedger()
    _ = try other.ledger.drain(PortPool([25008...25009]), to: .a)
    try renameReplacing(other.path, test.path)
    let ports = try test.ledger.drain(pool, to: .b)
    #expect(Set(ports) == Set(25000...25007))
  }

  /// Whatever the file contains, nothing traps or hangs, and no port with an intact
  /// record is leased twice.
  @Test func randomDamageNeverLeasesAWholeRecordTwice() throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<100 {
      let test = try ledgerWithLeases()
      let port = UInt16.random(in: 25000...25003, using: &random)
      let offset = LedgerFormat.offset(of: port)
      // Somewhere in the records before or after the port's own.
      let count = Int.random(in: 1...200, using: &random)
      let start =
        Bool.random(using: &random) ? offset - count : offset + 32
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255) }
      try test.overwrite(at: start, with: bytes)
      #expect(try !test.reopened().drain(pool, to: .b).contains(port))
    }
  }
}

extension TestLedger {
  var size: Int? {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return attributes?[.size] as? Int
  }

  func write(_ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  func truncate(to size: Int) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.truncate(atOffset: UInt64(size))
    try file.close()
  }

  func overwrite(at offset: Int, with bytes: [UInt8]) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: bytes)
    try file.close()
  }
}

func renameReplacing(_ old: String, _ new: String) throws {
  guard rename(old, new) == 0 else { throw Errno(rawValue: errno) }
}

/// Expects a ledger to be refused for a reason.
func expectProblem(
  _ problem: LedgerProblem, sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () throws -> Void
) throws {
  do {
    try body()
    Issue.record("nothing was thrown", sourceLocation: sourceLocation)
  } catch LeasingError.ledger(let found, _) {
    #expect(found == problem, sourceLocation: sourceLocation)
  }
}
