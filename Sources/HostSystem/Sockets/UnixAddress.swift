import SystemPackage

/// The address of a Unix socket (unix(7)): a path, or, if the text begins with `@`,
/// a name in the abstract namespace.
package struct UnixAddress: Hashable, Sendable {
  /// The text that the address was parsed from.
  package let text: String

  /// The length limit of a path or name, in bytes: the size of `sun_path`, less the
  /// zero byte that ends a path or begins an abstract name.
  package static let maximumLength = 107

  /// Parses an address, which is never truncated.
  ///
  /// - Returns: `nil` if the path or name is empty or too long, or contains a zero
  ///   byte.
  package init?(_ text: String) {
    let name =
      text.utf8.first == UInt8(ascii: "@") ? text.dropFirst() : text[...]
    guard
      !name.isEmpty, name.utf8.count <= Self.maximumLength,
      !text.utf8.contains(0)
    else { return nil }
    self.text = text
  }

  /// Whether the address is a name in the abstract namespace.
  ///
  /// Such a name has no permissions and ends with its socket.
  package var isAbstract: Bool { text.utf8.first == UInt8(ascii: "@") }

  /// The address that a socket is bound to (getsockname(2)).
  ///
  /// - Returns: `nil` if the socket has no such address, or one that is not UTF-8.
  init?(ofSocket socket: Int32) {
    var address = sockaddr_un()
    var length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        getsockname(socket, $0, &length)
      }
    }
    guard result == 0, address.sun_family == sa_family_t(AF_UNIX) else {
      return nil
    }
    var name = withUnsafeBytes(of: address.sun_path) {
      Array($0.prefix(Int(length) - MemoryLayout<sa_family_t>.size))
    }
    if name.first == 0 {
      name[0] = UInt8(ascii: "@")
    } else if name.last == 0 {
      name.removeLast()
    }
    guard let text = String(validating: name, as: UTF8.self) else {
      return nil
    }
    self.init(text)
  }

  /// The pid, in this process's pid namespace, of the process that listens at the
  /// address.
  ///
  /// - Returns: `nil` if a process listens, but its pid is not known.
  /// - Throws: `Errno.connectionRefused` if no process listens on the socket file,
  ///   or another error of connect(2).
  func listenerPID() throws(Errno) -> Int32? {
    let client = try Descriptor(
      socket: AF_UNIX, SOCK_STREAM, nonblocking: true)
    do {
      try systemCall {
        withSocketAddress { connect(client.raw.rawValue, $0, $1) }
      }
    } catch {
      // The backlog is full, so a process listens.
      if error == .wouldBlock { return nil }
      throw error
    }
    let pid = try PeerCredentials(of: client.raw).pid
    return pid == 0 ? nil : pid
  }

  /// Calls `body` with the address in the kernel's form.
  ///
  /// The length is exact, because every byte counts in the abstract namespace.
  func withSocketAddress<Result>(
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var path = Array(text.utf8)
    if path.first == UInt8(ascii: "@") {
      path[0] = 0
    } else {
      path.append(0)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    // Only the path follows the family.
    let length = MemoryLayout<sa_family_t>.size + path.count
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(length))
      }
    }
  }
}
