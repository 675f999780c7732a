import HostSystem
import Logging
import PortLeasing
import PortLedger
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
    _ order: LeaseOrder, askedBy peer: Peer
  ) throws(Denial) -> Grant {
    if let pid = order.pid, pid <= 0 { throw .noProcess }
    // Any pid may have become another process's since this turn began.
    try hearOfEnds()
    let holder = try findHolder(order.pid, for: peer)
    guard try mayLease(to: holder, peer.user) else { throw .notPermitted }
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
    let ports = try leasePorts(order, lease, to: holder)
    guard !ports.isEmpty else { throw .exhausted(table.usage, order) }
    let grant = Grant(ports: ports, holder: holder)
    do throws(LeasingError) {
      try ledger?.write(lease, for: ports)
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
    _ ports: [UInt16], of pid: Int32?, askedBy peer: Peer
  ) throws(Denial) {
    try hearOfEnds()
    var named: ProcessIdentity?
    if let pid { named = try findHolder(pid, for: peer).identity }
    var grants: [Grant] = []
    // Its ports need one look at it.
    var own: KnownProcess?
    for port in ports {
      guard let lease = table.lease(of: port),
        let holder = processes[lease.holder.pid],
        named == nil || lease.holder == named
      else { throw .notLeased(port) }
      if !mayDoAll(peer.user), lease.user != peer.user, holder !== own {
        guard try belongs(holder, to: peer.user) else {
          throw .foreignLease(port)
        }
        own = holder
      }
      grants.append(Grant(ports: [port], holder: holder))
    }
    for grant in grants { takeBack(grant) }
  }

  /// Undoes leases.
  func takeBack(_ grant: Grant) {
    table.release(grant.ports)
    do {
      try ledger?.write(nil, for: grant.ports)
    } catch {
      // The record then names a process that lives; after a restart the port
      // stays with it. Nobody else gets it: that is the safe side.
      warnings.say(.ledger, to: log, "\(error.text)")
    }
    if table.portCount(of: grant.holder.identity) == 0 { setIdle(grant.holder) }
  }

  /// Takes the ports of processes back that have ended.
  ///
  /// - Throws: What `epoll_wait(2)` says.
  func reclaimEnded() throws(Errno) {
    try processes.removeEnded { reclaim(from: $0) }
  }

  /// Looks at processes whose ends nobody reports.
  func checkUnwatched() {
    processes.removeEnded(unwatched: 256) { reclaim(from: $0) }
  }

  /// Takes the ports of processes back that have ended, before somebody is served.
  private func hearOfEnds() throws(Denial) {
    do throws(Errno) {
      try reclaimEnded()
    } catch {
      throw .broken(
        "the ends of processes are not told of (epoll_wait): \(error); ask again, "
          + "or start this server again")
    }
  }

  private func leasePorts(
    _ order: LeaseOrder, _ lease: Lease, to holder: KnownProcess
  ) throws(Denial) -> [UInt16] {
    func find() throws(Denial) -> LeaseTable.Outcome {
      do throws(Errno) {
        return try table.lease(
          lease, count: order.count, isContiguous: order.isContiguous,
          on: ports)
      } catch {
        throw .broken("ports cannot be probed: \(error)")
      }
    }
    var found = try find()
    if found.ports.isEmpty,
      processes.removeEndedUnwatched({ reclaim(from: $0) })
    {
      // The holder may be among them: nobody would hear of its end again.
      guard processes[holder.pid] === holder else { throw .gone }
      found = try find()
    }
    statistics.portsCheckedForLastRequest = found.portsChecked
    return found.ports
  }

  private func reclaim(from process: KnownProcess) {
    // Their records stay in the ledger: whoever reads it finds that the process
    // has ended.
    let count = table.reclaimAll(of: process.identity)
    log.debug("process \(process.pid) has ended; \(count) ports back")
  }
}

// MARK: - Processes

extension PortServer {
  /// The process that a client means by a pid, or, without one, the client.
  private func findHolder(
    _ pid: Int32?, for peer: Peer
  ) throws(Denial) -> KnownProcess {
    // 0 is a process in a pid namespace that cannot be seen from here.
    guard peer.credentials.pid != 0, !peer.hasEnded,
      let asker = try find(peer.credentials.pid)
    else { throw .unknownNamespace }
    // Its end may have been heard of just now, and its pid be another's.
    if peer.identity != nil, peer.process !== asker { throw .unknownNamespace }
    guard let pid else { return asker }
    guard let pids = try pids(of: asker) else { throw .unknownNamespace }
    if pids.count > 1 { return try findAncestor(pid, of: asker) }
    if pid == asker.pid { return asker }
    // The host's init never ends. That of a container does: it is its main process.
    if pid == 1, isInHostNamespace { throw .noProcess }
    guard let holder = try find(pid) else { throw .gone }
    return holder
  }

  /// The process that a client in a container of its own means by a pid: of those
  /// in there, the ones that it descends from can be told, and itself.
  private func findAncestor(
    _ pid: Int32, of asker: KnownProcess
  ) throws(Denial) -> KnownProcess {
    guard var ancestor = try details(of: asker) else { throw .unknownNamespace }
    let depth = ancestor.namespaceDepth
    var candidate = asker.pid
    while ancestor.innermostPID != pid {
      candidate = ancestor.parent
      guard candidate > 0 else { throw .unknownNamespace }
      do throws(Errno) {
        ancestor = try ProcessDetails(ofProcess: candidate)
      } catch {
        switch error {
        case .noSuchProcess, .noSuchFileOrDirectory: throw .unknownNamespace
        default: throw Denial(readingStatusSays: error)
        }
      }
      guard ancestor.namespaceDepth == depth else { throw .unknownNamespace }
    }
    guard let holder = try find(candidate),
      try pids(of: holder) == ancestor.namespacePIDs
    else { throw .gone }
    return holder
  }

  /// Finds out which process a client is that stays connected: a connection may
  /// outlive it, and its pid then be another process's.
  func identify(
    _ peer: Peer, on connection: borrowing UnixConnection
  ) throws(Denial) -> Peer {
    var peer = peer
    peer.hasEnded = true
    try hearOfEnds()
    guard peer.credentials.pid != 0, let found = try find(peer.credentials.pid)
    else { return peer }
    do throws(Errno) {
      // If the client lives, nobody else has had its pid since. An older kernel
      // does not tell.
      let lives = try connection.peerLives
      guard lives ?? (peer.identity ?? found.identity == found.identity)
      else { return peer }
    } catch {
      throw .broken(
        "who asks cannot be told (SO_PEERPIDFD): \(error); raise the limit on "
          + "open files (LimitNOFILE=, ulimit -n)")
    }
    peer.hasEnded = false
    peer.process = found
    peer.identity = found.identity
    return peer
  }

  /// The process with a pid; `nil` where there is none.
  private func find(_ pid: Int32) throws(Denial) -> KnownProcess? {
    if let known = processes[pid] {
      // The ends of those with a descriptor have just been read.
      if known.raw != nil || !known.hasEnded { return known }
      processes.remove(known)
      reclaim(from: known)
    }
    let process: KnownProcess
    do throws(ProcessHandleError) {
      guard
        let handle = try ProcessHandle.open(
          pid, watching: processes.canWatchMore)
      else { return nil }
      process = KnownProcess(handle)
    } catch {
      throw Denial(error)
    }
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
  ) throws(Denial) -> Bool {
    if options.allowsForeignPIDs || mayDoAll(user) { return true }
    return try belongs(holder, to: user)
  }

  private func belongs(
    _ process: KnownProcess, to user: UInt32
  ) throws(Denial) -> Bool {
    do throws(Errno) {
      return try process.belongs(to: user)
    } catch {
      throw Denial(readingStatusSays: error)
    }
  }

  private func pids(of process: KnownProcess) throws(Denial) -> [Int32]? {
    do throws(Errno) {
      return try process.pids()
    } catch {
      throw Denial(readingStatusSays: error)
    }
  }

  private func details(
    of process: KnownProcess
  ) throws(Denial) -> ProcessDetails? {
    do throws(Errno) {
      return try process.details()
    } catch {
      throw Denial(readingStatusSays: error)
    }
  }

  /// Whether a user may do with all processes and leases what others may do with
  /// their own.
  func mayDoAll(_ user: UInt32) -> Bool { user == 0 || user == ownUser }
}
