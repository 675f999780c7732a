import HostSystem
import PortProtocol
import SystemPackage

extension Picker {
  /// Picks from a port server.
  ///
  /// - Returns: `nil` where none is named, or where none of those named gave a
  ///   port and the ledger may be used instead.
  func pickFromServer(
    _ request: PickRequest, _ holder: Holder
  ) throws(PortPickerError) -> Pick? {
    try askServers(of: request.options, "The port comes from") {
      client throws(PortPickerError) in
      try lease(request, holder, from: client)
    }
  }

  /// Asks the servers that are named, one after another, until one gives an
  /// answer.
  ///
  /// - Parameters:
  ///   - options: Which, and whether it has to be one of them.
  ///   - consequence: What a warning says that is done with the next one instead.
  ///   - ask: What is asked.
  /// - Returns: `nil` where none is named, or where none of those named gave an
  ///   answer and the ledger may be used instead.
  /// - Throws: Why there is no answer, where a server is required.
  func askServers<Answer>(
    of options: PickOptions, _ consequence: String,
    _ ask: (PortServerClient) throws(PortPickerError) -> Answer
  ) throws(PortPickerError) -> Answer? {
    let clients = try serverClients(options)
    let isRequired = try Self.requiresServer(options)
    var failures: [PortPickerError] = []
    func warn(_ next: String) {
      if failures.isEmpty { return }
      let texts = failures.map { "\($0). " }.joined()
      Warnings.sayOnce(
        .fallback,
        "\(texts)\(consequence) \(next) instead; with "
          + "PORTPICKER_REQUIRE_SERVER=1 that is an error")
    }
    for client in clients {
      do throws(PortPickerError) {
        let answer = try ask(client)
        warn("the server of PORTSERVER_ADDRESS")
        return answer
      } catch {
        if isRequired { throw error }
        failures.append(error)
      }
    }
    warn("this user's own ledger")
    return nil
  }

  /// The servers that are named, in their order.
  ///
  /// - Throws: That there is none where one is required, or that an address is
  ///   none.
  func serverClients(
    _ options: PickOptions
  ) throws(PortPickerError) -> [PortServerClient] {
    let isRequired = try Self.requiresServer(options)
    let clients = try options.source.clients()
    if clients.isEmpty, isRequired {
      throw PortPickerError(
        .invalidServerAddress,
        "a port server is required, but none is named; "
          + (options.source == .ledger
            ? "do not ask for the ledger, or require no server"
            : "set PORTSERVER_ADDRESS, or unset PORTPICKER_REQUIRE_SERVER"))
    }
    return clients
  }

  /// Asks one server for a port, and nobody else.
  func pick(
    from address: String, for pid: Int32?, timeout: Duration
  ) throws(PortPickerError) -> UInt16 {
    let client = try PortServerClient(at: address)
    let request = PickRequest(
      pid: pid, options: PickOptions(timeout: timeout))
    _ = try request.validatedPool()
    return try lease(request, Holder(pid), from: client).ports[0]
  }

  private func lease(
    _ request: PickRequest, _ holder: Holder, from client: PortServerClient
  ) throws(PortPickerError) -> Pick {
    let limit = TimeLimit(request.options.timeout)
    // One port is had from every server, and with one message less. By version 1
    // the number 1 is no process, though it is a container's main one.
    if request.count > 1 || holder.isOwn && holder.pid == 1,
      let pick = try leaseSeveral(request, holder, from: client, limit)
    {
      return pick
    }
    return try leaseOneByOne(request, holder, from: client, limit)
  }

  /// Asks by version 2 of the protocol: all ports or none.
  ///
  /// - Returns: `nil` where the server knows only version 1.
  private func leaseSeveral(
    _ request: PickRequest, _ holder: Holder, from client: PortServerClient,
    _ limit: TimeLimit
  ) throws(PortPickerError) -> Pick? {
    let conditions = HostConditions(
      keepingSocketsFor: request.use, in: network)
    let place = ServedPort(client: client, holder)
    var lease = try ServerLease(
      of: client, for: holder.isOwn ? nil : holder.pid, within: limit)
    var ports: [UInt16] = []
    var unusable: [UInt16] = []
    var failures: [UInt16] = []
    do throws(PortPickerError) {
      while ports.count < request.count {
        if failures.count >= 16 { throw Self.unusable(failures) }
        guard
          let more = try lease.take(
            request.count - ports.count, isContiguous: request.isContiguous)
        else { return nil }
        for port in more {
          if try canKeepSockets(of: port, request.use, conditions) {
            ports.append(port)
          } else {
            unusable.append(port)
            failures.append(port)
          }
        }
        if request.isContiguous, ports.count < request.count {
          // A row with a gap is none; it stays ours until there is a better one.
          unusable += ports
          for port in ports { conditions.drop(port) }
          ports = []
        }
      }
    } catch {
      abandon(lease.ports, to: place)
      throw error
    }
    abandon(unusable, to: place)
    got(ports, from: place)
    return Pick(
      ports: ports, sockets: ports.compactMap(conditions.sockets),
      isFromServer: true, picker: self)
  }

  /// Gives ports back that nobody was told of.
  ///
  /// It takes another connection, for the one that they came by may be what has
  /// failed. Where that fails as well, they come back with the process that they
  /// are for.
  private func abandon(_ ports: [UInt16], to place: ServedPort) {
    if ports.isEmpty { return }
    guard
      var conversation = try? ServerConversation(
        with: place.client, within: TimeLimit(.seconds(1)))
    else { return }
    try? inParts(ports) { part throws(PortPickerError) in
      _ = try conversation.ask(.returnPorts(part, pid: place.pid))
    }
  }

  /// Asks by version 1 of the protocol: all ports or none.
  ///
  /// Where one is refused, those before it stay with this process, as that
  /// version has no way to give them back.
  private func leaseOneByOne(
    _ request: PickRequest, _ holder: Holder, from client: PortServerClient,
    _ limit: TimeLimit
  ) throws(PortPickerError) -> Pick {
    if request.isContiguous, request.count > 1 {
      throw client.tooOld(
        "has no ports in a row; ask for them one by one, or \(client.advice)")
    }
    let conditions = HostConditions(
      keepingSocketsFor: request.use, in: network)
    var ports: [UInt16] = []
    var unusable: [UInt16] = []
    do throws(PortPickerError) {
      while ports.count < request.count {
        let port = try leaseOne(holder, from: client, limit)
        if ports.contains(port) || unusable.contains(port) {
          throw PortPickerError(
            .serverReplyMalformed,
            "the port server gave port \(port) twice; it is no port server "
              + "that leases ports")
        }
        if try canKeepSockets(of: port, request.use, conditions) {
          ports.append(port)
        } else {
          unusable.append(port)
          if unusable.count == 16 { throw Self.unusable(unusable) }
        }
      }
    } catch {
      if holder.isOwn { gotFree(ports + unusable) }
      throw error
    }
    if holder.isOwn { gotFree(unusable) }
    got(ports, from: ServedPort(client: client, holder))
    return Pick(
      ports: ports, sockets: ports.compactMap(conditions.sockets),
      isFromServer: true, picker: self)
  }

  /// Asks for a port by version 1 of the protocol, and, where that is refused, by
  /// version 2, for the reason.
  private func leaseOne(
    _ holder: Holder, from client: PortServerClient, _ limit: TimeLimit
  ) throws(PortPickerError) -> UInt16 {
    if let port = try client.lease(for: holder.pid, within: limit) {
      return port
    }
    var lease = try ServerLease(
      of: client, for: holder.isOwn ? nil : holder.pid, within: limit)
    // By now there may be one.
    guard let ports = try lease.take(1, isContiguous: false) else {
      throw client.refusal(of: holder.pid)
    }
    return ports[0]
  }

  /// Gives ports back to the server that they are from.
  ///
  /// A server that cannot take back what this process has, because it knows only
  /// version 1 of the protocol, does not answer or refuses, leaves it to this
  /// process to use again.
  func giveBack(
    _ ports: [UInt16], to place: ServedPort, timeout: Duration
  ) throws(PortPickerError) {
    var kept = ports[...]
    do throws(PortPickerError) {
      var conversation = try ServerConversation(
        with: place.client, within: TimeLimit(timeout))
      while let port = kept.popFirst() {
        // From now on it may be somebody else's, whether an answer comes or not.
        // It names the process: if that has ended, the port may be another's.
        switch try conversation.ask(.returnPorts([port], pid: place.pid)) {
        case .done: break
        // It was given back by others, or with its process, or forgotten.
        case .refused(let error)
        where error.code == .notLeased || error.code == .noSuchProcess:
          break
        case .refused(let error):
          let error = place.client.failure(error)
          guard place.isOwn else { throw error }
          // It is still leased to this process.
          gotFree([port])
          Warnings.say(
            "\(error). Port \(port) stays this process's own, to be picked "
              + "again")
        case .versionOneOnly:
          if place.isOwn { gotFree([port] + kept) }
          return
        }
      }
    } catch {
      guard place.isOwn else { throw error }
      gotFree(Array(kept))
    }
  }

  private func canKeepSockets(
    of port: UInt16, _ use: SocketUse, _ conditions: HostConditions
  ) throws(PortPickerError) -> Bool {
    if use == .none { return true }
    do throws(Errno) {
      return try conditions.status(of: port) == .free
    } catch {
      throw PortPickerError(
        .systemFailure, "port \(port) cannot be bound: \(error)", error)
    }
  }

  private static func unusable(_ ports: [UInt16]) -> PortPickerError {
    PortPickerError(
      .serverRefused,
      "the port server gave \(ports.count) ports that are in use, "
        + "\(ports[0]) among them; see what uses its pool")
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
        "PORTPICKER_REQUIRE_SERVER is '\(value)'; 1 or 0 is expected")
    }
  }
}

extension Picker.ServedPort {
  init(client: PortServerClient, _ holder: Holder) {
    self.init(client: client, pid: holder.pid, isOwn: holder.isOwn)
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
      clients.append(try PortServerClient(at: address))
    }
    if let ambient {
      clients.append(try PortServerClient(at: ambient, isAmbient: true))
    }
    return clients
  }
}

/// The value of an environment variable that has to be text.
///
/// - Throws: An error with the code where it is not UTF-8.
func environmentText(
  _ name: String, _ code: PortPickerError.Code
) throws(PortPickerError) -> String? {
  do throws(Errno) {
    return try HostSystem.environmentText(name)
  } catch {
    throw PortPickerError(
      code, "\(name) is not UTF-8, so it names nothing; correct it", error)
  }
}
