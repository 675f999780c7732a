import Foundation
import Glibc

/// A port server that behaves as a test specifies, on a thread of its own.
///
/// Unless told otherwise, it knows only version 1 of the protocol. Like the original, it
/// closes a connection that begins with a letter without sending anything.
package final class FakeServer: Sendable {
  package let address: String
  package let requests = Collected<String>()
  private let listener: Int32

  /// How the server handles a connection.
  package enum Answer: Sendable {
    /// Sends these pieces, each after the client has read the previous one, and closes.
    case pieces([String])
    /// Closes the connection without reading the request.
    case slam
    /// Sends nothing, and waits until the client disconnects.
    case silence
    /// Speaks version 2: replies to each request with the next of these lines, and
    /// closes.
    case replies([String])
    /// Forwards this number of lines to another server, and its replies back, and
    /// closes.
    case forward(to: String, lines: Int)

    fileprivate var knowsVersionTwo: Bool {
      switch self {
      case .forward, .replies: true
      case .pieces, .slam, .silence: false
      }
    }
  }

  /// Listens at an abstract address.
  ///
  /// - Parameter answers: How to handle each connection in turn. The last applies to
  ///   all further ones.
  /// - Throws: The system's error.
  package init(_ answers: Answer...) throws {
    address = "@portpicker-test-\(UUID().uuidString)"
    let listener = socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let isBound = withUnixAddress(address) {
      bind(listener, $0, $1) == 0 && listen(listener, 16) == 0
    }
    guard isBound else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    self.listener = listener
    let requests = requests
    Thread.detachNewThread {
      var answers = answers[...]
      while true {
        let connection = accept(listener, nil, nil)
        if connection < 0 { break }
        var first: UInt8 = 0
        let count = recv(connection, &first, 1, Int32(MSG_PEEK))
        if count == 1, ("a"..."z").contains(Character(Unicode.Scalar(first))),
          answers.first?.knowsVersionTwo == false
        {
          close(connection)
          continue
        }
        let answer =
          answers.count > 1
          ? answers.removeFirst() : answers[answers.startIndex]
        Self.serve(connection, answer, requests)
        close(connection)
      }
      // Not in `deinit`: this thread would serve the next socket with that number.
      close(listener)
    }
  }

  deinit {
    // This ends accept(2), and with it the thread.
    shutdown(listener, Int32(SHUT_RDWR))
  }

  private static func serve(
    _ connection: Int32, _ answer: Answer, _ requests: Collected<String>
  ) {
    if case .slam = answer { return }
    var byte: UInt8 = 0
    func nextLine() -> String {
      var line = ""
      while recv(connection, &byte, 1, 0) == 1, byte != UInt8(ascii: "\n") {
        line.unicodeScalars.append(Unicode.Scalar(byte))
      }
      requests.add(line)
      return line
    }
    let line = nextLine()
    switch answer {
    case .slam: break
    case .silence: _ = recv(connection, &byte, 1, 0)
    case .replies(let replies):
      for (number, reply) in replies.enumerated() {
        let text = reply + "\n"
        guard
          send(connection, text, text.utf8.count, Int32(MSG_NOSIGNAL)) > 0
        else { return }
        if number < replies.count - 1 { _ = nextLine() }
      }
    case .forward(let address, let count):
      guard let server = try? UnixClient(connectingTo: address) else { return }
      var line = line
      for number in 1...count where !line.isEmpty {
        guard (try? server.send(line + "\n")) != nil,
          let reply = try? server.receiveLine() + "\n"
        else { return }
        _ = send(connection, reply, reply.utf8.count, Int32(MSG_NOSIGNAL))
        if number < count { line = nextLine() }
      }
    case .pieces(let pieces):
      for piece in pieces {
        guard send(connection, piece, piece.utf8.count, Int32(MSG_NOSIGNAL)) > 0
        else { return }
        // Bytes that the client has not read count as unsent (unix(7)).
        var unread: Int32 = 1
        while ioctl(connection, UInt(TIOCOUTQ), &unread) == 0, unread > 0 {
          sched_yield()
        }
      }
    }
  }
}
