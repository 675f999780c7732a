/// An error reply of version 2 of the protocol: `error CODE TEXT`.
package struct VersionTwoError: Error, Hashable, Sendable {
  /// The kind of error, for programs.
  package let code: Code
  /// What is wrong, for people, in one line.
  package let text: String

  package init(_ code: Code, _ text: String) {
    self.code = code
    self.text = text
  }

  static func malformed(_ text: String) -> VersionTwoError {
    VersionTwoError(.malformed, text)
  }

  /// A kind of error.
  ///
  /// Later servers may have others. `PortServerClient.refusal(_:)` treats those that
  /// it does not know as refusals.
  package struct Code: Hashable, Sendable {
    package let name: String

    package init(_ name: String) {
      self.name = name
    }

    /// The line is not a request: it is too long, is cut short, or has a word that is
    /// invalid there.
    package static let malformed = Code("malformed")
    /// The first word of the line is not the name of a request.
    package static let unknownRequest = Code("unknown-request")
    /// There is no such process, it has ended, or it is unknown which one is meant.
    package static let noSuchProcess = Code("no-such-process")
    /// The process, or the lease, is another user's.
    package static let notPermitted = Code("not-permitted")
    /// The process, or the user, would have more ports than it may.
    package static let limit = Code("limit")
    /// The pool has not enough ports left, or not enough in a row.
    package static let exhausted = Code("exhausted")
    /// The port is not leased, or not to the process that was named.
    package static let notLeased = Code("not-leased")
    /// The request names, or asks for, more ports than fit into a line.
    package static let tooMany = Code("too-many")
    /// The system refuses what the server needs.
    package static let failed = Code("failed")
  }

  /// The line that a server sends: ASCII, within the limit.
  package var bytes: [UInt8] {
    asciiLine("error \(code.name) \(text)")
  }
}

/// A line of printable ASCII with its LF.
///
/// Other characters become `?`; what exceeds the limit for a line is cut off.
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
