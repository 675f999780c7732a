package import HostSystem
import PortLedger
import SystemPackage

/// Which place the listeners on a port belong to.
///
/// A listener is a TCP socket that accepts connections, or a UDP socket without a peer.
/// It belongs to a place if its process's current directory, or that of one of the
/// process's ancestors below the leader of its session, is inside the place
/// (``ProcessLineage``). If a nearer directory is inside another place, it belongs to
/// that one. A removed directory is inside no place: a server that was started in a
/// worktree that was removed, and added again, is not the new worktree's.
package struct PortOwnership: Hashable, Sendable {
  /// The port.
  package let port: UInt16
  /// The listeners, in the order of their sockets and pids.
  package let listeners: [Listener]
  /// The verdict on the port.
  ///
  /// ``Verdict/mine`` only if it is that of every socket.
  package let verdict: Verdict

  /// Whose a port or a socket is.
  package enum Verdict: Hashable, Sendable {
    /// Nothing listens.
    case none
    /// It belongs to the place.
    case mine
    /// It does not; the other known place that it belongs to, if there is one.
    case other(place: String?)
    /// This cannot be determined: the process, or its current directory, cannot be
    /// seen.
    case unknown
  }

  /// A process that has a listening socket.
  package struct Listener: Hashable, Sendable {
    /// The protocol.
    package let transport: TransportProtocol
    /// The socket's local address, in numeric form.
    package let address: String
    /// The user that owns the socket.
    package let user: UInt32
    /// The process; `nil` if it cannot be seen.
    package let pid: Int32?
    /// The process's command line or name; `nil` if the process cannot be seen.
    package let command: String?
    /// The process's current directory; `nil` if it cannot be seen.
    ///
    /// That of a removed directory ends with ` (deleted)`.
    package let directory: String?
    /// Whose the process is; never ``Verdict/none``.
    package let verdict: Verdict
  }
}

extension PortOwnership {
  /// Finds out whose the listeners on some ports are.
  ///
  /// It waits for none of their processes.
  ///
  /// - Parameters:
  ///   - ports: The ports.
  ///   - place: The place in question.
  ///   - knownPlaces: The canonical paths of all places that have claims.
  /// - Returns: One element for each port, in the order of the ports.
  /// - Throws: ``PortPickerError/Code/systemFailure`` if the sockets cannot be listed.
  package static func of(
    _ ports: [UInt16], in place: Place, knownPlaces: [String] = []
  ) throws(PortPickerError) -> [PortOwnership] {
    let sockets = try failing("cannot list the sockets of a port") {
      () throws(Errno) in
      try SocketTable.sockets(onPorts: Set(ports)).filter(\.isListener)
    }
    let owners = socketOwners(of: Set(sockets.map(\.inode).filter { $0 != 0 }))
    let processes = lineages(of: owners)
    let commands = Picker.shared.commandLines.commandLines(
      of: Set(owners.values.joined()))
    return ports.map { port in
      let groups = sockets.filter { $0.port == port }.map { socket in
        let pids = owners[socket.inode] ?? []
        return (pids.isEmpty ? [nil] : pids.map { $0 }).map { pid in
          let lineage = pid.flatMap { processes[$0] }
          return Listener(
            transport: socket.transport, address: socket.address,
            user: socket.user, pid: pid, command: pid.flatMap { commands[$0] },
            directory: lineage?.directories.first?.text,
            verdict: verdict(on: lineage, in: place.path, knownPlaces))
        }
      }
      return PortOwnership(
        port: port, listeners: Array(groups.joined()),
        verdict: together(groups.map { ofSocket($0.map(\.verdict)) }))
    }
  }

  /// The lineages of processes that still have the sockets.
  private static func lineages(
    of owners: [UInt64: [Int32]]
  ) -> [Int32: ProcessLineage] {
    var sockets: [Int32: Set<UInt64>] = [:]
    for (socket, pids) in owners {
      for pid in pids { sockets[pid, default: []].insert(socket) }
    }
    var lineages: [Int32: ProcessLineage] = [:]
    for (pid, inodes) in sockets {
      // A process that is being looked at may just get another parent.
      for _ in 0..<4 where lineages[pid] == nil {
        lineages[pid] = ProcessLineage.of(pid) {
          inodes.isSubset(of: socketInodes(ofProcess: pid))
        }
      }
    }
    return lineages
  }

  /// Whose a process is.
  ///
  /// - Parameters:
  ///   - lineage: The process; `nil` if it cannot be looked at.
  ///   - place: The canonical path of the place in question.
  ///   - knownPlaces: Those of all places with claims.
  ///   - isLinkedWorktree: Whether a directory inside the place is the root of a linked
  ///     worktree.
  /// - Returns: The verdict.
  static func verdict(
    on lineage: ProcessLineage?, in place: String, _ knownPlaces: [String],
    isLinkedWorktree: (String) -> Bool = Place.isLinkedWorktree
  ) -> Verdict {
    guard let directories = lineage?.directories, directories.first != .hidden
    else { return .unknown }
    var enclosing: String?
    for case .path(let directory) in directories {
      if Place.contains(place, directory) {
        let inner =
          nearest(of: knownPlaces, directory, inside: place)
          ?? Place.upwards(from: directory).prefix { $0 != place }
          .first(where: isLinkedWorktree)
        return inner.map { .other(place: $0) } ?? .mine
      }
      guard let other = nearest(of: knownPlaces, directory) else { continue }
      // A place around this one says nothing about what is in both.
      if !Place.contains(other, place) { return .other(place: other) }
      enclosing = enclosing ?? other
    }
    return directories.contains(.hidden) ? .unknown : .other(place: enclosing)
  }

  /// The innermost place that a directory is in.
  private static func nearest(
    of places: [String], _ directory: String, inside outer: String? = nil
  ) -> String? {
    places.filter { place in
      Place.contains(place, directory)
        && (outer.map { Place.contains($0, place) && $0 != place } ?? true)
    }.max { $0.utf8.count < $1.utf8.count }
  }

  /// Whose a socket is that several processes share.
  static func ofSocket(_ verdicts: [Verdict]) -> Verdict {
    if verdicts.contains(.mine) { return .mine }
    if verdicts.contains(.unknown) { return .unknown }
    return verdicts.first ?? .unknown
  }

  /// Whose a port is that several sockets have.
  static func together(_ verdicts: [Verdict]) -> Verdict {
    if verdicts.isEmpty { return .none }
    if verdicts.allSatisfy({ $0 == .mine }) { return .mine }
    return verdicts.first { $0 != .mine && $0 != .unknown } ?? .unknown
  }
}

extension ProcessLineage.Directory {
  fileprivate var text: String? {
    switch self {
    case .path(let path), .deleted(let path): path
    case .hidden: nil
    }
  }
}
