import HostSystem
import PortLeasing
import SystemPackage

/// The ports of this host, for a server that is asked again and again.
///
/// Whether a port lingers takes a look at all TCP sockets of the host, which may be
/// many, of any user. One look answers for all ports for a moment, and all looks
/// together take at most a twentieth of the time.
final class HostPorts: PortConditions {
  private var census: TCPSocketCensus?
  /// When the census was taken, and when the next one may be, in nanoseconds since
  /// boot.
  private var takenAt: UInt64 = 0
  private var nextAt: UInt64 = 0

  /// How long a census answers.
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
    // Where the kernel does not tell, no port counts as lingering.
    census = (try? TCPSocketCensus()) ?? .unknown
    takenAt = nanosecondsSinceBoot()
    nextAt = takenAt + 19 * (takenAt - now)
    return census
  }
}
