package import SystemPackage

/// A name in the abstract namespace (unix(7)) that tells other processes
/// something while it exists.
///
/// It ends with its process, however that ends.
///
/// All processes in the network namespace see the name in `/proc/net/unix`. Any of
/// them may create such a name, so it proves nothing.
package struct AbstractMarker: ~Copyable {
  private let socket: Descriptor

  /// Binds the name to a datagram socket that receives nothing.
  ///
  /// - Parameter name: At most ``UnixAddress/maximumLength`` bytes.
  /// - Throws: The error of socket(2) or bind(2): `Errno.addressInUse` if the name
  ///   is taken. `Errno.invalidArgument` if it is invalid.
  package init(_ name: String) throws(Errno) {
    guard let address = UnixAddress("@" + name) else { throw .invalidArgument }
    let socket = try Descriptor(socket: AF_UNIX, SOCK_DGRAM)
    let number = socket.raw.rawValue
    // Otherwise, datagrams sent to the name would queue up here.
    shutdown(number, Int32(SHUT_RD))
    try systemCall { address.withSocketAddress { bind(number, $0, $1) } }
    self.socket = socket
  }

  /// The names of datagram sockets in this network namespace that begin with a
  /// prefix.
  ///
  /// - Throws: The error of reading `/proc/net/unix`.
  package static func names(
    withPrefix prefix: String
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
