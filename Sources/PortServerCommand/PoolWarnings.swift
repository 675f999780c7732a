import HostSystem
import Logging
import PortLeasing

extension PortPool {
  /// Says which of the ports the kernel treats in a way of its own.
  func warn(of kernel: KernelPorts, in log: Logger) {
    let shared = intersection(kernel.handedOut)
    if !shared.isEmpty {
      log.warning(
        """
        the kernel gives \(shared.summary) to other programs' connections, so \
        they may be in use; name others in --pool, or add them to \
        net.ipv4.ip_local_reserved_ports
        """)
    }
    guard kernel.firstUnprivileged > 1 else { return }
    let privileged = intersection(
      PortPool([1...kernel.firstUnprivileged - 1]))
    if let first = privileged.ranges.first?.lowerBound,
      (try? PortProbe.status(of: first)) == .denied
    {
      log.warning(
        """
        \(privileged.summary) need a privilege that this process does not \
        have, so they are never leased; name others in --pool, or lower \
        net.ipv4.ip_unprivileged_port_start
        """)
    }
  }
}
