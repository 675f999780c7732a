import HostSystem
import Logging
import PortLeasing
import PortLedger
import SystemPackage

extension PortServer {
  /// Takes over the leases that a server before this one has written down:
  /// those whose holders still live.
  ///
  /// - Throws: Where the ledger cannot be read.
  func restoreLeases(from ledger: ServerLedger) throws(LeasingError) {
    let contents = ledger.contents(of: options.pool)
    var kept = 0
    var holders: [ProcessIdentity: Bool] = [:]
    for (port, lease) in contents.leases {
      let holder = lease.holder
      let isAlive = holders[holder] ?? adopt(holder)
      holders[holder] = isAlive
      guard isAlive else { continue }
      table.restore(lease, of: port)
      kept += 1
    }
    for port in contents.damaged { table.distrust(port) }
    let freed = contents.leases.count - kept
    if !contents.leases.isEmpty {
      log.notice("\(kept) leases kept, \(freed) of ended processes freed")
    }
    if !contents.damaged.isEmpty {
      log.warning(
        """
        the records of \(contents.damaged.count) ports are damaged; those \
        ports are leased when there are no others
        """)
    }
  }

  /// Knows a holder from now on.
  ///
  /// - Returns: Whether it lives.
  private func adopt(_ holder: ProcessIdentity) -> Bool {
    guard
      let handle = ProcessHandle.open(
        holder, watching: processes.canWatchMore)
    else { return false }
    do {
      try processes.add(KnownProcess(handle))
    } catch {
      warnings.say(.watching, to: log, "cannot watch processes: \(error)")
    }
    return true
  }

  /// Puts the ledger and the socket file back where somebody has removed them.
  func lookAfterFiles() {
    do throws(LeasingError) {
      switch try ledger?.repair() {
      case .recreated:
        log.warning("the ledger was removed, replaced or cut; it is back")
      case .repaired:
        warnings.say(
          .ledger, to: log,
          "somebody has changed the ledger in place; it is as it was again")
      case .intact, nil: break
      }
    } catch {
      warnings.say(.ledger, to: log, "the ledger is lost: \(error.text)")
    }
    for listener in listeners {
      do throws(UnixServerSocketError) {
        if try restoreSocket(of: listener) {
          log.warning(
            """
            the socket file was removed or replaced; it is back: \
            \(listener.address.text)
            """)
        }
      } catch {
        warnings.say(
          .socketFile, to: log,
          """
          the socket file \(listener.address.text) is lost, and nobody can \
          connect there: \(error.text)
          """)
      }
    }
  }
}

extension LeasingError {
  /// What is wrong with a server's ledger, and what to do about it.
  package var text: String { description(elsewhere: "in --state") }
}
