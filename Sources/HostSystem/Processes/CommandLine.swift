import SystemPackage

/// The command line of a process in one line of text, however long it is and
/// whatever is in it (`/proc/PID/cmdline`, proc_pid_cmdline(5)).
///
/// - Returns: Its first 256 characters; `?` where it is not to be had.
package func commandLine(ofProcess pid: Int32) -> String {
  guard let text = try? readTextFile("/proc/\(pid)/cmdline", limit: 1024)
  else { return "?" }
  let words = text.split(separator: "\0").joined(separator: " ")
  let plain = printable(words)
  return plain.isEmpty ? "?" : plain
}

/// The first 256 characters of what a process calls itself, which must not write
/// lines, or move the cursor, where it is read.
func printable(_ text: some StringProtocol) -> String {
  text.unicodeScalars.prefix(256).map { scalar in
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: "?"
    default: String(scalar)
    }
  }.joined()
}
