/// A text as one line, with a `?` in the place of each character that could break the
/// line or move a terminal's cursor.
package func printable(_ text: String) -> String {
  text.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
    ? text : printable(text.unicodeScalars)
}

/// Unicode scalars as one line; see ``printable(_:)-(String)``.
func printable(_ scalars: some Sequence<Unicode.Scalar>) -> String {
  var line = String.UnicodeScalarView()
  for scalar in scalars {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator:
      line.append("?")
    default: line.append(scalar)
    }
  }
  return String(line)
}
