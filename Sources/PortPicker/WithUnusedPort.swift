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
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` if no
///   port is left; ``PortPickerError/Code/timedOut`` if none was found in time;
///   ``PortPickerError/Code/ledgerUnusable``; an error of the port server, if
///   one is required; ``PortPickerError/Code/invalidArgument`` if an option is
///   invalid; ``PortPickerError/Code/systemFailure``. Otherwise what `body`
///   throws.
public func withUnusedPort<Value>(
  options: PickOptions = PickOptions(), _ body: (Int) throws -> Value
) throws -> Value {
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
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` if no
///   port is left; ``PortPickerError/Code/timedOut`` if none was found in time;
///   ``PortPickerError/Code/ledgerUnusable``; an error of the port server, if
///   one is required; ``PortPickerError/Code/invalidArgument`` if an option is
///   invalid; ``PortPickerError/Code/systemFailure``, also if no thread can be
///   started. Otherwise what `body` throws.
public func withUnusedPort<Value>(
  options: PickOptions = PickOptions(), _ body: (Int) async throws -> Value
) async throws -> Value {
  let port = try await pickUnusedPort(options: options)
  let result = await outcome { try await body(port) }
  await returnOrWarn(port)
  return try result.get()
}

/// What a closure returned or threw, for callers that must clean up in both cases.
package func outcome<Value>(
  of body: () async throws -> Value
) async -> Result<Value, any Error> {
  do {
    return .success(try await body())
  } catch {
    return .failure(error)
  }
}

/// Returns a port, without blocking a thread of the concurrency pool; a failure is a
/// warning.
package func returnOrWarn(_ port: Int) async {
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
  Warnings.issue("cannot return port \(port): \(error)")
}
