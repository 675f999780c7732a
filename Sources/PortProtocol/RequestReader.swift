/// Puts together what a client sends to a port server, piece by piece, until
/// there is a request.
///
/// It keeps no more than a request may have and what arrived together with it.
package struct RequestReader {
  /// What has arrived and not been taken yet.
  private var bytes: [UInt8] = []
  /// Whether the client has begun a line of version 2; everything that follows
  /// is version 2 then.
  package private(set) var speaksVersionTwo = false

  package init() {}

  /// How many bytes to receive at a time: as many as the longest request has.
  package static let pieceLength = VersionTwoRequest.maximumLineLength

  /// What to do after a piece has arrived.
  package enum Step: Hashable, Sendable {
    /// There is a request of version 1: answer it and close.
    case versionOne(VersionOneRequest)
    /// There is a request of version 2, or a line that is none: answer it and
    /// call ``RequestReader/next()``.
    case versionTwo(Result<VersionTwoRequest, VersionTwoError>)
    /// Nothing that follows can be understood: answer with the error and close.
    case broken(VersionTwoError)
    /// What has come is no request, and nothing can make it one: close.
    case malformed
    /// More has to come. If nothing does for a while, or ever, call
    /// ``RequestReader/finish()``.
    case incomplete
    /// The client is done.
    case end
  }

  /// Whether nothing has arrived that was not taken.
  package var isEmpty: Bool { bytes.isEmpty }

  /// Takes a piece.
  ///
  /// A request of version 1 ends with LF. Blanks, line ends among them, may
  /// stand in front of it, as they may wherever Python's `int()` reads a number.
  ///
  /// - Parameter piece: At most ``pieceLength`` bytes.
  /// - Returns: What to do.
  package mutating func receive(_ piece: UnsafeRawBufferPointer) -> Step {
    if !speaksVersionTwo, !Self.isVersionTwo(bytes.first ?? piece.first) {
      guard bytes.count + piece.count <= VersionOneRequest.maximumLength else {
        return .malformed
      }
      // Nearly always the request is whole.
      if bytes.isEmpty, let step = Self.versionOneStep(piece) { return step }
    }
    bytes += piece
    return next()
  }

  /// Looks whether what has arrived has another request in it.
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

  /// Nothing more will come.
  ///
  /// Some clients of version 1 send no LF: what has arrived is the request then.
  /// A line of version 2 that is cut short may have meant anything.
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

  /// - Returns: `nil` where more has to come.
  private static func versionOneStep(_ bytes: UnsafeRawBufferPointer) -> Step? {
    guard
      let start = bytes.firstIndex(where: { !$0.isBlank }),
      bytes[start...].contains(UInt8(ascii: "\n"))
    else { return nil }
    return VersionOneRequest(parsing: bytes).map { .versionOne($0) }
      ?? .malformed
  }
}
