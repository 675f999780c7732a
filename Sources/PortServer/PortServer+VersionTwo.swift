import HostSystem
import Logging
import PortLeasing
import PortProtocol
import SystemPackage

/// Version 2 of the protocol (docs/protocol.md).
extension PortServer {
  /// Answers a request, or a line that is none.
  ///
  /// - Throws: What `send(2)` says where the client is gone.
  func answer(
    _ request: Result<VersionTwoRequest, VersionTwoError>, of client: Client
  ) throws(Errno) {
    switch request {
    case .failure(let error):
      countMalformed()
      try client.send(error.bytes)
    case .success(.lease(let order)): try lease(order, to: client)
    case .success(.returnPorts(let ports, let pid)):
      try takeBack(ports, of: pid, from: client)
    // Lists are sent when their turn comes.
    case .success(.leases(let ports)):
      client.list = List(
        rest: ports.isEmpty ? .leases(from: 0) : .leasesOf(ports[...]))
    case .success(.pool):
      client.list = List(rest: .pool(options.pool.ranges[...]))
    case .success(.statistics):
      let lines =
        statistics.lines + currentFigures(for: client)
        + statistics.refusalLines
      let list = lines.map { asciiLine($0) } + [Self.end(lines.count)]
      try client.send(Array(list.joined()))
    case .success(.version):
      try client.send(
        VersionTwoReply.ok(["portserver", portPickerVersion, "protocol", "2"]))
    }
  }

  private func lease(_ order: LeaseOrder, to client: Client) throws(Errno) {
    let grant: Grant
    let peer: Peer
    do throws(Denial) {
      peer = try known(client)
      grant = try lease(order, askedBy: peer)
    } catch {
      count(error, order, on: client.connection)
      try client.send(error.reply.bytes)
      return
    }
    let name = nameForLog(of: grant)
    do {
      try client.send(VersionTwoReply.ok(ports: grant.ports))
    } catch {
      takeBack(grant)
      throw error
    }
    count(grant, peer, name)
  }

  private func takeBack(
    _ ports: [UInt16], of pid: Int32?, from client: Client
  ) throws(Errno) {
    do throws(Denial) {
      try takeBack(ports, of: pid, askedBy: known(client))
    } catch {
      warn(of: error)
      try client.send(error.reply.bytes)
      return
    }
    log.debug("ports given back: \(ports)")
    try client.send(VersionTwoReply.ok([]))
  }

  /// Who a client is.
  ///
  /// It is found out when the client is accepted, and again only if that failed,
  /// or if the server does not know the process any more.
  func known(_ client: Client) throws(Denial) -> Peer {
    if !client.peer.hasEnded, client.peer.process == nil {
      client.peer = try identify(client.peer, on: client.connection)
    }
    return client.peer
  }

  /// How things are now, one line a figure.
  private func currentFigures(for client: Client) -> [String] {
    let usage = table.usage
    let isOne = clients[client.connection.raw.rawValue] === client
    return [
      "ports-leased \(usage.leased)", "ports-in-use \(usage.inUse)",
      "ports-free \(usage.available)", "holders \(table.holderCount)",
      "clients \(clients.count - (isOne ? 1 : 0))",
    ]
  }
}

// MARK: - Lists

extension PortServer {
  /// How many lines of a list are sent in a turn.
  private static let listBatch = 16

  /// The line that ends a list.
  private static func end(_ count: Int) -> [UInt8] {
    VersionTwoReply.ok(["\(count)"])
  }

  /// Sends the next part of a client's list.
  ///
  /// - Throws: What `send(2)` says where the client is gone.
  func sendPart(to client: Client) throws(Errno) {
    guard var list = client.list else { return }
    var lines: [[UInt8]]
    (lines, list.rest) = nextLines(of: list, for: client)
    list.count += lines.count
    if case .none = list.rest {
      client.list = nil
      lines.append(Self.end(list.count))
    } else {
      client.list = list
    }
    try client.send(Array(lines.joined()))
  }

  /// The next lines, and what is left then.
  private func nextLines(
    of list: List, for client: Client
  ) -> ([[UInt8]], List.Rest) {
    let limit = Self.listBatch
    switch list.rest {
    case .none:
      return ([], .none)
    case .pool(let ranges):
      let lines = ranges.prefix(limit).map {
        asciiLine("\($0.lowerBound)-\($0.upperBound)")
      }
      return (
        lines, ranges.count > limit ? .pool(ranges.dropFirst(limit)) : .none
      )
    case .leases(let first):
      let leases = table.leases(from: first, atMost: limit)
      let next =
        leases.count == limit
        ? leases.last.map { List.Rest.leases(from: Int($0.port) + 1) } : nil
      return (lines(of: leases, for: client), next ?? .none)
    case .leasesOf(let ports):
      let leases = ports.prefix(limit).compactMap { port in
        table.lease(of: port).map { (port: port, lease: $0) }
      }
      return (
        lines(of: leases, for: client),
        ports.count > limit ? .leasesOf(ports.dropFirst(limit)) : .none
      )
    }
  }

  private func lines(
    of leases: [(port: UInt16, lease: Lease)], for client: Client
  ) -> [[UInt8]] {
    let now = nanosecondsSinceBoot()
    // Where the system keeps them from others, so does this server.
    let showsAll = !hidesProcesses() || mayDoAll(client.user)
    var names: [Int32: String] = [:]
    return leases.map { port, lease in
      let pid = lease.holder.pid
      let maySee = showsAll || client.user == lease.user
      let name = maySee ? names[pid] ?? processName(ofProcess: pid) : "?"
      if maySee { names[pid] = name }
      let age = now - min(now, lease.leasedAt)
      return LeaseLine(
        port: port, pid: pid, user: lease.user, age: Int(age / 100_000_000),
        command: name
      ).bytes
    }
  }

  /// Whether `/proc` hides processes, as it was within the last second.
  private func hidesProcesses() -> Bool {
    if let hiding, !hiding.until.hasPassed { return hiding.isOn }
    let isOn = procHidesProcesses()
    hiding = (isOn, Deadline(after: .seconds(1)))
    return isOn
  }
}
