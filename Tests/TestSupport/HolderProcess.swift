/// A process to which ports are leased.
///
/// It is killed when this value is destroyed.
package final class HolderProcess: Sendable {
  private let process: RunningCommand

  package init() throws {
    process = try Command.sleeper.start()
  }

  deinit {
    end()
  }

  /// The pid as text.
  package var pid: String { "\(process.pid)" }

  /// The pid.
  package var number: Int32 { process.pid }

  /// Kills the process, and returns when it has been reaped.
  package func end() {
    process.end()
  }
}
