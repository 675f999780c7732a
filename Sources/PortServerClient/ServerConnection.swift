import HostSystem
import PortProtocol
import SystemPackage

/// A connection to a port server that speaks version 2 of the protocol, for any
/// number of requests.
package struct ServerConnection: ~Copyable {
  let client: PortServerClient
  private let stream: UnixStream
  private let limit: TimeLimit
  /// Bytes that have arrived and not been parsed.
  private var bytes: [UInt8] = []
  private var hasReplied = false

  /// Connects.
  ///
  /// - Parameters:
  ///   - client: The server.
  ///   - limit: How long connecting and all requests together may take.
  /// - Throws: `unreachable`, `timedOut`.
  package init(
    to client: PortServerClient, within limit: TimeLimit
  ) throws(PortServerError) {
    self.client = client
    self.limit = limit
    do throws(Errno) {
      stream = try UnixStream.connect(
        to: client.address, deadline: limit.deadline)
    } catch {
      throw client.failure(error, within: limit)
    }
  }

  /// How a server answers a request.
  enum Answer {
    /// The words after `ok`.
    case ok([String])
    case error(VersionTwoError)
    /// The server knows only version 1 of the protocol.
    case versionOneOnly
  }

  /// Sends a request and waits for the answer.
  ///
  /// - Parameters:
  ///   - request: The request.
  ///   - onItem: Called for each line of a list.
  /// - Returns: The answer.
  /// - Throws: `unreachable`, `timedOut`, `malformedReply`.
  mutating func send(
    _ request: VersionTwoRequest,
    onItem: (String) throws(PortServerError) -> Void = { _ in }
  ) throws(PortServerError) -> Answer {
    do throws(Errno) {
      try stream.send(request.bytes)
    } catch {
      // What the server sent before it closed can still be received.
      guard error == .brokenPipe else { throw failure(error) }
    }
    var itemCount = 0
    while let line = try nextLine() {
      hasReplied = true
      switch VersionTwoReply(parsing: line) {
      case .ok(let words): return .ok(words)
      case .error(let error): return .error(error)
      case .item(let text):
        // No list is longer: there are 65,535 ports, and fewer ranges.
        itemCount += 1
        guard itemCount <= 1 << 17 else { throw client.malformedReply }
        try onItem(text)
      }
    }
    if hasReplied { throw failure(.connectionReset) }
    return .versionOneOnly
  }

  /// The next line, or `nil` if the server closes the connection without having
  /// sent anything.
  private mutating func nextLine() throws(PortServerError) -> [UInt8]? {
    let limit = VersionTwoRequest.maximumLineLength
    while true {
      if let end = bytes.firstIndex(of: UInt8(ascii: "\n")), end < limit {
        defer { bytes.removeSubrange(...end) }
        return Array(bytes[..<end])
      }
      guard bytes.count < limit else { throw client.malformedReply }
      do throws(Errno) {
        let more = try stream.receive(atMost: 16 * limit)
        if more.isEmpty {
          if bytes.isEmpty { return nil }
          throw Errno.connectionReset
        }
        bytes += more
      } catch {
        if error == .connectionReset, bytes.isEmpty, !hasReplied { return nil }
        throw failure(error)
      }
    }
  }

  /// Whether pids mean the same to the server as to this process: both are in the
  /// same pid namespace.
  var sharesPIDs: Bool {
    (try? stream.peer).map { isInSamePIDNamespace($0.pid) } ?? false
  }

  private func failure(_ error: Errno) -> PortServerError {
    client.failure(error, within: limit)
  }
}
