import HostSystem
import PortProtocol
import SystemPackage

/// A connection to a port server by version 2 of the protocol, for one request
/// after another.
struct ServerConversation: ~Copyable {
  private let client: PortServerClient
  private let stream: UnixStream
  private let limit: TimeLimit
  /// What has arrived and not been read.
  private var bytes: [UInt8] = []
  /// Whether the server has answered anything.
  private var hasAnswered = false

  /// Connects.
  ///
  /// - Parameters:
  ///   - client: The server.
  ///   - limit: How long the whole conversation may take.
  /// - Throws: `serverUnreachable`, `serverTimedOut`.
  init(
    with client: PortServerClient, within limit: TimeLimit
  ) throws(PortPickerError) {
    self.client = client
    self.limit = limit
    do throws(Errno) {
      stream = try UnixStream.connect(
        to: client.address, deadline: limit.deadline)
    } catch {
      throw client.failure(error, within: limit)
    }
  }

  /// What a server says to a request.
  enum Answer {
    /// The words behind `ok`.
    case done([String])
    /// It does not do it.
    case refused(VersionTwoError)
    /// It knows only version 1 of the protocol.
    case versionOneOnly
  }

  /// Asks for something.
  ///
  /// - Parameters:
  ///   - request: What.
  ///   - item: Told of each line of a list.
  /// - Returns: What the server says.
  /// - Throws: `serverUnreachable`, `serverTimedOut`, `serverReplyMalformed`.
  mutating func ask(
    _ request: VersionTwoRequest,
    item: (String) throws(PortPickerError) -> Void = { _ in }
  ) throws(PortPickerError) -> Answer {
    do throws(Errno) {
      try stream.send(request.bytes)
    } catch {
      // What it said before it closed can still be received.
      guard error == .brokenPipe else { throw failure(error) }
    }
    var itemCount = 0
    while let line = try nextLine() {
      hasAnswered = true
      switch VersionTwoReply(parsing: line) {
      case .ok(let words): return .done(words)
      case .error(let error): return .refused(error)
      case .item(let text):
        // There are no more ports than that, or ranges of them.
        itemCount += 1
        guard itemCount <= 1 << 17 else { throw client.malformed }
        try item(text)
      }
    }
    if hasAnswered { throw failure(.connectionReset) }
    return .versionOneOnly
  }

  /// The next line; `nil` where the server closes with nothing sent.
  private mutating func nextLine() throws(PortPickerError) -> [UInt8]? {
    let limit = VersionTwoRequest.maximumLineLength
    while true {
      if let end = bytes.firstIndex(of: UInt8(ascii: "\n")), end < limit {
        defer { bytes.removeSubrange(...end) }
        return Array(bytes[..<end])
      }
      guard bytes.count < limit else { throw client.malformed }
      do throws(Errno) {
        let more = try stream.receive(atMost: 16 * limit)
        if more.isEmpty {
          if bytes.isEmpty { return nil }
          throw Errno.connectionReset
        }
        bytes += more
      } catch {
        if error == .connectionReset, bytes.isEmpty, !hasAnswered { return nil }
        throw failure(error)
      }
    }
  }

  /// Whether the server's pids are this process's: it is in the same pid namespace.
  var sharesProcesses: Bool {
    (try? stream.peer).map { isInOwnNamespace($0.pid) } ?? false
  }

  private func failure(_ error: Errno) -> PortPickerError {
    client.failure(error, within: limit)
  }
}
