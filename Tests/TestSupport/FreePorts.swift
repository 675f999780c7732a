import HostSystem
import Synchronization
package import SystemPackage

/// A free port that no other test gets, in this process or in another one.
///
/// The ports are 5000 to 9999. They are neither in the kernel's ephemeral range nor in
/// the default pool of servers and picks, so that a server on this host does not
/// interfere. They are claimed in blocks, by binding a name in the abstract namespace
/// (unix(7)). Like a port, such a name belongs to the network namespace and ends with
/// the process.
///
/// A block is probed as a whole, some time before its ports are used, because a process
/// that is being started has copies of the probe's sockets for a moment.
///
/// - Throws: `Errno.addressInUse` if other processes have all blocks, or another error
///   of a probe.
package func unusedTestPort() throws(Errno) -> UInt16 {
  try freePorts.withLock { ports throws(Errno) in
    if ports.isEmpty { ports = try claimBlock() }
    return ports.removeFirst()
  }
}

/// A number of ports of ``unusedTestPort()``, in the form of `--pool`.
package func unusedTestPool(_ count: Int) throws(Errno) -> String {
  var ports: [String] = []
  for _ in 0..<count { ports.append("\(try unusedTestPort())") }
  return ports.joined(separator: ",")
}

private let freePorts = Mutex<[UInt16]>([])

/// Consecutive free ports that no other test gets.
///
/// - Throws: See ``unusedTestPort()``.
package func unusedTestBlock() throws(Errno) -> ClosedRange<UInt16> {
  try claimBlock { $0.count == blockSize }.range
}

private let blockSize: UInt16 = 50

/// Claims a block's free ports.
private func claimBlock() throws(Errno) -> [UInt16] {
  try claimBlock { !$0.isEmpty }.free
}

/// Claims a block with enough free ports, starting the search at a random block.
private func claimBlock(
  where isEnough: ([UInt16]) -> Bool
) throws(Errno) -> (range: ClosedRange<UInt16>, free: [UInt16]) {
  let blocks = 5000 / blockSize
  let start = UInt16.random(in: 0..<blocks)
  for number in 0..<blocks {
    let first = 5000 + (start + number) % blocks * blockSize
    guard try claim("portpicker-test-ports-\(first)") else { continue }
    let range = first...first + blockSize - 1
    var free: [UInt16] = []
    for port in range where try PortProbe.isFree(port) { free.append(port) }
    if isEnough(free) { return (range, free) }
  }
  throw .addressInUse
}

/// Binds an abstract name until this process ends.
///
/// Returns whether it was unused.
private func claim(_ name: String) throws(Errno) -> Bool {
  let claim = try Descriptor {
    socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  }
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  withUnsafeMutableBytes(of: &address.sun_path) {
    $0.dropFirst().copyBytes(from: name.utf8)
  }
  let length = MemoryLayout<sa_family_t>.size + 1 + name.utf8.count
  let result = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(claim.raw.rawValue, $0, socklen_t(length))
    }
  }
  guard result == 0 else { return false }
  _ = claim.release()
  return true
}
