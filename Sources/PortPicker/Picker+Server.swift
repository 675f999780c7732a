import HostSystem
import PortServerClient
import SystemPackage

extension Picker {
  /// Picks from a port server.
  ///
  /// - Returns: `nil` if the ledger is to be used instead: no server is named, or
  ///   none of them leased a port and none is required.
  func pickFromServer(
    _ request: PickRequest, _ holder: Holder
  ) throws(PortPickerError) -> Pick? {
    try askServers(of: request.options, "The port comes from") {
      client throws(PortPickerError) in
      try lease(request, holder, from: client)
    }
  }

  /// Asks the named servers, one after another, until one answers, and warns of
  /// those that did not.
  ///
  /// - Parameters:
  ///   - options: The options that name them and may require one.
  ///   - consequence: The beginning of a warning if a server does not answer; the
  ///     source that is used instead follows.
  ///   - ask: Asks one server.
  /// - Returns: `nil` if the ledger is to be used instead.
  /// - Throws: Why no server answered, if one is required.
  func askServers<Answer>(
    of options: PickOptions, _ consequence: String,
    _ ask: (PortServerClient) throws(PortPickerError) -> Answer
  ) throws(PortPickerError) -> Answer? {
    let (answer, failures) = try askServers(of: options, ask)
    failures.warn(consequence, isFromLedger: answer == nil)
    return answer
  }

  /// Asks the named servers, one after another, until one answers.
  ///
  /// - Returns: The answer, if there is one, and why the servers that were asked
  ///   before did not answer.
  /// - Throws: Why no server answered, if one is required.
  func askServers<Answer>(
    of options: PickOptions,
    _ ask: (PortServerClient) throws(PortPickerError) -> Answer
  ) throws(PortPickerError) -> (answer: Answer?, failures: ServerFailures) {
    let (clients, isRequired) = try serverClients(options)
    var failures = ServerFailures()
    for client in clients {
      do throws(PortPickerError) {
        return (try ask(client), failures)
      } catch {
        if isRequired { throw error }
        failures.errors.append(error)
      }
    }
    return (nil, failures)
  }

  /// The named servers, in the order in which to ask them, and whether one of them must
  /// answer.
  ///
  /// - Throws: `invalidServerAddress`, also if none is named and one is required.
  func serverClients(
    _ options: PickOptions
  ) throws(PortPickerError) -> (clients: [PortServerClient], isRequired: Bool) {
    let isRequired = try Self.requiresServer(options)
    let clients = try options.source.clients()
    if clients.isEmpty, isRequired {
      throw PortPickerError(
        .invalidServerAddress,
        "a port server is required, but none is named; "
          + (options.source == .ledger
            ? "do not ask for the ledger, or do not require a server"
            : "set PORTSERVER_ADDRESS, or unset PORTPICKER_REQUIRE_SERVER"))
    }
    return (clients, isRequired)
  }

  /// Picks a port from one server.
  func pick(
    from address: String, for pid: Int32?, timeout: Duration
  ) throws(PortPickerError) -> UInt16 {
    let client = try client(named: address)
    let request = PickRequest(
      pid: pid, options: PickOptions(timeout: timeout))
    _ = try request.validatedPool()
    return try lease(request, Holder(pid), from: client).ports[0]
  }

  /// Leases ports from a server, all or none.
  private func lease(
    _ request: PickRequest, _ holder: Holder, from client: PortServerClient
  ) throws(PortPickerError) -> Pick {
    let conditions = HostConditions(
      keepingSocketsFor: request.use, in: network)
    let place = OwnPorts.ServedPort(
      client: client, pid: holder.pid, isOwn: holder.isOwn)
    var lease = ServerLease(
      of: client, for: holder.pid, isOwn: holder.isOwn, count: request.count,
      isContiguous: request.isContiguous,
      within: TimeLimit(request.options.timeout))
    var ports: [UInt16] = []
    // Ports that are leased but not wanted. They stay leased until there are
    // others, so that the server does not lease them again.
    var unwanted: [UInt16] = []
    var inUse: [UInt16] = []
    do throws(PortPickerError) {
      while ports.count < request.count {
        if inUse.count >= 16 { throw Self.leasedPortsAreInUse(inUse) }
        let more = try convertingErrors { () throws(PortServerError) in
          try lease.take(request.count - ports.count)
        }
        for port in more {
          if try canKeepSockets(of: port, request.use, conditions) {
            ports.append(port)
          } else {
            inUse.append(port)
            unwanted.append(port)
          }
        }
        if request.isContiguous, ports.count < request.count {
          // A row with a gap is useless.
          for port in ports { conditions.drop(port) }
          unwanted += ports
          ports = []
        }
      }
    } catch {
      abandon(lease.ports, to: place)
      throw error
    }
    abandon(unwanted, to: place)
    addServed(ports, from: place)
    return Pick(
      ports: ports, sockets: conditions.sockets(of: ports),
      isFromServer: true, picker: self)
  }

  /// Returns ports that were never handed out.
  ///
  /// If that fails and they are not for this process, they come back when their
  /// holder ends.
  private func abandon(_ ports: [UInt16], to place: OwnPorts.ServedPort) {
    if ports.isEmpty { return }
    // The connection that they came by may be what has failed, so it takes
    // another.
    _ = returnServed(ports, to: place, within: .seconds(1))
  }

  private func canKeepSockets(
    of port: UInt16, _ use: SocketUse, _ conditions: HostConditions
  ) throws(PortPickerError) -> Bool {
    if use == .none { return true }
    do throws(Errno) {
      return try conditions.status(of: port) == .free
    } catch {
      throw PortPickerError(
        .systemFailure, "cannot bind port \(port): \(error)", error)
    }
  }

  private static func leasedPortsAreInUse(
    _ ports: [UInt16]
  ) -> PortPickerError {
    PortPickerError(
      .serverRefused,
      "the port server leased \(ports.count) ports that are in use, among them "
        + "\(ports[0]); check what uses its pool")
  }

  private static func requiresServer(
    _ options: PickOptions
  ) throws(PortPickerError) -> Bool {
    if let choice = options.requiresServer { return choice }
    switch environmentVariable("PORTPICKER_REQUIRE_SERVER") {
    case nil, "0": return false
    case "1": return true
    case let value?:
      throw PortPickerError(
        .invalidArgument,
        "PORTPICKER_REQUIRE_SERVER is '\(value)'; expected 1 or 0")
    }
  }
}

/// Why servers did not answer.
struct ServerFailures {
  var errors: [PortPickerError] = []

  /// The errors as one text; `nil` without errors.
  var text: String? {
    errors.isEmpty
      ? nil : errors.map(\.description).joined(separator: "; and ")
  }

  /// Warns that another source is used.
  ///
  /// - Parameters:
  ///   - consequence: The beginning of a sentence that ends with that source.
  ///   - isFromLedger: Whether it is the ledger, or else another server.
  func warn(_ consequence: String, isFromLedger: Bool) {
    guard let text else { return }
    let source =
      isFromLedger
      ? "this user's own ledger" : "the server of PORTSERVER_ADDRESS"
    Warnings.issueOnce(
      .fallback,
      "\(text). \(consequence) \(source) instead; with "
        + "PORTPICKER_REQUIRE_SERVER=1 this is an error")
  }
}

extension PortSource {
  /// The servers to ask, one after another.
  ///
  /// - Throws: `invalidServerAddress`.
  fileprivate func clients() throws(PortPickerError) -> [PortServerClient] {
    if kind == .ledger { return [] }
    let ambient = try environmentText(
      "PORTSERVER_ADDRESS", .invalidServerAddress)
    var clients: [PortServerClient] = []
    if case .server(let address) = kind, !address.isEmpty, address != ambient {
      clients.append(try client(named: address))
    }
    if let ambient {
      clients.append(
        try client(named: ambient, alternative: "unset PORTSERVER_ADDRESS"))
    }
    return clients
  }
}

/// A client of the server at an address.
///
/// - Throws: `invalidServerAddress`.
private func client(
  named address: String, alternative: String = "name another server"
) throws(PortPickerError) -> PortServerClient {
  try convertingErrors { () throws(PortServerError) in
    try PortServerClient(at: address, alternative: alternative)
  }
}

/// The value of an environment variable that must be text.
///
/// - Throws: An error with the given code if it is not UTF-8.
func environmentText(
  _ name: String, _ code: PortPickerError.Code
) throws(PortPickerError) -> String? {
  do throws(Errno) {
    return try HostSystem.environmentText(name)
  } catch {
    throw PortPickerError(
      code, "\(name) is not valid UTF-8; correct it", error)
  }
}

extension PortPickerError {
  init(_ error: PortServerError) {
    let code: Code =
      switch error.code {
      case .invalidAddress: .invalidServerAddress
      case .unreachable: .serverUnreachable
      case .timedOut: .serverTimedOut
      case .malformedReply: .serverReplyMalformed
      case .exhausted: .poolExhausted
      case .noSuchProcess: .noSuchProcess
      case .notPermitted: .processNotAllowed
      case .refused: .serverRefused
      }
    self.init(code, error.description, error.errno)
  }
}

/// Turns an error of a port server into the public error.
func convertingErrors<Result>(
  _ body: () throws(PortServerError) -> Result
) throws(PortPickerError) -> Result {
  do throws(PortServerError) {
    return try body()
  } catch {
    throw PortPickerError(error)
  }
}
