package import SystemPackage

/// A connection to a Unix stream socket.
///
/// Every call returns by a deadline.
package struct UnixStream: ~Copyable, Sendable {
  private let descriptor: Descriptor
  private let deadline: Deadline

  /// Connects.
  ///
  /// If the server's backlog is full, connect(2) waits until the deadline.
  ///
  /// - Throws: The error of socket(2) or connect(2), or `Errno.timedOut`.
  package static func connect(
    to address: UnixAddress, deadline: Deadline
  ) throws(Errno) -> UnixStream {
    let stream = UnixStream(
      descriptor: try Descriptor(socket: AF_UNIX, SOCK_STREAM),
      deadline: deadline)
    try stream.call(limitedBy: SO_SNDTIMEO) { socket in
      address.withSocketAddress { Glibc.connect(socket, $0, $1) }
    }
    return stream
  }

  /// The process that listened at the address when the connection was made.
  package var peer: PeerCredentials {
    get throws(Errno) { try PeerCredentials(of: descriptor.raw) }
  }

  /// Sends all of the bytes.
  ///
  /// - Throws: The error of send(2), or `Errno.timedOut`. A closed connection is
  ///   `Errno.brokenPipe`; it does not raise `SIGPIPE`.
  package func send(_ bytes: some Collection<UInt8>) throws(Errno) {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let count = try call(limitedBy: SO_SNDTIMEO) { socket in
        rest.withUnsafeBytes {
          Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
      }
      rest = rest.dropFirst(count)
    }
  }

  /// Receives what has arrived, at least one byte.
  ///
  /// - Parameter limit: The maximum number of bytes.
  /// - Returns: The bytes; none if the peer has closed its side.
  /// - Throws: The error of recv(2), or `Errno.timedOut`.
  package func receive(atMost limit: Int) throws(Errno) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = try call(limitedBy: SO_RCVTIMEO) { socket in
      recv(socket, &buffer, limit, 0)
    }
    return Array(buffer[..<count])
  }

  /// Makes a blocking call that returns by the deadline.
  ///
  /// It sets the socket's own time limit (socket(7)). That costs one more call than
  /// waiting without a limit, and works for connect(2), which has no other. After a
  /// signal, the limit is computed anew.
  @discardableResult
  private func call<Result: SignedInteger>(
    limitedBy option: Int32, _ body: (Int32) -> Result
  ) throws(Errno) -> Result {
    let socket = descriptor.raw.rawValue
    while true {
      let remaining = deadline.remaining
      if remaining == .zero { throw .timedOut }
      var limit = remaining.timeval
      try systemCall {
        setsockopt(
          socket, SOL_SOCKET, option, &limit,
          socklen_t(MemoryLayout<timeval>.size))
      }
      do {
        return try systemCall(retrying: false) { body(socket) }
      } catch {
        switch error {
        case .interrupted: continue
        // socket(7): when the limit expires, the call fails with EAGAIN, connect(2)
        // included.
        case .wouldBlock: throw .timedOut
        default: throw error
        }
      }
    }
  }
}
