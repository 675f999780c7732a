import HostSystem
import PortLeasing
import PortLedger
import PortProtocol

extension Picker {
  /// Tells where ports come from, and who has them.
  func status(
    _ options: PickOptions
  ) throws(PortPickerError) -> PortSourceStatus {
    let named = try PickRequest(options: options).validatedPool()
    let answer = try askServers(of: options, "This is the status of") {
      client throws(PortPickerError) in
      (client, try client.status(within: options.timeout, commandLines))
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
      try client.status(within: options.timeout, commandLines)
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
      try client.leases(of: ports, within: TimeLimit(options.timeout))
        .leases(commandLines).map { ($0, "server") }
    }
    if let served { found += served }
    do throws(PortPickerError) {
      let wanted = Set(ports)
      let leases = try ledgerContents(options.timeout).leases
        .filter { wanted.contains($0.port) }
      found += portLeases(leases).map { ($0, "ledger") }
    } catch {
      Warnings.say("\(error)")
    }
    return found
  }

  /// Ports that are leased, by the servers that are named and in the ledger, as far
  /// as that can be told in time; nothing is said about the rest.
  package func leasedPorts(within timeout: Duration) -> [UInt16] {
    var ports: Set<UInt16> = []
    for client in (try? serverClients(PickOptions())) ?? [] {
      let leases = try? client.leases(of: nil, within: TimeLimit(timeout))
      ports.formUnion(leases?.lines.map(\.port) ?? [])
    }
    if let contents = try? ledgerContents(timeout) {
      ports.formUnion(contents.leases.map(\.port))
    }
    return ports.sorted()
  }

  func ledgerContents(
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
      leases: portLeases(leases),
      inUseCount: inUse.count, statistics: [:])
  }
}

extension Picker {
  /// Leases of the ledger, with what their holders are.
  private func portLeases(
    _ leases: [(port: UInt16, lease: Lease)]
  ) -> [PortLease] {
    let commands = commandLines.commandLines(
      of: Set(leases.map(\.lease.holder.pid)))
    let now = nanosecondsSinceBoot()
    return leases.map { port, lease in
      PortLease(
        port: Int(port), pid: lease.holder.pid, user: lease.user,
        age: .nanoseconds(Int64(clamping: now - min(now, lease.leasedAt))),
        command: knownCommand(commands[lease.holder.pid] ?? "?"))
    }
  }
}

/// What a server says of leases.
struct ServedLeases {
  var lines: [LeaseLine] = []
  /// Whether the server's pids are ours.
  var sharesProcesses = false

  /// The leases, with what their holders are.
  ///
  /// A server knows the names of processes alone. Their command lines are read
  /// here, where the process with that number has that name here as well.
  func leases(_ reader: CommandLineReader) -> [PortLease] {
    var pids: Set<Int32> = []
    if sharesProcesses {
      for line in lines where !pids.contains(line.pid) {
        let name = processName(ofProcess: line.pid)
        if name != "?", asciiText(name) == line.command {
          pids.insert(line.pid)
        }
      }
    }
    let commands = reader.commandLines(of: pids)
    return lines.map { line in
      PortLease(
        port: Int(line.port), pid: line.pid, user: line.user,
        age: .milliseconds(Int64(line.age) * 100),
        command: knownCommand(commands[line.pid] ?? line.command))
    }
  }

  private func asciiText(_ text: String) -> String {
    String(decoding: asciiLine(text).dropLast(), as: UTF8.self)
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
    within timeout: Duration, _ reader: CommandLineReader
  ) throws(PortPickerError) -> PortSourceStatus? {
    var conversation = try ServerConversation(
      with: self, within: TimeLimit(timeout))
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
    var leases = ServedLeases(sharesProcesses: conversation.sharesProcesses)
    _ = try words(
      of: conversation.ask(.leases([])) { line throws(PortPickerError) in
        leases.lines.append(try lease(line))
      })
    return PortSourceStatus(
      origin: .server(address: address.text, version: version[1]),
      pool: ranges, leases: leases.leases(reader),
      inUseCount: statistics["ports-in-use"] ?? 0, statistics: statistics)
  }

  /// Asks a server who has some ports.
  ///
  /// - Parameters:
  ///   - ports: The ports; `nil` for all.
  ///   - limit: How long it may take.
  ///   - lack: What version 1 of the protocol has not.
  /// - Returns: The leases.
  /// - Throws: Also that the server knows only that version.
  func leases(
    of ports: [UInt16]?, within limit: TimeLimit,
    _ lack: String = "cannot be asked for leases"
  ) throws(PortPickerError) -> ServedLeases {
    var conversation = try ServerConversation(with: self, within: limit)
    var leases = ServedLeases(sharesProcesses: conversation.sharesProcesses)
    func list(_ part: [UInt16]) throws(PortPickerError) {
      let answer = try conversation.ask(.leases(part)) {
        line throws(PortPickerError) in
        leases.lines.append(try lease(line))
      }
      guard try words(of: answer) != nil else {
        throw tooOld(lack)
      }
    }
    // None stand for all.
    if let ports { try inParts(ports, list) } else { try list([]) }
    return leases
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
