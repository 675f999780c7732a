import HostSystem
import PortProtocol

/// What has arrived of a client's requests.
///
/// It stays in the socket until the request is answered: see
/// ``UnixConnection/peek(into:)``.
struct ReceivedPiece {
  /// What to do.
  var step: RequestReader.Step
  /// How many bytes to discard then.
  var length = 0

  /// Looks at what has arrived on a connection.
  ///
  /// - Parameters:
  ///   - connection: The connection.
  ///   - reader: What reads the requests.
  ///   - isReported: Whether epoll has reported that there is something.
  init(
    on connection: borrowing UnixConnection, to reader: inout RequestReader,
    isReported: Bool = false
  ) {
    self = withUnsafeTemporaryAllocation(
      byteCount: RequestReader.pieceLength, alignment: 1
    ) { buffer in
      var found = try? connection.peek(into: buffer)
      var isTaken = false
      if isReported, found == .nothing {
        // It cannot be peeked at, and would be reported forever.
        found = try? connection.receive(into: buffer)
        isTaken = true
      }
      switch found {
      case .nothing: return ReceivedPiece(step: .incomplete)
      case .bytes(let count):
        return ReceivedPiece(
          step: reader.receive(
            UnsafeRawBufferPointer(rebasing: buffer[..<count])),
          length: isTaken ? 0 : count)
      case .end: return ReceivedPiece(step: reader.finish())
      // The connection is broken.
      case nil:
        return ReceivedPiece(step: reader.speaksVersionTwo ? .end : .malformed)
      }
    }
  }

  private init(step: RequestReader.Step, length: Int = 0) {
    self.step = step
    self.length = length
  }
}
