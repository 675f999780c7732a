import HostSystem
import Logging
import PortLeasing
import PortProtocol
import SystemPackage

extension PortServer {
  /// Leases a port to the process that a client names.
  ///
  /// - Parameters:
  ///   - pid: Its pid, in the client's pid namespace.
  ///   - peer: Who asks.
  /// - Returns: The port, which is written down by now, and the process.
  /// - Throws: Why there is none.
  func lease(
    to pid: Int32, askedBy peer: PeerCredentials
  ) throws(Denial) -> (port: UInt16, holder: KnownProcess) {
    // What the number 1 means to clients is that they have lost their parent.
    if pid <= 1 { throw .noProcess }
    let holder: KnownProcess
    do {
      // Any pid may have become another process's since this turn began.
      try reclaimEnded()
      holder = try findHolder(pid, for: peer)
      guard try mayLease(to: holder, peer.user) else {
        throw Denial.notPermitted
      }
    } catch let denial as Denial {
      throw denial
    } catch Errno.permissionDenied {
      throw .broken(
        "/proc hides it (hidepid), so nobody could tell when it ends; run "
          + "this server as a user that sees all processes")
    } catch {
      throw .broken("its entry in /proc cannot be read: \(error)")
    }
    if let limit = options.maxPortsPerProcess,
      table.portCount(of: holder.identity) >= limit
    {
      throw .processLimit(limit)
    }
    if let limit = options.maxPortsPerUser,
      table.portCount(ofUser: peer.user) >= limit
    {
      throw .userLimit(limit)
    }
    let lease = Lease(
      holder: holder.identity, user: peer.user,
      leasedAt: nanosecondsSinceBoot())
    guard let port = try leasePort(lease) else {
      throw .exhausted(table.usage)
    }
    do throws(LeasingError) {
      try ledger?.write(lease, for: port)
    } catch {
      table.takeBack(port)
      throw .broken("it cannot be written down: \(error.text)")
    }
    return (port, holder)
  }

  /// Undoes a lease that nobody was told of.
  func takeBack(_ port: UInt16, of holder: KnownProcess) {
    table.takeBack(port)
    do {
      try ledger?.write(nil, for: port)
    } catch {
      // The record then names a process that lives; after a restart the port
      // stays with it. Nobody else gets it: that is the safe side.
      warnings.say(.ledger, to: log, "\(error.text)")
    }
    if table.portCount(of: holder.identity) == 0 { setIdle(holder) }
  }

  /// Takes the ports of processes back that have ended.
  ///
  /// - Throws: What `epoll_wait(2)` says.
  func reclaimEnded() throws(Errno) {
    try processes.removeEnded { reclaim(from: $0) }
  }

  /// Looks at processes whose ends nobody reports.
  func checkUnwatched() {
    _ = reclaimUnwatched(atMost: 256)
  }

  private func leasePort(_ lease: Lease) throws(Denial) -> UInt16? {
    do {
      var outcome = try table.lease(lease, on: HostPorts())
      if outcome.port == nil, reclaimUnwatched(atMost: 64) {
        outcome = try table.lease(lease, on: HostPorts())
      }
      statistics.portsCheckedForLastRequest = outcome.portsChecked
      return outcome.port
    } catch {
      throw .broken("ports cannot be probed: \(error)")
    }
  }

  private func reclaim(from process: KnownProcess) {
    // Their records stay in the ledger: whoever reads it finds that the process
    // has ended.
    let count = table.takeBackAll(of: process.identity)
    log.debug("process \(process.pid) has ended; \(count) ports back")
  }

  /// - Returns: Whether some have ended.
  private func reclaimUnwatched(atMost limit: Int) -> Bool {
    guard processes.hasUnwatched else { return false }
    return processes.removeEnded(unwatched: limit) { reclaim(from: $0) }
  }
}

// MARK: - Processes

extension PortServer {
  /// The process that a client means by a pid.
  private func findHolder(
    _ pid: Int32, for peer: PeerCredentials
  ) throws -> KnownProcess {
    // 0 is a process in a pid namespace that cannot be seen from here.
    guard peer.pid != 0, let asker = try find(peer.pid),
      let place = try asker.place()
    else { throw Denial.unknownNamespace }
    if place.namespaceDepth == 0 {
      if pid == asker.pid { return asker }
      guard let holder = try find(pid) else { throw Denial.gone }
      return holder
    }
    // The client is in a container of its own. Of the processes in there, those
    // that it descends from can be told, and itself.
    var ancestor = place
    var candidate = asker.pid
    while ancestor.innermostPID != pid {
      candidate = ancestor.parent
      guard candidate > 0,
        let next = try? ProcessDetails(ofProcess: candidate),
        next.namespaceDepth == place.namespaceDepth
      else { throw Denial.unknownNamespace }
      ancestor = next
    }
    guard let holder = try find(candidate), let found = try holder.place(),
      found.namespacePIDs == ancestor.namespacePIDs
    else { throw Denial.gone }
    return holder
  }

  /// The process with a pid; `nil` where there is none.
  private func find(_ pid: Int32) throws(Errno) -> KnownProcess? {
    if let known = processes[pid] {
      // The ends of those with a descriptor have just been read.
      if known.raw != nil || !known.hasEnded { return known }
      processes.remove(known)
      reclaim(from: known)
    }
    guard
      let handle = try ProcessHandle.open(
        pid, watching: processes.canWatchMore)
    else { return nil }
    let process = KnownProcess(handle)
    do {
      try processes.add(process)
    } catch {
      warnings.say(.watching, to: log, "cannot watch processes: \(error)")
    }
    setIdle(process)
    return process
  }

  /// Remembers a process without ports for a while, for who has asked once asks
  /// again.
  private func setIdle(_ process: KnownProcess) {
    idle.append(process.pid)
    if idle.count <= maxIdle { return }
    // A pid may stand there more than once, also for a process that had it
    // before. Whoever is about to get a port must not be forgotten now: nobody
    // would hear of its end.
    if let oldest = processes[idle.removeFirst()], oldest !== process,
      table.portCount(of: oldest.identity) == 0
    {
      processes.remove(oldest)
    }
  }

  private func mayLease(
    to holder: KnownProcess, _ user: UInt32
  ) throws(Errno) -> Bool {
    if options.allowsForeignPIDs || user == 0 || user == ownUser { return true }
    return try holder.belongs(to: user)
  }
}
