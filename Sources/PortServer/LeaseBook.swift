import HostSystem
import Logging
import PortLeasing
import PortLedger
import PortProtocol
import SystemPackage

/// The leases of a server: the table that decides, the probe, and the ledger.
///
/// It asks no questions about rights, and checks no process: ``Desk`` does.
final class LeaseBook {
  private var table: LeaseTable
  private let ports = HostPorts()
  private let pool: PortPool
  /// `nil` if leases are not recorded.
  private let ledger: ServerLedger?
  private let log: Logger
  private let warnings: RareWarnings
  /// How many ports were probed for the last request.
  private(set) var portsCheckedForLastRequest = 0
  /// Processes that ended while they held ports, and the ports.
  private var endedHolders = 0
  private var reclaimedPorts = 0
  /// Leases of an earlier server that were kept, and those whose holders had ended.
  private var keptLeases = 0
  private var freedLeases = 0

  /// How many users' ports are reported.
  private static let reportedUsers = 10

  init(
    pool: PortPool, ledger: ServerLedger?, log: Logger, warnings: RareWarnings
  ) {
    self.pool = pool
    self.ledger = ledger
    self.log = log
    self.warnings = warnings
    table = LeaseTable(pool: pool)
  }

  // MARK: - Leasing and returning

  /// Leases ports.
  ///
  /// They are not recorded yet: ``record(_:for:)``.
  ///
  /// - Returns: The ports; none if there are not enough.
  /// - Throws: `broken` if ports cannot be probed.
  func lease(
    _ order: LeaseOrder, as lease: Lease
  ) throws(Denial) -> [UInt16] {
    let outcome: LeaseTable.Outcome
    do throws(Errno) {
      outcome = try table.lease(
        lease, count: order.count, isContiguous: order.isContiguous, on: ports)
    } catch {
      throw .broken("ports cannot be probed (socket, bind): \(error)")
    }
    portsCheckedForLastRequest = outcome.portsChecked
    return outcome.ports
  }

  /// Writes leases to the ledger, where they survive the server.
  ///
  /// - Throws: `broken` if the ledger cannot be written.
  func record(_ lease: Lease, for ports: [UInt16]) throws(Denial) {
    guard let ledger else { return }
    do throws(LeasingError) {
      try ledger.write(lease, for: ports)
    } catch {
      throw .broken("the lease cannot be recorded: \(error.text)")
    }
  }

  /// Frees ports whose holder is alive.
  func release(_ ports: [UInt16]) {
    table.release(ports)
    guard let ledger else { return }
    do {
      try ledger.write(nil, for: ports)
    } catch {
      // The record still names a living process. After a restart the port stays
      // with it, and nobody else gets it: that is the safe side.
      warnings.say(.ledger, "\(error.text)")
    }
  }

  /// Frees all ports of a process that has ended.
  func reclaim(from process: KnownProcess) {
    // The records stay in the ledger: its readers see that the process has ended.
    let count = table.reclaimAll(of: process.identity)
    if count > 0 { endedHolders += 1 }
    reclaimedPorts += count
    log.debug("process \(process.pid) has ended; reclaimed \(count) ports")
  }

  // MARK: - What is leased

  var usage: PoolUsage { table.usage }

  /// How many ports are free, doubtful ones not included.
  var freePortCount: Int { table.freeCount }

  /// How many processes have ports.
  var holderCount: Int { table.holderCount }

  func portCount(of process: KnownProcess) -> Int {
    table.portCount(of: process.identity)
  }

  /// How many leased ports a user has asked for.
  func portCount(ofUser user: UInt32) -> Int {
    table.portCount(ofUser: user)
  }

  /// What it has counted, one figure a line.
  ///
  /// Of many users, only those with most ports are reported.
  var figures: [String] {
    [
      "holders-ended \(endedHolders)", "ports-reclaimed \(reclaimedPorts)",
      "leases-kept \(keptLeases)", "restarts \(ledger?.restarts ?? 0)",
      "users \(table.userCount)",
    ]
      + table.usersWithMostPorts(Self.reportedUsers).map {
        "ports-of-user-\($0.user) \($0.ports)"
      }
  }

  func lease(of port: UInt16) -> Lease? { table.lease(of: port) }

  /// The first leases from a port on, in the order of the ports.
  func leases(
    from port: Int, atMost limit: Int
  ) -> [(port: UInt16, lease: Lease)] {
    table.leases(from: port, atMost: limit)
  }

  /// The ranges of ports without a lease that were in use when they were probed, from
  /// a port on.
  func portsInUse(
    from port: Int, atMost limit: Int
  ) -> [ClosedRange<UInt16>] {
    table.portsInUse(from: port, atMost: limit)
  }

  // MARK: - The ledger

  /// Takes over the leases that an earlier server recorded.
  ///
  /// Their holders may have ended; ``ProcessFinder`` checks them, and calls
  /// ``free(of:)`` and ``finishRestoring()``.
  ///
  /// - Returns: The holders.
  func restore() -> Set<ProcessIdentity> {
    guard let ledger else { return [] }
    let contents = ledger.contents(of: pool)
    for (port, lease) in contents.leases { table.restore(lease, of: port) }
    keptLeases = contents.leases.count
    for port in contents.damaged { table.distrust(port) }
    if !contents.damaged.isEmpty {
      log.warning(
        """
        the records of \(contents.damaged.count) ports are damaged; those \
        ports are leased when there are no others
        """)
    }
    ledger.removeStaleLedgers()
    return table.allHolders
  }

  /// Frees the ports of a process that ended before this server started.
  func free(of holder: ProcessIdentity) {
    let count = table.reclaimAll(of: holder)
    keptLeases -= count
    freedLeases += count
  }

  /// Notes that all holders of an earlier server's leases have been checked.
  func finishRestoring() {
    if keptLeases + freedLeases == 0 { return }
    if keptLeases > 0, let ledger { countRestart(of: ledger) }
    log.notice(
      "\(keptLeases) leases kept, \(freedLeases) of ended processes freed")
  }

  private func countRestart(of ledger: ServerLedger) {
    do {
      try ledger.countRestart()
    } catch {
      warnings.say(.ledger, "\(error.text)")
    }
  }

  /// Checks that the ledger is still in its place and unchanged, and repairs it.
  func repairLedger() {
    guard let ledger else { return }
    do throws(LeasingError) {
      switch try ledger.repair() {
      case .recreated:
        log.warning("the ledger was removed, replaced or cut; it is restored")
      case .repaired:
        warnings.say(
          .ledger,
          "another program has changed the ledger in place; it is repaired")
      case .intact: break
      }
    } catch {
      warnings.say(.ledger, "the ledger is lost: \(error.text)")
    }
  }

  /// Removes the ledger if no living process has a port in it.
  func removeUnusedLedger() {
    ledger?.removeIfUnused()
  }
}

extension LeasingError {
  /// What is wrong with a server's ledger, and what to do about it.
  package var text: String { description(elsewhere: "in --state") }
}
