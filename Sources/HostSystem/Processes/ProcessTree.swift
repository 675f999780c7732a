import CHostSystem
package import SystemPackage

/// The processes that descend from a process, parents before their children.
///
/// Processes that start or end meanwhile may be missing. At most 4,096 are found.
///
/// - Parameter root: The process, which is not in the result.
/// - Returns: The pids; none if `/proc` cannot be read.
package func descendants(of root: Int32) -> [Int32] {
  withUnsafeTemporaryAllocation(of: chs_kin.self, capacity: 4096) { kin in
    let count = chs_descendants(root, kin.baseAddress, kin.count)
    return kin.prefix(count).map(\.pid)
  }
}

/// Whether one of a process's descendants has a listening socket on each of some ports.
///
/// A process whose descriptors this process may not see, such as one with file
/// capabilities, counts as the owner of a socket that belongs to nobody else.
///
/// - Parameters:
///   - root: The process.
///   - ports: The ports.
///   - transport: The protocol.
/// - Returns: Whether each port has a listening socket of a descendant. A UDP socket
///   listens if it has no peer.
/// - Throws: The error of listing sockets.
package func descendants(
  of root: Int32, listenOn ports: Set<UInt16>, _ transport: TransportProtocol
) throws(Errno) -> Bool {
  if ports.isEmpty { return true }
  let sockets = try SocketTable.sockets(onPorts: ports)
    .filter { $0.transport == transport && $0.isListener }
  // Usually nothing listens yet.
  guard Set(sockets.map(\.port)) == ports else { return false }
  var own: Set<UInt64> = []
  var someAreHidden = false
  for pid in descendants(of: root) {
    own.formUnion(socketInodes(ofProcess: pid))
    someAreHidden = someAreHidden || hidesDescriptors(pid)
  }
  var waiting = ports
  waiting.subtract(sockets.filter { own.contains($0.inode) }.map(\.port))
  if waiting.isEmpty || !someAreHidden { return waiting.isEmpty }
  let others = sockets.filter { waiting.contains($0.port) }
  let owners = socketOwners(of: Set(others.map(\.inode)))
  waiting.subtract(others.filter { owners[$0.inode] == nil }.map(\.port))
  return waiting.isEmpty
}

/// Whether this process may not see which descriptors a process has.
private func hidesDescriptors(_ pid: Int32) -> Bool {
  do throws(Errno) {
    _ = try fileNames(in: "/proc/\(pid)/fd")
    return false
  } catch {
    return error == .permissionDenied
  }
}
