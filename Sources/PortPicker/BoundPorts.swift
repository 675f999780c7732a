public import SystemPackage

/// Several ports that are bound already, all or none; see ``BoundPort``.
///
/// ```swift
/// var bound = try BoundPorts(count: 3)
/// while let one = bound.popFirst() { servers.append(Server(one)) }
/// ```
///
/// ``close(timeout:)-(Duration)`` closes the sockets and gives the ports back. Dropping
/// the value closes them too, and has the ports given back a little later, on
/// another thread.
public struct BoundPorts: ~Copyable, Sendable {
  /// A port and its sockets, which belong to the ``BoundPorts``.
  public struct Element: Hashable, Sendable {
    /// The port, within 1–65535.
    public let port: Int
    /// The listening TCP socket, or -1 once ``BoundPorts/takeTCP(at:)`` has
    /// handed it over.
    public internal(set) var tcp: FileDescriptor
    /// The UDP socket.
    public let udp: FileDescriptor
  }

  /// The ports and their sockets; if they are in a row, they ascend.
  public private(set) var elements: [Element]

  /// The ports.
  public var ports: [Int] { elements.map(\.port) }

  private let origin: PickedFrom

  /// Picks ports for this process and binds them.
  ///
  /// - Parameters:
  ///   - count: How many ports, 1 or more, at most as many as the pool has.
  ///   - contiguous: Whether the ports have to be in a row; they ascend then.
  ///   - address: Where to bind them.
  ///   - options: How to pick.
  /// - Throws: ``PortPickerError``, as
  ///   ``pickUnusedPorts(count:contiguous:for:options:)-(Int,_,_,_)``.
  public init(
    count: Int, contiguous: Bool = false, at address: BoundPortAddress = .any,
    options: PickOptions = PickOptions()
  ) throws(PortPickerError) {
    let request = PickRequest(
      count: count, isContiguous: contiguous, options: options,
      use: address.use)
    try self.init(Picker.shared.pick(request))
  }

  /// Picks ports for this process and binds them, without keeping a thread of
  /// the concurrency pool waiting.
  ///
  /// - Parameters:
  ///   - count: How many ports, 1 or more, at most as many as the pool has.
  ///   - contiguous: Whether the ports have to be in a row; they ascend then.
  ///   - address: Where to bind them.
  ///   - options: How to pick.
  /// - Throws: ``PortPickerError``, as
  ///   ``pickUnusedPorts(count:contiguous:for:options:)-(Int,_,_,_)``.
  public init(
    count: Int, contiguous: Bool = false, at address: BoundPortAddress = .any,
    options: PickOptions = PickOptions()
  ) async throws(PortPickerError) {
    let request = PickRequest(
      count: count, isContiguous: contiguous, options: options,
      use: address.use)
    try self.init(
      await waiting { () throws(PortPickerError) in
        try Picker.shared.pick(request)
      })
  }

  private init(_ pick: Pick) throws(PortPickerError) {
    origin = PickedFrom(pick.picker)
    elements = []
    for (port, sockets) in zip(pick.ports, pick.sockets) {
      guard case (let tcp, let udp?)? = sockets.release() else { break }
      elements.append(Element(port: Int(port), tcp: tcp, udp: udp))
    }
    guard elements.count == pick.ports.count else { throw .socketsNotKept }
  }

  deinit {
    if elements.isEmpty { return }
    for element in elements { closeSockets(element.tcp, element.udp) }
    origin.returnLater(ports)
  }

  /// Closes the sockets and gives the ports back.
  ///
  /// - Parameter timeout: How long to wait for a port server, and for other
  ///   processes to let go of the ledger; more than zero.
  /// - Throws: ``PortPickerError``, as ``returnPort(_:)-(Int)``; and
  ///   ``PortPickerError/Code/invalidArgument`` for another timeout. The
  ///   sockets are closed then, and the ports can be returned by that.
  public consuming func close(
    timeout: Duration = .seconds(5)
  ) throws(PortPickerError) {
    let origin = origin
    try origin.returnPorts(closed(), timeout: timeout)
  }

  /// Closes the sockets and gives the ports back, without keeping a thread of
  /// the concurrency pool waiting.
  ///
  /// - Parameter timeout: How long to wait for a port server, and for other
  ///   processes to let go of the ledger; more than zero.
  /// - Throws: ``PortPickerError``, as ``returnPort(_:)-(Int)``; and
  ///   ``PortPickerError/Code/invalidArgument`` for another timeout. The
  ///   sockets are closed then, and the ports can be returned by that.
  public consuming func close(
    timeout: Duration = .seconds(5)
  ) async throws(PortPickerError) {
    let origin = origin
    let ports = closed()
    try await waiting { () throws(PortPickerError) in
      try origin.returnPorts(ports, timeout: timeout)
    }
  }

  /// As ``close(timeout:)-(Duration)``; a warning says if that fails.
  consuming func closeOrWarn() {
    let origin = origin
    let ports = closed()
    origin.returnOrWarn(ports)
  }

  /// As ``close(timeout:)-(Duration)``, without keeping a thread of the concurrency pool
  /// waiting; a warning says if that fails.
  consuming func closeOrWarn() async {
    let origin = origin
    let ports = closed()
    await origin.returnOrWarn(ports)
  }

  /// Takes the first port out, as a value of its own.
  ///
  /// - Returns: The port with its sockets; `nil` where none is left.
  public mutating func popFirst() -> BoundPort? {
    if elements.isEmpty { return nil }
    let first = elements.removeFirst()
    return BoundPort(first.port, first.tcp, first.udp, origin)
  }

  /// Hands a TCP socket over, as ``BoundPort/takeTCP()`` does.
  ///
  /// - Parameter index: Which of ``elements``.
  /// - Returns: The listening TCP socket; -1, which is no descriptor, after the
  ///   first call.
  public mutating func takeTCP(at index: Int) -> FileDescriptor {
    defer { elements[index].tcp = noSocket }
    return elements[index].tcp
  }

  /// Hands the ports and their sockets on: the caller closes the sockets, and
  /// the ports stay this process's until ``returnPort(_:)-(Int)`` or the
  /// process's end.
  ///
  /// - Returns: The ports and their sockets.
  public consuming func release() -> [Element] {
    let released = elements
    elements = []
    return released
  }

  /// Closes the sockets.
  ///
  /// - Returns: The ports.
  private consuming func closed() -> [Int] {
    let released = release()
    for element in released { closeSockets(element.tcp, element.udp) }
    return released.map(\.port)
  }
}
