import HostSystem
import Logging
import PortProtocol
import SystemPackage

/// The connected clients: it reads their requests, has them answered, enforces
/// deadlines, and closes clients to make room for others.
///
/// ``RequestHandler`` answers.
final class Connections {
  /// The clients that the server waits for.
  private var clients = ConnectedClients()
  /// The clients that are sent a list, in the order in which they get its next
  /// part.
  ///
  /// Some may have disconnected.
  private var listQueue: [Client] = []
  /// When to check the clients' deadlines next; `nil` if no client has a deadline.
  private(set) var nextDeadline: Deadline?
  private let handler: RequestHandler
  private let events: Events
  private let clock: RequestClock
  private let maxClients: Int
  private let maxClientsPerUser: Int
  private let clientTimeout: Duration
  private let requestPause: Duration
  private let log: Logger
  private let warnings: RareWarnings

  /// How many requests of one client are answered in a turn.
  private static let requestBatch = 16

  /// - Parameters:
  ///   - handler: What answers requests.
  ///   - events: Where clients are watched.
  ///   - clock: The time of requests.
  ///   - maxClients: How many clients may be connected.
  ///   - options: The other limits.
  ///   - log: Where it logs.
  ///   - warnings: Where it warns.
  init(
    _ handler: RequestHandler, _ events: Events, _ clock: RequestClock,
    maxClients: Int, _ options: ServerOptions, log: Logger,
    warnings: RareWarnings
  ) {
    self.handler = handler
    self.events = events
    self.clock = clock
    self.maxClients = maxClients
    maxClientsPerUser = options.maxClientsPerUser ?? max(maxClients / 4, 1)
    clientTimeout = options.clientTimeout
    requestPause = options.requestPause
    self.log = log
    self.warnings = warnings
  }

  var isEmpty: Bool { clients.isEmpty }

  /// How many clients are connected.
  var count: Int { clients.count }

  /// Whether there is no room for another client.
  var isFull: Bool { hasAllClients && clients.longestIdle == nil }

  /// Whether as many clients are connected as may be.
  var hasAllClients: Bool { clients.count >= maxClients }

  /// Whether a client is to be sent a part of a list.
  var hasListParts: Bool { !listQueue.isEmpty }

  // MARK: - Serving

  /// Serves a client that was just accepted; at once if its request has arrived.
  func serveNew(_ connection: consuming UnixConnection) {
    var reader = RequestReader()
    let piece = ReceivedPiece(on: connection, to: &reader)
    // The usual case: nothing of the client is kept.
    switch piece.step {
    case .versionOne(let request):
      handler.answer(request, on: connection)
      connection.discard(piece.length)
      return
    case .malformed:
      handler.countMalformed()
      connection.discard(piece.length)
      return
    case .versionTwo, .broken, .incomplete, .end: break
    }
    // If the kernel does not know the peer, it has disconnected.
    guard let peer = try? handler.peer(of: connection) else { return }
    let client = Client(
      connection, of: peer, reader, deadline: Deadline(after: clientTimeout))
    // The wait for this client does not count in the next one's time.
    defer { clock.read() }
    // Now, not when it asks for ports: by then its pid may be another process's.
    _ = try? handler.identify(client)
    guard serve(client, piece) else { return }
    makeRoom(for: client)
    do {
      try events.watch(client.connection.raw, as: client.source)
    } catch {
      warnings.say(.accept, "cannot wait for clients (epoll_ctl): \(error)")
      return
    }
    clients.add(client)
    wait(for: client, after: .request)
  }

  /// Continues with a client that epoll reports: it has sent something, has room
  /// for more, or has disconnected.
  func handleEvent(on number: Int32) {
    guard let client = clients[number] else { return }
    let awaited = client.awaited
    let stays =
      switch awaited {
      case .request:
        serve(
          client,
          ReceivedPiece(
            on: client.connection, to: &client.reader, isReported: true))
      case .room: resume(client)
      // Only a disconnect is reported.
      case .turn: false
      }
    if stays {
      wait(for: client, after: awaited)
    } else {
      clients.remove(client)
    }
  }

  /// Answers what a client's piece asks for, then discards it.
  ///
  /// - Returns: Whether the client stays connected.
  private func serve(_ client: Client, _ piece: ReceivedPiece) -> Bool {
    let stays = serve(client, piece.step)
    client.connection.discard(piece.length)
    return stays
  }

  /// Answers a client's next request, and those that have arrived with it.
  ///
  /// - Returns: Whether the client stays connected.
  private func serve(_ client: Client, _ first: RequestReader.Step) -> Bool {
    var step = first
    for count in 1...Self.requestBatch {
      switch step {
      case .incomplete:
        client.awaitRest(pause: requestPause, timeout: clientTimeout)
        client.awaited = .request
        return true
      case .versionOne(let request):
        handler.answer(request, on: client.connection, of: client)
        return false
      case .malformed:
        handler.countMalformed()
        return false
      case .broken(let error):
        handler.countMalformed()
        try? client.send(error.bytes)
        return false
      case .end:
        return false
      case .versionTwo(let request):
        client.restartDeadline(timeout: clientTimeout)
        guard
          isSent({ () throws(Errno) in
            try handler.answer(
              request, of: client, clientCount: clients.count)
          })
        else { return false }
      }
      if client.hasUnsentBytes { break }
      if client.list != nil {
        client.awaited = .turn
        return true
      }
      // A request that is taken from the reader must be answered. One that walks
      // over the pool is enough for a turn.
      if count == Self.requestBatch || step.isCostly { break }
      step = client.reader.next()
    }
    // epoll reports room to write in the next turn; then the rest is done.
    client.awaited = .room
    return true
  }

  /// Continues with a client that may have room for more of its answer, or that
  /// sent more requests than a turn answers.
  ///
  /// - Returns: Whether the client stays connected.
  private func resume(_ client: Client) -> Bool {
    guard isSent({ () throws(Errno) in try client.flush() }) else {
      return false
    }
    if client.hasUnsentBytes {
      client.awaited = .room
      return true
    }
    // A client that takes a part in time has time for the next one.
    client.restartDeadline(timeout: clientTimeout)
    if client.list != nil {
      client.awaited = .turn
      return true
    }
    return serve(client, client.reader.next())
  }

  private func isSent(_ send: () throws(Errno) -> Void) -> Bool {
    do {
      try send()
      return true
    } catch {
      log.debug("a client disconnected before it got its answer: \(error)")
      return false
    }
  }

  /// Sends the next part of the list whose turn it is, if there is one.
  func sendListPart() {
    while !listQueue.isEmpty {
      let client = listQueue.removeFirst()
      // It may have disconnected, and its descriptor be another client's.
      guard clients[client.connection.raw.rawValue] === client else { continue }
      let stays =
        isSent({ () throws(Errno) in try handler.sendListPart(to: client) })
        && resume(client)
      if stays {
        wait(for: client, after: .turn)
      } else {
        clients.remove(client)
      }
      return
    }
  }

  /// Has epoll and the deadlines wait for a client.
  ///
  /// - Parameters:
  ///   - client: The client.
  ///   - previous: What it was waited for until now.
  private func wait(for client: Client, after previous: Client.Awaited) {
    if client.awaited == .turn { listQueue.append(client) }
    if let deadline = client.nextDeadline {
      nextDeadline = nextDeadline.map { min($0, deadline) } ?? deadline
    }
    if client.awaited == previous { return }
    let interest: EventQueue.Interest =
      switch client.awaited {
      case .request: .reading
      case .room: .writing
      case .turn: .hangUp
      }
    do {
      try events.watch(
        client.connection.raw, for: interest, as: client.source)
    } catch {
      clients.remove(client)
    }
  }

  // MARK: - Closing

  /// Closes the clients whose deadlines have passed; what they have asked for is
  /// answered.
  func closeOverdue() {
    guard let nextDeadline, nextDeadline.hasPassed else { return }
    var next: Deadline?
    for client in clients.all {
      guard let deadline = client.nextDeadline else { continue }
      if deadline.hasPassed {
        if client.isOverdue { handler.countRejected() }
        finish(client)
        clients.remove(client)
      } else {
        next = next.map { min($0, deadline) } ?? deadline
      }
    }
    // The pause bounds what checking them all costs, however many there are.
    self.nextDeadline = next.map { max($0, Deadline(after: .milliseconds(10))) }
  }

  /// Closes all clients; what they have asked for is answered.
  func closeAll() {
    for client in clients.all { finish(client) }
    clients = ConnectedClients()
  }

  /// Answers what a client has sent, as if it had closed its side.
  private func finish(_ client: Client) {
    if client.awaited != .request { return }
    var piece = ReceivedPiece(on: client.connection, to: &client.reader)
    if piece.step == .incomplete { piece.step = client.reader.finish() }
    serveLast(client, piece)
  }

  /// Answers the last requests of a client; of a list, it gets one part.
  private func serveLast(_ client: Client, _ piece: ReceivedPiece) {
    if serve(client, piece), client.awaited == .turn {
      try? handler.sendListPart(to: client)
    }
  }

  /// Closes another client if there is no room for one more, or its user has as
  /// many as a user may have.
  private func makeRoom(for client: Client) {
    if clients.count(of: client.user) >= maxClientsPerUser {
      guard let other = clients.clientToClose(of: client.user) else { return }
      if !other.isIdle {
        warnings.say(
          .share,
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

  /// Closes a client; what it has asked for is answered.
  private func closeForRoom(_ client: Client) {
    if !client.isIdle { handler.countRejected() }
    if client.awaited == .request {
      let piece = ReceivedPiece(on: client.connection, to: &client.reader)
      if piece.step != .incomplete {
        serveLast(client, piece)
      } else if !client.reader.speaksVersionTwo {
        handler.countMalformed()
      }
    }
    clients.remove(client)
  }
}

extension RequestReader.Step {
  /// Whether an answer checks the state of each port.
  fileprivate var isCostly: Bool {
    guard case .versionTwo(.success(let request)) = self else { return false }
    switch request {
    case .lease(let order): return order.isContiguous
    case .returnPorts, .leases, .statistics, .pool, .portsInUse, .version:
      return false
    }
  }
}
