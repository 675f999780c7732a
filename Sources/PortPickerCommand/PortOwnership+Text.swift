import HostSystem
import PortPicker

extension PortOwnership {
  /// Finds out whose the listeners on some ports are, with all places in mind that
  /// have names.
  ///
  /// - Throws: `systemFailure`.
  static func of(
    _ ports: [UInt16], in place: Place
  ) throws(PortPickerError) -> [PortOwnership] {
    try of(
      ports, in: place, knownPlaces: (try? Picker.claimedPlaces()) ?? [])
  }
}

extension PortOwnership.Verdict {
  /// Whose it is, in a word.
  var word: String {
    switch self {
    case .none: "-"
    case .mine: "mine"
    case .other: "other"
    case .unknown: "unknown"
    }
  }

  /// The verdict on the same listeners for another place.
  ///
  /// - Parameters:
  ///   - place: The other place.
  ///   - original: The place that this is the verdict for.
  /// - Returns: The verdict.
  func forPlace(_ place: String, insteadOf original: String) -> Self {
    switch self {
    case .mine where place != original: .other(place: original)
    case .other(let owner?) where owner == place: .mine
    case .none, .mine, .other, .unknown: self
    }
  }
}

extension PortOwnership.Listener {
  /// The process for messages, such as `pid 4242 (node server.js)`.
  var text: String {
    pid.map { "pid \($0) (\(command ?? "?"))" }
      ?? "a process of user \(name(of: user)) that cannot be seen"
  }

  /// The process, its user and its directory, for messages.
  var textWithDirectory: String {
    if pid == nil { return text }
    return "\(text) of user \(name(of: user))"
      + (directory.map { " in \($0)" } ?? "")
  }

  /// The pid, or what stands for it in a table.
  var pidText: String { pid.map { "\($0)" } ?? "?" }

  /// - Parameters:
  ///   - port: The port.
  ///   - verdict: Whose it is.
  /// - Returns: An object.
  func json(on port: UInt16, _ verdict: PortOwnership.Verdict) -> JSON {
    .object([
      ("port", .int(Int(port))), ("transport", .string(transport.rawValue)),
      ("address", .string(address)),
      ("pid", pid.map { .int(Int($0)) } ?? .null),
      ("uid", .int(Int(user))), ("user", JSON(userName(of: user))),
      ("command", JSON(command)), ("directory", JSON(directory)),
      ("whose", .string(verdict.word)),
    ])
  }
}
