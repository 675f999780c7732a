import HostSystem
package import PortLeasing

/// The pool of a port server, as shown to others in its network namespace.
///
/// It is the name of an ``AbstractMarker``,
/// `portserver-pool/PID-NAMESPACE/PID/15000-24999`.
package struct PoolMarker: Hashable, Sendable {
  private static let prefix = "portserver-pool/"

  /// The server's pid namespace; 0 if it is unknown.
  package let namespace: UInt32
  /// The server's pid in that namespace.
  package let pid: Int32
  /// The ports that it leases.
  ///
  /// For a pool with too many ranges for a name, it is the range from the first
  /// port to the last.
  package let pool: PortPool

  /// The marker of this process for a pool.
  package init(of pool: PortPool) {
    namespace = (try? Namespace.pid().identifier) ?? 0
    pid = currentPID()
    let start = Self.prefix + "\(namespace)/\(pid)/"
    let length = (start + pool.description).utf8.count
    self.pool =
      length <= UnixAddress.maximumLength ? pool : PortPool([pool.bounds])
  }

  /// Parses a name; `nil` if it is invalid.
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

  /// The markers of all servers in this network namespace, including this process.
  package static func all() -> [PoolMarker] {
    let names = (try? AbstractMarker.names(withPrefix: prefix)) ?? []
    return names.compactMap { PoolMarker(parsing: $0) }
      .sorted { ($0.pid, $0.namespace) < ($1.pid, $1.namespace) }
  }

  /// The server's pid, for messages, and whether it is in another pid namespace.
  package var process: String {
    namespace == (try? Namespace.pid().identifier)
      ? "process \(pid)" : "process \(pid) of another pid namespace"
  }
}
