package import SystemPackage

/// A connection to a unix stream socket, every call on which ends by a
/// deadline.
package struct UnixStream: ~Copyable, Sendable {
  private let descriptor: Descriptor
  private let deadline: Deadline

  /// Connects.
  ///
  /// A server whose queue of connections is full makes connect(2) wait; it
  /// waits until the deadline.
  ///
  /// - Throws: What `connect(2)` says, or `Errno.timedOut`.
  package static func connect(
    to address: UnixAddress, deadline: Deadline
  ) throws(Errno) -> UnixStream {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    let stream = UnixStream(
      descriptor: try Descriptor { socket(AF_UNIX, type, 0) },
      deadline: deadline)
    try stream.call(limitedBy: SO_SNDTIMEO) { socket in
      address.withSocketAddress { Glibc.connect(socket, $0, $1) }
    }
    return stream
  }

  /// Who listened at the address when the connection was made.
  package var peer: PeerCredentials {
    get throws(Errno) { try PeerCredentials(of: descriptor.raw) }
  }

  /// Sends all of the bytes.
  ///
  /// - Throws: What `send(2)` says, or `Errno.timedOut`. `SIGPIPE` is never
  ///   raised; it is `Errno.brokenPipe`.
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
  /// - Parameter limit: How many bytes are taken at most.
  /// - Returns: The bytes; none where the peer has closed its side.
  /// - Throws: What `recv(2)` says, or `Errno.timedOut`.
  package func receive(atMost limit: Int) throws(Errno) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = try call(limitedBy: SO_RCVTIMEO) { socket in
      recv(socket, &buffer, limit, 0)
    }
    return Array(buffer[..<count])
  }

  /// Makes a blocking call that ends by the deadline.
  ///
  /// The socket's own time limit does it (socket(7)): that is one call more
  /// than waiting without a limit, and connect(2) has no other. After a signal
  /// the limit is worked out anew.
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
        // socket(7): a limit that is over is EAGAIN, in connect(2) as well.
        case .wouldBlock: throw .timedOut
        default: throw error
        }
      }
    }
  }
}
