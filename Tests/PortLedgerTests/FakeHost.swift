import HostSystem
import PortLeasing
import PortLedger
import SystemPackage
import TestSupport

/// A host whose state a test sets.
struct FakeHost: LeaseConditions {
  var living: Set<ProcessIdentity> = [.a, .b]
  /// The ports that are not free.
  var statuses: [UInt16: PortStatus] = [:]
  var failure: Errno?
  /// Why the asker cannot be identified.
  var askerFailure: Errno?
  /// Called for each probe.
  var onProbe: (UInt16) -> Void = { _ in }
  /// Called for each check of a holder.
  var onCheck: (ProcessIdentity) -> Void = { _ in }

  func asker() throws(Errno) -> ProcessIdentity {
    if let askerFailure { throw askerFailure }
    return .a
  }

  func isAlive(_ holder: ProcessIdentity) -> Bool {
    onCheck(holder)
    return living.contains(holder)
  }

  func isFree(_ port: UInt16) throws(Errno) -> Bool {
    try status(of: port) == .free
  }

  func status(of port: UInt16) throws(Errno) -> PortStatus? {
    onProbe(port)
    if let failure { throw failure }
    return statuses[port] ?? .free
  }
}

extension LedgerContext {
  static let test = LedgerContext(
    boot: 7, network: Namespace(identifier: 1),
    process: Namespace(identifier: 2))
}

/// A ledger in a file of its own.
final class TestLedger {
  let directory: TemporaryDirectory
  let path: String
  let warnings = Collected<LedgerWarning>()
  private(set) var ledger: Ledger

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.file("ledger")
    ledger = try Self.open(path, .test, directory, warnings)
  }

  /// The ledger as a new process opens it.
  func reopened(context: LedgerContext = .test) throws -> Ledger {
    ledger = try Self.open(path, context, directory, warnings)
    return ledger
  }

  private static func open(
    _ path: String, _ context: LedgerContext, _ directory: TemporaryDirectory,
    _ warnings: Collected<LedgerWarning>
  ) throws -> Ledger {
    Ledger(at: try LedgerLocation(namedByUser: path), context: context) {
      // The directory must outlive the ledger.
      withExtendedLifetime(directory) {}
      warnings.add($0)
    }
  }
}

extension Ledger {
  /// Leases ports and returns them, or how the pool is used.
  func lease(
    _ pool: PortPool, to holder: ProcessIdentity, count: Int = 1,
    contiguous: Bool = false, on host: FakeHost = FakeHost(),
    timeout: Duration = .seconds(5)
  ) throws(LeasingError) -> LeaseOutcome {
    try lease(
      LeaseRequest(
        pool: pool, holder: holder, user: 0, count: count,
        isContiguous: contiguous),
      under: host, now: 1, deadline: Deadline(after: timeout))
  }

  func release(
    _ ports: [UInt16], of holder: ProcessIdentity
  ) throws(LeasingError) {
    try release(ports, of: holder, deadline: Deadline(after: .seconds(5)))
  }

  /// Leases the whole pool, one port at a time.
  ///
  /// - Returns: The ports, in the order in which they were leased.
  /// - Throws: Why the ledger cannot be used.
  func drain(
    _ pool: PortPool, to holder: ProcessIdentity, on host: FakeHost = FakeHost()
  ) throws(LeasingError) -> [UInt16] {
    var ports: [UInt16] = []
    while case .leased(let more) = try lease(pool, to: holder, on: host) {
      ports += more
    }
    return ports
  }
}
