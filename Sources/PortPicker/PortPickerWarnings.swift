import Synchronization

/// Something that the caller should know although it is not an error, such as a port
/// that came from the ledger because no port server answered.
public struct PortPickerWarning: Sendable, CustomStringConvertible {
  /// What happened and what to do about it, in one line.
  public let description: String
}

/// Where the warnings of the library go: to standard error, or to ``handler``.
///
/// ```swift
/// PortPickerWarnings.handler = { logger.warning("\($0)") }
/// ```
public enum PortPickerWarnings {
  /// A closure that receives the warnings of this process.
  ///
  /// If it is `nil`, the default, each warning is a line on standard error that begins
  /// with `portpicker: warning: `.
  ///
  /// It is called in the middle of the work, on the thread that does it, and possibly
  /// on several threads at once. It should return soon, and must not pick or return
  /// ports. It can be set at any time, from any thread. Set it once, when the program
  /// starts: whatever a handler refers to stays in memory until the process ends. A
  /// child made by fork(2) inherits the handler.
  public static var handler: (@Sendable (PortPickerWarning) -> Void)? {
    get { current.load(ordering: .acquiring)?.takeUnretainedValue().body }
    set {
      // The old handler is never freed: another thread may be about to call it.
      current.store(
        newValue.map { Unmanaged.passRetained(WarningHandler($0)) },
        ordering: .releasing)
    }
  }

  // Not a lock: a child made by fork(2) could inherit it locked.
  private static let current = Atomic<Unmanaged<WarningHandler>?>(nil)
}

private final class WarningHandler: Sendable {
  let body: @Sendable (PortPickerWarning) -> Void

  init(_ body: @escaping @Sendable (PortPickerWarning) -> Void) {
    self.body = body
  }
}
