import HostSystem
public import SystemPackage

/// A port that is bound already, for whoever can take a socket instead of a
/// number: there is no moment in which somebody else could have it.
///
/// ```swift
/// let bound = try BoundPort()
/// serve(on: bound.tcp, port: bound.port)
/// ```
///
/// The TCP socket is bound and listens; the UDP socket is bound. Each takes
/// IPv6 and IPv4, on every address of the host. Both block, and are closed in
/// a program that this process starts (close-on-exec).
///
/// Dropping the value closes both sockets and gives the port back;
/// ``release()`` hands them on instead.
public struct BoundPort: ~Copyable, Sendable {
  /// The port, within 1–65535.
  public let port: Int

  /// The listening TCP socket.
  ///
  /// It belongs to this value, which closes it.
  public let tcp: FileDescriptor

  /// The UDP socket.
  ///
  /// It belongs to this value, which closes it.
  public let udp: FileDescriptor

  /// Picks a port for this process and binds it.
  ///
  /// - Parameter options: How to pick.
  /// - Throws: ``PortPickerError``, as
  ///   ``pickUnusedPort(for:options:)-(Int32?,PickOptions)``.
  public init(
    options: PickOptions = PickOptions()
  ) throws(PortPickerError) {
    let request = PickRequest(options: options, use: .bound)
    try self.init(Picker.shared.pick(request))
  }

  /// Picks a port for this process and binds it, without keeping a thread of
  /// the concurrency pool waiting.
  ///
  /// - Parameter options: How to pick.
  /// - Throws: ``PortPickerError``.
  public init(
    options: PickOptions = PickOptions()
  ) async throws(PortPickerError) {
    let request = PickRequest(options: options, use: .bound)
    try self.init(
      await waiting { () throws(PortPickerError) in
        try Picker.shared.pick(request)
      })
  }

  private init(_ pick: Pick) throws(PortPickerError) {
    guard case (let tcp, let udp?)? = pick.sockets.first?.release() else {
      throw .socketsNotKept
    }
    port = Int(pick.ports[0])
    self.tcp = tcp
    self.udp = udp
  }

  deinit {
    Descriptor(owning: tcp).close()
    Descriptor(owning: udp).close()
    returnOrWarn(port)
  }

  /// Hands the port and its sockets on: the caller closes the sockets, and the
  /// port stays this process's until ``returnPort(_:)`` or the process's end.
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
