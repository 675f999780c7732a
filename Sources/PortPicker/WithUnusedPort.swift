import HostSystem

/// Picks a port, runs something with it and gives it back, whatever happens.
///
/// ```swift
/// try withUnusedPort { port in
///   try runServer(on: port)
/// }
/// ```
///
/// - Parameters:
///   - options: How to pick.
///   - body: What to do with the port. It should have stopped using the port
///     when it ends.
/// - Returns: What `body` returned. That the port could not be given back is
///   said in a warning; the lease ends with the process then.
/// - Throws: ``PortPickerError`` if no port could be had, as
///   ``pickUnusedPort(for:options:)-(Int32?,PickOptions)``; otherwise what
///   `body` throws.
public func withUnusedPort<Result>(
  options: PickOptions = PickOptions(), _ body: (Int) throws -> Result
) throws -> Result {
  let port: Int = try pickUnusedPort(options: options)
  defer { returnOrWarn(port) }
  return try body(port)
}

/// Picks a port, runs something with it and gives it back, whatever happens.
///
/// Cancellation of the task is left to `body`.
///
/// - Parameters:
///   - options: How to pick.
///   - body: What to do with the port. It should have stopped using the port
///     when it ends.
/// - Returns: What `body` returned. That the port could not be given back is
///   said in a warning; the lease ends with the process then.
/// - Throws: ``PortPickerError`` if no port could be had, as
///   ``pickUnusedPort(for:options:)-(Int32?,PickOptions)``; otherwise what
///   `body` throws.
public func withUnusedPort<Result>(
  options: PickOptions = PickOptions(), _ body: (Int) async throws -> Result
) async throws -> Result {
  let port = try await pickUnusedPort(options: options)
  let result: Result
  do {
    result = try await body(port)
  } catch {
    await returnOrWarn(port)
    throw error
  }
  await returnOrWarn(port)
  return result
}

private func returnOrWarn(_ port: Int) async {
  do {
    try await returnPort(port)
  } catch {
    warnOfLostPort(port, error)
  }
}

private func returnOrWarn(_ port: Int) {
  do {
    try returnPort(port)
  } catch {
    warnOfLostPort(port, error)
  }
}

func warnOfLostPort(_ port: Int, _ error: PortPickerError) {
  Warnings.say("port \(port) could not be given back: \(error)")
}
