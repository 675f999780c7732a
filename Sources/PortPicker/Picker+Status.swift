import HostSystem
import PortLeasing
import PortProtocol

extension Picker {
  /// Tells where ports come from, and who has them.
  func status(
    _ options: PickOptions
  ) throws(PortPickerError) -> PortSourceStatus {
    let named = try PickRequest(options: options).validatedPool()
    let answer = try askServers(of: options, "This is the status of") {
      client throws(PortPickerError) in
      (client, try client.status(within: options.timeout))
    }
    guard let (client, status) = answer else {
      return try ledgerStatus(named ?? conditions.defaultPool, options.timeout)
    }
    // It is where ports come from: that of the ledger would tell of others.
    guard let status else {
      throw client.tooOld("cannot be asked for leases; use a newer server")
    }
    return status
  }

  /// Asks the server that is required.
  ///
  /// - Returns: `nil` where it knows only version 1 of the protocol.
  package func serverStatus(
    _ options: PickOptions
  ) throws(PortPickerError) -> PortSourceStatus? {
    try askServers(of: options, "This is the status of") {
      client throws(PortPickerError) in
      try client.status(within: options.timeout)
    } ?? nil
  }

  /// The addresses of the servers that are named, in their order.
  ///
  /// - Throws: That there is none where one is required.
  package static func serverAddresses(
    _ options: PickOptions
  ) throws(PortPickerError) -> [String] {
    try shared.serverClients(options).map(\.address.text)
  }

  /// The leases of some ports, wherever they are from.
  ///
  /// Where the ledger cannot be used, a warning says so.
  ///
  /// - Returns: Leases, the server's first; and where they are from.
  package func leases(
    of ports: [UInt16], _ options: PickOptions
  ) throws(PortPickerError) -> [(lease: PortLease, origin: String)] {
    var found: [(lease: PortLease, origin: String)] = []
    let served = try askServers(of: options, "Leases are those of") {
      client throws(PortPickerError) in
      try client.leases(of: ports, within: options.timeout)
        .map { ($0, "server") }
    }
    if let served { found += served }
    do throws(PortPickerError) {
      let wanted = Set(ports)
      for (port, lease) in try ledgerContents(options.timeout).leases
      where wanted.contains(port) {
        found.append((PortLease(port, lease), "ledger"))
      }
    } catch {
      Warnings.say("\(error)")
    }
    return found
  }

  /// Gives ports back, whichever of this user's processes has them.
  ///
  /// - Returns: Those that nobody had.
  package func giveBackLeases(
    of ports: [UInt16], _ options: PickOptions
  ) throws(PortPickerError) -> [UInt16] {
    _ = try PickRequest(options: options).validatedPool()
    let answer = try askServers(of: options, "The ports go back to") {
      client throws(PortPickerError) in
      try client.giveBack(ports, within: options.timeout)
    }
    let rest = answer?.unknown ?? ports
    let unknown = rest.isEmpty ? [] : try giveBackInLedger(rest, options)
    if let refusal = answer?.refusal { throw refusal }
    return unknown
  }

  /// - Returns: Those that nobody had.
  private func giveBackInLedger(
    _ ports: [UInt16], _ options: PickOptions
  ) throws(PortPickerError) -> [UInt16] {
    let ledger = try openLedger()
    let deadline = Deadline(after: options.timeout)
    let returned = try convertingErrors { () throws(LeasingError) in
      try ledger.giveBack(ports, isAlive: \.isAlive, deadline: deadline)
    }
    return ports.filter { !returned.contains($0) }
  }

  private func ledgerContents(
    _ timeout: Duration
  ) throws(PortPickerError) -> Ledger.Contents {
    let ledger = try openLedger()
    let deadline = Deadline(after: timeout)
    return try convertingErrors { () throws(LeasingError) in
      try ledger.contents(isAlive: \.isAlive, deadline: deadline)
    }
  }

  private func ledgerStatus(
    _ pool: PortPool, _ timeout: Duration
  ) throws(PortPickerError) -> PortSourceStatus {
    let leases = try ledgerContents(timeout).leases
    let leased = Set(leases.map(\.port))
    let used: Set<UInt16>
    do {
      used = Set(try SocketTable.sockets(onPorts: nil).map(\.port))
    } catch {
      throw PortPickerError(
        .systemFailure,
        "which ports are in use cannot be told: \(error); mount /proc", error)
    }
    let inUse = PortPool(used.subtracting(leased).map { $0...$0 })
      .intersection(pool)
    return PortSourceStatus(
      origin: .ledger(path: try openLedger().location.path),
      pool: pool.ranges.map { Int($0.lowerBound)...Int($0.upperBound) },
      leases: leases.map { PortLease($0.port, $0.lease) },
      inUseCount: inUse.count, statistics: [:])
  }
}

extension PortLease {
  /// A lease from the ledger.
  fileprivate init(_ port: UInt16, _ lease: Lease) {
    let now = nanosecondsSinceBoot()
    self.init(
      port: Int(port), pid: lease.holder.pid, user: lease.user,
      age: .nanoseconds(
        Int64(clamping: now - min(now, lease.leasedAt))),
      command: knownCommand(commandLine(ofProcess: lease.holder.pid)))
  }

  /// A lease from a server.
  fileprivate init(_ line: LeaseLine) {
    self.init(
      port: Int(line.port), pid: line.pid, user: line.user,
      age: .milliseconds(Int64(line.age) * 100),
      command: knownCommand(line.command))
  }
}

private func knownCommand(_ command: String) -> String? {
  command == "?" ? nil : command
}

extension PortServerClient {
  /// Asks a server how it is.
  ///
  /// - Returns: `nil` where it knows only version 1 of the protocol.
  fileprivate func status(
    within timeout: Duration
  ) throws(PortPickerError) -> PortSourceStatus? {
    var conversation = try ServerConversation(with: self, timeout: timeout)
    guard let version = try words(of: conversation.ask(.version)) else {
      return nil
    }
    guard version.count >= 2 else { throw malformed }
    var ranges: [ClosedRange<Int>] = []
    _ = try words(
      of: conversation.ask(.pool) { line throws(PortPickerError) in
        let ends = line.split(separator: "-").compactMap { UInt16($0) }
        guard ends.count == 2, ends[0] > 0, ends[0] <= ends[1] else {
          throw malformed
        }
        ranges.append(Int(ends[0])...Int(ends[1]))
      })
    var statistics: [String: Int] = [:]
    _ = try words(
      of: conversation.ask(.statistics) { line throws(PortPickerError) in
        let fields = line.split(separator: " ")
        guard fields.count == 2, let value = Int(fields[1]) else { return }
        statistics[String(fields[0])] = value
      })
    var leases: [PortLease] = []
    _ = try words(
      of: conversation.ask(.leases([])) { line throws(PortPickerError) in
        leases.append(PortLease(try lease(line)))
      })
    return PortSourceStatus(
      origin: .server(address: address.text, version: version[1]),
      pool: ranges, leases: leases,
      inUseCount: statistics["ports-in-use"] ?? 0, statistics: statistics)
  }

  /// Asks a server who has some ports.
  fileprivate func leases(
    of ports: [UInt16], within timeout: Duration
  ) throws(PortPickerError) -> [PortLease] {
    var conversation = try ServerConversation(with: self, timeout: timeout)
    var leases: [PortLease] = []
    try inParts(ports) { part throws(PortPickerError) in
      let answer = try conversation.ask(.leases(part)) {
        line throws(PortPickerError) in
        leases.append(PortLease(try lease(line)))
      }
      guard try words(of: answer) != nil else {
        throw tooOld("cannot be asked for leases")
      }
    }
    return leases
  }

  /// Gives ports back.
  ///
  /// - Returns: Those that the server has no lease of, and why it did not take
  ///   back another one, if it did not.
  fileprivate func giveBack(
    _ ports: [UInt16], within timeout: Duration
  ) throws(PortPickerError) -> (unknown: [UInt16], refusal: PortPickerError?) {
    var conversation = try ServerConversation(with: self, timeout: timeout)
    var unknown: [UInt16] = []
    var refusal: PortPickerError?
    for port in ports {
      switch try conversation.ask(.returnPorts([port], pid: nil)) {
      case .done: break
      case .refused(let error) where error.code == .notLeased:
        unknown.append(port)
      case .refused(let error):
        // The port makes sense; it is the server that does not take it.
        refusal = PortPickerError(.serverRefused, failure(error).description)
      case .versionOneOnly:
        throw tooOld(
          "has no way to give ports back; they come back when their "
            + "process ends")
      }
    }
    return (unknown, refusal)
  }

  /// The words behind `ok`; `nil` where the server knows only version 1.
  private func words(
    of answer: ServerConversation.Answer
  ) throws(PortPickerError) -> [String]? {
    switch answer {
    case .done(let words): return words
    case .refused(let error): throw failure(error)
    case .versionOneOnly: return nil
    }
  }

  private func lease(_ line: String) throws(PortPickerError) -> LeaseLine {
    guard let lease = LeaseLine(parsing: line) else { throw malformed }
    return lease
  }
}

/// Calls `body` with as many ports at a time as fit into a request.
func inParts(
  _ ports: [UInt16], _ body: ([UInt16]) throws(PortPickerError) -> Void
) throws(PortPickerError) {
  var rest = ports[...]
  while !rest.isEmpty {
    let part = rest.prefix(VersionTwoRequest.maximumPortCount)
    try body(Array(part))
    rest = rest.dropFirst(part.count)
  }
}
