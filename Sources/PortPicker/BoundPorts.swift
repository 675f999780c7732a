public import SystemPackage

/// Several ports that are already bound, all or none; see ``BoundPort``.
///
/// ```swift
/// var bound = try BoundPorts(count: 3)
/// while let one = bound.popFirst() { servers.append(Server(one)) }
/// ```
///
/// `close(timeout:)` closes the sockets and returns the ports. Dropping
/// the value closes the sockets too, and another thread returns the ports soon after.
public struct BoundPorts: ~Copyable, Sendable {
  /// A port and its sockets, which belong to the ``BoundPorts``.
  public struct Element: Hashable, Sendable {
    /// The port, within 1–65535.
    public let port: Int
    /// The listening TCP socket, or -1 after ``BoundPorts/takeTCP(at:)``.
    public internal(set) var tcp: FileDescriptor
    /// The UDP socket.
    public let udp: FileDescriptor
  }

  /// The ports and their sockets; consecutive ports ascend.
  public private(set) var elements: [Element]

  /// The ports.
  public var ports: [Int] { elements.map(\.port) }

  private let origin: PickedFrom

  /// Picks ports for this process and binds them.
  ///
  /// - Parameters:
  ///   - count: How many ports, 1 or more, at most as many as the pool has.
  ///   - contiguous: Whether the ports must be consecutive, in ascending order.
  ///   - address: The address to bind them to.
  ///   - options: How to pick.
  /// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` if
  ///   there are too few ports left, or too few in a row;
  ///   ``PortPickerError/Code/timedOut`` if not enough were found in time;
  ///   ``PortPickerError/Code/ledgerUnusable``; an error of the port server, if
  ///   one is required; ``PortPickerError/Code/invalidArgument`` if the count
  ///   or an option is invalid; ``PortPickerError/Code/systemFailure``.
  public init(
    count: Int, contiguous: Bool = false, at address: BoundPortAddress = .any,
    options: PickOptions = PickOptions()
  ) throws(PortPickerError) {
    let request = PickRequest(
      count: count, isContiguous: contiguous, options: options,
      use: address.use)
    try self.init(Picker.shared.pick(request))
  }

  /// Picks ports for this process and binds them, without blocking a thread of the
  /// concurrency pool.
  ///
  /// - Parameters:
  ///   - count: How many ports, 1 or more, at most as many as the pool has.
  ///   - contiguous: Whether the ports must be consecutive, in ascending order.
  ///   - address: The address to bind them to.
  ///   - options: How to pick.
  /// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` if
  ///   there are too few ports left, or too few in a row;
  ///   ``PortPickerError/Code/timedOut`` if not enough were found in time;
  ///   ``PortPickerError/Code/ledgerUnusable``; an error of the port server, if
  ///   one is required; ``PortPickerError/Code/invalidArgument`` if the count
  ///   or an option is invalid; ``PortPickerError/Code/systemFailure``, also if
  ///   no thread can be started.
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

  /// Closes the sockets and returns the ports.
  ///
  /// - Parameter timeout: How long to wait for a port server, and for other
  ///   processes to unlock the ledger; more than zero.
  /// - Throws: ``PortPickerError``: ``PortPickerError/Code/ledgerUnusable``,
  ///   also if it stays locked; ``PortPickerError/Code/systemFailure`` if
  ///   `/proc` cannot be read; ``PortPickerError/Code/invalidArgument`` for any
  ///   other timeout. The sockets are closed even so, and `returnPort(_:)` can
  ///   return the ports.
  public consuming func close(
    timeout: Duration = .seconds(5)
  ) throws(PortPickerError) {
    let origin = origin
    try origin.returnPorts(closed(), timeout: timeout)
  }

  /// Closes the sockets and returns the ports, without blocking a thread of the
  /// concurrency pool.
  ///
  /// - Parameter timeout: How long to wait for a port server, and for other
  ///   processes to unlock the ledger; more than zero.
  /// - Throws: ``PortPickerError``: ``PortPickerError/Code/ledgerUnusable``,
  ///   also if it stays locked; ``PortPickerError/Code/systemFailure`` if
  ///   `/proc` cannot be read or no thread can be started;
  ///   ``PortPickerError/Code/invalidArgument`` for any other timeout. The
  ///   sockets are closed even so, and `returnPort(_:)` can return the ports.
  public consuming func close(
    timeout: Duration = .seconds(5)
  ) async throws(PortPickerError) {
    let origin = origin
    let ports = closed()
    try await waiting { () throws(PortPickerError) in
      try origin.returnPorts(ports, timeout: timeout)
    }
  }

  /// Like `close(timeout:)`, but a failure is a warning.
  consuming func closeOrWarn() {
    let origin = origin
    let ports = closed()
    origin.returnOrWarn(ports)
  }

  /// Like `close(timeout:)`, but a failure is a warning.
  consuming func closeOrWarn() async {
    let origin = origin
    let ports = closed()
    await origin.returnOrWarn(ports)
  }

  /// Removes the first port and returns it as a value of its own.
  ///
  /// - Returns: The port with its sockets, or `nil` if none is left.
  public mutating func popFirst() -> BoundPort? {
    if elements.isEmpty { return nil }
    let first = elements.removeFirst()
    return BoundPort(first.port, first.tcp, first.udp, origin)
  }

  /// Hands a TCP socket over to the caller, as ``BoundPort/takeTCP()`` does.
  ///
  /// - Parameter index: An index of ``elements``.
  /// - Returns: The listening TCP socket, or -1 after the first call.
  public mutating func takeTCP(at index: Int) -> FileDescriptor {
    defer { elements[index].tcp = noSocket }
    return elements[index].tcp
  }

  /// Hands the ports and their sockets over to the caller, who must close the
  /// sockets.
  ///
  /// The ports belong to this process until that ends or `returnPort(_:)`
  /// returns them.
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
