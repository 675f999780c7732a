import HostSystem
public import SystemPackage

/// A port that is already bound, for programs that can take a socket instead of a
/// number: no other process can take the port in between.
///
/// ```swift
/// try withBoundPort { bound in
///   serve(on: bound.takeTCP(), port: bound.port)
/// }
/// ```
///
/// The TCP socket listens; the UDP socket is bound. Both are blocking and
/// close-on-exec.
///
/// Each socket has one owner, which closes it: this value, until ``takeTCP()``,
/// ``releaseTCP()`` or ``release()`` hands the socket over. Code that takes over a
/// descriptor, such as SwiftNIO's `withBoundSocket(_:)`, must get it from one of
/// these methods, not from ``tcp``.
///
/// `close(timeout:)` closes the sockets and returns the port. Dropping
/// the value closes the sockets too, and another thread returns the port soon after.
public struct BoundPort: ~Copyable, Sendable {
  /// The port, within 1–65535.
  public let port: Int

  /// The listening TCP socket, or -1 after ``takeTCP()``.
  ///
  /// It belongs to this value, which closes it.
  public private(set) var tcp: FileDescriptor

  /// The UDP socket.
  ///
  /// It belongs to this value, which closes it.
  public let udp: FileDescriptor

  private let origin: PickedFrom

  /// Picks a port for this process and binds it.
  ///
  /// The port is unused on every address, whichever it is bound to.
  ///
  /// - Parameters:
  ///   - address: The address to bind it to.
  ///   - options: How to pick.
  /// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` if
  ///   no port is left; ``PortPickerError/Code/timedOut`` if none was found in
  ///   time; ``PortPickerError/Code/ledgerUnusable``; an error of the port
  ///   server, if one is required; ``PortPickerError/Code/invalidArgument`` if
  ///   an option is invalid; ``PortPickerError/Code/systemFailure``.
  public init(
    at address: BoundPortAddress = .any, options: PickOptions = PickOptions()
  ) throws(PortPickerError) {
    let request = PickRequest(options: options, use: address.use)
    try self.init(Picker.shared.pick(request))
  }

  /// Picks a port for this process and binds it, without blocking a thread of the
  /// concurrency pool.
  ///
  /// The port is unused on every address, whichever it is bound to.
  ///
  /// - Parameters:
  ///   - address: The address to bind it to.
  ///   - options: How to pick.
  /// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` if
  ///   no port is left; ``PortPickerError/Code/timedOut`` if none was found in
  ///   time; ``PortPickerError/Code/ledgerUnusable``; an error of the port
  ///   server, if one is required; ``PortPickerError/Code/invalidArgument`` if
  ///   an option is invalid; ``PortPickerError/Code/systemFailure``, also if no
  ///   thread can be started.
  public init(
    at address: BoundPortAddress = .any, options: PickOptions = PickOptions()
  ) async throws(PortPickerError) {
    let request = PickRequest(options: options, use: address.use)
    try self.init(
      await waiting { () throws(PortPickerError) in
        try Picker.shared.pick(request)
      })
  }

  private init(_ pick: Pick) throws(PortPickerError) {
    guard case (let tcp, let udp?)? = pick.sockets.first?.release() else {
      throw .socketsNotKept
    }
    self.init(Int(pick.ports[0]), tcp, udp, PickedFrom(pick.picker))
  }

  init(
    _ port: Int, _ tcp: FileDescriptor, _ udp: FileDescriptor,
    _ origin: PickedFrom
  ) {
    self.port = port
    self.tcp = tcp
    self.udp = udp
    self.origin = origin
  }

  deinit {
    closeSockets(tcp, udp)
    origin.returnLater([port])
  }

  /// Closes the sockets and returns the port.
  ///
  /// - Parameter timeout: How long to wait for a port server, and for other
  ///   processes to unlock the ledger; more than zero.
  /// - Throws: ``PortPickerError``: ``PortPickerError/Code/ledgerUnusable``,
  ///   also if it stays locked; ``PortPickerError/Code/systemFailure`` if
  ///   `/proc` cannot be read; ``PortPickerError/Code/invalidArgument`` for any
  ///   other timeout. The sockets are closed even so, and `returnPort(_:)` can
  ///   return the port.
  public consuming func close(
    timeout: Duration = .seconds(5)
  ) throws(PortPickerError) {
    let (port, origin) = (port, origin)
    closeSockets(tcp, udp)
    discard self
    try origin.returnPorts([port], timeout: timeout)
  }

  /// Closes the sockets and returns the port, without blocking a thread of the
  /// concurrency pool.
  ///
  /// - Parameter timeout: How long to wait for a port server, and for other
  ///   processes to unlock the ledger; more than zero.
  /// - Throws: ``PortPickerError``: ``PortPickerError/Code/ledgerUnusable``,
  ///   also if it stays locked; ``PortPickerError/Code/systemFailure`` if
  ///   `/proc` cannot be read or no thread can be started;
  ///   ``PortPickerError/Code/invalidArgument`` for any other timeout. The
  ///   sockets are closed even so, and `returnPort(_:)` can return the port.
  public consuming func close(
    timeout: Duration = .seconds(5)
  ) async throws(PortPickerError) {
    let (port, origin) = (port, origin)
    closeSockets(tcp, udp)
    discard self
    try await waiting { () throws(PortPickerError) in
      try origin.returnPorts([port], timeout: timeout)
    }
  }

  /// Like `close(timeout:)`, but a failure is a warning.
  consuming func closeOrWarn() {
    let origin = origin
    let port = port
    closeSockets(tcp, udp)
    discard self
    origin.returnOrWarn([port])
  }

  /// Like `close(timeout:)`, but a failure is a warning.
  consuming func closeOrWarn() async {
    let origin = origin
    let port = port
    closeSockets(tcp, udp)
    discard self
    await origin.returnOrWarn([port])
  }

  /// Hands the TCP socket over to the caller, who must close it.
  ///
  /// This value keeps the UDP socket and the port. If it ends before the TCP socket
  /// is closed, the port is returned while it is still in use; another process can be
  /// given it as soon as the socket is closed.
  ///
  /// - Returns: The listening TCP socket, or -1 after the first call.
  public mutating func takeTCP() -> FileDescriptor {
    defer { tcp = noSocket }
    return tcp
  }

  /// Closes the UDP socket and hands the port and its TCP socket over to the caller,
  /// who must close the socket.
  ///
  /// The port belongs to this process until that ends or `returnPort(_:)`
  /// returns it.
  ///
  /// - Returns: The port and the listening TCP socket.
  public consuming func releaseTCP() -> (port: Int, tcp: FileDescriptor) {
    let released = (port: port, tcp: tcp)
    closeSockets(udp)
    discard self
    return released
  }

  /// Hands the port and its sockets over to the caller, who must close the sockets.
  ///
  /// The port belongs to this process until that ends or `returnPort(_:)`
  /// returns it.
  ///
  /// - Returns: The port, the listening TCP socket and the UDP socket.
  public consuming func release() -> (
    port: Int, tcp: FileDescriptor, udp: FileDescriptor
  ) {
    let released = (port: port, tcp: tcp, udp: udp)
    discard self
    return released
  }
}

/// The address that a ``BoundPort`` is bound to.
///
/// More addresses may be added.
public struct BoundPortAddress: Hashable, Sendable {
  let use: SocketUse

  /// Every address of the host: IPv6 sockets that also accept IPv4, or IPv4 sockets
  /// if the kernel has no IPv6.
  public static var any: BoundPortAddress { .init(use: .bound) }

  /// Only the IPv4 loopback address, 127.0.0.1, so that no other host can reach the
  /// port.
  ///
  /// One socket cannot be bound to the loopback addresses of both families. Nothing
  /// listens on `::1`, and another process could. Clients must connect to 127.0.0.1,
  /// not to `localhost`, which may resolve to `::1` first.
  public static var loopback: BoundPortAddress { .init(use: .boundToLoopback) }
}

/// Stands for a socket that was handed over.
let noSocket = FileDescriptor(rawValue: -1)

/// Closes sockets, except those that were handed over.
func closeSockets(_ sockets: FileDescriptor...) {
  for socket in sockets where socket != noSocket {
    Descriptor(owning: socket).close()
  }
}
