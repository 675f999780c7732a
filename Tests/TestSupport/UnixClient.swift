package import Glibc
import Synchronization
package import SystemPackage

/// A client of a Unix stream socket with blocking calls.
package final class UnixClient: Sendable {
  private let descriptor: Int32
  /// Bytes that were received after the last line.
  private let surplus = Mutex<[UInt8]>([])

  /// Connects.
  ///
  /// - Parameter address: A path, or `@NAME`.
  /// - Throws: The system's error.
  package init(connectingTo address: String) throws(Errno) {
    descriptor = socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if descriptor < 0 { throw Errno(rawValue: errno) }
    let result = withUnixAddress(address) { connect(descriptor, $0, $1) }
    if result != 0 {
      let error = Errno(rawValue: errno)
      close(descriptor)
      throw error
    }
  }

  deinit {
    close(descriptor)
  }

  /// Sends all of a text.
  package func send(_ text: String) throws(Errno) {
    try sendAll(text, to: descriptor)
  }

  /// Sends a byte out of band.
  ///
  /// - Throws: `Errno.notSupported` if the kernel does not support it.
  package func sendOutOfBand(_ byte: UInt8) throws(Errno) {
    var byte = byte
    let flags = Int32(MSG_OOB) | Int32(MSG_NOSIGNAL)
    if Glibc.send(descriptor, &byte, 1, flags) < 0 {
      throw Errno(rawValue: errno)
    }
  }

  /// Waits until the server has received all that was sent.
  package func waitUntilReceived() throws(Errno) {
    // Bytes that the peer has not received count as unsent (unix(7)).
    var unsent: Int32 = 1
    while unsent > 0 {
      if ioctl(descriptor, UInt(TIOCOUTQ), &unsent) != 0 {
        throw Errno(rawValue: errno)
      }
      sched_yield()
    }
  }

  /// Closes the connection for sending.
  package func finishSending() {
    shutdown(descriptor, Int32(SHUT_WR))
  }

  /// Closes the connection for receiving, so that the peer's next send fails.
  package func stopReceiving() {
    shutdown(descriptor, Int32(SHUT_RD))
  }

  /// Receives until the server closes or resets the connection.
  package func receiveAll() throws(Errno) -> String {
    let start = surplus.withLock { surplus in
      defer { surplus = [] }
      return surplus
    }
    return String(
      decoding: start + (try receive { _ in false }), as: UTF8.self)
  }

  /// Receives a line, or the beginning of one if the server closes the connection.
  ///
  /// - Returns: The line without its LF.
  package func receiveLine() throws(Errno) -> String {
    try surplus.withLock { surplus throws(Errno) in
      let newline = UInt8(ascii: "\n")
      if !surplus.contains(newline) {
        surplus += try receive { $0.contains(newline) }
      }
      let line = surplus.prefix { $0 != newline }
      surplus.removeFirst(min(line.count + 1, surplus.count))
      return String(decoding: line, as: UTF8.self)
    }
  }

  /// Receives some bytes.
  ///
  /// - Returns: Their number; 0 if the server has closed the connection.
  package func receive(atMost limit: Int) throws(Errno) -> Int {
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = recv(descriptor, &buffer, limit, 0)
    if count < 0 { throw Errno(rawValue: errno) }
    return count
  }

  /// Receives until a piece satisfies a condition, or the server closes.
  private func receive(
    until isEnough: (ArraySlice<UInt8>) -> Bool
  ) throws(Errno) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count > 0 {
        bytes += buffer[..<count]
        if isEnough(buffer[..<count]) { return bytes }
      } else if count == 0 || errno == ECONNRESET {
        return bytes
      } else if errno != EINTR {
        throw Errno(rawValue: errno)
      }
    }
  }
}

/// Calls `body` with the address of a Unix socket: a path, or `@NAME`.
package func withUnixAddress<Result>(
  _ address: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) -> Result {
  var name = sockaddr_un()
  name.sun_family = sa_family_t(AF_UNIX)
  var bytes = Array(address.utf8)
  if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 } else { bytes += [0] }
  withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
  let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
  return withUnsafePointer(to: &name) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
  }
}

/// Sends all of a text to a connected socket.
package func sendAll(_ text: String, to descriptor: Int32) throws(Errno) {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes {
      send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
    if count < 0 { throw Errno(rawValue: errno) }
    rest = rest.dropFirst(count)
  }
}
