package import HostSystem
import PortProtocol
import SystemPackage

/// A client of the port server at one address.
///
/// It speaks versions 1 and 2 of the protocol. It knows nothing of other sources
/// of ports, nor of what becomes of a port that it has leased.
package struct PortServerClient: Hashable, Sendable {
  package let address: UnixAddress
  /// What a user can do instead of using this server, such as "unset
  /// PORTSERVER_ADDRESS": the end of error messages.
  package let alternative: String

  /// - Parameters:
  ///   - address: A path, or `@` and a name in the abstract namespace.
  ///   - alternative: See ``alternative``.
  /// - Throws: `invalidAddress`.
  package init(
    at address: String, alternative: String
  ) throws(PortServerError) {
    guard let address = UnixAddress(address) else {
      throw PortServerError(
        .invalidAddress,
        "the port server's address '\(address)' is invalid; expected a path or "
          + "@NAME of 1 to \(UnixAddress.maximumLength) bytes")
    }
    self.address = address
    self.alternative = alternative
  }

  /// Leases a port by version 1 of the protocol.
  ///
  /// If the connection breaks, it tries once more.
  ///
  /// - Parameters:
  ///   - pid: The process that the port is for.
  ///   - limit: How long everything together may take.
  /// - Returns: The port, or `nil` if the server refuses. Version 1 gives no
  ///   reason.
  /// - Throws: `unreachable`, `timedOut`, `malformedReply`.
  func leaseByVersionOne(
    for pid: Int32, within limit: TimeLimit
  ) throws(PortServerError) -> UInt16? {
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
        case .badMessage: throw malformedReply
        default: throw failure(error, within: limit)
        }
      }
    }
  }

  /// - Throws: `Errno.connectionReset` if the connection breaks.
  private func reply(
    to request: VersionOneRequest, by deadline: Deadline
  ) throws(Errno) -> VersionOneReply {
    let stream = try UnixStream.connect(to: address, deadline: deadline)
    var isSent = true
    do throws(Errno) {
      try stream.send(request.bytes)
    } catch {
      // The server closed the connection before it read the request. Anything
      // that it sent can still be received.
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
}
