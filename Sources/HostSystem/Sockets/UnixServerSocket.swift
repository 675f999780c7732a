import CHostSystem
package import SystemPackage

/// A listening Unix stream socket.
///
/// Once it listens, no method blocks.
package struct UnixServerSocket: ~Copyable {
  private let descriptor: Descriptor
  /// The address at which it listens.
  package let address: UnixAddress
  /// The socket file, if this server created one.
  private let file: SocketFile?
  private let mode: UInt32

  /// Listens at an address.
  ///
  /// A socket file on which no process listens is replaced. The backlog is as long
  /// as the kernel allows (`net.core.somaxconn`).
  ///
  /// - Parameters:
  ///   - address: A path or an abstract name.
  ///   - mode: The permissions of the socket file, such as 0o666. Connecting
  ///     requires write permission (unix(7)).
  ///   - lockTimeout: How long to wait for another server that has locked the
  ///     directory of the socket file.
  /// - Throws: Why the server cannot listen at the address.
  package init(
    binding address: UnixAddress, mode: UInt32,
    lockTimeout: Duration = .seconds(2)
  ) throws(UnixServerSocketError) {
    let descriptor = try Self.makeSocket()
    let number = descriptor.raw.rawValue
    let file =
      if address.isAbstract {
        try Self.listen(number, at: address, mode: nil)
      } else {
        try SocketFile.withDirectoryLocked(of: address, lockTimeout) {
          () throws(UnixServerSocketError) in
          try SocketFile.removeDead(at: address)
          return try Self.listen(number, at: address, mode: mode)
        }
      }
    self.init(
      descriptor: descriptor, address: address, file: file, mode: mode)
  }

  /// Adopts a socket from systemd's socket activation.
  ///
  /// Its creator also removes its file.
  ///
  /// - Throws: `notListening` if it is not a listening Unix stream socket.
  package init(
    adopting inherited: FileDescriptor
  ) throws(UnixServerSocketError) {
    let number = inherited.rawValue
    guard
      Self.option(SO_DOMAIN, of: number) == AF_UNIX,
      Self.option(SO_TYPE, of: number) == Int32(SOCK_STREAM.rawValue),
      Self.option(SO_ACCEPTCONN, of: number) == 1,
      let address = UnixAddress(ofSocket: number)
    else { throw .notListening }
    // The creator may have set these flags differently.
    _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK)
    self.init(
      descriptor: Descriptor(owning: inherited), address: address, file: nil,
      mode: 0)
  }

  private init(
    descriptor: consuming Descriptor, address: UnixAddress, file: SocketFile?,
    mode: UInt32
  ) {
    self.mode = mode
    self.descriptor = descriptor
    self.address = address
    self.file = file
  }

  /// A descriptor that is readable if a connection waits to be accepted.
  package var raw: FileDescriptor { descriptor.raw }

  /// Whether a connection waits to be accepted.
  ///
  /// This costs little. Calling accept(2) when none waits costs much, because the
  /// kernel creates a socket first.
  package var hasPendingConnection: Bool { isReadable(descriptor.raw) }

  /// Accepts a connection, if one waits.
  ///
  /// - Returns: `nil` if none waits.
  /// - Throws: The error of accept(2), such as `Errno.tooManyOpenFiles`.
  package func accept() throws(Errno) -> UnixConnection? {
    while true {
      do {
        return UnixConnection(
          owning: try Descriptor { chs_accept(descriptor.raw.rawValue) })
      } catch {
        switch error {
        case .wouldBlock: return nil
        // accept(2): the peer has already disconnected.
        case .connectionAbort: continue
        default: throw error
        }
      }
    }
  }

  /// Removes the socket file, so that no process can connect any more.
  ///
  /// Connections that already wait can still be accepted.
  ///
  /// An abstract name ends with the socket.
  package func removeFile() {
    guard let file else { return }
    try? SocketFile.withDirectoryLocked(of: address, .zero) {
      () throws(UnixServerSocketError) in file.remove()
    }
  }

  /// Whether processes can still connect: the socket file is in its place, or this
  /// server did not create one.
  package var isInPlace: Bool { file?.isInPlace ?? true }

  /// Creates another socket that listens at the same address, without blocking.
  ///
  /// - Throws: See ``init(binding:mode:lockTimeout:)``.
  package func replacement() throws(UnixServerSocketError) -> UnixServerSocket {
    try UnixServerSocket(binding: address, mode: mode, lockTimeout: .zero)
  }

  private static func makeSocket()
    throws(UnixServerSocketError) -> Descriptor
  {
    do {
      return try Descriptor(socket: AF_UNIX, SOCK_STREAM, nonblocking: true)
    } catch {
      throw .system(error)
    }
  }

  private static func listen(
    _ socket: Int32, at address: UnixAddress, mode: UInt32?
  ) throws(UnixServerSocketError) -> SocketFile? {
    do {
      // Until the mode is set, no process can connect.
      let previous = mode == nil ? nil : umask(0o777)
      defer { if let previous { umask(previous) } }
      try systemCall { address.withSocketAddress { bind(socket, $0, $1) } }
    } catch {
      guard error == .addressInUse else { throw .system(error) }
      throw .inUse(by: try? address.listenerPID())
    }
    let file: SocketFile?
    do {
      // The kernel lowers it to `net.core.somaxconn`.
      try systemCall { Glibc.listen(socket, Int32.max) }
      file = mode == nil ? nil : try SocketFile(at: address.text)
    } catch {
      throw .system(error)
    }
    if let mode {
      do {
        _ = try systemCall { chmod(address.text, mode) }
      } catch {
        file?.remove()
        throw .system(error)
      }
    }
    return file
  }

  private static func option(_ name: Int32, of socket: Int32) -> Int32? {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 else {
      return nil
    }
    return value
  }
}

/// Why a server cannot listen at an address.
package enum UnixServerSocketError: Error, Hashable {
  /// Another server listens there; its pid, if known.
  case inUse(by: Int32?)
  /// The path names something that is not a socket.
  case notASocket
  /// The inherited descriptor is not a listening Unix stream socket.
  case notListening
  /// A system call failed.
  case system(Errno)
}

/// A socket file, distinguished from any file that replaces it.
private struct SocketFile {
  let path: String
  private let device: DeviceID
  private let inode: Inode

  init(at path: String) throws(Errno) {
    let status = try Stat(ofLink: path)
    self.path = path
    device = status.deviceID
    inode = status.inode
  }

  /// Removes the file, unless another one has replaced it.
  func remove() {
    if isInPlace { unlink(path) }
  }

  var isInPlace: Bool {
    guard let status = try? Stat(ofLink: path) else {
      return false
    }
    return status.deviceID == device && status.inode == inode
  }

  /// Removes a socket file on which no process listens.
  static func removeDead(
    at address: UnixAddress
  ) throws(UnixServerSocketError) {
    do {
      let status = try Stat(ofLink: address.text)
      guard status.type == .socket else {
        throw UnixServerSocketError.notASocket
      }
      throw UnixServerSocketError.inUse(by: try address.listenerPID())
    } catch let error as UnixServerSocketError {
      throw error
    } catch Errno.noSuchFileOrDirectory {
      return
    } catch Errno.connectionRefused {
      unlink(address.text)
    } catch {
      throw .system(error as? Errno ?? .ioError)
    }
  }

  /// Calls `body` with the directory locked, so that of two servers that start
  /// together, neither replaces the other's new socket file.
  ///
  /// Any process that may read the directory can lock it, and keep the lock. After
  /// the timeout, `body` is called without the lock.
  static func withDirectoryLocked<Result>(
    of address: UnixAddress, _ timeout: Duration,
    _ body: () throws(UnixServerSocketError) -> Result
  ) throws(UnixServerSocketError) -> Result {
    let path = FilePath(address.text).removingLastComponent().string
    let directory: Descriptor
    do {
      directory = try Descriptor {
        open(path.isEmpty ? "." : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      }
    } catch {
      throw .system(error)
    }
    _ = try? lock(directory.raw, until: Deadline(after: timeout))
    return try body()
  }
}
