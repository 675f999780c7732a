import HostSystem
import PortServerClient

/// Reads the command lines of processes that hold ports.
struct HolderCommands: Sendable {
  private let reader = CommandLineReader()

  /// How many characters of a command line are shown.
  private static let maximumLength = 120

  /// The command lines of some holders by pid.
  ///
  /// - Parameters:
  ///   - leases: One lease of each holder, or more.
  ///   - served: Where they come from.
  /// - Returns: A line for each; the name that the server knows if pids mean
  ///   something else here, or if the process has ended.
  func texts(of leases: [ServedLease], of served: ServedLeases) -> [Int32:
    String]
  {
    var texts: [Int32: String] = [:]
    for lease in leases { texts[lease.pid] = lease.name ?? "?" }
    guard served.sharesPIDs else { return texts }
    // The server hides the names of processes that /proc hides.
    let visible = Set(leases.filter { $0.name != nil }.map(\.pid))
    for (pid, line) in reader.commandLines(of: visible) where line != "?" {
      texts[pid] =
        line.unicodeScalars.count > Self.maximumLength
        ? String(
          String.UnicodeScalarView(
            line.unicodeScalars.prefix(Self.maximumLength))) + "…" : line
    }
    return texts
  }
}
