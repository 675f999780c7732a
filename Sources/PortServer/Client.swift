import HostSystem
import PortLeasing
import PortProtocol
import SystemPackage

/// A client that is connected and that something is waited for from: the rest of
/// its request, the next one, or that it takes its answer.
final class Client {
  let connection: UnixConnection
  var reader: RequestReader
  /// Who it is; `nil` until it has asked for something by version 2.
  var peer: Peer?
  /// What it has not taken yet of what it was answered.
  private var output: [UInt8] = []
  /// What is left of a list that it asked for.
  var list: List?
  /// Whether room to write is waited for, and not something to read.
  var isWriting = false
  /// When it has to be done with what it is at.
  private var deadline: Deadline
  /// When what it has sent counts as a request of version 1, LF or not.
  private var quietDeadline: Deadline?

  init(
    _ connection: consuming UnixConnection, _ reader: RequestReader,
    deadline: Deadline
  ) {
    self.connection = connection
    self.reader = reader
    self.deadline = deadline
  }

  /// Some bytes have come, and no whole request.
  func heardFrom(pause: Duration) {
    guard !reader.isEmpty, !reader.speaksVersionTwo else { return }
    quietDeadline = Deadline(after: pause)
  }

  /// It has been answered: its time begins anew.
  func answered(deadline: Deadline) {
    self.deadline = deadline
  }

  /// When something has to be done about it.
  var due: Deadline { quietDeadline.map { min($0, deadline) } ?? deadline }

  /// Whether it has been answered and asks for nothing.
  var isIdle: Bool { reader.speaksVersionTwo && reader.isEmpty && !isWriting }

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

  /// Whether there is an answer, or a part of one, that it has not taken yet.
  var hasMoreToTake: Bool { hasUntakenBytes || list != nil }

  /// Whether there are bytes that it has had no room for.
  var hasUntakenBytes: Bool { !output.isEmpty }
}

/// Who asks, and for which process.
struct Peer {
  let credentials: PeerCredentials
  /// The process that connected, once it was looked up: a connection may outlive
  /// it, and its pid then be another process's.
  var identity: ProcessIdentity?
  /// Whether it had ended already when it was looked up.
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
  /// Whether the client may be told command lines of other users' processes.
  var showsCommands = true
}
