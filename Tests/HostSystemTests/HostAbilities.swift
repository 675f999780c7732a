import HostSystem
import SystemPackage
import TestSupport

/// The addresses that sockets can be bound to on this host.
let hostAddresses = TestSocket.Address.allCases.filter { address in
  (try? TestSocket(.tcp, at: address, port: 0)) != nil
}

/// Whether socket diagnostics show sockets that are bound and do nothing,
/// which they do from Linux 6.8 on.
let showsBoundSockets: Bool = {
  let release = (try? readTextFile("/proc/sys/kernel/osrelease")) ?? ""
  let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
  return !numbers.lexicographicallyPrecedes([6, 8])
}()

/// Whether the kernel keeps port 1 from users without privilege.
let hasPrivilegedPorts: Bool = {
  let path = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
  let start = (try? readTextFile(path)) ?? "1024"
  return (decimal(start) ?? 1024) > 1
}()

private func decimal(_ text: String) -> Int? {
  Int(text.prefix(while: \.isNumber))
}
