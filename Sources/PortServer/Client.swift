import HostSystem
import PortLeasing
import PortProtocol
import SystemPackage

/// A client that is connected and that something is waited for from: the rest of
/// its request, the next one, or that it takes its answer.
final class Client {
  let connection: UnixConnection
  /// Who connected.
  var peer: Peer
  /// Where it stands among its user's.
  var place = 0
  var reader: RequestReader
  /// What it has not taken yet of what it was answered.
  private var output: [UInt8] = []
  /// What is left of a list that it asked for.
  var list: List?
  /// What it is waited for.
  var awaited = Awaited.request
  /// When it has to be done with what it is at.
  private(set) var deadline: Deadline
  /// When what it has sent counts as a request of version 1, LF or not.
  private var quietDeadline: Deadline?
  /// Whether a part of a request of version 2 has arrived.
  private var hasBegun = false

  /// What a client is waited for.
  enum Awaited {
    /// A request, or the rest of one.
    case request
    /// Room for more of its answer, or for the next one.
    case room
    /// Its turn to be sent the next part of a list: the server is at fault.
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

  /// What it has sent so far is no whole request.
  ///
  /// The time for a request begins with its first byte, and that for the first
  /// one with the connection; no byte that follows makes it longer.
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

  /// A request has arrived, or a part of its answer was taken: its time begins
  /// anew.
  func beginAnew(timeout: Duration) {
    hasBegun = false
    deadline = Deadline(after: timeout)
  }

  /// When something has to be done about it; `nil` where it waits for the
  /// server.
  var due: Deadline? {
    if awaited == .turn { return nil }
    return quietDeadline.map { min($0, deadline) } ?? deadline
  }

  /// Whether it has been answered and asks for nothing.
  var isIdle: Bool {
    reader.speaksVersionTwo && reader.isEmpty && awaited == .request
  }

  /// Answers, as far as the client takes it now; the rest follows with ``flush()``.
  ///
  /// - Throws: What `send(2)` says where the client is gone.
  func send(_ bytes: [UInt8]) throws(Errno) {
    if output.isEmpty {
      let count = try send(partOf: bytes)
      if count < bytes.count { output = Array(bytes.dropFirst(count)) }
    } else {
      output += bytes
      try flush()
    }
  }

  /// Sends what there is room for.
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

  /// Whether there are bytes that it has had no room for.
  var hasUntakenBytes: Bool { !output.isEmpty }
}

/// Who asks, and for which process.
struct Peer {
  let credentials: PeerCredentials
  /// The process that connected, once it was looked up.
  var identity: ProcessIdentity?
  /// The same, for as long as the server knows it.
  weak var process: KnownProcess?
  /// Whether it had ended when it was looked up.
  var hasEnded = false

  var user: UInt32 { credentials.user }
}

/// Ports that were leased to a process.
struct Grant {
  let ports: [UInt16]
  let holder: KnownProcess
}

/// A list that is sent in parts, so that a long one holds up nobody.
struct List {
  /// What is left of it.
  enum Rest {
    /// The leases from a port on.
    case leases(from: Int)
    /// The leases of these ports.
    case leasesOf(ArraySlice<UInt16>)
    /// These ranges of the pool.
    case pool(ArraySlice<ClosedRange<UInt16>>)
    /// Nothing.
    case none
  }

  var rest: Rest
  /// How many lines there have been.
  var count = 0
}
