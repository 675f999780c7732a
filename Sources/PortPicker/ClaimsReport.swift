/// What the claims file holds: the named ports of all places, and what is wrong with
/// the file.
package struct ClaimsReport: Sendable {
  /// The file; it need not exist.
  package var path: String

  /// The named ports, in ascending order of the places, then of the names.
  ///
  /// Those of places that do not exist now are marked.
  package var claims: [NamedPort]

  /// The lines that cannot be read, in the order of the file.
  package var unreadable: [UnreadableLine]

  /// Claims that share a port, which only an edited file can have.
  package var overlaps: [Overlap]

  /// A line that cannot be read.
  package struct UnreadableLine: Hashable, Sendable {
    /// The line's number, from 1.
    package let number: Int
    /// Its text; invalid UTF-8 is repaired.
    package let text: String
    /// Why it cannot be read.
    package let reason: String
    /// The ports that are not handed out because of it; `nil` if its port cannot be
    /// read either.
    package let blocked: ClosedRange<Int>?
  }

  /// Two claims that share a port.
  package struct Overlap: Hashable, Sendable {
    package let first: NamedPort
    package let second: NamedPort
  }
}
