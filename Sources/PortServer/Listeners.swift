import HostSystem
import Logging
import SystemPackage

/// The sockets that the server listens on: it accepts clients while there is room
/// for them, and restores socket files.
final class Listeners {
  private let listeners: [Listener]
  private let connections: Connections
  private let events: Events
  private let log: Logger
  private let warnings: RareWarnings
  /// Whether epoll reports new clients.
  private var isListening = false
  /// When to accept again after the system was short of something.
  private(set) var nextDeadline: Deadline?

  /// How many clients are accepted in a turn.
  private static let batch = 32

  init(
    _ listeners: [Listener], _ connections: Connections, _ events: Events,
    log: Logger, warnings: RareWarnings
  ) {
    self.listeners = listeners
    self.connections = connections
    self.events = events
    self.log = log
    self.warnings = warnings
  }

  /// The addresses, in words.
  var addressText: String {
    listeners.map(\.address.text).joined(separator: " and ")
  }

  /// Has new clients reported.
  ///
  /// - Throws: What `epoll_ctl(2)` reports.
  func listen() throws(Errno) {
    if isListening { return }
    for (index, listener) in listeners.enumerated() where !listener.isWatched {
      try events.watch(listener.socket.raw, as: .listener(index))
      listener.isWatched = true
    }
    isListening = true
  }

  private func stopListening() {
    for listener in listeners where listener.isWatched {
      events.forget(listener.socket.raw)
      listener.isWatched = false
    }
    isListening = false
  }

  /// Listens again if there is room for clients and no pause.
  func resume() {
    if let nextDeadline, nextDeadline.hasPassed { self.nextDeadline = nil }
    if isListening || nextDeadline != nil || connections.isFull { return }
    do {
      try listen()
    } catch {
      pause(because: error)
    }
  }

  /// Stops accepting for 100 ms: epoll would report a connection that cannot be
  /// accepted over and over.
  private func pause(because error: Errno) {
    warnings.say(.accept, "cannot accept clients: \(error)")
    stopListening()
    nextDeadline = Deadline(after: .milliseconds(100))
  }

  /// Accepts and serves clients of a listener, at most 32.
  func accept(from index: Int) {
    _ = accept(from: listeners[index])
  }

  /// - Returns: Whether there may be more.
  private func accept(from listener: Listener) -> Bool {
    for count in 0..<Self.batch {
      if connections.isFull {
        stopListening()
        return false
      }
      // epoll has reported the first one.
      if count > 0, !listener.socket.hasPendingConnection { return false }
      do {
        guard let connection = try listener.socket.accept() else {
          return false
        }
        connections.serveNew(connection)
      } catch {
        pause(because: error)
        return false
      }
    }
    return true
  }

  /// Removes the socket files, answers the clients that have asked, and closes the
  /// others.
  func close() {
    for listener in listeners { listener.removeFile() }
    // The bound matters if clients keep connecting.
    for _ in 0..<256 {
      var mayBeMore = false
      for listener in listeners where accept(from: listener) {
        mayBeMore = true
      }
      // Closing those that are connected makes room for those in the queue.
      if connections.hasAllClients { mayBeMore = true }
      connections.closeAll()
      if !mayBeMore { break }
    }
  }

  // MARK: - Socket files

  /// Listens anew at addresses whose socket files were removed or replaced.
  func restoreSocketFiles() {
    for listener in listeners {
      do throws(UnixServerSocketError) {
        if try restoreSocketFile(of: listener) {
          log.warning(
            """
            the socket file was removed or replaced; it is restored: \
            \(listener.address.text)
            """)
        }
      } catch {
        warnings.say(
          .socketFile,
          """
          the socket file \(listener.address.text) is lost, and nobody can \
          connect there: \(error.text)
          """)
      }
    }
  }

  /// Listens anew at an address if its socket file was removed or replaced.
  ///
  /// Clients that have connected to the old socket are served first. If there is
  /// no room for them now, the file is restored later.
  ///
  /// - Returns: Whether the file was restored.
  private func restoreSocketFile(
    of listener: Listener
  ) throws(UnixServerSocketError) -> Bool {
    if listener.socket.isInPlace { return false }
    // The bound matters if clients keep connecting.
    for _ in 0..<256 where !accept(from: listener) { break }
    if connections.isFull { return false }
    let new = try listener.socket.replacement()
    stopListening()
    listener.socket = new
    return true
  }
}
