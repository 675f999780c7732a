import HostSystem
import PortLeasing
import PortProtocol
import SystemPackage

/// A connected client that the server waits for: for the rest of its request, for
/// its next one, or until it takes its answer.
final class Client {
  let connection: UnixConnection
  /// The process that connected.
  var peer: Peer
  /// Its index among its user's clients, in ``ConnectedClients``.
  var index: Int?
  var reader: RequestReader
  /// What is left of its answers to send.
  private var output: [UInt8] = []
  /// What is left to send of a list that it asked for.
  var list: List?
  /// What it is waited for.
  var awaited = Awaited.request
  /// Until when it must send its request or take its answer;
  /// ``Connections/closeOverdue()`` enforces it.
  private(set) var deadline: Deadline
  /// When what it has sent counts as a request of version 1 without LF.
  private var quietDeadline: Deadline?
  /// Whether a part of a request of version 2 has arrived.
  private var hasBegun = false

  /// What a client is waited for.
  enum Awaited {
    /// A request, or the rest of one.
    case request
    /// Room for more of its answer, or for the next one.
    case room
    /// Its turn to be sent the next part of a list: the client waits for the
    /// server.
    case turn
  }

  init(
    _ connection: consuming UnixConnection, of peer: Peer,
    _ reader: RequestReader, deadline: Deadline
  ) {
    self.connection = connection
    self.peer = peer
    self.reader = reader
    self.deadline = deadline
  }

  var user: UInt32 { peer.user }

  /// What epoll reports it as.
  var source: EventSource { .client(connection.raw.rawValue) }

  /// Whether it is among the ``ConnectedClients``.
  var isWaitedFor: Bool { index != nil }

  /// Sets the deadline for the rest of an incomplete request.
  ///
  /// The time for a request begins with its first byte, that for the first request
  /// with the connection. Further bytes do not prolong it.
  func awaitRest(pause: Duration, timeout: Duration) {
    if reader.isEmpty {
      hasBegun = false
    } else if !reader.speaksVersionTwo {
      quietDeadline = Deadline(after: pause)
    } else if !hasBegun {
      hasBegun = true
      deadline = Deadline(after: timeout)
    }
  }

  /// Restarts the client's time, because a request has arrived or a part of an
  /// answer was taken.
  func restartDeadline(timeout: Duration) {
    hasBegun = false
    deadline = Deadline(after: timeout)
  }

  /// When to check its deadlines; `nil` if it waits for the server.
  var nextDeadline: Deadline? {
    if awaited == .turn { return nil }
    return quietDeadline.map { min($0, deadline) } ?? deadline
  }

  /// Whether it has taken too long to send a request, or to take its answer.
  ///
  /// That a request of version 1 without LF counts as complete is another matter,
  /// and so is that a connection without requests is closed.
  var isOverdue: Bool { !isIdle && deadline.hasPassed }

  /// Whether all its requests have been answered.
  var isIdle: Bool {
    reader.speaksVersionTwo && reader.isEmpty && awaited == .request
  }

  /// Sends as much of an answer as there is room for; ``flush()`` sends the rest.
  ///
  /// - Throws: What `send(2)` reports if the client has disconnected.
  func send(_ bytes: [UInt8]) throws(Errno) {
    if output.isEmpty {
      let count = try send(partOf: bytes)
      if count < bytes.count { output = Array(bytes.dropFirst(count)) }
    } else {
      output += bytes
      try flush()
    }
  }

  /// Sends as much of the rest as there is room for.
  ///
  /// - Throws: As ``send(_:)``.
  func flush() throws(Errno) {
    if output.isEmpty { return }
    output.removeFirst(try send(partOf: output))
  }

  private func send(partOf bytes: [UInt8]) throws(Errno) -> Int {
    try bytes.withUnsafeBytes { bytes in
      Result { () throws(Errno) in try connection.send(partOf: bytes) }
    }.get()
  }

  /// Whether there was no room for a part of its answer.
  var hasUnsentBytes: Bool { !output.isEmpty }
}

/// The process at the other end of a connection.
struct Peer {
  let credentials: PeerCredentials
  /// The process that connected, if it was identified.
  var identity: ProcessIdentity?
  /// The same, for as long as it is registered.
  weak var process: KnownProcess?
  /// Whether it had ended when it was to be identified.
  var hasEnded = false

  var user: UInt32 { credentials.user }
}
