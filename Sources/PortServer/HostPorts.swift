import HostSystem
import PortLeasing
import SystemPackage

/// The ports of this host, as a server probes them.
///
/// To know whether a port lingers, the server needs a census of all TCP sockets of the
/// host, which may be many. A census answers for all ports for 10 ms, and all of them
/// together take at most a twentieth of the time.
final class HostPorts: PortConditions {
  private var census: TCPSocketCensus?
  /// When the census was taken, and when the next one may be taken, in nanoseconds
  /// since boot.
  private var takenAt: UInt64 = 0
  private var nextAt: UInt64 = 0

  /// How long a census is valid, in nanoseconds.
  private static let validity: UInt64 = 10_000_000

  init() {}

  func isFree(_ port: UInt16) throws(Errno) -> Bool {
    try PortProbe.isFree(port)
  }

  func status(of port: UInt16) throws(Errno) -> PortStatus? {
    let quick = try PortProbe.quickStatus(of: port)
    guard quick == .inUse else { return quick }
    guard let census = currentCensus() else { return nil }
    return try PortProbe.isLingering(port, by: census) ? .lingering : .inUse
  }

  private func currentCensus() -> TCPSocketCensus? {
    let now = nanosecondsSinceBoot()
    if now < nextAt { return now < takenAt + Self.validity ? census : nil }
    census = TCPSocketCensus()
    takenAt = nanosecondsSinceBoot()
    nextAt = takenAt + 19 * (takenAt - now)
    return census
  }
}
