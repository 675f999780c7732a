/// A request of protocol version 1, the original's: `PID`, LF.
///
/// The server answers with a port or closes the connection.
package struct VersionOneRequest: Hashable, Sendable {
  /// The process that the port is for.
  package let pid: Int32

  package init(pid: Int32) {
    self.pid = pid
  }

  /// How many bytes a request may have, its end included; what goes beyond is
  /// no request.
  ///
  /// It is the original's limit.
  package static let maximumLength = 20

  /// Reads a request; `nil` where it is none.
  ///
  /// A number that no pid can have becomes one that no process has; one that
  /// does not even fit into 64 bits is none.
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
  /// The connection was closed with nothing sent; some servers say `0`.
  case refused
  /// Something that is no port, or a line that was cut short.
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

  /// How long a reply can be; a server that sends more without ending its
  /// line is not one of ours.
  package static let maximumLength = 1024

  /// Reads an answer, or nothing as long as more has to come.
  ///
  /// A line that the connection's end cut short is malformed: `150` may be
  /// what is left of `15000`.
  ///
  /// - Parameters:
  ///   - bytes: What has arrived.
  ///   - isComplete: Whether nothing more can come.
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
