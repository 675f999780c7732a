/// The port that a place has under a name, claimed on first use, without blocking a
/// thread of the concurrency pool.
///
/// The answer is the same every time, in every process of this user on this machine,
/// also while a server listens on the port, and after a reboot. No other place and no
/// process is given the port.
///
/// Cancelling the task does not end the wait; the timeout does.
///
/// - Parameters:
///   - name: The name.
///   - place: A directory; by default, the nearest one upwards from the current
///     directory that contains `.ports`, else the nearest that contains `.git`, else
///     the current directory.
///   - options: How to claim it.
/// - Returns: The port, within 1–65535; of a block, the first one.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/invalidArgument`` if
///   the name, the place, its manifest or an option is invalid;
///   ``PortPickerError/Code/poolExhausted`` if no port is left;
///   ``PortPickerError/Code/timedOut`` if none was found in time;
///   ``PortPickerError/Code/claimsUnusable``;
///   ``PortPickerError/Code/ledgerUnusable``;
///   ``PortPickerError/Code/systemFailure``, also if no thread can be started.
public func namedPort(
  _ name: String, at place: String? = nil,
  options: NamedPortOptions = NamedPortOptions()
) async throws(PortPickerError) -> Int {
  try await waiting { () throws(PortPickerError) in
    try namedPort(name, at: place, options: options)
  }
}

/// The ports that a place has under several names: those that are missing are
/// claimed, all of them or none, without blocking a thread of the concurrency pool.
///
/// - Parameters:
///   - names: The names.
///   - place: A directory; by default, the nearest one upwards from the current
///     directory that contains `.ports`, else the nearest that contains `.git`, else
///     the current directory.
///   - options: How to claim them.
/// - Returns: One element for each name, in the order of the names.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/invalidArgument`` if a
///   name, the place, its manifest or an option is invalid;
///   ``PortPickerError/Code/poolExhausted`` if no port is left;
///   ``PortPickerError/Code/timedOut`` if none was found in time;
///   ``PortPickerError/Code/claimsUnusable``;
///   ``PortPickerError/Code/ledgerUnusable``;
///   ``PortPickerError/Code/systemFailure``, also if no thread can be started.
public func namedPorts(
  _ names: [String], at place: String? = nil,
  options: NamedPortOptions = NamedPortOptions()
) async throws(PortPickerError) -> [NamedPort] {
  try await waiting { () throws(PortPickerError) in
    try namedPorts(names, at: place, options: options)
  }
}

/// The block of consecutive ports that a place has under a name, claimed on first
/// use, without blocking a thread of the concurrency pool.
///
/// - Parameters:
///   - name: The name.
///   - count: How many ports, 1 or more.
///   - place: A directory; by default, the nearest one upwards from the current
///     directory that contains `.ports`, else the nearest that contains `.git`, else
///     the current directory.
///   - options: How to claim it.
/// - Returns: The ports, in ascending order.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/invalidArgument`` if
///   the name, the count, the place, its manifest or an option is invalid, or
///   if the name has another number of ports;
///   ``PortPickerError/Code/poolExhausted`` if no port is left;
///   ``PortPickerError/Code/timedOut`` if none was found in time;
///   ``PortPickerError/Code/claimsUnusable``;
///   ``PortPickerError/Code/ledgerUnusable``;
///   ``PortPickerError/Code/systemFailure``, also if no thread can be started.
public func namedPorts(
  _ name: String, count: Int, at place: String? = nil,
  options: NamedPortOptions = NamedPortOptions()
) async throws(PortPickerError) -> [Int] {
  try await waiting { () throws(PortPickerError) in
    try namedPorts(name, count: count, at: place, options: options)
  }
}

/// The ports of every name in a manifest: those that are missing are claimed, all of
/// them or none, without blocking a thread of the concurrency pool.
///
/// - Parameters:
///   - manifest: The manifest.
///   - place: A directory; by default, the nearest one upwards from the current
///     directory that contains `.ports`, else the nearest that contains `.git`, else
///     the current directory.
///   - options: How to claim them.
/// - Returns: One element for each entry, in the order of the manifest.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/invalidArgument`` if
///   the manifest, the place or an option is invalid;
///   ``PortPickerError/Code/poolExhausted`` if no port is left;
///   ``PortPickerError/Code/timedOut`` if none was found in time;
///   ``PortPickerError/Code/claimsUnusable``;
///   ``PortPickerError/Code/ledgerUnusable``;
///   ``PortPickerError/Code/systemFailure``, also if no thread can be started.
public func namedPorts(
  of manifest: Manifest, at place: String? = nil,
  options: NamedPortOptions = NamedPortOptions()
) async throws(PortPickerError) -> [NamedPort] {
  try await waiting { () throws(PortPickerError) in
    try namedPorts(of: manifest, at: place, options: options)
  }
}

/// The named ports that a place has, in ascending order of the names, without
/// blocking a thread of the concurrency pool.
///
/// - Parameter place: A directory; by default, the nearest one upwards from the
///   current directory that contains `.ports`, else the nearest that contains `.git`,
///   else the current directory.
/// - Returns: The named ports.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/invalidArgument`` if
///   the place is invalid; ``PortPickerError/Code/claimsUnusable``;
///   ``PortPickerError/Code/systemFailure``, also if no thread can be started.
public func namedPorts(
  at place: String? = nil
) async throws(PortPickerError) -> [NamedPort] {
  try await waiting { () throws(PortPickerError) in
    try namedPorts(at: place)
  }
}

/// The named ports of all places of this user on this machine, without blocking a
/// thread of the concurrency pool.
///
/// - Returns: The named ports, in ascending order of the places, then of the names.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/invalidArgument`` if
///   `PORTPICKER_CLAIMS` is not an absolute path;
///   ``PortPickerError/Code/claimsUnusable``;
///   ``PortPickerError/Code/systemFailure`` if no thread can be started.
public func namedPortsOfAllPlaces()
  async throws(PortPickerError) -> [NamedPort]
{
  try await waiting { () throws(PortPickerError) in
    try namedPortsOfAllPlaces()
  }
}

/// Gives up a named port, without blocking a thread of the concurrency pool.
///
/// - Parameters:
///   - name: The name.
///   - place: A directory; by default, the nearest one upwards from the current
///     directory that contains `.ports`, else the nearest that contains `.git`, else
///     the current directory. It need not exist.
/// - Returns: Whether the place had the name.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/invalidArgument`` if
///   the name or the place is invalid; ``PortPickerError/Code/claimsUnusable``;
///   ``PortPickerError/Code/systemFailure``, also if no thread can be started.
@discardableResult
public func forgetNamedPort(
  _ name: String, at place: String? = nil
) async throws(PortPickerError) -> Bool {
  try await waiting { () throws(PortPickerError) in
    try forgetNamedPort(name, at: place)
  }
}

/// Gives up all named ports of a place, without blocking a thread of the concurrency
/// pool.
///
/// - Parameter place: A directory, which need not exist; by default, the nearest one
///   upwards from the current directory that contains `.ports`, else the nearest that
///   contains `.git`, else the current directory.
/// - Returns: The named ports that it had.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/invalidArgument`` if
///   the place is invalid; ``PortPickerError/Code/claimsUnusable``;
///   ``PortPickerError/Code/systemFailure``, also if no thread can be started.
@discardableResult
public func forgetNamedPorts(
  at place: String? = nil
) async throws(PortPickerError) -> [NamedPort] {
  try await waiting { () throws(PortPickerError) in
    try forgetNamedPorts(at: place)
  }
}
