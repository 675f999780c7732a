import SystemPackage

/// The name of a process in one line of text, whatever is in it
/// (`/proc/PID/comm`, proc_pid_comm(5)).
///
/// Reading it never waits, other than reading the command line, which waits for
/// the lock of the process's memory map, and so for as long as the process wants.
///
/// - Returns: At most 15 bytes of the name, other characters than printable ones
///   replaced; `?` where it is not available.
package func processName(ofProcess pid: Int32) -> String {
  guard let text = try? readTextFile("/proc/\(pid)/comm", limit: 64) else {
    return "?"
  }
  let name = printable(text.hasSuffix("\n") ? text.dropLast() : text[...])
  return name.isEmpty ? "?" : name
}
