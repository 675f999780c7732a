/// How a port is picked.
///
/// The defaults are right for most tests.
public struct PickOptions: Sendable {
  /// Where ports come from: by default, from the port server that the
  /// environment names, otherwise from this user's own ledger.
  public var source: PortSource

  /// Whether it is an error that the port server which was named, here or in
  /// the environment, gives no port, or that none was named.
  ///
  /// Otherwise the port comes from this user's ledger then, and the first time
  /// in a process a warning says so; see ``PortPickerWarnings``.
  ///
  /// By default it is what the environment variable
  /// `PORTPICKER_REQUIRE_SERVER` says: `1` for yes, `0` or nothing for no.
  public var requiresServer: Bool?

  /// The ports to choose from where no server gives one; ranges may overlap.
  ///
  /// By default, those from 25000 to 32767 that the kernel does not hand out
  /// by itself. A server has a pool of its own.
  public var pool: [ClosedRange<Int>]?

  /// How long to wait for a port server, from connecting to the end of its
  /// answer, and for other processes to let go of the ledger.
  ///
  /// More than zero; 5 seconds by default.
  public var timeout: Duration

  /// Makes options.
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

  /// The port server that `PORTSERVER_ADDRESS` names; where it is not set or
  /// empty, this user's ledger.
  public static var environment: PortSource { PortSource(kind: .environment) }

  /// The port server at an address; if it gives no port, ``environment``.
  ///
  /// - Parameter address: A path, or, with a leading `@`, a name in the abstract
  ///   namespace. An empty one counts as none, as in the original.
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
