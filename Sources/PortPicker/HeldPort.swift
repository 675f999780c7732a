import SystemPackage

/// A port that is kept from everybody but a server that sets `SO_REUSEADDR`: a
/// soft hold.
///
/// ```swift
/// let held = try HeldPort()
/// startServer(port: held.port)  // binds right over the hold
/// ```
///
/// A TCP socket is bound to the port and never listens. It keeps the kernel's
/// own choice, outgoing connections and programs without `SO_REUSEADDR` off
/// the port. A server that sets the option, as nearly all do (SwiftNIO, Go,
/// Rust's standard library, Java, libuv, asyncio, nginx), binds and listens,
/// and clients reach it; one that does not gets `EADDRINUSE` for as long as
/// the hold lasts. UDP is not held.
///
/// ``close(timeout:)-(Duration)`` ends the hold and gives the port back;
/// ``release()`` ends it and keeps the port. Dropping the value ends the hold
/// too, and has the port given back a little later, on another thread.
public struct HeldPort: ~Copyable, Sendable {
  /// The port, within 1–65535.
  public let port: Int

  private let socket: FileDescriptor
  private let origin: PickedFrom

  /// Picks a port for this process and holds it.
  ///
  /// - Parameter options: How to pick.
  /// - Throws: ``PortPickerError``, as
  ///   ``pickUnusedPort(for:options:)-(Int32?,PickOptions)``.
  public init(
    options: PickOptions = PickOptions()
  ) throws(PortPickerError) {
    let request = PickRequest(options: options, use: .held)
    try self.init(Picker.shared.pick(request))
  }

  /// Picks a port for this process and holds it, without keeping a thread of
  /// the concurrency pool waiting.
  ///
  /// - Parameter options: How to pick.
  /// - Throws: ``PortPickerError``, as
  ///   ``pickUnusedPort(for:options:)-(Int32?,PickOptions)``.
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

  /// Ends the hold and gives the port back.
  ///
  /// - Parameter timeout: How long to wait for a port server, and for other
  ///   processes to let go of the ledger; more than zero.
  /// - Throws: ``PortPickerError``, as ``returnPort(_:)-(Int)``; and
  ///   ``PortPickerError/Code/invalidArgument`` for another timeout. The hold
  ///   has ended then, and the port can be returned by that.
  public consuming func close(
    timeout: Duration = .seconds(5)
  ) throws(PortPickerError) {
    let origin = origin
    try origin.returnPorts([release()], timeout: timeout)
  }

  /// Ends the hold and gives the port back, without keeping a thread of the
  /// concurrency pool waiting.
  ///
  /// - Parameter timeout: How long to wait for a port server, and for other
  ///   processes to let go of the ledger; more than zero.
  /// - Throws: ``PortPickerError``, as ``returnPort(_:)-(Int)``; and
  ///   ``PortPickerError/Code/invalidArgument`` for another timeout. The hold
  ///   has ended then, and the port can be returned by that.
  public consuming func close(
    timeout: Duration = .seconds(5)
  ) async throws(PortPickerError) {
    let origin = origin
    let port = release()
    try await waiting { () throws(PortPickerError) in
      try origin.returnPorts([port], timeout: timeout)
    }
  }

  /// Ends the hold and keeps the port: it stays this process's until
  /// ``returnPort(_:)-(Int)`` or the process's end.
  ///
  /// - Returns: The port.
  public consuming func release() -> Int {
    let port = port
    closeSockets(socket)
    discard self
    return port
  }
}
