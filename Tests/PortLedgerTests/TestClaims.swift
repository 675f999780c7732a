import Foundation
import HostSystem
import PortLeasing
import PortLedger
import SystemPackage
import TestSupport
import Testing

/// A claims file, the ledger that mirrors it, and places, in a directory of their own.
final class TestClaims {
  let directory: TemporaryDirectory
  let path: String
  let ledgerPath: String
  let threads = WaitingThreads()
  let notes = Collected<ClaimNote>()
  let warnings = Collected<LedgerWarning>()
  let claims: Claims
  private(set) var ledger: Ledger

  init(file: String? = nil) throws {
    let directory = try TemporaryDirectory()
    self.directory = directory
    path = file ?? directory.file("claims")
    ledgerPath = directory.file("ledger")
    claims = Claims(
      at: try ClaimsLocation(namedByUser: path), user: geteuid())
    ledger = try Self.open(ledgerPath, .test, claims, warnings)
  }

  /// The ledger as a new process opens it.
  @discardableResult
  func reopened(context: LedgerContext = .test) throws -> Ledger {
    ledger = try Self.open(ledgerPath, context, claims, warnings)
    return ledger
  }

  private static func open(
    _ path: String, _ context: LedgerContext, _ claims: Claims,
    _ warnings: Collected<LedgerWarning>
  ) throws -> Ledger {
    Ledger(
      at: try LedgerLocation(namedByUser: path), context: context,
      claims: { () throws(ClaimsError) in try claims.ports() },
      warn: { warnings.add($0) })
  }

  /// A place, whose directory is created.
  func place(_ name: String) throws -> PlacePath {
    let path = directory.file(name)
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true)
    return PlacePath(path)
  }

  func remove(_ place: PlacePath) throws {
    try FileManager.default.removeItem(atPath: place.text)
  }

  /// Claims names.
  func claim(
    _ requests: [ClaimRequest], at place: PlacePath, pool: PortPool = .test,
    on host: FakeHost = FakeHost(), timeout: Duration = .seconds(5)
  ) throws -> [Claim] {
    if let known = try claims.known(requests, at: place, in: { ledger }) {
      return known
    }
    let context = ClaimContext(
      pool: pool, host: host, threads: threads,
      deadline: Deadline(after: timeout))
    return try claims.claim(requests, at: place, in: ledger, context) {
      notes.add($0)
    }
  }

  /// Claims a name.
  @discardableResult
  func claim(
    _ name: String, count: Int? = nil, preferring port: UInt16? = nil,
    at place: PlacePath, pool: PortPool = .test, on host: FakeHost = FakeHost(),
    timeout: Duration = .seconds(5)
  ) throws -> ClosedRange<UInt16> {
    let request = ClaimRequest(
      try #require(PortName(name)), count: count, preferring: port)
    let claims = try claim(
      [request], at: place, pool: pool, on: host, timeout: timeout)
    return try #require(claims.first).ports
  }

  @discardableResult
  func forget(_ name: String?, at place: PlacePath) throws -> [Claim] {
    try claims.forget(
      name.map { try #require(PortName($0)) }, at: place, in: ledger,
      deadline: Deadline(after: .seconds(5))
    ) { notes.add($0) }
  }

  /// The content of the file.
  var text: String {
    get throws { try String(contentsOfFile: path, encoding: .utf8) }
  }

  func write(_ text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
  }

  /// The ports that the ledger has as claimed.
  func mirrored() throws -> [UInt16] {
    try ledger.contents(
      isAlive: { _ in true }, deadline: Deadline(after: .seconds(5))
    ).claimed
  }

  /// The ports that the ledger has as leased.
  func leased() throws -> [UInt16] {
    try ledger.contents(
      isAlive: { _ in true }, deadline: Deadline(after: .seconds(5))
    ).leases.map(\.port)
  }

  /// That the file and the ledger agree, and nothing is leased.
  func expectAgreement(
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let ports = try claims.list().ports.ranges.flatMap { Array($0) }
    #expect(try mirrored() == ports, sourceLocation: sourceLocation)
    #expect(try leased() == [], sourceLocation: sourceLocation)
  }
}

extension PortPool {
  static let test = PortPool([10000...10009])
}

/// Expects an error of claims.
func expectClaimsError(
  _ expected: ClaimsError, sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () throws -> Void
) {
  #expect(throws: expected, sourceLocation: sourceLocation, performing: body)
}
