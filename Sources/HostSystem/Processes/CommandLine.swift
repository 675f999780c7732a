import SystemPackage

/// The command line of a process as one line of text (`/proc/PID/cmdline`,
/// proc_pid_cmdline(5)).
///
/// Reading it waits for the lock of the process's memory map, which the process can
/// hold for as long as it wants; see ``CommandLineReader``.
///
/// - Returns: Its first 256 characters, nonprintable ones replaced; `?` if it is not
///   available.
package func commandLine(ofProcess pid: Int32) -> String {
  guard let text = try? readTextFile("/proc/\(pid)/cmdline", limit: 1024)
  else { return "?" }
  let words = text.split(separator: "\0").joined(separator: " ")
  let line = printable(words.unicodeScalars.prefix(256))
  return line.isEmpty ? "?" : line
}

/// The name of a process as one line of text (`/proc/PID/comm`, proc_pid_comm(5)).
///
/// Unlike reading the command line, this never waits.
///
/// - Returns: At most 15 bytes of the name, nonprintable characters replaced; `?` if
///   it is not available.
package func processName(ofProcess pid: Int32) -> String {
  guard let text = try? readTextFile("/proc/\(pid)/comm", limit: 64) else {
    return "?"
  }
  let name = printable(
    (text.hasSuffix("\n") ? text.dropLast() : text[...]).unicodeScalars)
  return name.isEmpty ? "?" : name
}
