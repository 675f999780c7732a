package import SystemPackage

/// A name in the abstract namespace (unix(7)) that tells others something for as
/// long as it is there, and is gone with its process however that ends.
///
/// Everybody who shares the network namespace sees it in `/proc/net/unix`, and may
/// make such a name: it is no proof of anything.
package struct AbstractMarker: ~Copyable {
  private let socket: Descriptor

  /// Makes the name that of a datagram socket, which receives nothing.
  ///
  /// - Parameter name: At most ``UnixAddress/maximumLength`` bytes.
  /// - Throws: What `socket(2)` or `bind(2)` says: `Errno.addressInUse` where
  ///   somebody has it; `Errno.invalidArgument` where it is no such name.
  package init(_ name: String) throws(Errno) {
    guard let address = UnixAddress("@" + name) else { throw .invalidArgument }
    let socket = try Descriptor {
      Glibc.socket(
        AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }
    let number = socket.raw.rawValue
    // What is sent there must not wait here for ever.
    shutdown(number, Int32(SHUT_RD))
    try systemCall { address.withSocketAddress { bind(number, $0, $1) } }
    self.socket = socket
  }

  /// The names of datagram sockets in this network namespace that begin with a
  /// text.
  ///
  /// - Throws: What reading `/proc/net/unix` says.
  package static func names(
    beginningWith prefix: String
  ) throws(Errno) -> [String] {
    let text = try readTextFile("/proc/net/unix", limit: 1 << 26)
    return text.split(separator: "\n").compactMap { line in
      // Num RefCount Protocol Flags Type St Inode Path
      let fields = line.split(separator: " ", maxSplits: 7)
      guard
        fields.count == 8, fields[4] == "0002",
        fields[7].hasPrefix("@" + prefix)
      else { return nil }
      return String(fields[7].dropFirst())
    }
  }
}
