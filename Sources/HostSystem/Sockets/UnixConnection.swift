import CHostSystem
package import SystemPackage

/// A server's end of a connection to a Unix stream socket.
///
/// No method blocks.
package struct UnixConnection: ~Copyable {
  private let descriptor: Descriptor

  init(owning descriptor: consuming Descriptor) {
    self.descriptor = descriptor
  }

  /// A descriptor that is readable if the peer has sent something or hung up.
  package var raw: FileDescriptor { descriptor.raw }

  /// The result of a receive.
  package enum Received: Equatable {
    /// The number of bytes received, at least 1.
    case bytes(Int)
    /// Nothing has arrived yet.
    case nothing
    /// The peer has closed its side. Nothing more will arrive.
    case end
  }

  /// Copies what has arrived without removing it.
  ///
  /// ``discard(_:)`` removes it.
  ///
  /// When received bytes are removed, the kernel wakes a peer that waits on the
  /// socket, even if it waits for the reply. A peer that was sent the reply first is
  /// awake already. If the connection is closed before the bytes are removed, the
  /// peer sees a reset.
  ///
  /// - Parameter buffer: The destination. At most its size is copied.
  /// - Returns: What was copied.
  /// - Throws: The error of recv(2), such as `Errno.connectionReset`.
  package func peek(
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> Received {
    try receive(into: buffer, Int32(MSG_PEEK))
  }

  /// Receives what has arrived and removes it.
  ///
  /// This also removes an out-of-band byte (`MSG_OOB`), which makes the descriptor
  /// readable but which ``peek(into:)`` does not see.
  ///
  /// - Parameter buffer: The destination. At most its size is received.
  /// - Returns: What was received.
  /// - Throws: See ``peek(into:)``.
  package func receive(
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> Received {
    try receive(into: buffer, 0)
  }

  /// Removes bytes that ``peek(into:)`` has copied.
  ///
  /// - Parameter count: The number of bytes.
  package func discard(_ count: Int) {
    var rest = count
    withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 1) { buffer in
      while rest > 0 {
        let piece = UnsafeMutableRawBufferPointer(
          rebasing: buffer.prefix(rest))
        guard case .bytes(let count)? = try? receive(into: piece) else {
          return
        }
        rest -= count
      }
    }
  }

  private func receive(
    into buffer: UnsafeMutableRawBufferPointer, _ flags: Int32
  ) throws(Errno) -> Received {
    do {
      let count = try systemCall {
        recv(
          descriptor.raw.rawValue, buffer.baseAddress, buffer.count,
          Int32(MSG_DONTWAIT) | flags)
      }
      return count == 0 ? .end : .bytes(count)
    } catch {
      guard error == .wouldBlock else { throw error }
      return .nothing
    }
  }

  /// Sends a short reply, whole or not at all.
  ///
  /// - Returns: Whether it was sent: `false` if the peer has disconnected, or if
  ///   what it has not read yet fills the buffer.
  package func send(_ reply: UnsafeRawBufferPointer) -> Bool {
    Glibc.send(
      descriptor.raw.rawValue, reply.baseAddress, reply.count,
      Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)) == reply.count
  }

  /// Sends as many bytes as there is room for.
  ///
  /// - Returns: The number of bytes sent; 0 if what the peer has not read yet fills
  ///   the buffer.
  /// - Throws: The error of send(2), such as `Errno.brokenPipe`.
  package func send(
    partOf bytes: UnsafeRawBufferPointer
  ) throws(Errno) -> Int {
    do {
      return try systemCall {
        Glibc.send(
          descriptor.raw.rawValue, bytes.baseAddress, bytes.count,
          Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
      }
    } catch {
      guard error == .wouldBlock else { throw error }
      return 0
    }
  }

  /// The process that connected.
  package var peer: PeerCredentials {
    get throws(Errno) { try PeerCredentials(of: descriptor.raw) }
  }

  /// Whether the process that connected is alive (`SO_PEERPIDFD`).
  ///
  /// If it is, its pid cannot belong to another process.
  ///
  /// - Returns: `nil` if the kernel cannot tell (before Linux 6.5).
  /// - Throws: An error that says nothing about the peer, such as
  ///   `Errno.tooManyOpenFiles`.
  package var isPeerAlive: Bool? {
    get throws(Errno) {
      do throws(Errno) {
        let process = try Descriptor {
          chs_peer_pidfd(descriptor.raw.rawValue)
        }
        return !isReadable(process.raw)
      } catch {
        switch error {
        case .protocolNotAvailable: return nil
        // Kernels differ in which of the two they return.
        case .noSuchProcess, .invalidArgument: return false
        default: throw error
        }
      }
    }
  }
}

/// The process on the other end of a Unix socket, from the kernel (`SO_PEERCRED`,
/// unix(7)).
package struct PeerCredentials: Hashable, Sendable {
  /// The pid in this process's pid namespace; 0 if the process is outside it.
  package let pid: Int32
  /// The effective user of the process when it connected or listened.
  package let user: UInt32

  /// - Throws: The error of getsockopt(2).
  init(of socket: FileDescriptor) throws(Errno) {
    var pid: Int32 = 0
    var user: UInt32 = 0
    try systemCall { chs_peer_credentials(socket.rawValue, &pid, &user) }
    self.pid = pid
    self.user = user
  }
}
