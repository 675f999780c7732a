import PortProtocol

/// The state of a port server.
package struct ServerStatus: Sendable {
  package var version: String
  /// The ports that it leases.
  package var pool: [ClosedRange<UInt16>] = []
  package var leases = ServedLeases()
  /// Its figures by name, as docs/protocol.md lists them.
  package var statistics: [String: Int] = [:]
}

/// Leases of a port server.
package struct ServedLeases: Sendable {
  package var leases: [ServedLease] = []
  /// Whether the server's pids mean the same to this process.
  package var sharesPIDs = false
  /// The ranges of ports without a lease that were in use when the server last
  /// looked, ascending; empty if nobody has asked for them.
  package var portsInUse: [ClosedRange<UInt16>] = []
}

/// A lease of a port server.
package struct ServedLease: Sendable {
  package let port: UInt16
  /// The holder, in the server's pid namespace.
  package let pid: Int32
  /// The user that asked for the port.
  package let user: UInt32
  package let age: Duration
  /// The holder's name as the server knows it; `nil` if it does not.
  package let name: String?

  /// - Returns: `nil` if the line is malformed.
  init?(parsing line: String) {
    guard let line = LeaseLine(parsing: line) else { return nil }
    port = line.port
    pid = line.pid
    user = line.user
    age = .milliseconds(Int64(line.age) * 100)
    name = line.command == "?" ? nil : line.command
  }

  /// Whether a server shows a process with this name as it shows the holder.
  package func isOf(processNamed name: String) -> Bool {
    String(decoding: asciiLine(name).dropLast(), as: UTF8.self) == self.name
  }
}

extension PortServerClient {
  /// Asks the server for its state.
  ///
  /// - Returns: `nil` if it knows only version 1 of the protocol.
  /// - Throws: Why the server did not answer.
  package func status(
    within limit: TimeLimit
  ) throws(PortServerError) -> ServerStatus? {
    var connection = try ServerConnection(to: self, within: limit)
    guard var status = try summary(over: &connection) else { return nil }
    status.leases.sharesPIDs = connection.sharesPIDs
    _ = try words(
      of: connection.send(.leases([])) { line throws(PortServerError) in
        status.leases.leases.append(try lease(line))
      })
    return status
  }

  /// Asks the server for its state, except the leases.
  ///
  /// Whatever the number of leases, this takes the server the same short time.
  ///
  /// - Parameter limit: How long everything together may take.
  /// - Returns: `nil` if it knows only version 1 of the protocol.
  /// - Throws: Why the server did not answer.
  package func summary(
    within limit: TimeLimit
  ) throws(PortServerError) -> ServerStatus? {
    var connection = try ServerConnection(to: self, within: limit)
    return try summary(over: &connection)
  }

  private func summary(
    over connection: inout ServerConnection
  ) throws(PortServerError) -> ServerStatus? {
    guard let version = try words(of: connection.send(.version)) else {
      return nil
    }
    guard version.count >= 2 else { throw malformedReply }
    var status = ServerStatus(version: version[1])
    _ = try words(
      of: connection.send(.pool) { line throws(PortServerError) in
        status.pool.append(try range(line))
      })
    _ = try words(
      of: connection.send(.statistics) { line throws(PortServerError) in
        let fields = line.split(separator: " ")
        guard fields.count == 2, let value = Int(fields[1]) else { return }
        status.statistics[String(fields[0])] = value
      })
    return status
  }

  /// Asks the server for leases.
  ///
  /// - Parameters:
  ///   - ports: The ports to ask about; `nil` for all.
  ///   - limit: How long everything together may take.
  ///   - lack: What version 1 of the protocol lacks, and what to do: the end of
  ///     an error message.
  /// - Returns: The leases.
  /// - Throws: Why the server did not answer; `refused` if it knows only version 1.
  package func leases(
    of ports: [UInt16]?, within limit: TimeLimit,
    lack: String = "cannot be asked for leases"
  ) throws(PortServerError) -> ServedLeases {
    var connection = try ServerConnection(to: self, within: limit)
    var found = ServedLeases(sharesPIDs: connection.sharesPIDs)
    // A request without ports asks for all leases.
    var rest = (ports ?? [])[...]
    if let ports, ports.isEmpty { return found }
    repeat {
      let part = rest.prefix(VersionTwoRequest.maximumPortCount)
      rest = rest.dropFirst(part.count)
      let answer = try connection.send(.leases(Array(part))) {
        line throws(PortServerError) in
        found.leases.append(try lease(line))
      }
      guard try words(of: answer) != nil else { throw tooOld(lack) }
    } while !rest.isEmpty
    return found
  }

  /// Asks the server for all leases, and for the ports that others use.
  ///
  /// A server that does not know of the latter, because it is older, is not an error.
  ///
  /// - Parameter limit: How long everything together may take.
  /// - Returns: The leases and the ports in use.
  /// - Throws: Why the server did not answer; `refused` if it knows only version 1.
  package func occupancy(
    within limit: TimeLimit
  ) throws(PortServerError) -> ServedLeases {
    var connection = try ServerConnection(to: self, within: limit)
    var found = ServedLeases(sharesPIDs: connection.sharesPIDs)
    let answer = try connection.send(.leases([])) {
      line throws(PortServerError) in
      found.leases.append(try lease(line))
    }
    guard try words(of: answer) != nil else {
      throw tooOld("cannot be asked for leases")
    }
    _ = try connection.send(.portsInUse) { line throws(PortServerError) in
      found.portsInUse.append(try range(line))
    }
    return found
  }

  private func range(
    _ line: String
  ) throws(PortServerError) -> ClosedRange<UInt16> {
    let ends = line.split(separator: "-").compactMap { UInt16($0) }
    guard ends.count == 2, ends[0] > 0, ends[0] <= ends[1] else {
      throw malformedReply
    }
    return ends[0]...ends[1]
  }

  /// The words after `ok`; `nil` if the server knows only version 1.
  private func words(
    of answer: ServerConnection.Answer
  ) throws(PortServerError) -> [String]? {
    switch answer {
    case .ok(let words): return words
    case .error(let error): throw refusal(error)
    case .versionOneOnly: return nil
    }
  }

  private func lease(_ line: String) throws(PortServerError) -> ServedLease {
    guard let lease = ServedLease(parsing: line) else { throw malformedReply }
    return lease
  }
}
