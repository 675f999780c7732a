package import SystemPackage

/// Writes a line to standard output.
///
/// - Throws: The error of write(2), such as `Errno.brokenPipe` or
///   `Errno.badFileDescriptor`.
package func writeToStandardOutput(_ line: String) throws(Errno) {
  try write(line, to: STDOUT_FILENO)
}

/// Writes a line to standard error.
///
/// A line that cannot be written is dropped.
package func writeToStandardError(_ line: String) {
  try? write(line, to: STDERR_FILENO)
}

/// Writes an error message to standard error as one line; see ``printable(_:)``.
package func printError(_ message: String, as program: String) {
  writeToStandardError(printable("\(program): \(message)"))
}

/// Writes a line to standard error unless that would block, because a pipe is full.
///
/// - Returns: Whether the line was written.
package func writeToStandardErrorWithoutBlocking(_ line: String) -> Bool {
  var stream = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
  guard poll(&stream, 1, 0) == 1 else { return false }
  // If poll(2) reports room in a pipe, this many bytes fit (PIPE_BUF, pipe(7)).
  let bytes = line.utf8.prefix(4095) + [UInt8(ascii: "\n")]
  return Array(bytes).withUnsafeBytes {
    Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) == $0.count
  }
}

private func write(_ line: String, to stream: Int32) throws(Errno) {
  var rest = Array((line + "\n").utf8)[...]
  while !rest.isEmpty {
    let count = try systemCall {
      rest.withUnsafeBytes { Glibc.write(stream, $0.baseAddress, $0.count) }
    }
    rest = rest.dropFirst(count)
  }
}
