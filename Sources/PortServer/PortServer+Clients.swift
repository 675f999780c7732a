import HostSystem
import Logging
import PortProtocol
import SystemPackage

extension PortServer {
  /// Serves a client that has just connected, at once if its request has
  /// arrived already.
  func greet(_ connection: consuming UnixConnection) {
    var reader = RequestReader()
    let step = receive(from: connection, into: &reader)
    if step != .incomplete {
      respond(to: step, on: connection)
      return
    }
    let client = Client(
      connection, reader, deadline: Deadline(after: options.clientTimeout))
    let number = client.connection.raw
    do {
      try events.watch(number, as: EventSource.client(number.rawValue).token)
    } catch {
      warnings.say(.accept, to: log, "cannot wait for clients: \(error)")
      return
    }
    clients[number.rawValue] = client
    expect(client)
  }

  /// Receives what a client has sent.
  func hear(from number: Int32) {
    guard let client = clients[number] else { return }
    let step = receive(from: client.connection, into: &client.reader)
    if step == .incomplete {
      expect(client)
      return
    }
    respond(to: step, on: client.connection)
    clients[number] = nil
  }

  /// Takes what a client has sent as its request, for nothing more will come.
  func finish(_ client: Client) {
    var step = receive(from: client.connection, into: &client.reader)
    if step == .incomplete { step = client.reader.finish() }
    respond(to: step, on: client.connection)
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

  private func expect(_ client: Client) {
    client.heardFrom(pause: options.requestPause)
    sweep = sweep.map { min($0, client.due) } ?? client.due
  }

  private func receive(
    from connection: borrowing UnixConnection, into reader: inout RequestReader
  ) -> RequestReader.Step {
    // One byte more than a request has shows that it is none.
    withUnsafeTemporaryAllocation(
      byteCount: RequestReader.maximumLength + 1, alignment: 1
    ) { buffer in
      switch try? connection.receive(into: buffer) {
      case .nothing: .incomplete
      case .bytes(let count):
        reader.receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      case .end: reader.finish()
      // The connection is broken.
      case nil: .malformed
      }
    }
  }

  private func respond(
    to step: RequestReader.Step, on connection: borrowing UnixConnection
  ) {
    switch step {
    case .request(let request): answer(request, on: connection)
    case .malformed, .incomplete:
      statistics.clientRequestErrors += 1
      log.debug("a client sent no request")
    }
  }

  /// Sends a port, or nothing, which is a refusal.
  private func answer(
    _ request: VersionOneRequest, on connection: borrowing UnixConnection
  ) {
    let pid = request.pid
    do throws(Denial) {
      let peer: PeerCredentials
      do {
        peer = try connection.peer
      } catch {
        throw .broken("who asks cannot be told: \(error)")
      }
      let (port, holder) = try lease(to: pid, askedBy: peer)
      // Who has its port may end at once.
      let command =
        log.logLevel > .info ? "" : commandLine(ofProcess: holder.pid)
      let isSent = VersionOneReply.withBytes(of: port) { connection.send($0) }
      guard isSent else {
        takeBack(port, of: holder)
        log.debug("a client has gone before it got its port")
        return
      }
      statistics.totalAllocations += 1
      log.info(
        """
        leased port \(port) to process \(holder.pid), asked for by uid \
        \(peer.user): \(command)
        """)
    } catch {
      statistics.deniedAllocations += 1
      log.info("no port for process \(pid): \(error)")
      if let (topic, text) = error.warning {
        warnings.say(topic, to: log, text)
      }
    }
  }
}
