import HostSystem
import Logging
import SystemPackage

/// Finds the process that a request means, and has the ports of processes
/// reclaimed when they end.
final class ProcessFinder {
  private var processes: KnownProcesses
  /// The pids of registered processes that had no ports, the oldest first.
  private var idle: [Int32] = []
  /// Holders of an earlier server's leases that may have ended.
  private var unchecked: [KnownProcess] = []
  private let maxIdle: Int
  private let book: LeaseBook
  private let warnings: RareWarnings
  /// Whether this server's process 1 is the host's init.
  private let isInHostNamespace =
    ((try? Namespace.pid()) ?? .hostPID) == .hostPID

  /// - Parameters:
  ///   - descriptorLimit: How many pidfds there may be.
  ///   - book: Where the ports of ended processes are reclaimed.
  ///   - warnings: Where it warns.
  /// - Throws: What `epoll_create1(2)` reports.
  init(
    descriptorLimit: Int, book: LeaseBook, warnings: RareWarnings
  ) throws(Errno) {
    processes = try KnownProcesses(descriptorLimit: descriptorLimit)
    maxIdle = min(256, max(descriptorLimit / 4, 1))
    self.book = book
    self.warnings = warnings
  }

  /// The registered process with a pid.
  subscript(pid: Int32) -> KnownProcess? { processes[pid] }

  /// Whether a process is registered still.
  func knows(_ process: KnownProcess) -> Bool {
    processes[process.pid] === process
  }

  // MARK: - Ends of processes

  /// What turns readable when a process ends.
  var raw: FileDescriptor { processes.raw }

  /// Reclaims the ports of processes whose ends pidfds report.
  ///
  /// - Throws: What `epoll_wait(2)` reports.
  func reclaimEnded() throws(Errno) {
    try processes.removeEnded { book.reclaim(from: $0) }
  }

  /// Does the same on behalf of a request.
  func reclaimEndedBeforeRequest() throws(Denial) {
    do throws(Errno) {
      try reclaimEnded()
    } catch {
      throw .broken(
        "the ends of processes are not reported (epoll_wait): \(error); ask "
          + "again, or restart this server")
    }
  }

  /// Reclaims the ports of ended processes that have no pidfd, unless it has done
  /// so just before.
  ///
  /// - Returns: Whether any process had ended.
  func reclaimUnwatched() -> Bool {
    let wereAny = checkAdopted()
    return processes.removeEndedUnwatched { book.reclaim(from: $0) } || wereAny
  }

  /// Checks some of the processes that have no pidfd, in turn.
  func checkUnwatched() {
    processes.removeEnded(unwatched: 256) { book.reclaim(from: $0) }
  }

  // MARK: - Holders of an earlier server's leases

  /// Registers the holders of an earlier server's leases, before they are checked.
  ///
  /// Those whose pids nobody has are freed at once. The ledger may have any number of
  /// them, because the ends of holders are not recorded.
  func adopt(_ holders: some Sequence<ProcessIdentity>) {
    for holder in holders {
      if holder.isGone {
        book.free(of: holder)
        continue
      }
      // Of several with the same pid, only the one that started last can be alive.
      if let other = processes[holder.pid] {
        guard other.identity.startTime < holder.startTime else {
          book.free(of: holder)
          continue
        }
        processes.remove(other)
        book.free(of: other.identity)
      }
      let process = KnownProcess(ProcessHandle(unchecked: holder))
      add(process)
      unchecked.append(process)
    }
    if unchecked.isEmpty { book.finishRestoring() }
  }

  /// Whether there are adopted holders that may have ended.
  var hasUnchecked: Bool { !unchecked.isEmpty }

  /// Checks adopted holders, and frees the ports of those that have ended.
  ///
  /// - Parameter limit: How many to check; `nil` for all.
  /// - Returns: Whether any had ended.
  @discardableResult
  func checkAdopted(atMost limit: Int? = nil) -> Bool {
    if unchecked.isEmpty { return false }
    var wereAny = false
    for _ in 0..<min(limit ?? .max, unchecked.count) {
      let process = unchecked.removeLast()
      // A request may have had it checked, and its end may have been seen.
      guard knows(process), process.raw == nil, !processes.check(process)
      else { continue }
      book.free(of: process.identity)
      wereAny = true
    }
    if unchecked.isEmpty { book.finishRestoring() }
    return wereAny
  }

  // MARK: - Which process a request means

  /// The process that a client means by a pid; without one, the client.
  ///
  /// A pid is read in the client's pid namespace.
  ///
  /// - Throws: Why there is no such process.
  func holder(
    _ pid: Int32?, namedBy peer: Peer
  ) throws(Denial) -> KnownProcess {
    // 0 is a process in a pid namespace that cannot be seen from here.
    guard peer.credentials.pid != 0, !peer.hasEnded,
      let asker = try findOrRegister(peer.credentials.pid)
    else { throw .unknownNamespace }
    // The client may have ended just now, and its pid be another process's.
    if peer.identity != nil, peer.process !== asker { throw .unknownNamespace }
    guard let pid else { return asker }
    guard let pids = try asker.pids() else { throw .unknownNamespace }
    if pids.count > 1 { return try ancestor(pid, of: asker) }
    if pid == asker.pid { return asker }
    // The host's init never ends. A container's does: it is its main process.
    if pid == 1, isInHostNamespace { throw .noProcess }
    guard let holder = try findOrRegister(pid) else { throw .gone }
    return holder
  }

  /// The process that a client in a container means by a pid.
  ///
  /// Of the container's processes, only the client and those that it descends from
  /// can be identified.
  private func ancestor(
    _ pid: Int32, of asker: KnownProcess
  ) throws(Denial) -> KnownProcess {
    guard var ancestor = try asker.details() else { throw .unknownNamespace }
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
        default: throw Denial(readingStatus: error)
        }
      }
      guard ancestor.namespaceDepth == depth else { throw .unknownNamespace }
    }
    guard let holder = try findOrRegister(candidate),
      try holder.pids() == ancestor.namespacePIDs
    else { throw .gone }
    return holder
  }

  /// Finds out which process a client is that stays connected.
  ///
  /// A connection may outlive the process, whose pid may then be another
  /// process's.
  ///
  /// - Throws: `broken` if the system cannot tell.
  func identify(
    _ peer: Peer, on connection: borrowing UnixConnection
  ) throws(Denial) -> Peer {
    var peer = peer
    peer.hasEnded = true
    try reclaimEndedBeforeRequest()
    guard peer.credentials.pid != 0,
      let found = try findOrRegister(peer.credentials.pid)
    else { return peer }
    do throws(Errno) {
      // If the client is alive, no other process has had its pid since. Older
      // kernels cannot tell.
      let isAlive = try connection.isPeerAlive
      guard isAlive ?? (peer.identity ?? found.identity == found.identity)
      else { return peer }
    } catch {
      throw .broken(
        "the client cannot be identified (SO_PEERPIDFD): \(error); raise the "
          + "limit on open files (LimitNOFILE=, ulimit -n)")
    }
    peer.hasEnded = false
    peer.process = found
    peer.identity = found.identity
    return peer
  }

  // MARK: - Registering

  /// The process with a pid; `nil` if no process has it.
  private func findOrRegister(_ pid: Int32) throws(Denial) -> KnownProcess? {
    guard let known = processes[pid] else { return try register(pid) }
    // For those with a pidfd, ends have just been read.
    if known.raw != nil || !known.hasEnded { return known }
    processes.remove(known)
    book.reclaim(from: known)
    return try register(pid)
  }

  private func register(_ pid: Int32) throws(Denial) -> KnownProcess? {
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
    add(process)
    addIdle(process)
    return process
  }

  private func add(_ process: KnownProcess) {
    do {
      try processes.add(process)
    } catch {
      warnings.say(.watching, "cannot watch processes (epoll_ctl): \(error)")
    }
  }

  /// Notes that a process has no ports, and forgets the one that has had none for
  /// longest if there are too many.
  ///
  /// A process that has asked once is likely to ask again.
  func addIdle(_ process: KnownProcess) {
    idle.append(process.pid)
    if idle.count <= maxIdle { return }
    // A pid may be listed more than once, also for an earlier process. The one
    // that is about to get a port must stay: its end would not be reported.
    if let oldest = processes[idle.removeFirst()], oldest !== process,
      book.portCount(of: oldest) == 0
    {
      processes.remove(oldest)
    }
  }
}
