import HostSystem
import PortProtocol
import SystemPackage

/// A client of the port server at one address.
struct PortServerClient: Hashable {
  let address: UnixAddress
  /// Whether the environment names it, and not the caller.
  let isAmbient: Bool

  /// - Throws: `invalidServerAddress`.
  init(
    at address: String, isAmbient: Bool = false
  ) throws(PortPickerError) {
    guard let address = UnixAddress(address) else {
      throw PortPickerError(
        .invalidServerAddress,
        "the port server's address '\(address)' is no address: a path or "
          + "@NAME of 1 to \(UnixAddress.maximumLength) bytes is expected")
    }
    self.address = address
    self.isAmbient = isAmbient
  }

  /// Asks for a port by version 1 of the protocol.
  ///
  /// A connection that breaks is tried again, once.
  ///
  /// - Parameters:
  ///   - pid: Who the port is for.
  ///   - limit: How long everything may take together.
  /// - Returns: The port; `nil` where the server refuses, which that version
  ///   gives no reason for.
  /// - Throws: `serverUnreachable`, `serverTimedOut`, `serverReplyMalformed`.
  func lease(
    for pid: Int32, within limit: TimeLimit
  ) throws(PortPickerError) -> UInt16? {
    var isSecond = false
    while true {
      do throws(Errno) {
        switch try reply(to: VersionOneRequest(pid: pid), by: limit.deadline) {
        case .port(let port): return port
        case .refused: return nil
        case .malformed: throw Errno.badMessage
        }
      } catch {
        switch error {
        case .connectionReset where !isSecond: isSecond = true
        case .badMessage: throw malformed
        default: throw failure(error, within: limit)
        }
      }
    }
  }

  /// - Throws: `Errno.connectionReset` where the connection breaks.
  private func reply(
    to request: VersionOneRequest, by deadline: Deadline
  ) throws(Errno) -> VersionOneReply {
    let stream = try UnixStream.connect(to: address, deadline: deadline)
    var isSent = true
    do throws(Errno) {
      try stream.send(request.bytes)
    } catch {
      // It closed before it could read. What it said, if it said anything, can
      // still be received.
      guard error == .brokenPipe else { throw error }
      isSent = false
    }
    var bytes: [UInt8] = []
    while true {
      let more = try stream.receive(
        atMost: VersionOneReply.maximumLength - bytes.count)
      // A line without its end was cut.
      if more.isEmpty, !bytes.isEmpty || !isSent { throw .connectionReset }
      bytes += more
      if let reply = VersionOneReply(bytes, isComplete: more.isEmpty) {
        return reply
      }
    }
  }

  /// The error where a server refuses and does not say why.
  func refusal(of pid: Int32) -> PortPickerError {
    PortPickerError(
      .serverRefused,
      "the port server at '\(address.text)' has no port for process \(pid): "
        + "its pool is exhausted, or it cannot see the process; end processes "
        + "that hold ports, or \(advice)")
  }

  /// What a system's error means for a conversation.
  func failure(_ error: Errno, within limit: TimeLimit) -> PortPickerError {
    if error == .timedOut {
      return PortPickerError(
        .serverTimedOut,
        "the port server at '\(address.text)' did not answer within "
          + "\(limit.duration); see what it is doing, or allow it more time",
        error)
    }
    return PortPickerError(
      .serverUnreachable,
      "the port server at '\(address.text)' cannot be reached: \(error); "
        + "start it, or \(advice)", error)
  }

  /// What is wrong where an answer is none.
  var malformed: PortPickerError {
    PortPickerError(
      .serverReplyMalformed,
      "the answer of '\(address.text)' is no port, so that is no port server; "
        + advice)
  }

  /// What to do without this server.
  var advice: String {
    isAmbient ? "unset PORTSERVER_ADDRESS" : "name another server"
  }
}

/// How long something may take, beginning with the moment at which this is made.
struct TimeLimit {
  let duration: Duration
  let deadline: Deadline

  init(_ duration: Duration) {
    self.duration = duration
    deadline = Deadline(after: duration)
  }
}
