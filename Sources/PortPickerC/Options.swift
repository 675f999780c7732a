import CPortPicker
import PortLeasing
import PortPicker

/// The options of a call.
struct Options {
  private let server: String?
  private let pool: [ClosedRange<Int>]?
  /// The directory that a name belongs to; `nil` for the default.
  let place: String?
  /// The process that ports are for; `nil` for this one.
  let pid: Int32?
  /// How long to wait.
  let timeout: Duration
  private let flags: Flags

  /// Reads options.
  ///
  /// - Parameters:
  ///   - pointer: The argument; null for the defaults.
  ///   - fields: The fields that the function uses.
  ///   - flags: The flags that it uses.
  /// - Throws: `invalidArgument` if a field is invalid, or not used by the function.
  init(
    _ pointer: UnsafePointer<pp_options>?, _ fields: Fields,
    _ flags: Flags = []
  ) throws(PortPickerError) {
    let given = try pointer.map(read) ?? pp_options()
    try fields.requireUse(.server, given.server != nil)
    try fields.requireUse(.pool, given.pool != nil)
    try fields.requireUse(.place, given.place != nil)
    try fields.requireUse(.pid, given.pid != 0)
    try fields.requireUse(.timeout, given.timeout_ms != 0)
    server = try given.server.map(text("server"))
    pool = try given.pool.map(text("pool")).map(ranges)
    place = try given.place.map(text("place"))
    pid = given.pid == 0 ? nil : given.pid
    timeout = try duration(given.timeout_ms)
    self.flags = try Flags(given.flags, outOf: flags)
    if server?.isEmpty == false, self.flags.contains(.noServer) {
      throw PortPickerError(
        .invalidArgument,
        "the option 'server' names a server, and PP_NO_SERVER asks none; drop "
          + "one of them")
    }
  }

  /// Whether ports must be consecutive.
  var isContiguous: Bool { flags.contains(.contiguous) }

  /// The address to bind to.
  var address: BoundPortAddress {
    flags.contains(.loopback) ? .loopback : .any
  }

  /// The options of a pick.
  var pick: PickOptions {
    PickOptions(
      source: flags.contains(.noServer)
        ? .ledger : server.map { .server($0) } ?? .environment,
      requiresServer: flags.contains(.serverRequired)
        ? true : flags.contains(.serverOptional) ? false : nil,
      pool: pool, timeout: timeout)
  }

  /// The options of names.
  var names: NamedPortOptions {
    NamedPortOptions(pool: pool, timeout: timeout)
  }
}

extension Options {
  /// Fields of `struct pp_options`.
  struct Fields: OptionSet {
    let rawValue: Int

    static let server = Fields(rawValue: 1)
    static let pool = Fields(rawValue: 2)
    static let place = Fields(rawValue: 4)
    static let pid = Fields(rawValue: 8)
    static let timeout = Fields(rawValue: 16)

    /// Those of functions that pick ports.
    static let picking: Fields = [.server, .pool, .timeout]
    /// Those of functions that claim names.
    static let claiming: Fields = [.place, .pool, .timeout]

    private var name: String {
      switch self {
      case .server: "server"
      case .pool: "pool"
      case .place: "place"
      case .pid: "pid"
      default: "timeout_ms"
      }
    }

    fileprivate func requireUse(
      _ field: Fields, _ isSet: Bool
    ) throws(PortPickerError) {
      guard !isSet || contains(field) else {
        throw PortPickerError(
          .invalidArgument,
          "the function does not use the option '\(field.name)'; leave it zero")
      }
    }
  }

  /// Values of `enum pp_flag`.
  struct Flags: OptionSet {
    let rawValue: UInt64

    static let contiguous = Flags(PP_CONTIGUOUS)
    static let noServer = Flags(PP_NO_SERVER)
    static let serverRequired = Flags(PP_SERVER_REQUIRED)
    static let serverOptional = Flags(PP_SERVER_OPTIONAL)
    static let loopback = Flags(PP_LOOPBACK)

    /// Those of functions that pick ports.
    static let picking: Flags = [.noServer, .serverRequired, .serverOptional]

    init(rawValue: UInt64) {
      self.rawValue = rawValue
    }

    private init(_ flag: pp_flag) {
      rawValue = UInt64(flag.rawValue)
    }

    fileprivate init(
      _ value: UInt64, outOf known: Flags
    ) throws(PortPickerError) {
      rawValue = value
      guard isSubset(of: known) else {
        let others = String(subtracting(known).rawValue, radix: 16)
        throw PortPickerError(
          .invalidArgument,
          "the function does not know the flags 0x\(others); leave them out")
      }
      guard !isSuperset(of: [.serverRequired, .serverOptional]) else {
        throw PortPickerError(
          .invalidArgument,
          "PP_SERVER_REQUIRED and PP_SERVER_OPTIONAL exclude each other; drop "
            + "one of them")
      }
    }
  }
}

/// Reads a structure that may be longer than the one that is known here.
private func read(
  _ pointer: UnsafePointer<pp_options>
) throws(PortPickerError) -> pp_options {
  let bytes = UnsafeRawPointer(pointer)
  let size = bytes.loadUnaligned(as: UInt.self)
  let known = UInt(MemoryLayout<pp_options>.size)
  // More than any version will have: the field was not set.
  guard known...4096 ~= size else {
    throw PortPickerError(
      .invalidArgument,
      "the size of the options is \(size); expected \(known): initialize them "
        + "with PP_OPTIONS_INIT")
  }
  for offset in Int(known)..<Int(size)
  where bytes.load(fromByteOffset: offset, as: UInt8.self) != 0 {
    throw PortPickerError(
      .invalidArgument,
      "the options have a field that this version of the library does not "
        + "know; update the library, or leave the field zero")
  }
  return bytes.loadUnaligned(as: pp_options.self)
}

/// Reads a string of the options.
private func text(
  _ name: String
) -> (UnsafePointer<CChar>) throws(PortPickerError) -> String {
  { (text) throws(PortPickerError) in try requiredText(text, name) }
}

private func ranges(
  _ text: String
) throws(PortPickerError) -> [ClosedRange<Int>] {
  do throws(PortPool.ParsingError) {
    return try PortPool(parsing: text).ranges
      .map { Int($0.lowerBound)...Int($0.upperBound) }
  } catch {
    throw PortPickerError(
      .invalidArgument,
      "the pool is '\(text)': \(error); expected ports and ranges from 1 to "
        + "65535, such as 8000-8999,9090")
  }
}

private func duration(
  _ milliseconds: CInt
) throws(PortPickerError) -> Duration {
  guard milliseconds >= 0 else {
    throw PortPickerError(
      .invalidArgument,
      "the timeout is \(milliseconds) ms; expected more than zero, or 0 for "
        + "the default")
  }
  return milliseconds == 0
    ? PickOptions().timeout : .milliseconds(Int(milliseconds))
}
