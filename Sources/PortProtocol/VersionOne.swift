/// A request of version 1 of the protocol, the original's: `PID`, LF.
///
/// The server answers with a port or closes the connection.
package struct VersionOneRequest: Hashable, Sendable {
  /// The process that the port is for.
  package let pid: Int32

  package init(pid: Int32) {
    self.pid = pid
  }

  /// How many bytes a request may have, including LF: the original's limit.
  package static let maximumLength = 20

  /// Reads a request; `nil` if it is malformed.
  ///
  /// A number that no pid can have becomes a pid that no process has. One that does
  /// not fit into 64 bits is malformed.
  init?(parsing bytes: UnsafeRawBufferPointer) {
    guard let number = decimalInteger(bytes) else { return nil }
    pid = Int32(clamping: number)
  }

  /// The bytes that a client sends.
  package var bytes: [UInt8] { Array("\(pid)\n".utf8) }
}

/// A server's answer to a ``VersionOneRequest``.
package enum VersionOneReply: Hashable, Sendable {
  /// `PORT`, LF.
  case port(UInt16)
  /// The connection was closed with nothing sent; some servers send `0`.
  case refused
  /// Not a port, or a line that was cut short.
  case malformed

  /// Calls `body` with the bytes that a server sends with a port.
  package static func withBytes(
    of port: UInt16, _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    withUnsafeTemporaryAllocation(byteCount: 6, alignment: 1) { buffer in
      var start = buffer.count - 1
      buffer[start] = UInt8(ascii: "\n")
      var rest = port
      repeat {
        start -= 1
        buffer[start] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
      } while rest > 0
      body(UnsafeRawBufferPointer(rebasing: buffer[start...]))
    }
  }

  /// How many bytes of a reply to read, if no LF comes.
  package static let maximumLength = 1024

  /// Reads a reply; `nil` if it is incomplete.
  ///
  /// A line without LF is malformed: `150` may be what is left of `15000`.
  ///
  /// - Parameters:
  ///   - bytes: What has arrived.
  ///   - isComplete: Whether the connection has ended.
  package init?(_ bytes: [UInt8], isComplete: Bool) {
    guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
      if bytes.count >= Self.maximumLength {
        self = .malformed
      } else if isComplete {
        self = bytes.isEmpty ? .refused : .malformed
      } else {
        return nil
      }
      return
    }
    switch decimalInteger(bytes[..<end]) {
    case 0: self = .refused
    case let port?:
      self = UInt16(exactly: port).map { .port($0) } ?? .malformed
    case nil: self = .malformed
    }
  }
}
