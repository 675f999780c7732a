import HostSystem
import SystemPackage

/// A listening Unix stream socket of a test.
final class UnixListener: Sendable {
  private let descriptor: Int32

  /// Binds an address and listens.
  ///
  /// - Parameters:
  ///   - name: A path, or an abstract name that begins with `@`.
  ///   - backlog: One less than the number of connections that may wait to be accepted;
  ///     `nil` for a socket that does not listen.
  /// - Throws: The system's error.
  init(_ name: String, backlog: Int32? = 16) throws(Errno) {
    descriptor = try Self.makeSocket(0)
    try systemCall {
      Self.withAddress(name) { bind(descriptor, $0, $1) }
    }
    if let backlog { try systemCall { listen(descriptor, backlog) } }
  }

  deinit {
    close(descriptor)
  }

  /// Connects to a listener until its backlog is full.
  ///
  /// - Returns: The connections, which are in the backlog as long as they are open.
  static func fillBacklog(_ name: String) throws(Errno) -> [FileDescriptor] {
    var connections: [FileDescriptor] = []
    while true {
      let client = Descriptor(
        owning: FileDescriptor(
          rawValue: try makeSocket(Int32(SOCK_NONBLOCK.rawValue))))
      let result = withAddress(name) { connect(client.raw.rawValue, $0, $1) }
      if result != 0 {
        guard errno == EAGAIN else { throw Errno(rawValue: errno) }
        return connections
      }
      connections.append(client.release())
    }
  }

  /// Accepts a connection.
  func accept() throws(Errno) -> Connection {
    Connection(
      descriptor: try Descriptor { Glibc.accept(descriptor, nil, nil) })
  }

  /// The server's end of a connection.
  struct Connection: ~Copyable {
    fileprivate let descriptor: Descriptor

    func send(_ text: String) throws(Errno) {
      try systemCall {
        Glibc.send(
          descriptor.raw.rawValue, text, text.utf8.count, Int32(MSG_NOSIGNAL))
      }
    }

    /// Waits for bytes.
    func receive(_ count: Int) throws(Errno) -> [UInt8] {
      var buffer = [UInt8](repeating: 0, count: count)
      let count = try systemCall {
        recv(
          descriptor.raw.rawValue, &buffer, count, Int32(MSG_WAITALL))
      }
      return Array(buffer[..<count])
    }

    /// Closes the connection for sending.
    func finish() {
      shutdown(descriptor.raw.rawValue, Int32(SHUT_WR))
    }
  }

  private static func makeSocket(_ flags: Int32) throws(Errno) -> Int32 {
    try systemCall {
      socket(
        AF_UNIX,
        Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue) | flags, 0)
    }
  }

  private static func withAddress<Result>(
    _ name: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var length = MemoryLayout<sa_family_t>.size + name.utf8.count
    withUnsafeMutableBytes(of: &address.sun_path) { path in
      path.copyBytes(from: name.utf8)
      if path[0] == UInt8(ascii: "@") { path[0] = 0 } else { length += 1 }
    }
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(length))
      }
    }
  }
}
