/// A port, or a block of consecutive ports, that a place has under a name.
///
/// A place is a directory, usually the root of a git worktree. The ports belong to it
/// until they are forgotten, or until the directory is gone and another place needs
/// them.
public struct NamedPort: Hashable, Sendable {
  /// The name: a lowercase letter, then up to 62 lowercase letters, digits and `-`.
  public let name: String

  /// The ports, consecutive and in ascending order; one, unless it is a block.
  public let ports: [Int]

  /// The place: the canonical path of a directory.
  public let place: String

  /// When it was claimed, in seconds since 1970.
  public let claimedAt: Int64

  /// When the place was first seen to be gone, in seconds since 1970; `nil` if it
  /// exists, or if that cannot be determined.
  public let goneSince: Int64?

  package init(
    name: String, ports: [Int], place: String, claimedAt: Int64,
    goneSince: Int64? = nil
  ) {
    self.name = name
    self.ports = ports
    self.place = place
    self.claimedAt = claimedAt
    self.goneSince = goneSince
  }
}

/// Options for claiming named ports; the defaults suit most projects.
public struct NamedPortOptions: Sendable {
  /// The ports to choose from; ranges may overlap.
  ///
  /// By default, 10000–14999 without the ports that browsers refuse and the default
  /// ports of well-known services.
  public var pool: [ClosedRange<Int>]?

  /// How long to wait for other processes that claim ports, and for free ports.
  ///
  /// More than zero; 5 seconds by default.
  public var timeout: Duration

  /// Creates options.
  ///
  /// - Parameters:
  ///   - pool: See ``pool``.
  ///   - timeout: See ``timeout``.
  public init(
    pool: [ClosedRange<Int>]? = nil, timeout: Duration = .seconds(5)
  ) {
    self.pool = pool
    self.timeout = timeout
  }
}

/// The port that a place has under a name, claimed on first use.
///
/// ```swift
/// let port = try namedPort("web")
/// ```
///
/// The answer is the same every time, in every process of this user on this machine,
/// also while a server listens on the port, and after a reboot. No other place and no
/// process is given the port.
///
/// If the place has a manifest (``Manifest``), its preferred port and its count
/// apply.
///
/// - Parameters:
///   - name: The name.
///   - place: A directory; by default, the nearest one upwards from the current
///     directory that contains `.ports`, else the nearest that contains `.git`, else
///     the current directory.
///   - options: How to claim it.
/// - Returns: The port, within 1–65535; of a block, the first one.
/// - Throws: ``PortPickerError``.
public func namedPort(
  _ name: String, at place: String? = nil,
  options: NamedPortOptions = NamedPortOptions()
) throws(PortPickerError) -> Int {
  try namedPorts([name], at: place, options: options)[0].ports[0]
}

/// The ports that a place has under several names: those that are missing are
/// claimed, all of them or none.
///
/// - Parameters:
///   - names: The names.
///   - place: See ``namedPort(_:at:options:)``.
///   - options: How to claim them.
/// - Returns: One element for each name, in the order of the names.
/// - Throws: ``PortPickerError``.
public func namedPorts(
  _ names: [String], at place: String? = nil,
  options: NamedPortOptions = NamedPortOptions()
) throws(PortPickerError) -> [NamedPort] {
  throw PortPickerError(.systemFailure, "named ports are not available")
}

/// The block of consecutive ports that a place has under a name, claimed on first
/// use.
///
/// - Parameters:
///   - name: The name.
///   - count: How many ports, 1 or more.
///   - place: See ``namedPort(_:at:options:)``.
///   - options: How to claim it.
/// - Returns: The ports, in ascending order.
/// - Throws: ``PortPickerError``; ``PortPickerError/Code/invalidArgument`` also if the
///   name has another number of ports.
public func namedPorts(
  _ name: String, count: Int, at place: String? = nil,
  options: NamedPortOptions = NamedPortOptions()
) throws(PortPickerError) -> [Int] {
  throw PortPickerError(.systemFailure, "named ports are not available")
}

/// The ports of every name in a manifest: those that are missing are claimed, all of
/// them or none.
///
/// - Parameters:
///   - manifest: The manifest.
///   - place: See ``namedPort(_:at:options:)``.
///   - options: How to claim them.
/// - Returns: One element for each entry, in the order of the manifest.
/// - Throws: ``PortPickerError``.
public func namedPorts(
  of manifest: Manifest, at place: String? = nil,
  options: NamedPortOptions = NamedPortOptions()
) throws(PortPickerError) -> [NamedPort] {
  throw PortPickerError(.systemFailure, "named ports are not available")
}

/// The named ports that a place has, in ascending order of the names.
///
/// Nothing is claimed.
///
/// - Parameter place: See ``namedPort(_:at:options:)``.
/// - Returns: The named ports.
/// - Throws: ``PortPickerError``.
public func namedPorts(
  at place: String? = nil
) throws(PortPickerError) -> [NamedPort] {
  throw PortPickerError(.systemFailure, "named ports are not available")
}

/// The named ports of all places of this user on this machine, in ascending order of
/// the places, then of the names.
///
/// - Returns: The named ports. Those of places that do not exist are marked
///   (``NamedPort/goneSince``).
/// - Throws: ``PortPickerError``.
public func namedPortsOfAllPlaces() throws(PortPickerError) -> [NamedPort] {
  throw PortPickerError(.systemFailure, "named ports are not available")
}

/// Gives up a named port; it is free for everybody at once.
///
/// - Parameters:
///   - name: The name.
///   - place: See ``namedPort(_:at:options:)``. It need not exist.
/// - Returns: Whether the place had the name.
/// - Throws: ``PortPickerError``.
@discardableResult
public func forgetNamedPort(
  _ name: String, at place: String? = nil
) throws(PortPickerError) -> Bool {
  throw PortPickerError(.systemFailure, "named ports are not available")
}

/// Gives up all named ports of a place.
///
/// - Parameter place: See ``namedPort(_:at:options:)``. It need not exist.
/// - Returns: The named ports that it had.
/// - Throws: ``PortPickerError``.
@discardableResult
public func forgetNamedPorts(
  at place: String? = nil
) throws(PortPickerError) -> [NamedPort] {
  throw PortPickerError(.systemFailure, "named ports are not available")
}
