/// The terminal that standard output is.
package struct Terminal: Sendable {
  /// How many characters a line has.
  package let columns: Int
  /// How many lines it has.
  package let rows: Int

  /// Whether it is one that can be written over, with bold letters.
  package var hasCursor: Bool {
    let name = environmentVariable("TERM")
    return name != nil && name != "dumb"
  }

  /// - Returns: `nil` where standard output is none.
  package static func onStandardOutput() -> Terminal? {
    guard isatty(STDOUT_FILENO) == 1 else { return nil }
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0,
      size.ws_col > 0, size.ws_row > 0
    else { return Terminal(columns: 80, rows: 24) }
    return Terminal(columns: Int(size.ws_col), rows: Int(size.ws_row))
  }
}
