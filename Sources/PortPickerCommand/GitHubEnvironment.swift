import HostSystem
import PortPicker
import SystemPackage

/// Appends whole lines to the file whose variables the next steps of a GitHub workflow have
/// (`GITHUB_ENV`).
///
/// - Throws: `invalidArgument` if no file is named; `systemFailure`.
func addToGitHubEnvironment(_ text: String) throws(PortPickerError) {
  let path: String?
  do {
    path = try environmentText("GITHUB_ENV")
  } catch {
    throw PortPickerError(
      .invalidArgument, "GITHUB_ENV is not valid UTF-8", error)
  }
  guard let path else {
    throw PortPickerError(
      .invalidArgument,
      "GITHUB_ENV is not set; the format github is for the steps of a GitHub "
        + "workflow")
  }
  do {
    try append(text, to: path)
  } catch {
    throw PortPickerError(
      .systemFailure,
      "cannot write to the file of GITHUB_ENV, '\(path)': "
        + "\((error as? Errno).map { "\($0)" } ?? "\(error)")", error as? Errno)
  }
}

/// Appends whole lines to a file, beginning on a new line.
private func append(_ text: String, to path: String) throws {
  let file = try FileDescriptor.open(
    path, .readWrite, options: [.append, .create, .closeOnExec],
    permissions: [.ownerReadWrite, .groupRead, .otherRead])
  try file.closeAfter {
    let end = try file.seek(offset: 0, from: .end)
    var last: [UInt8] = [0x0A]
    if end > 0 {
      try last.withUnsafeMutableBytes {
        _ = try file.read(fromAbsoluteOffset: end - 1, into: $0)
      }
    }
    let start = last == [0x0A] ? "" : "\n"
    try file.writeAll((start + text).utf8)
  }
}
