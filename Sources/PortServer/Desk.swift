import HostSystem
import PortLeasing
import PortProtocol
import SystemPackage

/// Decides on leases and returns: it finds the process that a request means, checks
/// rights and limits, and has leases recorded.
///
/// It knows no connections and no protocol.
final class Desk {
  private let book: LeaseBook
  private let processes: ProcessFinder
  private let rights: Rights
  private let clock: RequestClock
  private let maxPortsPerProcess: Int?
  private let maxPortsPerUser: Int?

  init(
    _ book: LeaseBook, _ processes: ProcessFinder, _ rights: Rights,
    _ options: ServerOptions, _ clock: RequestClock
  ) {
    self.book = book
    self.processes = processes
    self.rights = rights
    self.clock = clock
    maxPortsPerProcess = options.maxPortsPerProcess
    maxPortsPerUser = options.maxPortsPerUser
  }

  /// Leases ports to the process that a client names.
  ///
  /// - Returns: The ports, which are recorded, and the process.
  /// - Throws: Why no ports are leased.
  func lease(
    _ order: LeaseOrder, askedBy peer: Peer
  ) throws(Denial) -> Grant {
    if let pid = order.pid, pid <= 0 { throw .noProcess }
    // Since this turn began, a pid may have become another process's.
    try processes.reclaimEndedBeforeRequest()
    if processes.hasUnchecked,
      book.freePortCount < order.count
        || exceedsUserLimit(order.count, peer.user)
    {
      processes.checkAdopted()
    }
    let holder = try processes.holder(order.pid, namedBy: peer)
    guard try rights.mayLease(to: holder, peer.user) else {
      throw .notPermitted
    }
    try checkLimits(order.count, holder, peer.user)
    let lease = Lease(
      holder: holder.identity, user: peer.user, leasedAt: clock.now)
    var ports = try book.lease(order, as: lease)
    if ports.isEmpty, processes.reclaimUnwatched() {
      // The holder may be among the ended: its end would not be reported again.
      guard processes.knows(holder) else { throw .gone }
      ports = try book.lease(order, as: lease)
    }
    guard !ports.isEmpty else { throw .exhausted(book.usage, order) }
    let grant = Grant(ports: ports, holder: holder)
    do throws(Denial) {
      try book.record(lease, for: ports)
    } catch {
      undo(grant)
      throw error
    }
    return grant
  }

  private func checkLimits(
    _ count: Int, _ holder: KnownProcess, _ user: UInt32
  ) throws(Denial) {
    if let limit = maxPortsPerProcess,
      book.portCount(of: holder) + count > limit
    {
      throw .processLimit(limit)
    }
    if let limit = maxPortsPerUser, exceedsUserLimit(count, user) {
      throw .userLimit(limit)
    }
  }

  private func exceedsUserLimit(_ count: Int, _ user: UInt32) -> Bool {
    maxPortsPerUser.map { book.portCount(ofUser: user) + count > $0 } ?? false
  }

  /// Frees ports that a client returns, all of them or none.
  ///
  /// ``Rights/mayReturn(_:of:_:)`` decides who may.
  ///
  /// - Parameters:
  ///   - ports: The ports.
  ///   - pid: The process that must hold them, in the client's pid namespace;
  ///     `nil` for any.
  ///   - peer: The client.
  /// - Throws: Why they stay leased.
  func returnPorts(
    _ ports: [UInt16], of pid: Int32?, askedBy peer: Peer
  ) throws(Denial) {
    try processes.reclaimEndedBeforeRequest()
    var named: ProcessIdentity?
    if let pid { named = try processes.holder(pid, namedBy: peer).identity }
    var holders: [KnownProcess] = []
    // One check of a process covers all its ports.
    var permitted: KnownProcess?
    for port in ports {
      guard let lease = book.lease(of: port),
        let holder = processes[lease.holder.pid],
        named == nil || lease.holder == named
      else { throw .notLeased(port) }
      if holder !== permitted {
        guard try rights.mayReturn(lease, of: holder, peer.user) else {
          throw .foreignLease(port)
        }
        if lease.user != peer.user { permitted = holder }
      }
      if holders.last !== holder { holders.append(holder) }
    }
    release(ports, of: holders)
  }

  /// Undoes a lease.
  func undo(_ grant: Grant) {
    release(grant.ports, of: [grant.holder])
  }

  private func release(_ ports: [UInt16], of holders: [KnownProcess]) {
    book.release(ports)
    for holder in holders where book.portCount(of: holder) == 0 {
      processes.addIdle(holder)
    }
  }
}

/// Ports that were leased to a process.
struct Grant {
  let ports: [UInt16]
  let holder: KnownProcess
}
