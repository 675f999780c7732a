import HostSystem
import PortProtocol

/// Leases ports from a server for one process, by whichever version of the
/// protocol the server knows.
package struct ServerLease: ~Copyable {
  private let client: PortServerClient
  private let pid: Int32
  private let isOwn: Bool
  private let count: Int
  private let isContiguous: Bool
  private let limit: TimeLimit
  /// The connection for version 2, once that is used.
  private var connection: ServerConnection?
  private var knowsOnlyVersionOne = false
  /// All ports that were leased, including those of requests that failed later.
  package private(set) var ports: [UInt16] = []

  /// Prepares to lease ports; no request is sent yet.
  ///
  /// - Parameters:
  ///   - client: The server.
  ///   - pid: The process that the ports are for.
  ///   - isOwn: Whether that is this process.
  ///   - count: How many ports are wanted in all.
  ///   - isContiguous: Whether they must be in a row.
  ///   - limit: How long everything together may take.
  package init(
    of client: PortServerClient, for pid: Int32, isOwn: Bool, count: Int,
    isContiguous: Bool, within limit: TimeLimit
  ) {
    self.client = client
    self.pid = pid
    self.isOwn = isOwn
    self.count = count
    self.isContiguous = isContiguous
    self.limit = limit
  }

  /// Leases some of the ports.
  ///
  /// A single port is leased by version 1: every server knows it, and it takes
  /// one message less. If a server refuses that way, version 2 gives the reason.
  ///
  /// - Parameter count: How many.
  /// - Returns: That many ports, in a row if they must be.
  /// - Throws: Why the server did not lease that many. ``ports`` may contain some of
  ///   them even so.
  package mutating func take(
    _ count: Int
  ) throws(PortServerError) -> [UInt16] {
    // Version 1 rejects pid 1, which can be a container's main process.
    let needsVersionTwo = count > 1 || connection != nil || isOwn && pid == 1
    if needsVersionTwo, !knowsOnlyVersionOne,
      let ports = try takeByVersionTwo(count)
    {
      return ports
    }
    return try takeByVersionOne(count)
  }

  private mutating func takeByVersionOne(
    _ count: Int
  ) throws(PortServerError) -> [UInt16] {
    if isContiguous, count > 1 {
      throw client.tooOld(
        "has no ports in a row; ask for them one by one, or "
          + client.alternative)
    }
    var taken: [UInt16] = []
    while taken.count < count {
      let port: UInt16
      if let leased = try client.leaseByVersionOne(for: pid, within: limit) {
        port = leased
      } else if !knowsOnlyVersionOne, let leased = try takeByVersionTwo(1) {
        // One has become free in the meantime.
        taken += leased
        continue
      } else {
        throw client.refusal(of: pid)
      }
      guard !ports.contains(port) else {
        throw PortServerError(
          .malformedReply,
          "the port server at '\(client.address.text)' leased port \(port) "
            + "twice; \(client.alternative)")
      }
      taken.append(port)
      ports.append(port)
    }
    return taken
  }

  /// - Returns: `nil` if the server knows only version 1.
  private mutating func takeByVersionTwo(
    _ count: Int
  ) throws(PortServerError) -> [UInt16]? {
    let most = VersionTwoRequest.maximumPortCount
    if isContiguous, count > most {
      throw PortServerError(
        .refused,
        "a port server leases at most \(most) ports in a row, not \(count); "
          + "ask for fewer, or \(client.alternative)")
    }
    var connection =
      if let kept = self.connection.take() {
        kept
      } else {
        try ServerConnection(to: client, within: limit)
      }
    var taken: [UInt16] = []
    while taken.count < count {
      let order = LeaseOrder(
        pid: isOwn ? nil : pid, count: min(count - taken.count, most),
        isContiguous: isContiguous)
      switch try connection.send(.lease(order)) {
      case .ok(let words):
        let more = words.compactMap { UInt16($0) }
        guard more.count == words.count, isAnswer(more, to: order) else {
          throw client.malformedReply
        }
        taken += more
        ports += more
      case .error(let error) where error.code == .exhausted:
        throw exhausted(error)
      case .error(let error): throw client.refusal(error)
      case .versionOneOnly:
        knowsOnlyVersionOne = true
        return nil
      }
    }
    self.connection = consume connection
    return taken
  }

  private func isAnswer(_ more: [UInt16], to order: LeaseOrder) -> Bool {
    more.count == order.count && !more.contains(0)
      && Set(ports + more).count == ports.count + more.count
      && (!isContiguous
        || zip(more, more.dropFirst()).allSatisfy { $0 &+ 1 == $1 })
  }

  /// The error for an exhausted pool: it names all that was wanted, and not only
  /// what this request was for.
  private func exhausted(_ error: VersionTwoError) -> PortServerError {
    PortServerError(
      .exhausted,
      "the port server at '\(client.address.text)' cannot lease "
        + (count == 1 ? "a port" : "\(count) ports")
        + (isContiguous && count > 1 ? " in a row" : "")
        + ": \(error.text); end processes that hold ports, or "
        + client.alternative)
  }
}
