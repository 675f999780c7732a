/// Picks a port that no other process has, and leases it to a process for as long
/// as that lives, without blocking a thread of the concurrency pool.
///
/// ```swift
/// let port = try await pickUnusedPort()
/// ```
///
/// The port has the guarantees, and comes from the sources, that the synchronous form
/// of this function describes.
///
/// Cancelling the task does not end the wait; the timeout does. At most 64 such
/// calls wait at a time. Further ones start, and so do their timeouts, when others
/// end.
///
/// - Parameters:
///   - pid: The process that the port is for; by default, this one.
///   - options: How to pick.
/// - Returns: The port, within 1–65535.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` if no
///   port is left; ``PortPickerError/Code/timedOut`` if none was found in time;
///   ``PortPickerError/Code/noSuchProcess`` and
///   ``PortPickerError/Code/processNotAllowed`` if `pid` cannot hold ports;
///   ``PortPickerError/Code/ledgerUnusable``; an error of the port server, if
///   one is required; ``PortPickerError/Code/invalidArgument`` if `pid` or an
///   option is invalid; ``PortPickerError/Code/systemFailure``, also if no
///   thread can be started.
public func pickUnusedPort(
  for pid: Int32? = nil, options: PickOptions = PickOptions()
) async throws(PortPickerError) -> Int {
  try await waiting { () throws(PortPickerError) in
    try pickUnusedPort(for: pid, options: options)
  }
}

/// Picks several ports at once, all or none, without blocking a thread of the
/// concurrency pool.
///
/// A port server leases at most 160 consecutive ports; one that knows only version 1 of
/// the protocol leases no consecutive ports. Asking for more counts as a refusal.
///
/// - Parameters:
///   - count: How many ports, 1 or more, at most as many as the pool has.
///   - contiguous: Whether the ports must be consecutive, in ascending order.
///   - pid: The process that the ports are for; by default, this one.
///   - options: How to pick.
/// - Returns: The ports.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/poolExhausted`` if
///   there are too few ports left, or too few in a row;
///   ``PortPickerError/Code/timedOut`` if not enough were found in time;
///   ``PortPickerError/Code/noSuchProcess`` and
///   ``PortPickerError/Code/processNotAllowed`` if `pid` cannot hold ports;
///   ``PortPickerError/Code/ledgerUnusable``; an error of the port server, if
///   one is required; ``PortPickerError/Code/invalidArgument`` if the count,
///   `pid` or an option is invalid; ``PortPickerError/Code/systemFailure``,
///   also if no thread can be started.
public func pickUnusedPorts(
  count: Int, contiguous: Bool = false, for pid: Int32? = nil,
  options: PickOptions = PickOptions()
) async throws(PortPickerError) -> [Int] {
  try await waiting { () throws(PortPickerError) in
    try pickUnusedPorts(
      count: count, contiguous: contiguous, for: pid, options: options)
  }
}

/// Picks a port from one port server, and from no other source, without blocking a
/// thread of the concurrency pool.
///
/// The port belongs to the process until that ends or `returnPort(_:)` returns the
/// port.
///
/// - Parameters:
///   - address: A path, or `@` and a name in the abstract namespace; 1 to 107
///     bytes.
///   - pid: The process that the port is for; by default, this one.
///   - timeout: How long connecting, asking and receiving the answer may take
///     together; more than zero.
/// - Returns: The port, within 1–65535. It is not probed again.
/// - Throws: ``PortPickerError``:
///   ``PortPickerError/Code/invalidServerAddress``,
///   ``PortPickerError/Code/serverUnreachable``,
///   ``PortPickerError/Code/serverTimedOut``,
///   ``PortPickerError/Code/serverRefused``,
///   ``PortPickerError/Code/serverReplyMalformed``;
///   ``PortPickerError/Code/poolExhausted``;
///   ``PortPickerError/Code/noSuchProcess`` and
///   ``PortPickerError/Code/processNotAllowed`` if `pid` cannot hold ports;
///   ``PortPickerError/Code/invalidArgument``;
///   ``PortPickerError/Code/systemFailure`` if no thread can be started.
public func pickPort(
  fromServerAt address: String, for pid: Int32? = nil,
  timeout: Duration = .seconds(5)
) async throws(PortPickerError) -> Int {
  try await waiting { () throws(PortPickerError) in
    try pickPort(fromServerAt: address, for: pid, timeout: timeout)
  }
}

/// Returns a port before its process ends, so that another process can be given it,
/// without blocking a thread of the concurrency pool.
///
/// A port returns to the ledger or the server that it came from. If that server
/// knows only version 1 of the protocol, does not answer, or refuses, the port stays
/// leased to this process, and a later pick of this process uses it again if it is
/// still unused. If the port is for another process and its server knows only
/// version 1, the lease ends with that process.
///
/// - Parameter port: The port.
/// - Returns: Whether this process has the port: it picked the port and has not
///   returned it since. If not, nothing is done.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/ledgerUnusable``;
///   ``PortPickerError/Code/systemFailure`` if `/proc` cannot be read or no thread can
///   be started; an error of the server if it does not take a port of another process.
///   The port can then be returned again.
@discardableResult
public func returnPort(_ port: Int) async throws(PortPickerError) -> Bool {
  try await waiting { () throws(PortPickerError) in try returnPort(port) }
}

/// Runs something that blocks on a thread that may block.
package func waiting<Value: Sendable>(
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
