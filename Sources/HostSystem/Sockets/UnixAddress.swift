import SystemPackage

/// The address of a unix socket (unix(7)): a path, or, where the text begins
/// with `@`, a name in the abstract namespace.
package struct UnixAddress: Hashable, Sendable {
  /// The text that the address was made from.
  package let text: String

  /// How many bytes a path or a name may have: what `sun_path` holds, less
  /// the zero byte that ends a path or begins an abstract name.
  package static let maximumLength = 107

  /// Reads an address.
  ///
  /// - Returns: `nil` where the text is empty, too long, or holds a zero byte:
  ///   an address is never cut.
  package init?(_ text: String) {
    let name =
      text.utf8.first == UInt8(ascii: "@") ? text.dropFirst() : text[...]
    guard
      !name.isEmpty, name.utf8.count <= Self.maximumLength,
      !text.utf8.contains(0)
    else { return nil }
    self.text = text
  }

  /// Whether it is a name in the abstract namespace, which has no permissions
  /// and ends with its socket.
  package var isAbstract: Bool { text.utf8.first == UInt8(ascii: "@") }

  /// The address that a socket is bound to (getsockname(2)).
  ///
  /// - Returns: `nil` where it has none, or one that cannot be written as text.
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

  /// The pid of the process that listens at the address, in this process's pid
  /// namespace.
  ///
  /// - Throws: `Errno.connectionRefused` where nobody listens on a socket file,
  ///   otherwise what `connect(2)` says.
  func peer() throws(Errno) -> Int32? {
    let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue
    let client = try Descriptor {
      socket(AF_UNIX, Int32(type | SOCK_NONBLOCK.rawValue), 0)
    }
    do {
      try systemCall {
        withSocketAddress { connect(client.raw.rawValue, $0, $1) }
      }
    } catch {
      // Its backlog is full: somebody listens.
      if error == .wouldBlock { return nil }
      throw error
    }
    let pid = try PeerCredentials(of: client.raw).pid
    return pid == 0 ? nil : pid
  }

  /// Calls `body` with the address as the kernel takes it.
  ///
  /// The length is exact, for in the abstract namespace every byte counts.
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
    // The path is all that follows the family.
    let length = MemoryLayout<sa_family_t>.size + path.count
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(length))
      }
    }
  }
}
