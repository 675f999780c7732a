// The names are those of the header.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CPortPicker
import PortPicker
import Synchronization

/// `pp_set_warning_handler` of the header.
@c @implementation
public func pp_set_warning_handler(
  _ handler: pp_warning_handler?, _ context: UnsafeMutableRawPointer?
) {
  WarningDelivery.set(handler, context)
}

/// Passes the warnings of the library to the program's handler; without one, they are
/// discarded.
enum WarningDelivery {
  // Not locks: a child made by fork(2) could inherit them locked.
  private static let hasBegun = Atomic(false)
  private static let current = Atomic<Unmanaged<CHandler>?>(nil)

  /// Takes over the warnings, which would go to standard error otherwise.
  static func begin() {
    if hasBegun.load(ordering: .acquiring) { return }
    PortPickerWarnings.handler = { warning in
      current.load(ordering: .acquiring)?.takeUnretainedValue()
        .handle(warning.description)
    }
    hasBegun.store(true, ordering: .releasing)
  }

  fileprivate static func set(
    _ function: pp_warning_handler?, _ context: UnsafeMutableRawPointer?
  ) {
    let previous = current.load(ordering: .acquiring)
    let handler = CHandler(
      function: function, context: context,
      previous: previous?.takeUnretainedValue())
    current.store(Unmanaged.passRetained(handler), ordering: .releasing)
  }
}

/// A program's handler, or none.
///
/// The program answers for calls of it on several threads: the header demands it.
private final class CHandler: @unchecked Sendable {
  private let function: pp_warning_handler?
  private let context: UnsafeMutableRawPointer?
  /// The handler before, which is never freed: another thread may be about to call it.
  private let previous: CHandler?

  init(
    function: pp_warning_handler?, context: UnsafeMutableRawPointer?,
    previous: CHandler?
  ) {
    self.function = function
    self.context = context
    self.previous = previous
  }

  func handle(_ text: String) {
    text.withCString { function?($0, context) }
  }
}
