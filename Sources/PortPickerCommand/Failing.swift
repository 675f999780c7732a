import HostSystem
import PortLedger
import PortPicker
import SystemPackage

/// Runs something that asks the system.
///
/// - Parameters:
///   - what: What could not be done if it fails.
///   - body: Asks the system.
/// - Returns: What `body` returns.
/// - Throws: `systemFailure`, with what to do.
func failing<Result>(
  _ what: String, _ body: () throws(Errno) -> Result
) throws(PortPickerError) -> Result {
  do {
    return try body()
  } catch {
    throw PortPickerError(
      .systemFailure,
      "\(what): \(error)" + (error.advice.map { "; \($0)" } ?? ""), error)
  }
}
