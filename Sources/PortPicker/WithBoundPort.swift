/// Picks a port and binds it, runs something with it, closes its sockets and
/// gives it back, whatever happens.
///
/// ```swift
/// try withBoundPort { bound in
///   serve(on: bound.takeTCP(), port: bound.port)
/// }
/// ```
///
/// - Parameters:
///   - address: Where to bind it.
///   - options: How to pick.
///   - body: What to do with the port. It should have stopped using it
///     when it ends.
/// - Returns: What `body` returned. That the port could not be given back is
///   said in a warning; the lease ends with the process then.
/// - Throws: ``PortPickerError`` if no port could be had, as
///   ``pickUnusedPort(for:options:)-(Int32?,PickOptions)``; otherwise what
///   `body` throws.
public func withBoundPort<Result>(
  at address: BoundPortAddress = .any,
  options: PickOptions = PickOptions(),
  _ body: (inout BoundPort) throws -> Result
) throws -> Result {
  var bound = try BoundPort(at: address, options: options)
  let result: Result
  do {
    result = try body(&bound)
  } catch {
    bound.closeOrWarn()
    throw error
  }
  bound.closeOrWarn()
  return result
}

/// Picks a port and binds it, runs something with it, closes its sockets and
/// gives it back, whatever happens.
///
/// SwiftNIO takes a socket over and closes it with its channel:
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
/// Cancellation of the task is left to `body`.
///
/// - Parameters:
///   - address: Where to bind it.
///   - options: How to pick.
///   - body: What to do with the port. It should have stopped using it
///     when it ends.
/// - Returns: What `body` returned. That the port could not be given back is
///   said in a warning; the lease ends with the process then.
/// - Throws: ``PortPickerError`` if no port could be had, as
///   ``pickUnusedPort(for:options:)-(Int32?,PickOptions)``; otherwise what
///   `body` throws.
public func withBoundPort<Result>(
  at address: BoundPortAddress = .any,
  options: PickOptions = PickOptions(),
  _ body: (inout BoundPort) async throws -> Result
) async throws -> Result {
  var bound = try await BoundPort(at: address, options: options)
  let result: Result
  do {
    result = try await body(&bound)
  } catch {
    await bound.closeOrWarn()
    throw error
  }
  await bound.closeOrWarn()
  return result
}

/// Picks several ports and binds them, runs something with them, closes their
/// sockets and gives them back, whatever happens.
///
/// - Parameters:
///   - count: How many ports, 1 or more, at most as many as the pool has.
///   - contiguous: Whether the ports have to be in a row; they ascend then.
///   - address: Where to bind them.
///   - options: How to pick.
///   - body: What to do with the ports. It should have stopped using them
///     when it ends.
/// - Returns: What `body` returned. That ports could not be given back is
///   said in a warning; the lease ends with the process then.
/// - Throws: ``PortPickerError`` if no port could be had, as
///   ``pickUnusedPort(for:options:)-(Int32?,PickOptions)``; otherwise what
///   `body` throws.
public func withBoundPorts<Result>(
  count: Int, contiguous: Bool = false, at address: BoundPortAddress = .any,
  options: PickOptions = PickOptions(),
  _ body: (inout BoundPorts) throws -> Result
) throws -> Result {
  var bound = try BoundPorts(
    count: count, contiguous: contiguous, at: address, options: options)
  let result: Result
  do {
    result = try body(&bound)
  } catch {
    bound.closeOrWarn()
    throw error
  }
  bound.closeOrWarn()
  return result
}

/// Picks several ports and binds them, runs something with them, closes their
/// sockets and gives them back, whatever happens.
///
/// Cancellation of the task is left to `body`.
///
/// - Parameters:
///   - count: How many ports, 1 or more, at most as many as the pool has.
///   - contiguous: Whether the ports have to be in a row; they ascend then.
///   - address: Where to bind them.
///   - options: How to pick.
///   - body: What to do with the ports. It should have stopped using them
///     when it ends.
/// - Returns: What `body` returned. That ports could not be given back is
///   said in a warning; the lease ends with the process then.
/// - Throws: ``PortPickerError`` if no port could be had, as
///   ``pickUnusedPort(for:options:)-(Int32?,PickOptions)``; otherwise what
///   `body` throws.
public func withBoundPorts<Result>(
  count: Int, contiguous: Bool = false, at address: BoundPortAddress = .any,
  options: PickOptions = PickOptions(),
  _ body: (inout BoundPorts) async throws -> Result
) async throws -> Result {
  var bound = try await BoundPorts(
    count: count, contiguous: contiguous, at: address, options: options)
  let result: Result
  do {
    result = try await body(&bound)
  } catch {
    await bound.closeOrWarn()
    throw error
  }
  await bound.closeOrWarn()
  return result
}
