package import SystemPackage

/// A port that only a server that sets `SO_REUSEADDR` can bind: a soft hold.
///
/// ```swift
/// let held = try HeldPort()
/// startServer(port: held.port)  // binds over the hold
/// ```
///
/// A TCP socket is bound to the port and never listens. The kernel does not assign
/// the port itself, to `bind(0)` or to outgoing connections, and programs without
/// `SO_REUSEADDR` cannot bind it: they get `EADDRINUSE` while the hold lasts. A server
/// that sets the option, as nearly all do (SwiftNIO, Go, Rust's standard library,
/// Java, libuv, asyncio, nginx), can bind and listen, and clients reach it. UDP is not
/// held.
///
/// `close(timeout:)` ends the hold and returns the port; ``release()``
/// ends it and keeps the port. Dropping the value ends the hold too, and another
/// thread returns the port soon after.
public struct HeldPort: ~Copyable, Sendable {
  /// The port, within 1–65535.
  public let port: Int

  private let socket: FileDescriptor
  private let origin: PickedFrom

  /// Picks a port for this process and holds it.
  ///
  /// - Parameter options: How to pick.
  /// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` if
  ///   no port is left; ``PortPickerError/Code/timedOut`` if none was found in
  ///   time; ``PortPickerError/Code/ledgerUnusable``; an error of the port
  ///   server, if one is required; ``PortPickerError/Code/invalidArgument`` if
  ///   an option is invalid; ``PortPickerError/Code/systemFailure``.
  public init(
    options: PickOptions = PickOptions()
  ) throws(PortPickerError) {
    let request = PickRequest(options: options, use: .held)
    try self.init(Picker.shared.pick(request))
  }

  /// Picks a port for this process and holds it, without blocking a thread of the
  /// concurrency pool.
  ///
  /// - Parameter options: How to pick.
  /// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` if
  ///   no port is left; ``PortPickerError/Code/timedOut`` if none was found in
  ///   time; ``PortPickerError/Code/ledgerUnusable``; an error of the port
  ///   server, if one is required; ``PortPickerError/Code/invalidArgument`` if
  ///   an option is invalid; ``PortPickerError/Code/systemFailure``, also if no
  ///   thread can be started.
  public init(
    options: PickOptions = PickOptions()
  ) async throws(PortPickerError) {
    let request = PickRequest(options: options, use: .held)
    try self.init(
      await waiting { () throws(PortPickerError) in
        try Picker.shared.pick(request)
      })
  }

  private init(_ pick: Pick) throws(PortPickerError) {
    guard let (tcp, _) = pick.sockets.first?.release() else {
      throw .socketsNotKept
    }
    port = Int(pick.ports[0])
    socket = tcp
    origin = PickedFrom(pick.picker)
  }

  deinit {
    closeSockets(socket)
    origin.returnLater([port])
  }

  /// Ends the hold and returns the port.
  ///
  /// - Parameter timeout: How long to wait for a port server, and for other
  ///   processes to unlock the ledger; more than zero.
  /// - Throws: ``PortPickerError``: ``PortPickerError/Code/ledgerUnusable``,
  ///   also if it stays locked; ``PortPickerError/Code/systemFailure`` if
  ///   `/proc` cannot be read; ``PortPickerError/Code/invalidArgument`` for any
  ///   other timeout. The hold ends even so, and `returnPort(_:)` can return
  ///   the port.
  public consuming func close(
    timeout: Duration = .seconds(5)
  ) throws(PortPickerError) {
    let origin = origin
    try origin.returnPorts([release()], timeout: timeout)
  }

  /// Ends the hold and returns the port, without blocking a thread of the
  /// concurrency pool.
  ///
  /// - Parameter timeout: How long to wait for a port server, and for other
  ///   processes to unlock the ledger; more than zero.
  /// - Throws: ``PortPickerError``: ``PortPickerError/Code/ledgerUnusable``,
  ///   also if it stays locked; ``PortPickerError/Code/systemFailure`` if
  ///   `/proc` cannot be read or no thread can be started;
  ///   ``PortPickerError/Code/invalidArgument`` for any other timeout. The hold
  ///   ends even so, and `returnPort(_:)` can return the port.
  public consuming func close(
    timeout: Duration = .seconds(5)
  ) async throws(PortPickerError) {
    let origin = origin
    let port = release()
    try await waiting { () throws(PortPickerError) in
      try origin.returnPorts([port], timeout: timeout)
    }
  }

  /// Ends the hold and keeps the port.
  ///
  /// The port belongs to this process until that ends or `returnPort(_:)`
  /// returns it.
  ///
  /// - Returns: The port.
  public consuming func release() -> Int {
    let port = port
    closeSockets(socket)
    discard self
    return port
  }

  /// Hands the port and its socket over to the caller, who must close the socket.
  ///
  /// - Returns: The port and the socket.
  package consuming func releaseSocket() -> (
    port: Int, socket: FileDescriptor
  ) {
    let released = (port: port, socket: socket)
    discard self
    return released
  }
}
