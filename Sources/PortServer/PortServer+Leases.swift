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
      guard let holder = try findHolder(pid) else {
        log.info("no port for pid \(pid): no such process")
        return nil
      }
      guard let port = try leasePort(to: holder.identity, askedBy: user) else {
        warnings.say(
          .exhausted, to: log,
          "the pool is exhausted: \(table.usage.inWords)")
        return nil
      }
      if holders[pid] == nil { adopt(holder) }
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

  /// A process has ended, or it is said so.
  func holderEnded(_ pid: Int32) {
    guard let holder = holders[pid] else { return }
    if holder.process.hasEnded { reclaim(from: holder) }
  }

  /// Looks at holders whose ends nobody reports.
  func checkHolders() {
    reclaimUnwatched(atMost: 256)
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
  private func findHolder(_ pid: Int32) throws(Errno) -> Holders.Holder? {
    if let known = holders[pid] {
      // The pid may be another's since this turn began.
      if !known.process.hasEnded { return known }
      reclaim(from: known)
    }
    guard
      let process = try ProcessHandle.open(pid, watching: holders.canWatchMore)
    else { return nil }
    return Holders.Holder(process)
  }

  /// Hears of a holder's end from now on.
  private func adopt(_ holder: Holders.Holder) {
    if let descriptor = holder.process.raw {
      let source = EventSource.holder(holder.identity.pid)
      do {
        try events.watch(descriptor, as: source.token)
      } catch {
        warnings.say(.lease, to: log, "cannot watch processes: \(error)")
        holder.closeDescriptor()
      }
    }
    holders.add(holder)
    if holder.process.raw == nil, holderCheck == nil {
      holderCheck = Deadline(after: .seconds(1))
    }
  }

  private func reclaim(from holder: Holders.Holder) {
    let count = table.takeBackAll(of: holder.identity)
    holders.remove(holder)
    log.debug("process \(holder.identity.pid) has ended; \(count) ports back")
  }

  /// - Returns: Whether some have ended.
  @discardableResult
  private func reclaimUnwatched(atMost limit: Int) -> Bool {
    let ended = holders.findEnded(atMost: limit)
    for holder in ended { reclaim(from: holder) }
    return !ended.isEmpty
  }
}

extension PoolUsage {
  /// What the ports are used for.
  fileprivate var inWords: String {
    "of \(ports) ports, \(leased) are leased and \(inUse) used by others"
  }
}
