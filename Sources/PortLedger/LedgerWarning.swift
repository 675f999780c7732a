/// A problem with a ledger that was repaired, or that its user should know.
package enum LedgerWarning: Hashable, Sendable {
  /// The file was no ledger, or one of another version.
  ///
  /// It was renamed, and a new one begun with as many leases as could be read.
  case setAside(path: String, newPath: String, leases: Int)
  /// The file was too short.
  case truncated(path: String)
  /// The file was too long.
  case overlong(path: String)
  /// The ledger is in a directory that is only the second choice.
  case elsewhere(path: String, unusable: String)
  /// A new ledger lacks the claims, because their file cannot be read; the reason.
  case claimsNotImported(String)
}

extension LedgerWarning: CustomStringConvertible {
  package var description: String {
    switch self {
    case .setAside(let path, let newPath, let leases):
      "the ledger '\(path)' was damaged or of another version; it was renamed "
        + "to '\(newPath)', and the \(leases) leases that could be read were copied "
        + "to a new ledger; a port whose lease was lost may be leased again"
    case .truncated(let path):
      "the ledger '\(path)' was cut short; it was repaired, and ports whose "
        + "leases were lost are leased last"
    case .overlong(let path):
      "the ledger '\(path)' was too long; the excess was cut off"
    case .elsewhere(let path, let unusable):
      "the ledger is '\(path)', because \(unusable) is missing or cannot be written "
        + "to; processes that can use \(unusable) do not see its leases; set "
        + "PORTPICKER_LEDGER to one file for all of them"
    case .claimsNotImported(let reason):
      "a new ledger was begun without the named ports, which may be leased: "
        + reason
    }
  }
}
