import HostSystem
import Logging
import PortLeasing
import PortProtocol
import SystemPackage

extension PortServer {
  /// Leases ports to the process that a client names.
  ///
  /// - Parameters:
  ///   - order: What it asks for.
  ///   - peer: Who asks.
  /// - Returns: The ports, which are written down by now, and the process.
  /// - Throws: Why there are none.
  func lease(
    _ order: LeaseOrder, askedBy peer: inout Peer
  ) throws(Denial) -> Grant {
    // What the number 1 means to clients is that they have lost their parent.
    if let pid = order.pid, pid <= 1 { throw .noProcess }
    let holder: KnownProcess
    do {
      // Any pid may have become another process's since this turn began.
      try reclaimEnded()
      holder = try findHolder(order.pid, for: &peer)
      guard try mayLease(to: holder, peer.user) else {
        throw Denial.notPermitted
      }
    } catch {
      throw Self.denial(error)
    }
    if let limit = options.maxPortsPerProcess,
      table.portCount(of: holder.identity) + order.count > limit
    {
      throw .processLimit(limit)
    }
    if let limit = options.maxPortsPerUser,
      table.portCount(ofUser: peer.user) + order.count > limit
    {
      throw .userLimit(limit)
    }
    let lease = Lease(
      holder: holder.identity, user: peer.user,
      leasedAt: nanosecondsSinceBoot())
    let ports = try leasePorts(order, lease)
    guard !ports.isEmpty else { throw .exhausted(table.usage, order) }
    let grant = Grant(ports: ports, holder: holder)
    do throws(LeasingError) {
      for port in ports { try ledger?.write(lease, for: port) }
    } catch {
      takeBack(grant)
      throw .broken("it cannot be written down: \(error.text)")
    }
    return grant
  }

  /// Takes ports back that a client gives back, all of them or none.
  ///
  /// - Parameters:
  ///   - ports: The ports.
  ///   - pid: Whose they have to be, in the client's pid namespace; `nil` for
  ///     whoever has them.
  ///   - peer: Who asks.
  /// - Throws: Why not.
  func takeBack(
    _ ports: [UInt16], of pid: Int32?, askedBy peer: inout Peer
  ) throws(Denial) {
    var grants: [Grant] = []
    do {
      try reclaimEnded()
      let named = try pid.map { try findHolder($0, for: &peer).identity }
      for port in ports {
        guard let lease = table.lease(of: port),
          let holder = processes[lease.holder.pid],
          named == nil || lease.holder == named
        else { throw Denial.notLeased(port) }
        guard
          try mayDoAll(peer.user) || lease.user == peer.user
            || holder.belongs(to: peer.user)
        else { throw Denial.foreignLease(port) }
        grants.append(Grant(ports: [port], holder: holder))
      }
    } catch {
      throw Self.denial(error)
    }
    for grant in grants { takeBack(grant) }
  }

  /// Undoes leases.
  func takeBack(_ grant: Grant) {
    table.takeBack(grant.ports)
    do {
      for port in grant.ports { try ledger?.write(nil, for: port) }
    } catch {
      // The record then names a process that lives; after a restart the port
      // stays with it. Nobody else gets it: that is the safe side.
      warnings.say(.ledger, to: log, "\(error.text)")
    }
    if table.portCount(of: grant.holder.identity) == 0 { setIdle(grant.holder) }
  }

  /// What the system's errors mean for whoever asks for a process's ports.
  private static func denial(_ error: any Error) -> Denial {
    switch error {
    case let denial as Denial: denial
    // A kernel thread, which never ends.
    case Errno.notPermitted: .noProcess
    case Errno.permissionDenied:
      .broken(
        "/proc hides it (hidepid), so nobody could tell when it ends; run "
          + "this server as a user that sees all processes")
    default: .broken("its entry in /proc cannot be read: \(error)")
    }
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

  private func leasePorts(
    _ order: LeaseOrder, _ lease: Lease
  ) throws(Denial) -> [UInt16] {
    func outcome() throws(Errno) -> LeaseTable.Outcome {
      try table.lease(
        lease, count: order.count, isContiguous: order.isContiguous,
        on: ports)
    }
    do {
      var found = try outcome()
      if found.ports.isEmpty, reclaimUnwatched(atMost: 64) {
        found = try outcome()
      }
      statistics.portsCheckedForLastRequest = found.portsChecked
      return found.ports
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
  /// The process that a client means by a pid, or, without one, the client.
  private func findHolder(
    _ pid: Int32?, for peer: inout Peer
  ) throws -> KnownProcess {
    // 0 is a process in a pid namespace that cannot be seen from here.
    guard peer.credentials.pid != 0, !peer.hasEnded,
      let asker = try find(peer.credentials.pid)
    else { throw Denial.unknownNamespace }
    if let known = peer.identity, known != asker.identity {
      throw Denial.unknownNamespace
    }
    peer.identity = asker.identity
    guard let pid else { return asker }
    guard let place = try asker.place() else { throw Denial.unknownNamespace }
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

  /// Which process a client is; `nil` where it has ended, or cannot be seen.
  func identity(of peer: PeerCredentials) -> ProcessIdentity? {
    guard peer.pid != 0, (try? reclaimEnded()) != nil else { return nil }
    return (try? find(peer.pid))??.identity
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
    if options.allowsForeignPIDs || mayDoAll(user) { return true }
    return try holder.belongs(to: user)
  }

  /// Whether a user may do with all processes and leases what others may do with
  /// their own.
  func mayDoAll(_ user: UInt32) -> Bool { user == 0 || user == ownUser }
}
