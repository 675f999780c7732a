import ServerProcesses
import Testing

/// Command lines as words.
@Suite struct CommandWordsTests {
  @Test(arguments: [
    ("a b", ["a", "b"]), ("  a\t b\n", ["a", "b"]), ("'a b' c", ["a b", "c"]),
    ("\"a b\"c", ["a bc"]), ("a\\ b", ["a b"]), ("''", [""]), ("a''b", ["ab"]),
    ("'a\\b'", ["a\\b"]), ("\"a\\b\\\"\\\\\\$\"", ["a\\b\"\\$"]),
    ("\"it's\"", ["it's"]), ("x --port={db}", ["x", "--port={db}"]),
    ("$HOME *", ["$HOME", "*"]), ("sh -c 'a && b'", ["sh", "-c", "a && b"]),
    ("a '&&' \\; \"|\"", ["a", "&&", ";", "|"]), ("é 'ü ö'", ["é", "ü ö"]),
  ])
  func wordsAreThoseOfAShell(text: String, words: [String]) throws {
    #expect(try CommandWords(parsing: text).words == words)
  }

  @Test(arguments: [
    ("", CommandWords.Problem.empty), (" \t", .empty),
    ("a 'b", .openQuote("'")),
    ("a \"b\\\"", .openQuote("\"")), ("a\\", .openEscape),
    ("cd x && b", .shellOperator("&&")), ("a > b", .shellOperator(">")),
    ("a |", .shellOperator("|")),
  ])
  func whatIsNoCommandLineIsRefused(
    text: String, problem: CommandWords.Problem
  ) {
    #expect(throws: problem) { try CommandWords(parsing: text) }
    #expect(!problem.description.isEmpty)
  }
}
