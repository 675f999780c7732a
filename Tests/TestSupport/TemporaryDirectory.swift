import Foundation

/// A directory that is removed when this value is destroyed.
package final class TemporaryDirectory: Sendable {
  package let path: String

  /// Creates a directory in shared memory, like those of ledgers.
  package init() throws {
    let parent =
      FileManager.default.fileExists(atPath: "/dev/shm")
      ? "/dev/shm" : "/tmp"
    path = "\(parent)/portpicker-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o700])
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// The path of a file in the directory.
  package func file(_ name: String) -> String { "\(path)/\(name)" }
}
