import Foundation
import Glibc

/// A port server that does what a test says, on a thread of its own.
///
/// By itself it knows version 1 of the protocol alone: like the original, it closes
/// with nothing sent what begins with a word.
package final class FakeServer: Sendable {
  package let address: String
  package let requests = Collected<String>()
  private let listener: Int32

  /// What a server does with a connection after it has read a line.
  package enum Answer: Sendable {
    /// Sends these pieces one by one, each when the client has read the one
    /// before, and closes.
    case pieces([String])
    /// Closes the connection with the request unread.
    case slam
    /// Says nothing until the client has gone.
    case silence
    /// Speaks version 2: sends one of these lines for each that comes, and closes.
    case replies([String])
    /// Hands so many lines on to another server, and its answers back, and closes.
    case handOn(to: String, lines: Int)

    fileprivate var knowsVersionTwo: Bool {
      switch self {
      case .handOn, .replies: true
      case .pieces, .slam, .silence: false
      }
    }
  }

  /// Listens at an abstract address.
  ///
  /// - Parameter answers: What is done with one connection after another;
  ///   with all further ones as with the last.
  /// - Throws: What the system says.
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
      // Here and not in `deinit`: whoever got the number next would be served
      // by this thread.
      close(listener)
    }
  }

  deinit {
    // It ends accept(2), and with it the thread.
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
    case .handOn(let address, let count):
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
        // What a client has not read yet still counts as unsent (unix(7)).
        var unread: Int32 = 1
        while ioctl(connection, UInt(TIOCOUTQ), &unread) == 0, unread > 0 {
          sched_yield()
        }
      }
    }
  }
}
