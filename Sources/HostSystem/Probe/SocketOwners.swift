import SystemPackage

/// Which processes have some sockets open, as far as `/proc` lets this process
/// look into others (`/proc/PID/fd`, proc_pid_fd(5)).
///
/// - Parameter inodes: The sockets, as ``SocketEntry/inode`` has them.
/// - Returns: The pids by socket, in ascending order; sockets of which no owner
///   can be seen are missing.
package func socketOwners(of inodes: Set<UInt64>) -> [UInt64: [Int32]] {
  var owners: [UInt64: [Int32]] = [:]
  if inodes.isEmpty { return owners }
  // A process that ends meanwhile, or that hides its descriptors, has none.
  let processes = (try? fileNames(in: "/proc")) ?? []
  for pid in processes.compactMap({ Int32($0) }).sorted() {
    let directory = "/proc/\(pid)/fd"
    for name in (try? fileNames(in: directory)) ?? [] {
      guard let inode = socketInode(at: "\(directory)/\(name)"),
        inodes.contains(inode), owners[inode]?.last != pid
      else { continue }
      owners[inode, default: []].append(pid)
    }
  }
  return owners
}

/// The number in a link to `socket:[4242]`.
private func socketInode(at path: String) -> UInt64? {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
    guard let start = buffer.baseAddress else { return nil }
    let count = readlink(path, start, buffer.count)
    let prefix = "socket:["
    guard count > prefix.utf8.count, count < buffer.count else { return nil }
    let text = buffer[..<count].map { UInt8(truncatingIfNeeded: $0) }
    guard text.starts(with: prefix.utf8) else { return nil }
    return UInt64(
      String(
        decoding: text.dropFirst(prefix.utf8.count).dropLast(), as: UTF8.self))
  }
}
