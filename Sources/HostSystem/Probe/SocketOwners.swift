import SystemPackage

/// The processes that have given sockets open, as far as this process may read
/// `/proc/PID/fd` (proc_pid_fd(5)).
///
/// - Parameter inodes: The sockets, by ``SocketEntry/inode``.
/// - Returns: The pids by socket, in ascending order. Sockets without a visible
///   owner are missing.
package func socketOwners(of inodes: Set<UInt64>) -> [UInt64: [Int32]] {
  var owners: [UInt64: [Int32]] = [:]
  if inodes.isEmpty { return owners }
  // A process that has just ended, or that hides its descriptors, owns nothing here.
  let processes = (try? fileNames(in: "/proc")) ?? []
  for pid in processes.compactMap({ Int32($0) }).sorted() {
    for inode in socketInodes(ofProcess: pid) where inodes.contains(inode) {
      owners[inode, default: []].append(pid)
    }
  }
  return owners
}

/// The sockets that a process has open, by ``SocketEntry/inode``.
///
/// - Parameter pid: The process.
/// - Returns: None if this process may not read its `/proc/PID/fd`.
package func socketInodes(ofProcess pid: Int32) -> Set<UInt64> {
  let directory = "/proc/\(pid)/fd"
  let names = (try? fileNames(in: directory)) ?? []
  return Set(names.compactMap { socketInode(at: "\(directory)/\($0)") })
}

/// The number in a link to `socket:[4242]`.
private func socketInode(at path: String) -> UInt64? {
  let prefix = "socket:["
  guard let target = try? linkTarget(of: path), target.hasPrefix(prefix) else {
    return nil
  }
  return UInt64(target.dropFirst(prefix.count).dropLast())
}
