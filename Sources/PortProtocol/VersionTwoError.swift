/// Why a server does not do what it was asked for by version 2 of the protocol:
/// `error CODE what is wrong, in words`.
package struct VersionTwoError: Error, Hashable, Sendable {
  /// What happened, for programs.
  package let code: Code
  /// What is wrong, in words, in one line.
  package let text: String

  package init(_ code: Code, _ text: String) {
    self.code = code
    self.text = text
  }

  static func malformed(_ text: String) -> VersionTwoError {
    VersionTwoError(.malformed, text)
  }

  /// A kind of refusal; servers may have more.
  package struct Code: Hashable, Sendable {
    package let name: String

    package init(_ name: String) {
      self.name = name
    }

    /// The line is no request: too long, cut short, or with words in it that do
    /// not belong there.
    package static let malformed = Code("malformed")
    /// The line begins with a word that stands for nothing.
    package static let unknownRequest = Code("unknown-request")
    /// There is no such process, it has ended, or it cannot be told.
    package static let noSuchProcess = Code("no-such-process")
    /// The process, or the lease, is another user's.
    package static let notPermitted = Code("not-permitted")
    /// The process or the user has as many ports as it may have.
    package static let limit = Code("limit")
    /// The pool has not enough ports left, or not in a row.
    package static let exhausted = Code("exhausted")
    /// Nobody has the port.
    package static let notLeased = Code("not-leased")
    /// It is more than fits into a request.
    package static let tooMany = Code("too-many")
    /// The system does not let the server do it.
    package static let failed = Code("failed")
  }

  /// The bytes that a server sends: ASCII, within the limit for a line.
  package var bytes: [UInt8] {
    asciiLine("error \(code.name) \(text)")
  }
}

/// A line of printable ASCII that is no longer than a line may be, its LF
/// included; `?` stands for what is neither.
package func asciiLine(_ text: String) -> [UInt8] {
  var line: [UInt8] = []
  line.reserveCapacity(text.utf8.count + 1)
  for scalar in text.unicodeScalars
    .prefix(VersionTwoRequest.maximumLineLength - 1)
  {
    let isPrintable = (0x20...0x7E).contains(scalar.value)
    line.append(isPrintable ? UInt8(scalar.value) : UInt8(ascii: "?"))
  }
  line.append(UInt8(ascii: "\n"))
  return line
}
