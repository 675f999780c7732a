/// What was wrong with a ledger and has been put right.
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
}

extension LedgerWarning: CustomStringConvertible {
  package var description: String {
    switch self {
    case .setAside(let path, let newPath, let leases):
      "the ledger '\(path)' was damaged or of another version; it was renamed "
        + "to '\(newPath)', and a new one has the \(leases) leases that could "
        + "be read, so a port leased before may be given out again"
    case .truncated(let path):
      "the ledger '\(path)' was cut short; it was mended, and ports whose "
        + "leases are lost are given out last"
    case .overlong(let path):
      "the ledger '\(path)' was too long; what stood behind it was cut off"
    case .elsewhere(let path, let unusable):
      "the ledger is '\(path)', because \(unusable) is missing or cannot be written "
        + "to; processes that can use \(unusable) do not see its leases, so name one "
        + "file for all in PORTPICKER_LEDGER"
    }
  }
}
