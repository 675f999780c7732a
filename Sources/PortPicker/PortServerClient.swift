import HostSystem
import PortProtocol
import SystemPackage

/// A client of the port server at one address.
struct PortServerClient: Hashable {
  let address: UnixAddress

  /// - Throws: `invalidServerAddress`.
  init(at address: String) throws(PortPickerError) {
    guard let address = UnixAddress(address) else {
      throw PortPickerError(
        .invalidServerAddress,
        "the port server's address '\(address)' is no address: a path or "
          + "@NAME of 1 to \(UnixAddress.maximumLength) bytes is expected")
    }
    self.address = address
  }

  /// Asks for a port.
  ///
  /// - Parameters:
  ///   - pid: Who the port is for.
  ///   - timeout: How long connecting, asking and the answer may take together.
  /// - Returns: The port.
  /// - Throws: Why there is none.
  func lease(
    for pid: Int32, timeout: Duration
  ) throws(PortPickerError) -> UInt16 {
    switch try reply(to: VersionOneRequest(pid: pid), within: timeout) {
    case .port(let port):
      return port
    case .refused:
      throw PortPickerError(
        .serverRefused,
        "the port server at '\(address.text)' has no port for process "
          + "\(pid): its pool is exhausted, or it cannot see the process; end "
          + "processes that hold ports, or unset PORTSERVER_ADDRESS")
    case .malformed:
      throw malformed
    }
  }

  private func reply(
    to request: VersionOneRequest, within timeout: Duration
  ) throws(PortPickerError) -> VersionOneReply {
    do throws(Errno) {
      let stream = try UnixStream.connect(
        to: address, deadline: Deadline(after: timeout))
      do throws(Errno) {
        try stream.send(request.bytes)
      } catch {
        // A server that refuses without having read: what it said, if it said
        // anything, can still be received.
        guard error == .brokenPipe else { throw error }
      }
      var bytes: [UInt8] = []
      while true {
        let more = try stream.receive(
          atMost: VersionOneReply.maximumLength - bytes.count)
        bytes += more
        if let reply = VersionOneReply(bytes, isComplete: more.isEmpty) {
          return reply
        }
      }
    } catch {
      // It closed the connection with our request unread: a refusal.
      if error == .connectionReset { return .refused }
      throw failure(error, within: timeout)
    }
  }

  /// What a system's error means for a conversation.
  func failure(_ error: Errno, within timeout: Duration) -> PortPickerError {
    if error == .timedOut {
      return PortPickerError(
        .serverTimedOut,
        "the port server at '\(address.text)' did not answer within "
          + "\(timeout); see what it is doing, or allow it more time", error)
    }
    return PortPickerError(
      .serverUnreachable,
      "the port server at '\(address.text)' cannot be reached: \(error); "
        + "start it, or unset PORTSERVER_ADDRESS", error)
  }

  /// What is wrong where an answer is none.
  var malformed: PortPickerError {
    PortPickerError(
      .serverReplyMalformed,
      "the answer of '\(address.text)' is no port, so that is no port server; "
        + "correct PORTSERVER_ADDRESS")
  }
}
