/// Where ports come from, and which processes have them.
///
/// ```swift
/// for lease in try portSourceStatus().leases {
///   print(lease.port, lease.pid)
/// }
/// ```
public struct PortSourceStatus: Sendable {
  /// A source of ports: a port server or a ledger.
  ///
  /// More origins may be added, for which both properties are `nil`.
  public struct Origin: Hashable, Sendable {
    /// The address and the version of the port server; `nil` if it is not one.
    public var server: (address: String, version: String)? {
      if case .server(let address, let version) = kind {
        (address, version)
      } else {
        nil
      }
    }

    /// The path of this user's ledger; `nil` if it is not one.
    public var ledgerPath: String? {
      if case .ledger(let path) = kind { path } else { nil }
    }

    private enum Kind: Hashable {
      case server(address: String, version: String)
      case ledger(path: String)
    }

    private let kind: Kind

    /// A port server.
    public static func server(address: String, version: String) -> Origin {
      Origin(kind: .server(address: address, version: version))
    }

    /// This user's ledger.
    public static func ledger(path: String) -> Origin {
      Origin(kind: .ledger(path: path))
    }
  }

  /// Where ports come from.
  public let origin: Origin

  /// The ports to choose from: ranges in ascending order that do not touch.
  public let pool: [ClosedRange<Int>]

  /// The leases of living processes, by port.
  ///
  /// They can include ports outside the pool, if another pool was used before.
  public let leases: [PortLease]

  /// How many ports of the pool belong to names; see <doc:NamedPorts>.
  ///
  /// For a server it is 0.
  public let claimedCount: Int

  /// How many ports of the pool are in use without a lease, and belong to no name.
  ///
  /// A server counts those that it came across when it searched for a port.
  public let inUseCount: Int

  /// The statistics of a server by name, as docs/protocol.md lists them.
  ///
  /// For a ledger they are empty.
  public let statistics: [String: Int]

  /// How many ports the pool has.
  public var portCount: Int { pool.reduce(0) { $0 + $1.count } }

  /// How many ports of the pool are leased.
  public var leasedCount: Int {
    var ranges = pool[...]
    var count = 0
    for lease in leases {
      while let first = ranges.first, first.upperBound < lease.port {
        ranges.removeFirst()
      }
      if ranges.first?.contains(lease.port) == true { count += 1 }
    }
    return count
  }

  /// How many ports of the pool are neither leased, nor claimed, nor known to be in
  /// use.
  public var freeCount: Int {
    max(portCount - leasedCount - claimedCount - inUseCount, 0)
  }
}

/// A port that is leased to a process.
public struct PortLease: Hashable, Sendable {
  /// The port, within 1–65535.
  public let port: Int
  /// The process that has it, in the pid namespace of the server or of this process.
  public let pid: Int32
  /// The uid of the user that asked for it.
  public let user: UInt32
  /// How long ago it was leased.
  public let age: Duration
  /// The command line of the process, or its name, at most 256 characters; `nil` if
  /// it is not available.
  public let command: String?
}

/// Finds out where ports come from and which processes have them.
///
/// It asks the port server that a pick with these options would ask. If none is named
/// or none answers, it reads this user's ledger.
///
/// - Parameter options: Where ports come from; the pool applies to the ledger.
/// - Returns: The current state.
/// - Throws: ``PortPickerError``: an error of the port server, if one is
///   required; ``PortPickerError/Code/serverRefused`` if the server knows only
///   version 1 of the protocol, which cannot ask for it;
///   ``PortPickerError/Code/ledgerUnusable``;
///   ``PortPickerError/Code/invalidArgument`` if an option is invalid;
///   ``PortPickerError/Code/systemFailure``.
public func portSourceStatus(
  options: PickOptions = PickOptions()
) throws(PortPickerError) -> PortSourceStatus {
  try Picker.ofThisThread().status(options)
}

/// Finds out where ports come from and which processes have them, without blocking a
/// thread of the concurrency pool.
///
/// It asks the port server that a pick with these options would ask. If none is named
/// or none answers, it reads this user's ledger.
///
/// - Parameter options: Where ports come from; the pool applies to the ledger.
/// - Returns: The current state.
/// - Throws: ``PortPickerError``: an error of the port server, if one is
///   required; ``PortPickerError/Code/serverRefused`` if the server knows only
///   version 1 of the protocol, which cannot ask for it;
///   ``PortPickerError/Code/ledgerUnusable``;
///   ``PortPickerError/Code/invalidArgument`` if an option is invalid;
///   ``PortPickerError/Code/systemFailure``, also if no thread can be started.
public func portSourceStatus(
  options: PickOptions = PickOptions()
) async throws(PortPickerError) -> PortSourceStatus {
  try await waiting { () throws(PortPickerError) in
    try portSourceStatus(options: options)
  }
}
