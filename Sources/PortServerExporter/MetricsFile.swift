package import HostSystem

/// The file with metrics that node_exporter's textfile collector reads.
///
/// It is replaced as a whole, so that no reader sees a part of it, and removed when
/// the exporter ends, so that nobody takes old figures for new ones.
package struct MetricsFile: Sendable {
  /// Where it is.
  package let path: String

  /// How many bytes the file may have that is replaced.
  private static let limit = 1 << 20

  package init(at path: String) {
    self.path = path
  }

  /// Replaces the file.
  ///
  /// - Parameter text: The metrics.
  /// - Throws: Why it cannot be replaced.
  package func write(_ text: String) throws(FileReplacementError) {
    let file = try FileReplacement(
      of: path, limit: Self.limit, until: Deadline(after: .seconds(2)))
    try file.replace(with: Array(text.utf8))
  }

  /// Removes the file, if it exists.
  package func remove() {
    try? removeFile(path)
  }
}

extension FileReplacementError {
  /// What is wrong, and what to do about it.
  package var text: String {
    switch self {
    case .system(_, let error):
      "\(error); name a file in a directory that can be written"
    case .locked: "another program is writing in its directory"
    case .changed: "another program changes it; name another file"
    case .readOnly: "it is read-only; make it writable, or remove it"
    case .directory, .notAFile, .hardLinks, .owner, .tooLarge:
      "this program may not replace it; remove it, or name another "
        + "one"
    }
  }
}
