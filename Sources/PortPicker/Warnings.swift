import HostSystem
import Synchronization

/// What is said where nothing is to be silent about: on standard error, or to
/// ``PortPickerWarnings/handler``.
enum Warnings {
  /// Things that are said once in a process, and not again in its children
  /// made by fork(2).
  enum Topic: Int {
    case fallback
    case kernelOverlap
  }

  /// A bit for each topic; no lock, for a child made by fork(2) could find it
  /// taken.
  private static let said = Atomic<UInt>(0)

  /// Says something.
  static func say(_ text: String) {
    if let handler = PortPickerWarnings.handler {
      handler(PortPickerWarning(description: text))
    } else {
      writeToStandardError("portpicker: warning: \(text)")
    }
  }

  /// Says something unless the topic has come up before.
  static func sayOnce(_ topic: Topic, _ text: @autoclosure () -> String) {
    let bit: UInt = 1 << UInt(topic.rawValue)
    if said.bitwiseOr(bit, ordering: .relaxed).oldValue & bit == 0 {
      say(text())
    }
  }
}
