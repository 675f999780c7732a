/// The words of a command line, split as a POSIX shell splits them, without a shell.
///
/// Spaces, tabs and line ends separate words. `'…'` is taken literally. In `"…"`, `\`
/// makes `"`, `\`, `$` and `` ` `` literal; outside of quotes, it makes any character
/// literal. Nothing else is special: there are no variables, patterns, pipes or
/// redirections.
package struct CommandWords: Hashable, Sendable {
  /// The words.
  package let words: [String]

  /// Why a text is not a valid command line.
  package enum Problem: Error, Hashable, Sendable {
    /// It has no words.
    case empty
    /// A quote that is not closed.
    case openQuote(Character)
    /// It ends with a `\`.
    case openEscape
    /// An unquoted word that only a shell understands, such as `&&`.
    case shellOperator(String)
  }

  /// Splits a command line.
  ///
  /// - Throws: ``Problem``.
  package init(parsing text: String) throws(Problem) {
    var words: [String] = []
    var word: String?
    var isQuoted = false
    var quote: Character?
    var rest = text[...]
    func finish() throws(Problem) {
      guard let finished = word else { return }
      if !isQuoted, Self.operators.contains(finished) {
        throw .shellOperator(finished)
      }
      words.append(finished)
      word = nil
      isQuoted = false
    }
    while let character = rest.popFirst() {
      switch (character, quote) {
      case (let end, .some(let open)) where end == open: quote = nil
      case ("\\", .some("\"")):
        guard let next = rest.first, "\"\\$`".contains(next) else {
          word?.append(character)
          continue
        }
        rest.removeFirst()
        word?.append(next)
      case (_, .some): word?.append(character)
      case ("'", nil), ("\"", nil):
        quote = character
        isQuoted = true
        word = word ?? ""
      case ("\\", nil):
        guard let next = rest.popFirst() else { throw .openEscape }
        isQuoted = true
        word = (word ?? "") + String(next)
      case (let space, nil) where space.isWhitespace: try finish()
      default: word = (word ?? "") + String(character)
      }
    }
    if let quote { throw .openQuote(quote) }
    try finish()
    if words.isEmpty { throw .empty }
    self.words = words
  }

  private static let operators: Set<String> = [
    "|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>&1", "&>",
  ]
}

extension CommandWords.Problem: CustomStringConvertible {
  /// What is wrong, and what to do about it.
  package var description: String {
    switch self {
    case .empty: "it names no program"
    case .openQuote(let quote): "the quote \(quote) is not closed"
    case .openEscape: "it ends with \\; write \\\\ for a backslash"
    case .shellOperator(let word):
      "'\(word)' needs a shell; write sh -c '…', or put the word in quotes"
    }
  }
}
