/// Picks a port, binds it, and runs a closure with it; then closes the sockets and
/// returns the port.
///
/// ```swift
/// try withBoundPort { bound in
///   serve(on: bound.takeTCP(), port: bound.port)
/// }
/// ```
///
/// - Parameters:
///   - address: The address to bind it to.
///   - options: How to pick.
///   - body: A closure that uses the port and no longer uses it when it ends.
/// - Returns: What `body` returns. If the port cannot be returned, a warning says so,
///   and the lease ends with the process.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` if no
///   port is left; ``PortPickerError/Code/timedOut`` if none was found in time;
///   ``PortPickerError/Code/ledgerUnusable``; an error of the port server, if
///   one is required; ``PortPickerError/Code/invalidArgument`` if an option is
///   invalid; ``PortPickerError/Code/systemFailure``. Otherwise what `body`
///   throws.
public func withBoundPort<Value>(
  at address: BoundPortAddress = .any,
  options: PickOptions = PickOptions(),
  _ body: (inout BoundPort) throws -> Value
) throws -> Value {
  var bound = try BoundPort(at: address, options: options)
  let result = Result { try body(&bound) }
  bound.closeOrWarn()
  return try result.get()
}

/// Picks a port, binds it, and runs a closure with it; then closes the sockets and
/// returns the port.
///
/// SwiftNIO takes over a socket and closes it with its channel:
///
/// ```swift
/// try await withBoundPort { bound in
///   let server = try await ServerBootstrap(group: group)
///     .withBoundSocket(bound.takeTCP().rawValue).get()
///   try await test(port: bound.port)
///   try await server.close()
/// }
/// ```
///
/// `body` handles cancellation of the task.
///
/// - Parameters:
///   - address: The address to bind it to.
///   - options: How to pick.
///   - body: A closure that uses the port and no longer uses it when it ends.
/// - Returns: What `body` returns. If the port cannot be returned, a warning says so,
///   and the lease ends with the process.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` if no
///   port is left; ``PortPickerError/Code/timedOut`` if none was found in time;
///   ``PortPickerError/Code/ledgerUnusable``; an error of the port server, if
///   one is required; ``PortPickerError/Code/invalidArgument`` if an option is
///   invalid; ``PortPickerError/Code/systemFailure``, also if no thread can be
///   started. Otherwise what `body` throws.
public func withBoundPort<Value>(
  at address: BoundPortAddress = .any,
  options: PickOptions = PickOptions(),
  _ body: (inout BoundPort) async throws -> Value
) async throws -> Value {
  var bound = try await BoundPort(at: address, options: options)
  let result = await outcome { try await body(&bound) }
  await bound.closeOrWarn()
  return try result.get()
}

/// Picks several ports, binds them, and runs a closure with them; then closes the
/// sockets and returns the ports.
///
/// - Parameters:
///   - count: How many ports, 1 or more, at most as many as the pool has.
///   - contiguous: Whether the ports must be consecutive, in ascending order.
///   - address: The address to bind them to.
///   - options: How to pick.
///   - body: A closure that uses the ports and no longer uses them when it ends.
/// - Returns: What `body` returns. If ports cannot be returned, a warning says so, and
///   their leases end with the process.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` if
///   there are too few ports left, or too few in a row;
///   ``PortPickerError/Code/timedOut`` if not enough were found in time;
///   ``PortPickerError/Code/ledgerUnusable``; an error of the port server, if
///   one is required; ``PortPickerError/Code/invalidArgument`` if the count or
///   an option is invalid; ``PortPickerError/Code/systemFailure``. Otherwise
///   what `body` throws.
public func withBoundPorts<Value>(
  count: Int, contiguous: Bool = false, at address: BoundPortAddress = .any,
  options: PickOptions = PickOptions(),
  _ body: (inout BoundPorts) throws -> Value
) throws -> Value {
  var bound = try BoundPorts(
    count: count, contiguous: contiguous, at: address, options: options)
  let result = Result { try body(&bound) }
  bound.closeOrWarn()
  return try result.get()
}

/// Picks several ports, binds them, and runs a closure with them; then closes the
/// sockets and returns the ports.
///
/// `body` handles cancellation of the task.
///
/// - Parameters:
///   - count: How many ports, 1 or more, at most as many as the pool has.
///   - contiguous: Whether the ports must be consecutive, in ascending order.
///   - address: The address to bind them to.
///   - options: How to pick.
///   - body: A closure that uses the ports and no longer uses them when it ends.
/// - Returns: What `body` returns. If ports cannot be returned, a warning says so, and
///   their leases end with the process.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` if
///   there are too few ports left, or too few in a row;
///   ``PortPickerError/Code/timedOut`` if not enough were found in time;
///   ``PortPickerError/Code/ledgerUnusable``; an error of the port server, if
///   one is required; ``PortPickerError/Code/invalidArgument`` if the count or
///   an option is invalid; ``PortPickerError/Code/systemFailure``, also if no
///   thread can be started. Otherwise what `body` throws.
public func withBoundPorts<Value>(
  count: Int, contiguous: Bool = false, at address: BoundPortAddress = .any,
  options: PickOptions = PickOptions(),
  _ body: (inout BoundPorts) async throws -> Value
) async throws -> Value {
  var bound = try await BoundPorts(
    count: count, contiguous: contiguous, at: address, options: options)
  let result = await outcome { try await body(&bound) }
  await bound.closeOrWarn()
  return try result.get()
}
