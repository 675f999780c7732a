import Foundation

/// Processes that have a variable in their environment, and so does whatever they start.
package struct MarkedProcesses: Sendable {
  private let variable: String

  package init() {
    variable = "PORTPICKER_TEST_MARK_\(UUID().uuidString.prefix(8))"
  }

  /// The variable.
  package var environment: [String: String?] { [variable: "1"] }

  /// Those that run, zombies not included.
  package var pids: [Int32] {
    let text = Data("\(variable)=1\0".utf8)
    let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc")
    return (names ?? []).compactMap { Int32($0) }.filter { pid in
      let file = FileHandle(forReadingAtPath: "/proc/\(pid)/environ")
      guard let bytes = try? file?.readToEnd() else { return false }
      return bytes.range(of: text) != nil
    }
  }

  /// Waits until none runs.
  ///
  /// - Returns: Those that still run after a time.
  package func waitForEnd(seconds: Double = 20) -> [Int32] {
    let end = Date(timeIntervalSinceNow: seconds)
    while true {
      let pids = pids
      if pids.isEmpty || Date() > end { return pids }
      usleep(5000)
    }
  }
}
