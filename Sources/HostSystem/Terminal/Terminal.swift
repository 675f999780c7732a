/// The terminal to which standard output is connected.
package struct Terminal: Sendable {
  /// The number of characters in a line.
  package let columns: Int
  /// The number of lines.
  package let rows: Int

  /// Whether it can move the cursor and print bold text.
  package var canMoveCursor: Bool {
    let name = environmentVariable("TERM")
    return name != nil && name != "dumb"
  }

  /// The terminal; `nil` if standard output is not one.
  package static func onStandardOutput() -> Terminal? {
    guard isatty(STDOUT_FILENO) == 1 else { return nil }
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0,
      size.ws_col > 0, size.ws_row > 0
    else { return Terminal(columns: 80, rows: 24) }
    return Terminal(columns: Int(size.ws_col), rows: Int(size.ws_row))
  }
}
