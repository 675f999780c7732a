import HostSystem
import PortLeasing
import SystemPackage

/// A host that records the probes of its ports.
final class CountingHost: PortConditions {
  /// The ports that are not free.
  var statuses: [UInt16: PortStatus] = [:]
  /// The ports whose probe throws.
  var failures: [UInt16: Errno] = [:]
  /// The probes, in their order.
  var probes: [Probe] = []
  /// The time, in nanoseconds since boot.
  var now: UInt64 = 1_000_000_000

  /// A probe of a port.
  struct Probe: Hashable {
    let port: UInt16
    let isThorough: Bool
  }

  func lease(_ holder: ProcessIdentity, user: UInt32 = 0) -> Lease {
    Lease(holder: holder, user: user, leasedAt: now)
  }

  func isFree(_ port: UInt16) throws(Errno) -> Bool {
    try answer(Probe(port: port, isThorough: false)) == .free
  }

  func status(of port: UInt16) throws(Errno) -> PortStatus? {
    try answer(Probe(port: port, isThorough: true))
  }

  private func answer(_ probe: Probe) throws(Errno) -> PortStatus {
    if let failure = failures[probe.port] { throw failure }
    probes.append(probe)
    return statuses[probe.port] ?? .free
  }
}
