/// Puts together what a client sends to a port server, piece by piece, until it
/// is a request.
///
/// It keeps no more than a request may have.
package struct RequestReader {
  /// What has arrived so far, where it is not a whole request yet.
  private var bytes: [UInt8] = []

  package init() {}

  /// How many bytes a request may have, its end included; what goes beyond is
  /// no request.
  ///
  /// It is the original's limit.
  package static let maximumLength = 20

  /// What to do after a piece has arrived.
  package enum Step: Hashable, Sendable {
    /// There is a request.
    case request(VersionOneRequest)
    /// What has come is no request, and nothing can make it one.
    case malformed
    /// More has to come. If nothing does for a while, or ever, call
    /// ``RequestReader/finish()``.
    case incomplete
  }

  /// Whether anything has arrived.
  package var isEmpty: Bool { bytes.isEmpty }

  /// Takes a piece.
  ///
  /// A request ends with LF. Blanks, line ends among them, may stand in front
  /// of it, as they may wherever Python's `int()` reads a number.
  package mutating func receive(_ piece: UnsafeRawBufferPointer) -> Step {
    if bytes.isEmpty, let step = Self.step(piece) { return step }
    guard bytes.count + piece.count <= Self.maximumLength else {
      return .malformed
    }
    bytes += piece
    return bytes.withUnsafeBytes(Self.step) ?? .incomplete
  }

  /// Nothing more will come: what has arrived is the request, for some clients
  /// send no LF.
  package func finish() -> Step {
    bytes.withUnsafeBytes(VersionOneRequest.init(parsing:))
      .map { .request($0) } ?? .malformed
  }

  /// - Returns: `nil` where more has to come.
  private static func step(_ bytes: UnsafeRawBufferPointer) -> Step? {
    guard bytes.count <= maximumLength else { return .malformed }
    guard
      let start = bytes.firstIndex(where: { !$0.isBlank }),
      bytes[start...].contains(UInt8(ascii: "\n"))
    else { return nil }
    return VersionOneRequest(parsing: bytes).map { .request($0) } ?? .malformed
  }
}
