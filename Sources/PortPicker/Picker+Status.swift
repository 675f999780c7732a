import HostSystem
import PortLeasing
import PortLedger
import PortServerClient

extension Picker {
  /// Finds out where ports come from and which processes have them.
  func status(
    _ options: PickOptions
  ) throws(PortPickerError) -> PortSourceStatus {
    let named = try PickRequest(options: options).validatedPool()
    let answer = try askServers(of: options, "This is the status of") {
      client throws(PortPickerError) in
      (client, try status(of: client, options.timeout))
    }
    guard let (client, status) = answer else {
      return try ledgerStatus(named ?? conditions.defaultPool, options.timeout)
    }
    // Ports come from this server, so the ledger's leases would mislead.
    guard let status else {
      throw PortPickerError(
        client.tooOld("cannot be asked for leases; use a newer server"))
    }
    return status
  }

  /// Asks the server that the options require.
  ///
  /// - Returns: `nil` if it knows only version 1 of the protocol.
  package func serverStatus(
    _ options: PickOptions
  ) throws(PortPickerError) -> PortSourceStatus? {
    try askServers(of: options, "This is the status of") {
      client throws(PortPickerError) in
      try status(of: client, options.timeout)
    } ?? nil
  }

  /// - Returns: `nil` if the server knows only version 1 of the protocol.
  private func status(
    of client: PortServerClient, _ timeout: Duration
  ) throws(PortPickerError) -> PortSourceStatus? {
    let status = try convertingErrors { () throws(PortServerError) in
      try client.status(within: TimeLimit(timeout))
    }
    guard let status else { return nil }
    return PortSourceStatus(
      origin: .server(address: client.address.text, version: status.version),
      pool: status.pool.map { Int($0.lowerBound)...Int($0.upperBound) },
      leases: status.leases.portLeases(commandLines), claimedCount: 0,
      inUseCount: status.statistics["ports-in-use"] ?? 0,
      statistics: status.statistics)
  }

  /// The addresses of the named servers, in the order in which they are asked.
  ///
  /// - Throws: `invalidServerAddress`, also if none is named and one is required.
  package static func serverAddresses(
    _ options: PickOptions
  ) throws(PortPickerError) -> [String] {
    try shared.serverClients(options).clients.map(\.address.text)
  }

  /// The leases of some ports, from any source.
  ///
  /// If the ledger cannot be used, a warning says so.
  ///
  /// - Returns: Leases and their sources, the server's first.
  package func leases(
    of ports: [UInt16], _ options: PickOptions
  ) throws(PortPickerError) -> [(lease: PortLease, origin: String)] {
    var found: [(lease: PortLease, origin: String)] = []
    let served = try askServers(of: options, "Leases are those of") {
      client throws(PortPickerError) in
      try convertingErrors { () throws(PortServerError) in
        try client.leases(of: ports, within: TimeLimit(options.timeout))
      }
    }
    found += served?.portLeases(commandLines).map { ($0, "server") } ?? []
    do throws(PortPickerError) {
      let wanted = Set(ports)
      let leases = try ledgerContents(options.timeout).leases
        .filter { wanted.contains($0.port) }
      found += portLeases(leases).map { ($0, "ledger") }
    } catch {
      Warnings.issue("\(error)")
    }
    return found
  }

  /// The leased ports of the named servers and of the ledger, as far as they can be
  /// read in time.
  package func leasedPorts(within timeout: Duration) -> [UInt16] {
    var ports: Set<UInt16> = []
    for client in (try? serverClients(PickOptions()).clients) ?? [] {
      let leases = try? client.leases(of: nil, within: TimeLimit(timeout))
      ports.formUnion(leases?.leases.map(\.port) ?? [])
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
    let contents = try ledgerContents(timeout)
    let leases = contents.leases
    let taken = Set(leases.map(\.port)).union(contents.claimed)
    let used: Set<UInt16>
    do {
      used = Set(try SocketTable.sockets(onPorts: nil).map(\.port))
    } catch {
      throw PortPickerError(
        .systemFailure,
        "cannot find out which ports are in use: \(error); mount /proc", error)
    }
    let inUse = PortPool(used.subtracting(taken).map { $0...$0 })
      .intersection(pool)
    let claimed = PortPool(contents.claimed.map { $0...$0 }).intersection(pool)
    return PortSourceStatus(
      origin: .ledger(path: try openLedger().location.path),
      pool: pool.ranges.map { Int($0.lowerBound)...Int($0.upperBound) },
      leases: portLeases(leases), claimedCount: claimed.count,
      inUseCount: inUse.count, statistics: [:])
  }
}

extension Picker {
  /// Leases of the ledger, with the command lines of their holders.
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

extension ServedLeases {
  /// The leases, with the command lines of their holders.
  ///
  /// A server knows only the names of processes. A command line is read here, if
  /// the process with that pid has that name here as well.
  fileprivate func portLeases(_ reader: CommandLineReader) -> [PortLease] {
    var pids: Set<Int32> = []
    if sharesPIDs {
      for lease in leases where !pids.contains(lease.pid) {
        if lease.isOf(processNamed: processName(ofProcess: lease.pid)) {
          pids.insert(lease.pid)
        }
      }
    }
    let commands = reader.commandLines(of: pids)
    return leases.map { lease in
      PortLease(
        port: Int(lease.port), pid: lease.pid, user: lease.user,
        age: lease.age,
        command: (commands[lease.pid] ?? lease.name).flatMap(knownCommand))
    }
  }
}

private func knownCommand(_ command: String) -> String? {
  command == "?" ? nil : command
}
