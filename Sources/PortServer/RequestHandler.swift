import HostSystem
import Logging
import PortLeasing
import PortProtocol
import SystemPackage

/// Answers requests of both versions of the protocol (docs/protocol.md), counts
/// them and logs them.
///
/// ``Desk`` decides.
final class RequestHandler {
  private let desk: Desk
  private let book: LeaseBook
  private let processes: ProcessFinder
  private var lists: ListWriter
  private(set) var statistics: ServerStatistics
  private let log: Logger
  private let warnings: RareWarnings
  private let clock: RequestClock
  /// Whether each lease is logged.
  private let logsLeases: Bool

  init(
    _ desk: Desk, _ book: LeaseBook, _ processes: ProcessFinder,
    _ rights: Rights, _ clock: RequestClock, pool: PortPool, log: Logger,
    warnings: RareWarnings
  ) {
    self.desk = desk
    self.book = book
    self.processes = processes
    lists = ListWriter(of: book, pool: pool, rights)
    statistics = ServerStatistics(portsManaged: pool.count)
    self.log = log
    self.warnings = warnings
    self.clock = clock
    logsLeases = log.logLevel <= .info
  }

  // MARK: - Version 1

  /// Sends a port; a refusal sends nothing.
  ///
  /// - Parameters:
  ///   - request: The request.
  ///   - connection: Its connection.
  ///   - client: The client, if it stayed connected; `nil` if its request had
  ///     arrived when it was accepted.
  func answer(
    _ request: VersionOneRequest, on connection: borrowing UnixConnection,
    of client: Client? = nil
  ) {
    statistics.versionOneRequests += 1
    let order = LeaseOrder(pid: request.pid)
    do throws(Denial) {
      // A client that was just accepted may have ended, and its pid be another
      // process's. That is harmless: the request names a process, and the user is
      // the one that connected. The process that has the pid now only decides in
      // which namespace the name is read, so the port goes to a process for which
      // that user may ask.
      let peer =
        if let client { try identify(client) } else { try peer(of: connection) }
      let grant = try desk.lease(order, askedBy: peer)
      // A holder that has its port may end at once.
      let name = nameForLog(of: grant)
      var isSent = false
      VersionOneReply.withBytes(of: grant.ports[0]) {
        isSent = connection.send($0)
      }
      guard isSent else {
        desk.undo(grant)
        log.debug("a client disconnected before it got its port")
        return
      }
      countReply()
      count(grant, peer, name)
    } catch {
      countReply()
      count(error, order, on: connection)
    }
  }

  // MARK: - Version 2

  /// Answers a request, or a line that is malformed.
  ///
  /// - Parameters:
  ///   - request: The request.
  ///   - client: The client.
  ///   - clientCount: How many clients the server waits for.
  /// - Throws: What `send(2)` reports if the client has disconnected.
  func answer(
    _ request: Result<VersionTwoRequest, VersionTwoError>, of client: Client,
    clientCount: Int
  ) throws(Errno) {
    switch request {
    case .failure(let error):
      countMalformed()
      try client.send(error.bytes)
    case .success(let request):
      statistics.versionTwoRequests += 1
      try answer(request, of: client, clientCount: clientCount)
    }
  }

  private func answer(
    _ request: VersionTwoRequest, of client: Client, clientCount: Int
  ) throws(Errno) {
    switch request {
    case .lease, .pool, .version: break
    // What they say is true of living processes.
    case .returnPorts, .leases, .portsInUse, .statistics:
      processes.checkAdopted()
    }
    switch request {
    case .lease(let order): try lease(order, to: client)
    case .returnPorts(let ports, let pid):
      try returnPorts(ports, of: pid, from: client)
    // Lists are sent when their turn comes.
    case .leases(let ports):
      client.list = List(
        rest: ports.isEmpty ? .leases(from: 0) : .leasesOf(ports[...]))
    case .pool: client.list = lists.pool
    case .portsInUse: client.list = List(rest: .portsInUse(from: 0))
    case .statistics:
      try client.send(
        ListWriter.whole(
          allLines(clientCount: clientCount - (client.isWaitedFor ? 1 : 0))))
    case .version:
      try client.send(
        VersionTwoReply.ok(["portserver", portPickerVersion, "protocol", "2"]))
    }
  }

  private func lease(_ order: LeaseOrder, to client: Client) throws(Errno) {
    let grant: Grant
    let peer: Peer
    do throws(Denial) {
      peer = try identify(client)
      grant = try desk.lease(order, askedBy: peer)
    } catch {
      count(error, order, on: client.connection)
      try client.send(error.reply.bytes)
      countReply()
      return
    }
    let name = nameForLog(of: grant)
    do {
      try client.send(VersionTwoReply.ok(ports: grant.ports))
    } catch {
      desk.undo(grant)
      throw error
    }
    countReply()
    count(grant, peer, name)
  }

  private func returnPorts(
    _ ports: [UInt16], of pid: Int32?, from client: Client
  ) throws(Errno) {
    do throws(Denial) {
      try desk.returnPorts(ports, of: pid, askedBy: identify(client))
    } catch {
      warn(of: error)
      try client.send(error.reply.bytes)
      countReply()
      return
    }
    log.debug("returned ports: \(ports)")
    // A request may name a port twice.
    statistics.portsReturned += ports.count == 1 ? 1 : Set(ports).count
    try client.send(VersionTwoReply.ok([]))
    countReply()
  }

  /// Sends the next part of a client's list.
  ///
  /// - Throws: What `send(2)` reports if the client has disconnected.
  func sendListPart(to client: Client) throws(Errno) {
    guard let list = client.list else { return }
    let part = lists.nextPart(of: list, for: client.user)
    client.list = part.rest
    try client.send(part.bytes)
  }

  // MARK: - Who asks

  /// The peer of a connection.
  ///
  /// - Throws: `broken` if the kernel does not know it.
  func peer(of connection: borrowing UnixConnection) throws(Denial) -> Peer {
    do {
      return Peer(credentials: try connection.peer)
    } catch {
      throw .broken("the client cannot be identified: \(error)")
    }
  }

  /// The peer of a client that stays connected.
  ///
  /// It is identified when the client is accepted, and again only if that failed,
  /// or if the process is not registered any more.
  @discardableResult
  func identify(_ client: Client) throws(Denial) -> Peer {
    if !client.peer.hasEnded, client.peer.process == nil {
      client.peer = try processes.identify(client.peer, on: client.connection)
    }
    return client.peer
  }

  // MARK: - Counting and logging

  /// The original's figures, one a line.
  var statisticsLines: [String] {
    statistics.lines(portsChecked: book.portsCheckedForLastRequest)
  }

  /// All figures, one a line.
  ///
  /// - Parameter clientCount: How many clients the server waits for.
  /// - Returns: The lines; the last word of each is the figure.
  func allLines(clientCount: Int) -> [String] {
    statisticsLines + currentFigures(clientCount: clientCount)
      + statistics.refusalLines + statistics.furtherLines + book.figures
  }

  private func currentFigures(clientCount: Int) -> [String] {
    let usage = book.usage
    return [
      "ports-leased \(usage.leased)", "ports-in-use \(usage.inUse)",
      "ports-free \(usage.available)", "holders \(book.holderCount)",
      "clients \(clientCount)",
    ]
  }

  /// Counts a request that was malformed.
  func countMalformed() {
    statistics.clientRequestErrors += 1
    log.debug("a client sent no valid request")
  }

  /// Counts a connection that was closed before its request was answered.
  func countRejected() {
    statistics.rejectedConnections += 1
  }

  /// Counts the time of a request that was answered just now.
  private func countReply() {
    statistics.replyTimes.add(clock.read())
  }

  /// The name of a grant's holder, for the log.
  private func nameForLog(of grant: Grant) -> String {
    logsLeases ? processName(ofProcess: grant.holder.pid) : ""
  }

  private func count(_ grant: Grant, _ peer: Peer, _ name: String) {
    statistics.totalAllocations += grant.ports.count
    if !logsLeases { return }
    for port in grant.ports {
      log.info(
        """
        leased port \(port) to process \(grant.holder.pid), asked for by uid \
        \(peer.user): \(name)
        """)
    }
  }

  private func count(
    _ denial: Denial, _ order: LeaseOrder,
    on connection: borrowing UnixConnection
  ) {
    statistics.count(denial)
    warn(of: denial)
    guard logsLeases else { return }
    let asker =
      (try? connection.peer).map { "uid \($0.user), process \($0.pid)" }
      ?? "an unknown client"
    let holder = order.pid.map { "process \($0)" } ?? "the client"
    log.info("no port for \(holder), asked for by \(asker): \(denial)")
  }

  private func warn(of denial: Denial) {
    if let (topic, text) = denial.warning { warnings.say(topic, text) }
  }
}
