import HostSystem

/// Picks a port, runs a closure with it, and returns the port.
///
/// ```swift
/// try withUnusedPort { port in
///   try runServer(on: port)
/// }
/// ```
///
/// - Parameters:
///   - options: How to pick.
///   - body: A closure that uses the port and no longer uses it when it ends.
/// - Returns: What `body` returns. If the port cannot be returned, a warning says so,
///   and the lease ends with the process.
/// - Throws: ``PortPickerError`` if there is no port, as
///   ``pickUnusedPort(for:options:)-(Int32?,PickOptions)``; otherwise what `body`
///   throws.
public func withUnusedPort<Result>(
  options: PickOptions = PickOptions(), _ body: (Int) throws -> Result
) throws -> Result {
  let port: Int = try pickUnusedPort(options: options)
  defer { returnOrWarn(port) }
  return try body(port)
}

/// Picks a port, runs a closure with it, and returns the port.
///
/// `body` handles cancellation of the task.
///
/// - Parameters:
///   - options: How to pick.
///   - body: A closure that uses the port and no longer uses it when it ends.
/// - Returns: What `body` returns. If the port cannot be returned, a warning says so,
///   and the lease ends with the process.
/// - Throws: ``PortPickerError`` if there is no port, as
///   ``pickUnusedPort(for:options:)-(Int32?,PickOptions)``; otherwise what `body`
///   throws.
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
  Warnings.say("cannot return port \(port): \(error)")
}
