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
    // Who can no longer be told has gone.
    guard let peer = try? peer(of: connection) else { return }
    let client = Client(
      connection, of: peer, reader,
      deadline: Deadline(after: options.clientTimeout))
    // Now, and not when it asks for ports: by then its pid may be another's.
    _ = try? known(client)
    guard serve(client, piece) else { return }
    makeRoom(for: client)
    do {
      try events.watch(client.connection.raw, as: token(of: client))
    } catch {
      warnings.say(.accept, to: log, "cannot wait for clients: \(error)")
      return
    }
    clients.add(client)
    settle(client, .request)
  }

  /// Goes on with a client that has sent something, has room for more, or has
  /// gone.
  func hear(from number: Int32) {
    guard let client = clients[number] else { return }
    let awaited = client.awaited
    let stays =
      switch awaited {
      case .request:
        serve(
          client,
          receive(
            from: client.connection, into: &client.reader, isReported: true))
      case .room: goOn(with: client)
      // Only that it has hung up is reported.
      case .turn: false
      }
    if stays { settle(client, awaited) } else { clients.remove(client) }
  }

  /// Takes what a client has sent as all that it ever will, and answers that.
  func finish(_ client: Client) {
    if client.awaited != .request { return }
    var piece = receive(from: client.connection, into: &client.reader)
    if piece.step == .incomplete { piece.step = client.reader.finish() }
    serveLast(client, piece)
  }

  /// Does what the last requests of a client ask for: of a list, it gets what one
  /// part has.
  private func serveLast(_ client: Client, _ piece: Piece) {
    if serve(client, piece), client.awaited == .turn {
      try? sendPart(to: client)
    }
  }

  /// Finishes the clients whose time is over.
  func sweepClients() {
    var next: Deadline?
    for client in clients.all {
      guard let due = client.due else { continue }
      if due.hasPassed {
        finish(client)
        clients.remove(client)
      } else {
        next = next.map { min($0, due) } ?? due
      }
    }
    // However many clients there are, looking at them all costs little so.
    sweep = next.map { max($0, Deadline(after: .milliseconds(10))) }
  }

  /// Sends the next part of the list whose turn it is, if there is one.
  ///
  /// Lists get what is left over: a short part a turn, after everybody else.
  func sendListPart() {
    while !line.isEmpty {
      let client = line.removeFirst()
      // It may have gone, and its descriptor be another's.
      guard clients[client.connection.raw.rawValue] === client else { continue }
      let stays =
        isTaken({ () throws(Errno) in try sendPart(to: client) })
        && goOn(with: client)
      if stays { settle(client, .turn) } else { clients.remove(client) }
      return
    }
  }

  /// Has a client waited for.
  ///
  /// - Parameters:
  ///   - client: The client.
  ///   - previous: What it was waited for until now.
  private func settle(_ client: Client, _ previous: Client.Awaited) {
    if client.awaited == .turn { line.append(client) }
    if let due = client.due { sweep = sweep.map { min($0, due) } ?? due }
    if client.awaited == previous { return }
    let interest: EventQueue.Interest =
      switch client.awaited {
      case .request: .reading
      case .room: .writing
      case .turn: .hangUp
      }
    do {
      try events.watch(
        client.connection.raw, for: interest, as: token(of: client))
    } catch {
      clients.remove(client)
    }
  }

  private func token(of client: Client) -> UInt64 {
    EventSource.client(client.connection.raw.rawValue).token
  }

  /// Closes another client where there is no place for one more, or its user has
  /// all that one may have.
  private func makeRoom(for client: Client) {
    if clients.count(of: client.user) >= maxClientsPerUser {
      guard let other = clients.first(of: client.user) else { return }
      if !other.isIdle {
        warnings.say(
          .share, to: log,
          """
          uid \(client.user) has more than \(maxClientsPerUser) clients that \
          are waited for; those that take longest are closed \
          (--max-clients-per-user)
          """)
      }
      closeForRoom(other)
    } else if clients.count >= maxClients, let idle = clients.longestIdle {
      closeForRoom(idle)
    }
  }

  /// Closes a client; what it has asked for by now is answered.
  private func closeForRoom(_ client: Client) {
    if client.awaited == .request {
      let piece = receive(from: client.connection, into: &client.reader)
      if piece.step != .incomplete {
        serveLast(client, piece)
      } else if !client.reader.speaksVersionTwo {
        countMalformed()
      }
    }
    clients.remove(client)
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
        client.awaitRest(
          pause: options.requestPause, timeout: options.clientTimeout)
        client.awaited = .request
        return true
      case .versionOne(let request):
        answer(request, on: client.connection, of: client)
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
        client.beginAnew(timeout: options.clientTimeout)
        guard isTaken({ () throws(Errno) in try answer(request, of: client) })
        else { return false }
      }
      if client.hasUntakenBytes { break }
      if client.list != nil {
        client.awaited = .turn
        return true
      }
      // What is taken out of the reader has to be answered. A request that
      // walks over the pool is enough for a turn.
      if count == Self.requestBatch || step.isCostly { break }
      step = client.reader.next()
    }
    // Room to write is reported in the next turn, and then the rest is done.
    client.awaited = .room
    return true
  }

  /// Goes on with a client that may have room for more of its answer, or from
  /// which more requests have arrived than were answered in a turn.
  private func goOn(with client: Client) -> Bool {
    guard isTaken({ () throws(Errno) in try client.flush() }) else {
      return false
    }
    if client.hasUntakenBytes {
      client.awaited = .room
      return true
    }
    // Who takes a part in time has time for the next one.
    client.beginAnew(timeout: options.clientTimeout)
    if client.list != nil {
      client.awaited = .turn
      return true
    }
    return serve(client, client.reader.next())
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
  ///
  /// - Parameters:
  ///   - request: The request.
  ///   - connection: Where it came from.
  ///   - client: Who stays connected; `nil` for one whose request was there when it
  ///     was accepted.
  private func answer(
    _ request: VersionOneRequest, on connection: borrowing UnixConnection,
    of client: Client? = nil
  ) {
    let pid = request.pid
    do throws(Denial) {
      // Who has just been accepted may have ended, and its pid be another's. That
      // does no harm: the request names a process, the user is the one that
      // connected, and who has the pid now only decides in which namespace the name
      // is read. So the port goes to a process for which that user may ask.
      let peer =
        if let client { try known(client) } else { try peer(of: connection) }
      let grant = try lease(LeaseOrder(pid: pid), askedBy: peer)
      // Who has its port may end at once.
      let name = nameForLog(of: grant)
      var isSent = false
      VersionOneReply.withBytes(of: grant.ports[0]) {
        isSent = connection.send($0)
      }
      guard isSent else {
        takeBack(grant)
        log.debug("a client has gone before it got its port")
        return
      }
      count(grant, peer, name)
    } catch {
      count(error, LeaseOrder(pid: pid), on: connection)
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

  /// What the log calls a grant's holder.
  func nameForLog(of grant: Grant) -> String {
    logsLeases ? processName(ofProcess: grant.holder.pid) : ""
  }

  /// Counts and logs ports that were given to a client.
  func count(_ grant: Grant, _ peer: Peer, _ name: String) {
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

  /// Counts and logs that somebody got no port.
  func count(
    _ denial: Denial, _ order: LeaseOrder,
    on connection: borrowing UnixConnection
  ) {
    statistics.count(denial)
    warn(of: denial)
    guard logsLeases else { return }
    let asker =
      (try? connection.peer).map { "uid \($0.user), process \($0.pid)" }
      ?? "somebody"
    let holder = order.pid.map { "process \($0)" } ?? "the client"
    log.info("no port for \(holder), asked for by \(asker): \(denial)")
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
    case .returnPorts, .leases, .statistics, .pool, .version: return false
    }
  }
}
