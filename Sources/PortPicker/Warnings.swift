import HostSystem
import Synchronization

/// Issues warnings, on standard error or to ``PortPickerWarnings/handler``.
package enum Warnings {
  /// Topics of warnings that are issued once in a process and its children made by
  /// fork(2).
  enum Topic: Int {
    case fallback
    case kernelOverlap
  }

  /// A bit for each topic.
  ///
  /// Not a lock: a child made by fork(2) could inherit it locked.
  private static let issued = Atomic<UInt>(0)

  /// Issues a warning.
  package static func issue(_ text: String) {
    let text = printable(text)
    if let handler = PortPickerWarnings.handler {
      handler(PortPickerWarning(description: text))
    } else {
      writeToStandardError("portpicker: warning: \(text)")
    }
  }

  /// Issues a warning unless its topic has come up before.
  static func issueOnce(_ topic: Topic, _ text: @autoclosure () -> String) {
    let bit: UInt = 1 << UInt(topic.rawValue)
    if issued.bitwiseOr(bit, ordering: .relaxed).oldValue & bit == 0 {
      issue(text())
    }
  }
}
