import HostSystem
public import SystemPackage

/// A port that is bound already, for whoever can take a socket instead of a
/// number: there is no moment in which somebody else could have it.
///
/// ```swift
/// try withBoundPort { bound in
///   serve(on: bound.takeTCP(), port: bound.port)
/// }
/// ```
///
/// The TCP socket is bound and listens; the UDP socket is bound. Both block,
/// and are closed in a program that this process starts (close-on-exec).
///
/// A socket has one owner, which closes it. That is this value, until
/// ``takeTCP()``, ``releaseTCP()`` or ``release()`` hands it over: what takes a
/// descriptor and closes it, as SwiftNIO's `withBoundSocket(_:)` does, gets it
/// from one of these, and not from ``tcp``.
///
/// ``close(timeout:)-(Duration)`` closes the sockets and gives the port back. Dropping
/// the value closes them too, and has the port given back a little later, on
/// another thread.
public struct BoundPort: ~Copyable, Sendable {
  /// The port, within 1–65535.
  public let port: Int

  /// The listening TCP socket, or -1 once ``takeTCP()`` has handed it over.
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
  /// Wherever it is bound, the port was free on every address.
  ///
  /// - Parameters:
  ///   - address: Where to bind it.
  ///   - options: How to pick.
  /// - Throws: ``PortPickerError``, as
  ///   ``pickUnusedPort(for:options:)-(Int32?,PickOptions)``.
  public init(
    at address: BoundPortAddress = .any, options: PickOptions = PickOptions()
  ) throws(PortPickerError) {
    let request = PickRequest(options: options, use: address.use)
    try self.init(Picker.shared.pick(request))
  }

  /// Picks a port for this process and binds it, without keeping a thread of
  /// the concurrency pool waiting.
  ///
  /// Wherever it is bound, the port was free on every address.
  ///
  /// - Parameters:
  ///   - address: Where to bind it.
  ///   - options: How to pick.
  /// - Throws: ``PortPickerError``, as
  ///   ``pickUnusedPort(for:options:)-(Int32?,PickOptions)``.
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

  /// Closes the sockets and gives the port back.
  ///
  /// - Parameter timeout: How long to wait for a port server, and for other
  ///   processes to let go of the ledger; more than zero.
  /// - Throws: ``PortPickerError``, as ``returnPort(_:)-(Int)``; and
  ///   ``PortPickerError/Code/invalidArgument`` for another timeout. The
  ///   sockets are closed then, and the port can be returned by that.
  public consuming func close(
    timeout: Duration = .seconds(5)
  ) throws(PortPickerError) {
    let (port, origin) = (port, origin)
    closeSockets(tcp, udp)
    discard self
    try origin.returnPorts([port], timeout: timeout)
  }

  /// Closes the sockets and gives the port back, without keeping a thread of
  /// the concurrency pool waiting.
  ///
  /// - Parameter timeout: How long to wait for a port server, and for other
  ///   processes to let go of the ledger; more than zero.
  /// - Throws: ``PortPickerError``, as ``returnPort(_:)-(Int)``; and
  ///   ``PortPickerError/Code/invalidArgument`` for another timeout. The
  ///   sockets are closed then, and the port can be returned by that.
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

  /// As ``close(timeout:)-(Duration)``; a warning says if that fails.
  consuming func closeOrWarn() {
    let origin = origin
    let port = port
    closeSockets(tcp, udp)
    discard self
    origin.returnOrWarn([port])
  }

  /// As ``close(timeout:)-(Duration)``, without keeping a thread of the concurrency pool
  /// waiting; a warning says if that fails.
  consuming func closeOrWarn() async {
    let origin = origin
    let port = port
    closeSockets(tcp, udp)
    discard self
    await origin.returnOrWarn([port])
  }

  /// Hands the TCP socket over: the caller closes it from now on.
  ///
  /// The UDP socket and the port stay with this value. If that ends before the
  /// TCP socket is closed, the port is given back while it is in use; nobody is
  /// given it then, but somebody is as soon as it is closed.
  ///
  /// - Returns: The listening TCP socket; -1, which is no descriptor, after the
  ///   first call.
  public mutating func takeTCP() -> FileDescriptor {
    defer { tcp = noSocket }
    return tcp
  }

  /// Hands the port and its TCP socket on and closes the UDP socket: the caller
  /// closes the TCP socket, and the port stays this process's until
  /// ``returnPort(_:)-(Int)`` or the process's end.
  ///
  /// - Returns: The port and the listening TCP socket.
  public consuming func releaseTCP() -> (port: Int, tcp: FileDescriptor) {
    let released = (port: port, tcp: tcp)
    closeSockets(udp)
    discard self
    return released
  }

  /// Hands the port and its sockets on: the caller closes the sockets, and the
  /// port stays this process's until ``returnPort(_:)-(Int)`` or the process's
  /// end.
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

/// Where a ``BoundPort`` is bound.
///
/// More places may be added.
public struct BoundPortAddress: Hashable, Sendable {
  let use: SocketUse

  /// Every address of the host: IPv6 sockets that take IPv4 too, or, where the
  /// kernel has no IPv6, IPv4 sockets.
  public static var any: BoundPortAddress { .init(use: .bound) }

  /// The loopback address of IPv4, 127.0.0.1, alone, so that no other host
  /// reaches the port.
  ///
  /// One socket cannot have the loopback addresses of both families. Nothing
  /// listens at `::1`, and somebody else could: clients have to be told
  /// 127.0.0.1, and not `localhost`, which may mean `::1` first.
  public static var loopback: BoundPortAddress { .init(use: .boundToLoopback) }
}

/// In place of a socket that was handed over.
let noSocket = FileDescriptor(rawValue: -1)

/// Closes sockets, except for those that were handed over.
func closeSockets(_ sockets: FileDescriptor...) {
  for socket in sockets where socket != noSocket {
    Descriptor(owning: socket).close()
  }
}
