import PortPicker

/// A way to write environment variables as text.
enum EnvironmentFormat: String, CaseIterable, Sendable {
  /// `NAME=VALUE`, as `.env` files and Docker Compose have it.
  case dotenv
  /// `export NAME=VALUE`, for `eval` in a POSIX shell.
  case export
  /// A JSON object with numbers.
  case json
  /// `NAME=VALUE`, for the file that `GITHUB_ENV` names in a GitHub workflow.
  case github
  /// Commands for an `.envrc`, which direnv runs again when the manifest changes.
  case direnv

  /// The lines of the text, without line ends.
  ///
  /// The same variables are always the same lines.
  ///
  /// - Parameters:
  ///   - variables: The variables.
  ///   - manifest: The path that the place's manifest has or would have
  ///     (``Place/manifestPath``).
  /// - Returns: The lines.
  func lines(
    _ variables: NamedPortVariables, manifest: String
  ) -> [String] {
    let variables = variables.variables
    switch self {
    // A port needs no quotes in any of them.
    case .dotenv, .github: return variables.map { "\($0.name)=\($0.value)" }
    case .export: return Self.exports(variables)
    case .json:
      let object = variables.map { ($0.name, JSON.int($0.value)) }
      return JSON.object(object).text.split(separator: "\n").map { String($0) }
    case .direnv:
      return ["watch_file \(shellQuoted(manifest))"] + Self.exports(variables)
    }
  }

  /// The text, with a line feed after each line.
  ///
  /// - Parameters: See ``lines(_:manifest:)``.
  /// - Returns: The text.
  func text(_ variables: NamedPortVariables, manifest: String) -> String {
    lines(variables, manifest: manifest).map { $0 + "\n" }.joined()
  }

  private static func exports(
    _ variables: [NamedPortVariables.Variable]
  ) -> [String] {
    variables.map { "export \($0.name)=\($0.value)" }
  }
}

/// A text as one word of a POSIX shell, in single quotes if necessary.
func shellQuoted(_ text: String) -> String {
  let isPlain = text.utf8.allSatisfy { byte in
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "-"):
      true
    default: false
    }
  }
  if isPlain, let first = text.utf8.first, first != UInt8(ascii: "-") {
    return text
  }
  // By scalars: a quote with a combining mark is another character for Swift.
  var quoted = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    if scalar == "'" {
      quoted += "'\\''".unicodeScalars
    } else {
      quoted.append(scalar)
    }
  }
  return "'\(String(quoted))'"
}
