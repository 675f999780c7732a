import CHostSystem
package import SystemPackage

/// A listening unix stream socket.
///
/// No call on it waits, once it listens.
package struct UnixServerSocket: ~Copyable {
  private let descriptor: Descriptor
  /// Where it listens.
  package let address: UnixAddress
  /// The socket file that was made for it, if one was.
  private let file: SocketFile?
  private let mode: UInt32

  /// Listens at an address.
  ///
  /// A socket file that nobody listens on any more is replaced. As many
  /// connections as the kernel allows (`net.core.somaxconn`) may wait to be
  /// accepted.
  ///
  /// - Parameters:
  ///   - address: A path or an abstract name.
  ///   - mode: The permissions of the socket file, such as 0o666; connecting
  ///     needs the right to write (unix(7)).
  ///   - patience: How long to wait for another server that looks at the same
  ///     directory in the same moment.
  /// - Throws: Why that cannot be.
  package init(
    binding address: UnixAddress, mode: UInt32,
    patience: Duration = .seconds(2)
  ) throws(UnixServerSocketError) {
    let descriptor = try Self.makeSocket()
    let number = descriptor.raw.rawValue
    let file =
      if address.isAbstract {
        try Self.listen(number, at: address, mode: nil)
      } else {
        try SocketFile.withDirectoryLocked(of: address, patience) {
          () throws(UnixServerSocketError) in
          try SocketFile.removeDead(at: address)
          return try Self.listen(number, at: address, mode: mode)
        }
      }
    self.init(
      descriptor: descriptor, address: address, file: file, mode: mode)
  }

  /// Takes over a socket that somebody else has made, and who also removes
  /// its file: systemd's socket activation.
  ///
  /// - Throws: `notListening` where it is no listening unix stream socket.
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
    // Its maker's choices are not ours.
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

  /// What turns readable when somebody connects.
  package var raw: FileDescriptor { descriptor.raw }

  /// Whether a connection waits to be accepted.
  ///
  /// To ask costs little. To accept where none waits costs much, as the kernel
  /// makes a socket for it first.
  package var hasPendingConnection: Bool { isReadable(descriptor.raw) }

  /// Accepts a connection, if one waits.
  ///
  /// - Returns: `nil` where none does.
  /// - Throws: What the system is short of, such as
  ///   `Errno.tooManyOpenFiles`.
  package func accept() throws(Errno) -> UnixConnection? {
    while true {
      do {
        return UnixConnection(
          owning: try Descriptor { chs_accept(descriptor.raw.rawValue) })
      } catch {
        switch error {
        case .wouldBlock: return nil
        // accept(2): the peer has gone already.
        case .connectionAbort: continue
        default: throw error
        }
      }
    }
  }

  /// Removes the socket file, so that nobody can connect any more; those who
  /// have can still be accepted.
  ///
  /// An abstract name ends with the socket.
  package func removeFile() {
    guard let file else { return }
    try? SocketFile.withDirectoryLocked(of: address, .zero) {
      () throws(UnixServerSocketError) in file.remove()
    }
  }

  /// Whether its file is still there, so that it can be connected to; that of
  /// others is their business.
  package var isInPlace: Bool { file?.isInPlace ?? true }

  /// Another socket that listens at the same address; it waits for nobody.
  ///
  /// - Throws: As ``init(binding:mode:)``.
  package func replacement() throws(UnixServerSocketError) -> UnixServerSocket {
    try UnixServerSocket(binding: address, mode: mode, patience: .zero)
  }

  private static func makeSocket()
    throws(UnixServerSocketError) -> Descriptor
  {
    do {
      let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue
      return try Descriptor {
        socket(AF_UNIX, Int32(type | SOCK_NONBLOCK.rawValue), 0)
      }
    } catch {
      throw .system(error)
    }
  }

  private static func listen(
    _ socket: Int32, at address: UnixAddress, mode: UInt32?
  ) throws(UnixServerSocketError) -> SocketFile? {
    do {
      // Until the mode is set, nobody can connect.
      let previous = mode == nil ? nil : umask(0o777)
      defer { if let previous { umask(previous) } }
      try systemCall { address.withSocketAddress { bind(socket, $0, $1) } }
    } catch {
      guard error == .addressInUse else { throw .system(error) }
      throw .inUse(by: try? address.peer())
    }
    let file: SocketFile?
    do {
      // The kernel lowers it to what it allows.
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
  /// Another server listens there; its pid, where it can be told.
  case inUse(by: Int32?)
  /// The path names something that is no socket.
  case notASocket
  /// What was inherited is no listening unix stream socket.
  case notListening
  /// A system call failed.
  case system(Errno)
}

/// A socket file, told apart from any other that is put in its place.
private struct SocketFile {
  let path: String
  private let device: DeviceID
  private let inode: Inode

  init(at path: String) throws(Errno) {
    let status = try Stat(path, followTargetSymlink: false)
    self.path = path
    device = status.deviceID
    inode = status.inode
  }

  /// Removes the file, unless it is another one by now.
  func remove() {
    if isInPlace { unlink(path) }
  }

  var isInPlace: Bool {
    guard let status = try? Stat(path, followTargetSymlink: false) else {
      return false
    }
    return status.deviceID == device && status.inode == inode
  }

  /// Removes a socket file that nobody listens on.
  static func removeDead(
    at address: UnixAddress
  ) throws(UnixServerSocketError) {
    do {
      let status = try Stat(address.text, followTargetSymlink: false)
      guard status.type == .socket else {
        throw UnixServerSocketError.notASocket
      }
      throw UnixServerSocketError.inUse(by: try address.peer())
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

  /// Calls `body` while no other server of this project looks at the
  /// directory: one that begins to listen must not take the place of another
  /// that does so in the same moment.
  ///
  /// Whoever may read the directory may lock it for reasons of their own, and for
  /// ever; without the lock it goes on all the same, when its patience is over.
  static func withDirectoryLocked<Result>(
    of address: UnixAddress, _ patience: Duration,
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
    _ = try? lock(directory.raw, until: Deadline(after: patience))
    return try body()
  }
}
