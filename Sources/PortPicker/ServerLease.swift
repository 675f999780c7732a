import HostSystem
import PortProtocol

/// Ports that are leased from a server by version 2 of the protocol, for one
/// process.
struct ServerLease: ~Copyable {
  private let client: PortServerClient
  private let pid: Int32?
  private var conversation: ServerConversation
  /// All ports that were leased, also by a request that came to nothing.
  private(set) var ports: [UInt16] = []

  /// Connects.
  ///
  /// - Parameters:
  ///   - client: The server.
  ///   - pid: Who the ports are for; `nil` for this process.
  ///   - limit: How long everything may take together.
  /// - Throws: `serverUnreachable`, `serverTimedOut`.
  init(
    of client: PortServerClient, for pid: Int32?, within limit: TimeLimit
  ) throws(PortPickerError) {
    self.client = client
    self.pid = pid
    conversation = try ServerConversation(with: client, within: limit)
  }

  /// Leases some more ports.
  ///
  /// Where it throws, some of them may be leased all the same.
  ///
  /// - Parameters:
  ///   - count: How many.
  ///   - isContiguous: Whether in a row.
  /// - Returns: The ports; `nil` where the server knows only version 1.
  /// - Throws: Why there are none.
  mutating func take(
    _ count: Int, isContiguous: Bool
  ) throws(PortPickerError) -> [UInt16]? {
    let limit = VersionTwoRequest.maximumPortCount
    if isContiguous, count > limit {
      throw PortPickerError(
        .serverRefused,
        "a port server gives at most \(limit) ports in a row, not \(count); "
          + "ask for fewer, or \(client.advice)")
    }
    var taken: [UInt16] = []
    while taken.count < count {
      let order = LeaseOrder(
        pid: pid, count: min(count - taken.count, limit),
        isContiguous: isContiguous)
      switch try conversation.ask(.lease(order)) {
      case .done(let words):
        let more = words.compactMap { UInt16($0) }
        guard more.count == order.count, more.count == words.count,
          Set(ports + more).count == ports.count + more.count,
          !more.contains(0),
          !isContiguous
            || zip(more, more.dropFirst()).allSatisfy({ $0 &+ 1 == $1 })
        else { throw client.malformed }
        taken += more
        ports += more
      case .refused(let error) where error.code == .exhausted:
        throw PortPickerError(
          .poolExhausted,
          "the port server at '\(client.address.text)' has no "
            + (count == 1 ? "port left" : "\(count) ports left")
            + (isContiguous && count > 1 ? " in a row" : "")
            + ": \(error.text); end processes that hold ports, or "
            + client.advice)
      case .refused(let error): throw client.failure(error)
      case .versionOneOnly: return nil
      }
    }
    return taken
  }
}

extension PortServerClient {
  /// The error where a server knows only version 1 of the protocol.
  ///
  /// - Parameter lack: What that has not, and what to do.
  /// - Returns: The error.
  func tooOld(_ lack: String) -> PortPickerError {
    PortPickerError(
      .serverRefused,
      "the port server at '\(address.text)' knows only version 1 of the "
        + "protocol, which \(lack)")
  }

  /// What a refusal of the server means for whoever asked.
  func failure(_ error: VersionTwoError) -> PortPickerError {
    let code: PortPickerError.Code =
      switch error.code {
      case .exhausted: .poolExhausted
      case .noSuchProcess: .noSuchProcess
      case .notPermitted: .processNotAllowed
      default: .serverRefused
      }
    let advice =
      switch error.code {
      case .exhausted:
        "end processes that hold ports, or \(self.advice)"
      case .noSuchProcess: "name a process that runs"
      case .notPermitted: "ask as the user that it belongs to"
      case .limit: "give ports back, or have the limit raised"
      default: "see its log, or \(self.advice)"
      }
    return PortPickerError(
      code,
      "the port server at '\(address.text)' refuses: \(error.text); \(advice)")
  }
}
