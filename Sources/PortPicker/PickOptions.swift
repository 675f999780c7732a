/// Options of a pick; the defaults suit most tests.
public struct PickOptions: Sendable {
  /// Where ports come from: by default the port server that the environment names,
  /// or this user's ledger if it names none.
  public var source: PortSource

  /// Whether it is an error if no port server is named, here or in the environment,
  /// or if it does not lease a port.
  ///
  /// If it is not an error, the port comes from this user's ledger. The first time in
  /// a process, a warning says so; see ``PortPickerWarnings``.
  ///
  /// If it is `nil`, the environment variable `PORTPICKER_REQUIRE_SERVER` decides:
  /// `1` means yes, `0` or unset means no.
  public var requiresServer: Bool?

  /// The ports to choose from without a server; ranges may overlap.
  ///
  /// By default, 25000–32767 without the ports that the kernel assigns itself. A
  /// server has its own pool.
  public var pool: [ClosedRange<Int>]?

  /// How long to wait for a port server, from connecting to the end of its answer,
  /// and for other processes to unlock the ledger.
  ///
  /// More than zero; 5 seconds by default.
  public var timeout: Duration

  /// Creates options.
  ///
  /// - Parameters:
  ///   - source: See ``source``.
  ///   - requiresServer: See ``requiresServer``.
  ///   - pool: See ``pool``.
  ///   - timeout: See ``timeout``.
  public init(
    source: PortSource = .environment, requiresServer: Bool? = nil,
    pool: [ClosedRange<Int>]? = nil, timeout: Duration = .seconds(5)
  ) {
    self.source = source
    self.requiresServer = requiresServer
    self.pool = pool
    self.timeout = timeout
  }
}

/// Where ports come from.
///
/// More sources may be added.
public struct PortSource: Hashable, Sendable {
  enum Kind: Hashable {
    case environment
    case server(String)
    case ledger
  }

  let kind: Kind

  /// The port server that `PORTSERVER_ADDRESS` names, or this user's ledger if it
  /// is unset or empty.
  public static var environment: PortSource { PortSource(kind: .environment) }

  /// The port server at an address, or ``environment`` if it does not lease a port.
  ///
  /// - Parameter address: A path, or `@` and a name in the abstract namespace. An
  ///   empty one means ``environment``, as in the original.
  /// - Returns: The source.
  public static func server(_ address: String) -> PortSource {
    PortSource(kind: .server(address))
  }

  /// This user's ledger, whatever the environment says.
  public static var ledger: PortSource { PortSource(kind: .ledger) }
}

extension PortSource: CustomStringConvertible {
  /// A name for logs: `environment`, `server(ADDRESS)` or `ledger`.
  public var description: String {
    switch kind {
    case .environment: "environment"
    case .server(let address): "server(\(address))"
    case .ledger: "ledger"
    }
  }
}
