/// A process that ports are leased to; it is killed with this value.
package final class HolderProcess: Sendable {
  private let process: RunningCommand

  package init() throws {
    process = try Command.sleeper.start()
  }

  deinit {
    end()
  }

  /// Its pid, as a text.
  package var pid: String { "\(process.pid)" }

  /// Its pid.
  package var number: Int32 { process.pid }

  /// Kills the process; it is gone when this returns.
  package func end() {
    process.end()
  }
}
