/// Picks a port that nobody else has, and keeps it from everybody else for as
/// long as a process lives.
///
/// ```swift
/// let port = try pickUnusedPort()
/// ```
///
/// The port is unused on TCP and UDP, on every address of both IP families. No
/// other process of this user is given it until the process that it is for has
/// died, or ``returnPort(_:)`` gives it back; then it comes back by itself.
/// Unless no other port is left, any program can bind it, whatever socket
/// options it sets; if none is, a port is given on which closed connections
/// linger (TIME_WAIT), which a program has to set `SO_REUSEADDR` for.
///
/// Ports come, in this order, from those that the process itself has returned
/// or reserved (for itself only, one at a time, and within
/// ``PickOptions/pool`` if that is named), from a port server if one is named,
/// and from the ledger, a file that the processes of this user share.
///
/// This may wait, for a port server or for other processes, no longer than
/// ``PickOptions/timeout`` for each. It may be called from several threads.
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
/// - SeeAlso: `pick_unused_port` of the original.
public func pickUnusedPort(
  for pid: Int32? = nil, options: PickOptions = PickOptions()
) throws(PortPickerError) -> Int {
  let pick = try Picker.shared.pick(PickRequest(pid: pid, options: options))
  return Int(pick.ports[0])
}

/// Picks several ports at once, all or none.
///
/// See ``pickUnusedPort(for:options:)-(Int32?,PickOptions)`` for what is
/// guaranteed of each. A port server gives at most 160 ports in a row, and one
/// that knows only version 1 of the protocol none; that counts as a refusal.
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
) throws(PortPickerError) -> [Int] {
  let request = PickRequest(
    pid: pid, count: count, isContiguous: contiguous, options: options)
  return try Picker.shared.pick(request).ports.map { Int($0) }
}

/// Asks one port server for a port, and nobody else.
///
/// The port belongs to the process until that dies, or ``returnPort(_:)`` gives
/// it back.
///
/// - Parameters:
///   - address: A path, or, with a leading `@`, a name in the abstract
///     namespace: 1 to 107 bytes.
///   - pid: The process that the port is for; by default, this one.
///   - timeout: How long it may take to connect, to ask and to get the answer
///     together; more than zero.
/// - Returns: The port, within 1–65535, as the server gave it.
/// - Throws: ``PortPickerError``:
///   ``PortPickerError/Code/invalidServerAddress``,
///   ``PortPickerError/Code/serverUnreachable``,
///   ``PortPickerError/Code/serverTimedOut``,
///   ``PortPickerError/Code/serverRefused``,
///   ``PortPickerError/Code/serverReplyMalformed``; for a `pid` that can have
///   no port ``PortPickerError/Code/noSuchProcess`` and
///   ``PortPickerError/Code/processNotAllowed``; and
///   ``PortPickerError/Code/invalidArgument``.
/// - SeeAlso: `get_port_from_port_server` of the original.
public func pickPort(
  fromServerAt address: String, for pid: Int32? = nil,
  timeout: Duration = .seconds(5)
) throws(PortPickerError) -> Int {
  Int(try Picker.shared.pick(from: address, for: pid, timeout: timeout))
}
