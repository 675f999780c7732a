import HostSystem
import Logging
import PortLeasing
import PortLedger

extension PortPool {
  /// Announces these ports to other servers, and warns of those that others lease
  /// too.
  ///
  /// - Returns: The announcement, which lasts as long as this value; `nil` if the
  ///   system does not allow it.
  func announce(in log: Logger) -> AbstractMarker? {
    let own = PoolMarker(of: self)
    let marker: AbstractMarker?
    do {
      marker = try AbstractMarker(own.name)
    } catch {
      log.debug("other servers cannot see these ports: \(error)")
      marker = nil
    }
    // Of two servers that start at the same time, at least one sees the other.
    for other in PoolMarker.all() where other != own {
      let shared = intersection(other.pool)
      if shared.isEmpty { continue }
      log.warning(
        """
        another port server, \(other.process), leases \(shared.summary) too, so \
        two processes may get the same port; choose other ports in --pool
        """)
    }
    return marker
  }

  /// Warns of ports that the kernel may use itself, or reserves for privileged
  /// processes.
  func warn(of kernel: KernelPorts, in log: Logger) {
    let shared = intersection(kernel.handedOut)
    if !shared.isEmpty {
      log.warning(
        """
        the kernel gives \(shared.summary) to other programs' connections, so \
        they may be in use; choose other ports in --pool, or add these to \
        net.ipv4.ip_local_reserved_ports
        """)
    }
    let firstUnprivileged = KernelPorts.firstUnprivileged()
    guard firstUnprivileged > 1 else { return }
    let privileged = intersection(
      PortPool([1...firstUnprivileged - 1]))
    if let first = privileged.ranges.first?.lowerBound,
      (try? PortProbe.status(of: first)) == .denied
    {
      log.warning(
        """
        \(privileged.summary) need a privilege that this process does not \
        have, so they are never leased; choose other ports in --pool, or lower \
        net.ipv4.ip_unprivileged_port_start
        """)
    }
  }
}
