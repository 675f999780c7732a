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
  WarningDelivery.set(handler.map { CHandler(function: $0, context: context) })
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

  fileprivate static func set(_ handler: CHandler?) {
    // The old handler is never freed: another thread may be about to call it.
    current.store(
      handler.map { Unmanaged.passRetained($0) }, ordering: .releasing)
  }
}

/// A program's handler.
///
/// The program answers for calls of it on several threads: the header demands it.
private final class CHandler: @unchecked Sendable {
  private let function: pp_warning_handler
  private let context: UnsafeMutableRawPointer?

  init(
    function: @escaping pp_warning_handler, context: UnsafeMutableRawPointer?
  ) {
    self.function = function
    self.context = context
  }

  func handle(_ text: String) {
    text.withCString { function($0, context) }
  }
}
