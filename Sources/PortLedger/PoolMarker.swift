import HostSystem
package import PortLeasing

/// How port servers in one network namespace show each other which ports they
/// lease: by the name of an ``AbstractMarker``,
/// `portserver-pool/PID-NAMESPACE/PID/15000-24999`.
package struct PoolMarker: Hashable, Sendable {
  private static let prefix = "portserver-pool/"

  /// The pid namespace that the server is in; 0 where it does not know.
  package let namespace: UInt32
  /// The server's pid in there.
  package let pid: Int32
  /// The ports that it leases; of a pool with many ranges, whatever lies between
  /// the first and the last port.
  package let pool: PortPool

  /// What this process shows where it leases the ports of a pool.
  package init(of pool: PortPool) {
    namespace = (try? Namespace.process().identifier) ?? 0
    pid = currentPID()
    let start = Self.prefix + "\(namespace)/\(pid)/"
    let length = (start + pool.description).utf8.count
    self.pool =
      length <= UnixAddress.maximumLength ? pool : PortPool([pool.bounds])
  }

  /// Reads a name; `nil` where it is none.
  package init?(parsing name: String) {
    let parts = name.split(
      separator: "/", omittingEmptySubsequences: false)
    guard
      name.hasPrefix(Self.prefix), parts.count == 4,
      let namespace = UInt32(parts[1]), let pid = Int32(parts[2]), pid > 0,
      let pool = try? PortPool(parsing: String(parts[3]))
    else { return nil }
    self.namespace = namespace
    self.pid = pid
    self.pool = pool
  }

  package var name: String {
    Self.prefix + "\(namespace)/\(pid)/\(pool)"
  }

  /// The servers that show their pools in this network namespace, this process
  /// among them if it does.
  package static func all() -> [PoolMarker] {
    let names = (try? AbstractMarker.names(beginningWith: prefix)) ?? []
    return names.compactMap { PoolMarker(parsing: $0) }
      .sorted { ($0.pid, $0.namespace) < ($1.pid, $1.namespace) }
  }

  /// The server's pid, and where it stands if that is elsewhere.
  package var process: String {
    namespace == (try? Namespace.process().identifier)
      ? "process \(pid)" : "process \(pid) of another pid namespace"
  }
}
