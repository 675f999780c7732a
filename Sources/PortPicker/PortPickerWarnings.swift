import Synchronization

/// Something that the library did and that should not stay unsaid, such as that
/// a port came from the ledger because no port server answered.
///
/// ``description`` says it, and what to do about it, in one line.
public struct PortPickerWarning: Sendable, CustomStringConvertible {
  /// What happened and what to do about it, in one line.
  public let description: String
}

/// Where the warnings of the library go: to standard error, unless
/// ``handler`` takes them.
///
/// ```swift
/// PortPickerWarnings.handler = { logger.warning("\($0)") }
/// ```
public enum PortPickerWarnings {
  /// Takes the process's warnings in place of standard error, where it is set;
  /// `nil`, as it is at first, has them written to standard error, each as a
  /// line that begins with `portpicker: warning: `.
  ///
  /// It is called on the thread that does the work, maybe on several at once,
  /// and in the middle of that work: it should return soon, and must not pick
  /// or return ports. It may be set at any time, from any thread; set it once,
  /// when the program begins, for what a handler refers to stays in memory
  /// until the process ends. A child made by fork(2) has the handler of its
  /// parent.
  public static var handler: (@Sendable (PortPickerWarning) -> Void)? {
    get { current.load(ordering: .acquiring)?.takeUnretainedValue().body }
    set {
      // Another thread may be about to call the one before, so it is not freed.
      current.store(
        newValue.map { Unmanaged.passRetained(WarningHandler($0)) },
        ordering: .releasing)
    }
  }

  // No lock: a child made by fork(2) could find it taken.
  private static let current = Atomic<Unmanaged<WarningHandler>?>(nil)
}

private final class WarningHandler: Sendable {
  let body: @Sendable (PortPickerWarning) -> Void

  init(_ body: @escaping @Sendable (PortPickerWarning) -> Void) {
    self.body = body
  }
}
