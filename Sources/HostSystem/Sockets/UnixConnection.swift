import CHostSystem
package import SystemPackage

/// A server's end of a connection to a unix stream socket.
///
/// No call on it waits.
package struct UnixConnection: ~Copyable {
  private let descriptor: Descriptor

  init(owning descriptor: consuming Descriptor) {
    self.descriptor = descriptor
  }

  /// What turns readable when the peer has sent something or hung up.
  package var raw: FileDescriptor { descriptor.raw }

  /// What there is to receive.
  package enum Received: Equatable {
    /// So many bytes, at least one.
    case bytes(Int)
    /// Nothing yet.
    case nothing
    /// The peer has closed its side; nothing more will come.
    case end
  }

  /// Looks at what has arrived, and leaves it there; ``discard(_:)`` takes it
  /// away.
  ///
  /// The kernel tells a peer that waits for something whenever what it has sent is
  /// taken away, and wakes it for nothing. One that is answered first has woken
  /// by then. A connection that is closed before that is reset.
  ///
  /// - Parameter buffer: Where to put it; as much as it holds is looked at.
  /// - Returns: What there was.
  /// - Throws: What `recv(2)` says, such as `Errno.connectionReset`.
  package func peek(
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> Received {
    try receive(into: buffer, Int32(MSG_PEEK))
  }

  /// Receives what has arrived, and takes it away.
  ///
  /// That also does away with what can only be received so, and makes a descriptor
  /// readable: a byte that was sent out of band (`MSG_OOB`).
  ///
  /// - Parameter buffer: Where to put it; as much as it holds is taken.
  /// - Returns: What there was.
  /// - Throws: As ``peek(into:)``.
  package func receive(
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> Received {
    try receive(into: buffer, 0)
  }

  /// Takes away what was looked at.
  ///
  /// - Parameter count: How many bytes.
  package func discard(_ count: Int) {
    var rest = count
    withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 1) { buffer in
      while rest > 0 {
        let piece = UnsafeMutableRawBufferPointer(
          rebasing: buffer.prefix(rest))
        // It is there: it has been looked at.
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
  /// - Returns: Whether the peer can receive it: it has not gone, and not left
  ///   so much unread that there is no room.
  package func send(_ reply: UnsafeRawBufferPointer) -> Bool {
    Glibc.send(
      descriptor.raw.rawValue, reply.baseAddress, reply.count,
      Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)) == reply.count
  }

  /// Sends what there is room for.
  ///
  /// - Returns: How many bytes; 0 where the peer has left so much unread that
  ///   there is no room.
  /// - Throws: What `send(2)` says, such as `Errno.brokenPipe`.
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

  /// Whether the process that connected lives (`SO_PEERPIDFD`), so that its pid
  /// is nobody else's.
  ///
  /// - Returns: `nil` where the kernel does not tell (before Linux 6.5).
  /// - Throws: What the system is short of.
  package var peerLives: Bool? {
    get throws(Errno) {
      do throws(Errno) {
        let process = try Descriptor {
          chs_peer_process(descriptor.raw.rawValue)
        }
        return !isReadable(process.raw)
      } catch {
        switch error {
        case .protocolNotAvailable: return nil
        // Which of them it is depends on the kernel.
        case .noSuchProcess, .invalidArgument: return false
        default: throw error
        }
      }
    }
  }
}

/// Who is on the other end of a unix socket, as the kernel says
/// (`SO_PEERCRED`, unix(7)).
package struct PeerCredentials: Hashable, Sendable {
  /// The pid in this process's pid namespace; 0 where it is not in it.
  package let pid: Int32
  /// The user whose rights the process acted with when it connected or
  /// listened.
  package let user: UInt32

  /// - Throws: What `getsockopt(2)` says.
  init(of socket: FileDescriptor) throws(Errno) {
    var pid: Int32 = 0
    var user: UInt32 = 0
    try systemCall { chs_peer(socket.rawValue, &pid, &user) }
    self.pid = pid
    self.user = user
  }
}
