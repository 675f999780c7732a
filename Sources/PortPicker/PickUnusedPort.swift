/// Picks a port that no other process has, and leases it to a process for as long
/// as that lives.
///
/// ```swift
/// let port = try pickUnusedPort()
/// ```
///
/// The port is unused on TCP and UDP, on every address of both IP families. No
/// other process of this user is given it until its process ends or
/// `returnPort(_:)` returns it. Any program can bind it, whatever socket options
/// it sets. Only if no such port is left, the port may have closed connections
/// lingering on it (TIME_WAIT); a program must set `SO_REUSEADDR` to bind it.
///
/// Ports come from these sources, in this order:
///
/// 1. ports that this process has reserved, or returned without a server taking
///    them: only for the process itself, one at a time, and within
///    ``PickOptions/pool`` if that is set;
/// 2. a port server, if one is named;
/// 3. the ledger, a file that the processes of this user share.
///
/// This may wait for a port server and for other processes, at most
/// ``PickOptions/timeout`` each. It can be called from any thread.
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
///   option is invalid; ``PortPickerError/Code/systemFailure``.
/// - SeeAlso: `pick_unused_port` of the original.
public func pickUnusedPort(
  for pid: Int32? = nil, options: PickOptions = PickOptions()
) throws(PortPickerError) -> Int {
  let pick = try Picker.shared.pick(PickRequest(pid: pid, options: options))
  return Int(pick.ports[0])
}

/// Picks several ports at once, all or none.
///
/// Each has the guarantees of
/// `pickUnusedPort(for:options:)`. A port server leases at
/// most 160 consecutive ports; one that knows only version 1 of the protocol leases
/// no consecutive ports. Asking for more counts as a refusal.
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
///   `pid` or an option is invalid; ``PortPickerError/Code/systemFailure``.
public func pickUnusedPorts(
  count: Int, contiguous: Bool = false, for pid: Int32? = nil,
  options: PickOptions = PickOptions()
) throws(PortPickerError) -> [Int] {
  let request = PickRequest(
    pid: pid, count: count, isContiguous: contiguous, options: options)
  return try Picker.shared.pick(request).ports.map { Int($0) }
}

/// Picks a port from one port server, and from no other source.
///
/// The port belongs to the process until that ends or `returnPort(_:)` returns
/// the port.
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
///   ``PortPickerError/Code/invalidArgument``.
/// - SeeAlso: `get_port_from_port_server` of the original.
public func pickPort(
  fromServerAt address: String, for pid: Int32? = nil,
  timeout: Duration = .seconds(5)
) throws(PortPickerError) -> Int {
  Int(try Picker.shared.pick(from: address, for: pid, timeout: timeout))
}
