import HostSystem
import PortProtocol
import SystemPackage

/// A client of the port server at one address, by version 1 of the protocol.
struct PortServerClient {
  private let address: UnixAddress

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
      throw PortPickerError(
        .serverReplyMalformed,
        "the answer of '\(address.text)' is no port, so that is no port server; "
          + "correct PORTSERVER_ADDRESS")
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
      switch error {
      // It closed the connection with our request unread: a refusal.
      case .connectionReset: return .refused
      case .timedOut:
        throw PortPickerError(
          .serverTimedOut,
          "the port server at '\(address.text)' did not answer within "
            + "\(timeout); see what it is doing, or allow it more time",
          error)
      default:
        throw PortPickerError(
          .serverUnreachable,
          "the port server at '\(address.text)' cannot be reached: \(error); "
            + "start it, or unset PORTSERVER_ADDRESS", error)
      }
    }
  }
}
