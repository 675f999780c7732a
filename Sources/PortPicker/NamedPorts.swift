import HostSystem
import PortLeasing
import PortLedger

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
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/invalidArgument`` if
///   the name, the place, its manifest or an option is invalid;
///   ``PortPickerError/Code/poolExhausted`` if no port is left;
///   ``PortPickerError/Code/timedOut`` if none was found in time;
///   ``PortPickerError/Code/claimsUnusable``;
///   ``PortPickerError/Code/ledgerUnusable``;
///   ``PortPickerError/Code/systemFailure``.
public func namedPort(
  _ name: String, at place: String? = nil,
  options: NamedPortOptions = NamedPortOptions()
) throws(PortPickerError) -> Int {
  let ports = try namedPorts([name], at: place, options: options)
  guard let port = ports.first?.ports.first else {
    throw PortPickerError(.systemFailure, "the name '\(name)' has no port")
  }
  return port
}

/// The ports that a place has under several names: those that are missing are
/// claimed, all of them or none.
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
///   ``PortPickerError/Code/systemFailure``.
public func namedPorts(
  _ names: [String], at place: String? = nil,
  options: NamedPortOptions = NamedPortOptions()
) throws(PortPickerError) -> [NamedPort] {
  let place = try Place(at: place)
  let names = try names.map(portName)
  let manifest = try Manifest.read(at: place.path)
  let listed = manifest?.requests(at: place) ?? [:]
  let requests = distinct(names).map { listed[$0] ?? ClaimRequest($0) }
  return try claim(
    requests, at: place, options, named: names,
    notInManifest: manifest == nil
      ? [] : Set(names).subtracting(listed.keys))
}

/// The block of consecutive ports that a place has under a name, claimed on first
/// use.
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
///   ``PortPickerError/Code/systemFailure``.
public func namedPorts(
  _ name: String, count: Int, at place: String? = nil,
  options: NamedPortOptions = NamedPortOptions()
) throws(PortPickerError) -> [Int] {
  let place = try Place(at: place)
  let name = try portName(name)
  let ports = 1...Int(UInt16.max)
  guard ports.contains(count) else {
    throw PortPickerError(
      .invalidArgument,
      "the count is \(count); expected a number from 1 to 65535")
  }
  let manifest = try Manifest.read(at: place.path)
  let entry = manifest?.entries.first { $0.name == name.text }
  if let listed = entry?.count, listed != count {
    throw PortPickerError(
      .invalidArgument,
      "the count of '\(name)' is \(count), but the manifest of "
        + "'\(printable(place.path))' has count=\(listed); change one of them")
  }
  let request = ClaimRequest(
    name, count: count, preferring: entry?.preferredPort(at: place))
  return try claim(
    [request], at: place, options, named: [name],
    notInManifest: manifest != nil && entry == nil ? [name] : []
  ).flatMap(\.ports)
}

/// The ports of every name in a manifest: those that are missing are claimed, all of
/// them or none.
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
///   ``PortPickerError/Code/systemFailure``.
public func namedPorts(
  of manifest: Manifest, at place: String? = nil,
  options: NamedPortOptions = NamedPortOptions()
) throws(PortPickerError) -> [NamedPort] {
  try manifest.validate()
  let place = try Place(at: place)
  let names = try manifest.entries.map { entry throws(PortPickerError) in
    try portName(entry.name)
  }
  let listed = manifest.requests(at: place)
  return try claim(
    names.map { listed[$0] ?? ClaimRequest($0) }, at: place, options,
    named: names)
}

/// The named ports that a place has, in ascending order of the names.
///
/// Nothing is claimed.
///
/// - Parameter place: A directory; by default, the nearest one upwards from the
///   current directory that contains `.ports`, else the nearest that contains `.git`,
///   else the current directory.
/// - Returns: The named ports.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/invalidArgument`` if
///   the place is invalid; ``PortPickerError/Code/claimsUnusable``;
///   ``PortPickerError/Code/systemFailure``.
public func namedPorts(
  at place: String? = nil
) throws(PortPickerError) -> [NamedPort] {
  let place = try Place.path(ofFormer: place)
  return try Picker.claims(of: PlacePath(place)).sorted { $0.name < $1.name }
    .map(NamedPort.init)
}

/// The named ports of all places of this user on this machine, in ascending order of
/// the places, then of the names.
///
/// - Returns: The named ports. Those of places that do not exist are marked
///   (``NamedPort/goneSince``).
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/invalidArgument`` if
///   `PORTPICKER_CLAIMS` is not an absolute path;
///   ``PortPickerError/Code/claimsUnusable``.
public func namedPortsOfAllPlaces() throws(PortPickerError) -> [NamedPort] {
  try Picker.ofThisThread().claimsReport().claims
}

/// Gives up a named port; it is free for everybody at once.
///
/// - Parameters:
///   - name: The name.
///   - place: A directory; by default, the nearest one upwards from the current
///     directory that contains `.ports`, else the nearest that contains `.git`, else
///     the current directory. It need not exist.
/// - Returns: Whether the place had the name.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/invalidArgument`` if
///   the name or the place is invalid; ``PortPickerError/Code/claimsUnusable``;
///   ``PortPickerError/Code/systemFailure``.
@discardableResult
public func forgetNamedPort(
  _ name: String, at place: String? = nil
) throws(PortPickerError) -> Bool {
  let name = try portName(name)
  let place = try Place.path(ofFormer: place)
  return try !Picker.ofThisThread().forget(name, at: PlacePath(place)).isEmpty
}

/// Gives up all named ports of a place.
///
/// - Parameter place: A directory, which need not exist; by default, the nearest one
///   upwards from the current directory that contains `.ports`, else the nearest that
///   contains `.git`, else the current directory.
/// - Returns: The named ports that it had.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/invalidArgument`` if
///   the place is invalid; ``PortPickerError/Code/claimsUnusable``;
///   ``PortPickerError/Code/systemFailure``.
@discardableResult
public func forgetNamedPorts(
  at place: String? = nil
) throws(PortPickerError) -> [NamedPort] {
  let place = try Place.path(ofFormer: place)
  return try Picker.ofThisThread().forget(nil, at: PlacePath(place))
    .sorted { $0.name < $1.name }.map(NamedPort.init)
}

// MARK: - Names and requests

/// Claims names.
///
/// - Parameters:
///   - requests: The names; none twice.
///   - place: The place.
///   - options: How to claim.
///   - names: The names in the order in which to return them.
///   - unlisted: Names that the manifest lacks.
/// - Returns: One element for each of `names`.
/// - Throws: ``PortPickerError``.
private func claim(
  _ requests: [ClaimRequest], at place: Place, _ options: NamedPortOptions,
  named names: [PortName], notInManifest unlisted: Set<PortName> = []
) throws(PortPickerError) -> [NamedPort] {
  let claims = try Picker.ofThisThread().claim(
    requests, at: PlacePath(place.path), options, notInManifest: unlisted)
  return names.compactMap { name in
    claims.first { $0.name == name }.map(NamedPort.init)
  }
}

private func portName(_ text: String) throws(PortPickerError) -> PortName {
  guard let name = PortName(text) else {
    throw PortPickerError(
      .invalidArgument,
      "the name is '\(printable(text))'; expected \(PortName.rule)")
  }
  return name
}

private func distinct(_ names: [PortName]) -> [PortName] {
  var seen: Set<PortName> = []
  return names.filter { seen.insert($0).inserted }
}

extension Manifest {
  /// What the entries request in a place, by name.
  fileprivate func requests(at place: Place) -> [PortName: ClaimRequest] {
    entries.reduce(into: [:]) { requests, entry in
      guard let name = PortName(entry.name) else { return }
      requests[name] = ClaimRequest(
        name, count: entry.count, preferring: entry.preferredPort(at: place))
    }
  }
}

extension Manifest.Entry {
  /// The preferred port, which only a main checkout gets.
  fileprivate func preferredPort(at place: Place) -> UInt16? {
    place.isMainCheckout ? preferredPort.flatMap { UInt16(exactly: $0) } : nil
  }
}
