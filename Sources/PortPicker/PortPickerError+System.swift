import HostSystem
import PortLedger
package import SystemPackage

extension PortPickerError {
  /// The error `systemFailure`, with what to do.
  ///
  /// - Parameters:
  ///   - what: What could not be done.
  ///   - error: Why.
  package init(_ what: String, _ error: Errno) {
    self.init(
      .systemFailure,
      "\(what): \(error)" + (error.advice.map { "; \($0)" } ?? ""), error)
  }
}

/// Runs something that asks the system.
///
/// - Parameters:
///   - what: What could not be done if it fails.
///   - body: Asks the system.
/// - Returns: What `body` returns.
/// - Throws: `systemFailure`, with what to do.
package func failing<Result>(
  _ what: @autoclosure () -> String, _ body: () throws(Errno) -> Result
) throws(PortPickerError) -> Result {
  do {
    return try body()
  } catch {
    throw PortPickerError(what(), error)
  }
}
