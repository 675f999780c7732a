import HostSystem
import Synchronization

/// What is said on standard error, where nothing is to be silent about.
enum Warnings {
  /// Things that are said once in a process.
  enum Topic: Hashable {
    case fallback
    case kernelOverlap
  }

  private static let said = Mutex<Set<Topic>>([])

  /// Says something.
  static func say(_ text: String) {
    writeToStandardError("portpicker: warning: \(text)")
  }

  /// Says something unless the topic has come up before.
  static func sayOnce(_ topic: Topic, _ text: String) {
    if said.withLock({ $0.insert(topic).inserted }) { say(text) }
  }
}
