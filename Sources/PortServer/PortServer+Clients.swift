import HostSystem
import Logging
import PortProtocol
import SystemPackage

extension PortServer {
  /// Serves a client that has just connected, at once if its request has
  /// arrived already.
  func greet(_ connection: consuming UnixConnection) {
    var reader = RequestReader()
    let piece = receive(from: connection, into: &reader)
    // As is usual: then nothing has to be remembered of it.
    switch piece.step {
    case .versionOne(let request):
      answer(request, on: connection)
      connection.discard(piece.length)
      return
    case .malformed:
      countMalformed()
      connection.discard(piece.length)
      return
    case .versionTwo, .broken, .incomplete, .end: break
    }
    let client = Client(
      connection, reader, deadline: Deadline(after: options.clientTimeout))
    guard serve(client, piece) else { return }
    if clients.count >= maxClients, let idleClient { clients[idleClient] = nil }
    let number = client.connection.raw
    let token = EventSource.client(number.rawValue).token
    do {
      try events.watch(number, as: token)
      if client.isWriting {
        try events.watch(number, forWriting: true, as: token)
      }
    } catch {
      warnings.say(.accept, to: log, "cannot wait for clients: \(error)")
      return
    }
    clients[number.rawValue] = client
    expect(client)
  }

  /// Goes on with a client that has sent something, or has room for more.
  func hear(from number: Int32) {
    guard let client = clients[number] else { return }
    let wasWriting = client.isWriting
    var stays =
      wasWriting
      ? goOn(with: client)
      : serve(
        client,
        receive(
          from: client.connection, into: &client.reader, isReported: true))
    if stays, wasWriting != client.isWriting {
      let token = EventSource.client(number).token
      let connection = client.connection.raw
      stays =
        (try? events.watch(
          connection, forWriting: client.isWriting, as: token)) != nil
    }
    if stays { expect(client) } else { clients[number] = nil }
  }

  /// Takes what a client has sent as all that it ever will, and answers that.
  func finish(_ client: Client) {
    if client.isWriting { return }
    var piece = receive(from: client.connection, into: &client.reader)
    if piece.step == .incomplete { piece.step = client.reader.finish() }
    _ = serve(client, piece)
  }

  /// Finishes the clients whose time is over.
  func sweepClients() {
    var next: Deadline?
    for (number, client) in clients {
      let due = client.due
      if due.hasPassed {
        finish(client)
        clients[number] = nil
      } else {
        next = next.map { min($0, due) } ?? due
      }
    }
    // However many clients there are, looking at them all costs little so.
    sweep = next.map { max($0, Deadline(after: .milliseconds(10))) }
  }

  /// A client that asks for nothing, the one that has done so for longest: it
  /// makes room for another one.
  var idleClient: Int32? {
    clients.lazy.filter { $0.value.isIdle }
      .min { $0.value.due < $1.value.due }?.key
  }

  private func expect(_ client: Client) {
    sweep = sweep.map { min($0, client.due) } ?? client.due
  }

  /// What has arrived of a client's requests.
  ///
  /// It is taken away when what it asks for is answered, and not before: see
  /// ``UnixConnection/peek(into:)``.
  private struct Piece {
    var step: RequestReader.Step
    var length = 0
  }

  /// Looks at what has arrived.
  ///
  /// - Parameters:
  ///   - connection: Where.
  ///   - reader: What it is handed to.
  ///   - isReported: Whether there is something for sure.
  /// - Returns: What to do, and what to take away then.
  private func receive(
    from connection: borrowing UnixConnection, into reader: inout RequestReader,
    isReported: Bool = false
  ) -> Piece {
    withUnsafeTemporaryAllocation(
      byteCount: RequestReader.pieceLength, alignment: 1
    ) { buffer in
      var found = try? connection.peek(into: buffer)
      var isTaken = false
      if isReported, found == .nothing {
        // It is something that cannot be looked at, and would be reported for ever.
        found = try? connection.receive(into: buffer)
        isTaken = true
      }
      switch found {
      case .nothing: return Piece(step: .incomplete)
      case .bytes(let count):
        return Piece(
          step: reader.receive(
            UnsafeRawBufferPointer(rebasing: buffer[..<count])),
          length: isTaken ? 0 : count)
      case .end: return Piece(step: reader.finish())
      // The connection is broken.
      case nil: return Piece(step: reader.speaksVersionTwo ? .end : .malformed)
      }
    }
  }

  /// Does what a client's next requests ask for.
  ///
  /// - Returns: Whether the client stays connected.
  private func serve(_ client: Client, _ piece: Piece) -> Bool {
    let stays = serve(client, piece.step)
    client.connection.discard(piece.length)
    return stays
  }

  /// How many requests of one client are answered in a turn.
  private static let requestBatch = 16

  /// Does what a client's next step asks for, and those that have arrived with
  /// it.
  ///
  /// - Returns: Whether the client stays connected.
  private func serve(_ client: Client, _ first: RequestReader.Step) -> Bool {
    var step = first
    for count in 1...Self.requestBatch {
      switch step {
      case .incomplete:
        client.heardFrom(pause: options.requestPause)
        client.isWriting = false
        return true
      case .versionOne(let request):
        answer(request, on: client.connection)
        return false
      case .malformed:
        countMalformed()
        return false
      case .broken(let error):
        countMalformed()
        try? client.send(error.bytes)
        return false
      case .end:
        return false
      case .versionTwo(let request):
        client.answered(deadline: Deadline(after: options.clientTimeout))
        guard isTaken({ () throws(Errno) in try answer(request, of: client) })
        else { return false }
      }
      // What is taken out of the reader has to be answered. A request that
      // walks over the pool is enough for a turn.
      if client.hasMoreToTake || count == Self.requestBatch || step.isCostly {
        break
      }
      step = client.reader.next()
    }
    // Room to write is reported in the next turn, and then the rest is done.
    client.isWriting = true
    return true
  }

  /// Goes on with a client that has room for more of its answer, or from which
  /// more requests have arrived than were answered in a turn.
  private func goOn(with client: Client) -> Bool {
    guard isTaken({ () throws(Errno) in try sendMore(to: client) }) else {
      return false
    }
    return client.hasMoreToTake || serve(client, client.reader.next())
  }

  private func isTaken(_ send: () throws(Errno) -> Void) -> Bool {
    do {
      try send()
      return true
    } catch {
      log.debug("a client has gone before it got its answer: \(error)")
      return false
    }
  }

  /// Counts what was no request.
  func countMalformed() {
    statistics.clientRequestErrors += 1
    log.debug("a client sent no request")
  }

  /// Sends a port, or nothing, which is a refusal.
  private func answer(
    _ request: VersionOneRequest, on connection: borrowing UnixConnection
  ) {
    let pid = request.pid
    do throws(Denial) {
      var peer = try peer(of: connection)
      let grant = try lease(LeaseOrder(pid: pid), askedBy: &peer)
      // Who has its port may end at once.
      let command = commandForLog(of: grant)
      var isSent = false
      VersionOneReply.withBytes(of: grant.ports[0]) {
        isSent = connection.send($0)
      }
      guard isSent else {
        takeBack(grant)
        log.debug("a client has gone before it got its port")
        return
      }
      count(grant, peer, command)
    } catch {
      count(error, of: "process \(pid)")
    }
  }

  /// Who is on the other end of a connection.
  func peer(of connection: borrowing UnixConnection) throws(Denial) -> Peer {
    do {
      return Peer(credentials: try connection.peer)
    } catch {
      throw .broken("who asks cannot be told: \(error)")
    }
  }

  /// What the log says of a grant's holder.
  func commandForLog(of grant: Grant) -> String {
    logsLeases ? commandLine(ofProcess: grant.holder.pid) : ""
  }

  /// Counts and logs ports that were given to a client.
  func count(_ grant: Grant, _ peer: Peer, _ command: String) {
    statistics.totalAllocations += grant.ports.count
    if !logsLeases { return }
    for port in grant.ports {
      log.info(
        """
        leased port \(port) to process \(grant.holder.pid), asked for by uid \
        \(peer.user): \(command)
        """)
    }
  }

  /// Counts and logs that somebody got no port.
  func count(_ denial: Denial, of holder: @autoclosure () -> String) {
    statistics.deniedAllocations += 1
    log.info("no port for \(holder()): \(denial)")
    warn(of: denial)
  }

  /// Says what whoever runs the server has to know.
  func warn(of denial: Denial) {
    if let (topic, text) = denial.warning {
      warnings.say(topic, to: log, text)
    }
  }
}

extension RequestReader.Step {
  /// Whether to answer takes a look at what is known of each port.
  fileprivate var isCostly: Bool {
    guard case .versionTwo(.success(let request)) = self else { return false }
    switch request {
    case .lease(let order): return order.isContiguous
    case .leases: return true
    case .returnPorts, .statistics, .pool, .version: return false
    }
  }
}
