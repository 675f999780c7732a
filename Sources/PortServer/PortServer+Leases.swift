import HostSystem
import Logging
import PortLeasing
import SystemPackage

/// A port that was leased, and whose it is now.
struct GivenLease {
  let port: UInt16
  let holder: Holders.Holder
}

extension PortServer {
  /// Leases a port to a process.
  ///
  /// - Returns: `nil` where it gets none.
  func lease(to pid: Int32, askedBy user: UInt32) -> GivenLease? {
    // What the number 1 means to clients is that they have lost their parent.
    if pid <= 1 {
      log.info("no port for pid \(pid): no process that could hold one")
      return nil
    }
    do {
      guard let (holder, isNew) = try findHolder(pid) else {
        log.info("no port for pid \(pid): no such process")
        return nil
      }
      guard let port = try leasePort(to: holder.identity, askedBy: user) else {
        warnings.say(
          .exhausted, to: log,
          "the pool is exhausted: \(table.usage.inWords)")
        return nil
      }
      if isNew { adopt(holder) }
      log.info(
        """
        leased port \(port) to process \(pid), asked for by uid \(user): \
        \(commandLine(ofProcess: pid))
        """)
      return GivenLease(port: port, holder: holder)
    } catch {
      warnings.say(.lease, to: log, "no port for pid \(pid): \(error)")
      return nil
    }
  }

  /// Undoes a lease that nobody was told of.
  func takeBack(_ lease: GivenLease) {
    table.takeBack(lease.port)
    if table.portCount(of: lease.holder.identity) == 0 {
      holders.remove(lease.holder)
    }
  }

  /// Takes the ports of processes back that have ended.
  ///
  /// - Throws: What `epoll_wait(2)` says.
  func reclaimEnded() throws(Errno) {
    try holders.removeEnded { reclaim(from: $0) }
  }

  /// Looks at holders whose ends nobody reports.
  func checkHolders() {
    _ = reclaimUnwatched(atMost: 256)
    holderCheck = holders.hasUnwatched ? Deadline(after: .seconds(1)) : nil
  }

  private func leasePort(
    to holder: ProcessIdentity, askedBy user: UInt32
  ) throws(Errno) -> UInt16? {
    var outcome = try table.lease(
      to: holder, user: user, now: nanosecondsSinceBoot(), on: HostPorts())
    if outcome.port == nil, reclaimUnwatched(atMost: 64) {
      outcome = try table.lease(
        to: holder, user: user, now: nanosecondsSinceBoot(), on: HostPorts())
    }
    statistics.portsCheckedForLastRequest = outcome.portsChecked
    return outcome.port
  }

  /// The process with a pid, which has ports already or may get its first.
  private func findHolder(
    _ pid: Int32
  ) throws(Errno) -> (Holders.Holder, isNew: Bool)? {
    // The pid may have become another process's since this turn began.
    try reclaimEnded()
    if let known = holders[pid] {
      if known.process.raw != nil || !known.process.hasEnded {
        return (known, isNew: false)
      }
      holders.remove(known)
      reclaim(from: known)
    }
    guard
      let process = try ProcessHandle.open(pid, watching: holders.canWatchMore)
    else { return nil }
    return (Holders.Holder(process), isNew: true)
  }

  /// Hears of a holder's end from now on.
  private func adopt(_ holder: Holders.Holder) {
    do {
      try holders.add(holder)
    } catch {
      warnings.say(.lease, to: log, "cannot watch processes: \(error)")
    }
    if holder.process.raw == nil, holderCheck == nil {
      holderCheck = Deadline(after: .seconds(1))
    }
  }

  private func reclaim(from holder: Holders.Holder) {
    let count = table.takeBackAll(of: holder.identity)
    log.debug("process \(holder.identity.pid) has ended; \(count) ports back")
  }

  /// - Returns: Whether some have ended.
  private func reclaimUnwatched(atMost limit: Int) -> Bool {
    guard holders.hasUnwatched else { return false }
    return holders.removeEnded(unwatched: limit) { reclaim(from: $0) }
  }
}

extension PoolUsage {
  /// What the ports are used for.
  fileprivate var inWords: String {
    "of \(ports) ports, \(leased) are leased and \(inUse) used by others"
  }
}
