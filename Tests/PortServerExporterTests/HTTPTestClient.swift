import Glibc
import Synchronization
import SystemPackage
import TestSupport

/// A client of HTTP that sends any bytes, with blocking calls.
final class HTTPTestClient: Sendable {
  private let socket: TestSocket
  private let surplus = Mutex<[UInt8]>([])

  /// Connects to 127.0.0.1.
  ///
  /// Sending and receiving fail after 30 seconds.
  init(port: UInt16) throws(Errno) {
    socket = try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
    var limit = timeval(tv_sec: 30, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(
        socket.descriptor, SOL_SOCKET, option, &limit,
        socklen_t(MemoryLayout<timeval>.size))
    }
    try socket.connect(to: .loopbackIPv4, port: port)
  }

  /// An answer.
  struct Answer {
    var status: Int
    /// The fields by name, in lower case.
    var fields: [String: String]
    var body: String
  }

  /// Sends all of a text.
  func send(_ text: String) throws(Errno) {
    try sendAll(text, to: socket.descriptor)
  }

  /// Closes the connection for sending.
  func finishSending() {
    shutdown(socket.descriptor, Int32(SHUT_WR))
  }

  /// Sends a request and receives the answer.
  func ask(
    _ method: String, _ target: String, host: String = "localhost"
  ) throws -> Answer {
    try send("\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    return try receive(isHead: method == "HEAD")
  }

  /// Receives an answer.
  func receive(isHead: Bool = false) throws -> Answer {
    var bytes = surplus.withLock { $0 }
    let end = Array("\r\n\r\n".utf8)
    var headEnd: Int?
    while headEnd == nil {
      headEnd = Self.index(of: end, in: bytes)
      if headEnd == nil { bytes += try receiveSome() }
    }
    let head = String(decoding: bytes.prefix(headEnd ?? 0), as: UTF8.self)
    bytes.removeFirst((headEnd ?? 0) + end.count)
    let lines = head.split(separator: "\r\n")
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      fields[parts[0].lowercased()] =
        parts.count > 1
        ? String(parts[1].drop { $0 == " " }) : ""
    }
    var body: [UInt8] = []
    if isHead {
    } else if fields["transfer-encoding"] == "chunked" {
      while true {
        let line = try takeLine(from: &bytes)
        guard let size = Int(line, radix: 16) else { throw Errno.badMessage }
        while bytes.count < size + 2 { bytes += try receiveSome() }
        body += bytes.prefix(size)
        bytes.removeFirst(size + 2)
        if size == 0 { break }
      }
    } else {
      let length = fields["content-length"].flatMap { Int($0) } ?? 0
      while bytes.count < length { bytes += try receiveSome() }
      body = Array(bytes.prefix(length))
      bytes.removeFirst(length)
    }
    surplus.withLock { $0 = bytes }
    let words = lines.first?.split(separator: " ") ?? []
    return Answer(
      status: words.count > 1 ? Int(words[1]) ?? 0 : 0, fields: fields,
      body: String(decoding: body, as: UTF8.self))
  }

  /// Receives what there is until the server closes the connection.
  ///
  /// - Throws: `Errno.resourceTemporarilyUnavailable` if it does not.
  func receiveAll() throws(Errno) -> String {
    var bytes: [UInt8] = []
    while true {
      do throws(Errno) {
        bytes += try receiveSome()
      } catch {
        guard error == .connectionReset else { throw error }
        return String(decoding: bytes, as: UTF8.self)
      }
    }
  }

  /// - Throws: `Errno.connectionReset` at the end.
  private func receiveSome() throws(Errno) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(socket.descriptor, &buffer, buffer.count, 0)
    if count < 0 { throw Errno(rawValue: errno) }
    if count == 0 { throw .connectionReset }
    return Array(buffer.prefix(count))
  }

  private func takeLine(from bytes: inout [UInt8]) throws(Errno) -> String {
    while true {
      if let end = Self.index(of: Array("\r\n".utf8), in: bytes) {
        let line = String(decoding: bytes.prefix(end), as: UTF8.self)
        bytes.removeFirst(end + 2)
        return line
      }
      bytes += try receiveSome()
    }
  }

  private static func index(of part: [UInt8], in bytes: [UInt8]) -> Int? {
    guard bytes.count >= part.count else { return nil }
    return (0...bytes.count - part.count).first { start in
      bytes[start] == part[0]
        && Array(bytes[start..<start + part.count]) == part
    }
  }
}
