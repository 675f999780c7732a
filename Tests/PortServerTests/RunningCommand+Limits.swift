import Foundation
import TestSupport
import Testing

/// Limits of a process that runs, set with prlimit(1).
extension RunningCommand {
  func setLimit(_ name: String, to value: Int) throws {
    let result = try Command(
      "/usr/bin/env", ["prlimit", "--pid", "\(pid)", "--\(name)=\(value):"]
    ).run()
    try #require(result.status == 0, "\(result.errors)")
  }

  /// The numbers of the next descriptors that it opens.
  func nextDescriptors() throws -> [Int] {
    let used = try FileManager.default
      .contentsOfDirectory(atPath: "/proc/\(pid)/fd").compactMap { Int($0) }
    return (0..<1000).filter { !used.contains($0) }
  }
}
