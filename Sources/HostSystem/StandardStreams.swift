import Glibc
package import SystemPackage

/// Writes a line to standard output.
///
/// - Throws: What `write(2)` says, such as `Errno.brokenPipe` or
///   `Errno.badFileDescriptor`.
package func writeToStandardOutput(_ line: String) throws(Errno) {
  try write(line, to: STDOUT_FILENO)
}

/// Writes a line to standard error.
///
/// What cannot be written is dropped: there is nobody left to tell.
package func writeToStandardError(_ line: String) {
  try? write(line, to: STDERR_FILENO)
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
