/// Picks a port as ``pickUnusedPort(for:options:)-(Int32?,PickOptions)`` does,
/// without keeping a thread of the concurrency pool waiting.
///
/// Cancelling the task does not shorten the wait; its timeout ends it. At most
/// 64 such calls wait at a time; further ones have their turn, and their timeout
/// begins, when others have ended.
///
/// - Parameters:
///   - pid: The process that the port is for; by default, this one.
///   - options: How to pick.
/// - Returns: The port, within 1–65535.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` where
///   no port is left, ``PortPickerError/Code/timedOut`` where none was found in
///   time, ``PortPickerError/Code/noSuchProcess`` and
///   ``PortPickerError/Code/processNotAllowed`` for a `pid` that can have none,
///   ``PortPickerError/Code/ledgerUnusable``, an error of the port server where
///   one is required, ``PortPickerError/Code/invalidArgument`` and
///   ``PortPickerError/Code/systemFailure``.
public func pickUnusedPort(
  for pid: Int32? = nil, options: PickOptions = PickOptions()
) async throws(PortPickerError) -> Int {
  try await waiting { () throws(PortPickerError) in
    try pickUnusedPort(for: pid, options: options)
  }
}

/// Picks several ports at once, all or none, without keeping a thread of the
/// concurrency pool waiting.
///
/// - Parameters:
///   - count: How many ports, 1 or more, at most as many as the pool has.
///   - contiguous: Whether the ports have to be in a row; they ascend then.
///   - pid: The process that the ports are for; by default, this one.
///   - options: How to pick.
/// - Returns: The ports.
/// - Throws: ``PortPickerError``, as for one port;
///   ``PortPickerError/Code/poolExhausted`` also where there are some ports,
///   but fewer than that, or not in a row.
public func pickUnusedPorts(
  count: Int, contiguous: Bool = false, for pid: Int32? = nil,
  options: PickOptions = PickOptions()
) async throws(PortPickerError) -> [Int] {
  try await waiting { () throws(PortPickerError) in
    try pickUnusedPorts(
      count: count, contiguous: contiguous, for: pid, options: options)
  }
}

/// Asks one port server for a port, without keeping a thread of the
/// concurrency pool waiting.
///
/// - Parameters:
///   - address: A path, or, with a leading `@`, a name in the abstract
///     namespace: 1 to 107 bytes.
///   - pid: The process that the port is for; by default, this one.
///   - timeout: How long it may take altogether; more than zero.
/// - Returns: The port, within 1–65535.
/// - Throws: ``PortPickerError``:
///   ``PortPickerError/Code/invalidServerAddress``,
///   ``PortPickerError/Code/serverUnreachable``,
///   ``PortPickerError/Code/serverTimedOut``,
///   ``PortPickerError/Code/serverRefused``,
///   ``PortPickerError/Code/serverReplyMalformed``; for a `pid` that can have
///   no port ``PortPickerError/Code/noSuchProcess`` and
///   ``PortPickerError/Code/processNotAllowed``; and
///   ``PortPickerError/Code/invalidArgument``.
public func pickPort(
  fromServerAt address: String, for pid: Int32? = nil,
  timeout: Duration = .seconds(5)
) async throws(PortPickerError) -> Int {
  try await waiting { () throws(PortPickerError) in
    try pickPort(fromServerAt: address, for: pid, timeout: timeout)
  }
}

/// Gives a port back, without keeping a thread of the concurrency pool waiting.
///
/// - Parameter port: The port.
/// - Returns: Whether this process had picked or reserved the port, and not
///   returned it since. If it had not, nothing is done.
/// - Throws: ``PortPickerError``, where the ledger cannot be used:
///   ``PortPickerError/Code/ledgerUnusable``, or
///   ``PortPickerError/Code/systemFailure`` where `/proc` cannot be read; or
///   where the server does not take back what it gave for another process. The
///   port can be returned again then.
@discardableResult
public func returnPort(_ port: Int) async throws(PortPickerError) -> Bool {
  try await waiting { () throws(PortPickerError) in try returnPort(port) }
}

/// Runs something that waits on a thread where waiting harms nobody.
func waiting<Value: Sendable>(
  for body: @escaping @Sendable () throws(PortPickerError) -> Value
) async throws(PortPickerError) -> Value {
  let picker = Picker.ofThisThread()
  let result = await withCheckedContinuation { continuation in
    do throws(PortPickerError) {
      try picker.wait {
        continuation.resume(returning: Result(catching: body))
      }
    } catch {
      continuation.resume(returning: .failure(error))
    }
  }
  return try result.get()
}
