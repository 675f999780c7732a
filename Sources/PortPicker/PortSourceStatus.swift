/// Where ports come from now, and what has become of them.
///
/// ```swift
/// for lease in try portSourceStatus().leases {
///   print(lease.port, lease.pid)
/// }
/// ```
public struct PortSourceStatus: Sendable {
  /// Where ports come from: a port server or a ledger.
  ///
  /// More origins may be added; of those, all properties are `nil` now.
  public struct Origin: Hashable, Sendable {
    /// The address and the version of the port server; `nil` where it is none.
    public var server: (address: String, version: String)? {
      if case .server(let address, let version) = kind {
        (address, version)
      } else {
        nil
      }
    }

    /// The path of this user's ledger; `nil` where it is none.
    public var ledgerPath: String? {
      if case .ledger(let path) = kind { path } else { nil }
    }

    private enum Kind: Hashable {
      case server(address: String, version: String)
      case ledger(path: String)
    }

    private let kind: Kind

    /// The port server at an address, of a version.
    public static func server(address: String, version: String) -> Origin {
      Origin(kind: .server(address: address, version: version))
    }

    /// This user's ledger, at a path.
    public static func ledger(path: String) -> Origin {
      Origin(kind: .ledger(path: path))
    }
  }

  /// Where ports come from.
  public let origin: Origin

  /// The ports that are handed out: ranges in ascending order that do not touch.
  public let pool: [ClosedRange<Int>]

  /// The leases of living processes, by port.
  ///
  /// They may include ports that are not in the pool, where another one was used
  /// before.
  public let leases: [PortLease]

  /// How many ports of the pool are not leased and in use by somebody all the
  /// same.
  ///
  /// A server knows of those that it came across when it looked for a port.
  public let inUseCount: Int

  /// What a server has done so far: figures by name, as docs/protocol.md has
  /// them.
  ///
  /// A ledger has none.
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

  /// How many ports of the pool are neither leased nor known to be in use.
  public var freeCount: Int { max(portCount - leasedCount - inUseCount, 0) }
}

/// A port that belongs to a process.
public struct PortLease: Hashable, Sendable {
  /// The port, within 1–65535.
  public let port: Int
  /// The process that has it; a server's are in the server's pid namespace.
  public let pid: Int32
  /// The uid of the user who asked for it.
  public let user: UInt32
  /// How long ago it was leased.
  public let age: Duration
  /// The command line of the process, of which at most 256 characters; `nil`
  /// where it is not to be had.
  public let command: String?
}

/// Tells where ports come from, and who has them.
///
/// It asks the same port server as ``pickUnusedPort(for:options:)-(Int32?,PickOptions)``
/// does, and, where none is named or none answers, reads this user's ledger.
///
/// - Parameter options: Where ports come from; its pool is that of the ledger.
/// - Returns: What is known at this moment.
/// - Throws: ``PortPickerError``, as for a pick;
///   ``PortPickerError/Code/serverRefused`` for a server that knows only version
///   1 of the protocol, which has no such question.
public func portSourceStatus(
  options: PickOptions = PickOptions()
) throws(PortPickerError) -> PortSourceStatus {
  try Picker.ofThisThread().status(options)
}

/// Tells where ports come from, and who has them, without keeping a thread of the
/// concurrency pool waiting.
///
/// - Parameter options: Where ports come from; its pool is that of the ledger.
/// - Returns: What is known at this moment.
/// - Throws: ``PortPickerError``, as for a pick;
///   ``PortPickerError/Code/serverRefused`` for a server that knows only version
///   1 of the protocol, which has no such question.
public func portSourceStatus(
  options: PickOptions = PickOptions()
) async throws(PortPickerError) -> PortSourceStatus {
  try await waiting { () throws(PortPickerError) in
    try portSourceStatus(options: options)
  }
}
