/// Assembles requests from the pieces that a client sends.
///
/// It stores at most as many bytes as a request may have, and the piece in which the
/// last of them arrived.
package struct RequestReader {
  /// What has arrived and is not part of a request that was returned.
  private var bytes: [UInt8] = []
  /// Whether the client has begun a line of version 2; all that follows is version 2
  /// then.
  package private(set) var speaksVersionTwo = false

  package init() {}

  /// How many bytes to receive at a time: the length of the longest request.
  package static let pieceLength = VersionTwoRequest.maximumLineLength

  /// What to do after a piece has arrived.
  package enum Step: Hashable, Sendable {
    /// A request of version 1: answer it and close.
    case versionOne(VersionOneRequest)
    /// A request of version 2, or a malformed line: answer it and call
    /// ``RequestReader/next()``.
    case versionTwo(Result<VersionTwoRequest, VersionTwoError>)
    /// Nothing that follows can be read: answer with the error and close.
    case broken(VersionTwoError)
    /// What has arrived cannot become a request of version 1: close.
    case malformed
    /// A part of a request. If nothing more arrives, call
    /// ``RequestReader/finish()``.
    case incomplete
    /// The client has sent its last request.
    case end
  }

  /// Whether no part of a request is stored.
  package var isEmpty: Bool { bytes.isEmpty }

  /// Adds a piece.
  ///
  /// A request of version 1 ends with LF. Whitespace, including line ends, may precede
  /// it, as Python's `int()` allows.
  ///
  /// - Parameter piece: At most ``pieceLength`` bytes.
  /// - Returns: What to do.
  package mutating func receive(_ piece: UnsafeRawBufferPointer) -> Step {
    if !speaksVersionTwo, !Self.isVersionTwo(bytes.first ?? piece.first) {
      guard bytes.count + piece.count <= VersionOneRequest.maximumLength else {
        return .malformed
      }
      // The usual case: the request is whole.
      if bytes.isEmpty, let step = Self.versionOneStep(piece) { return step }
    }
    bytes += piece
    return next()
  }

  /// Checks whether another request has arrived.
  package mutating func next() -> Step {
    if !speaksVersionTwo {
      guard Self.isVersionTwo(bytes.first) else {
        return bytes.withUnsafeBytes(Self.versionOneStep) ?? .incomplete
      }
      speaksVersionTwo = true
    }
    let limit = VersionTwoRequest.maximumLineLength
    guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")), end < limit
    else {
      if bytes.count < limit { return .incomplete }
      return .broken(
        .malformed("the line is longer than \(limit) bytes, LF included"))
    }
    defer { bytes.removeSubrange(...end) }
    do {
      return .versionTwo(
        .success(try VersionTwoRequest(parsing: bytes[..<end])))
    } catch {
      return .versionTwo(.failure(error))
    }
  }

  /// Reads what has arrived as the client's last request.
  ///
  /// Some clients of version 1 send no LF. A line of version 2 without LF is
  /// malformed: it may be cut short.
  package func finish() -> Step {
    if !speaksVersionTwo {
      return bytes.withUnsafeBytes(VersionOneRequest.init(parsing:))
        .map { .versionOne($0) } ?? .malformed
    }
    return bytes.isEmpty ? .end : .broken(.malformed("the line has no LF"))
  }

  private static func isVersionTwo(_ first: UInt8?) -> Bool {
    first.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) } ?? false
  }

  /// - Returns: `nil` if the request is incomplete.
  private static func versionOneStep(_ bytes: UnsafeRawBufferPointer) -> Step? {
    guard
      let start = bytes.firstIndex(where: { !$0.isBlank }),
      bytes[start...].contains(UInt8(ascii: "\n"))
    else { return nil }
    return VersionOneRequest(parsing: bytes).map { .versionOne($0) }
      ?? .malformed
  }
}
