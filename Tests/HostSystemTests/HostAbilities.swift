import HostSystem
import SystemPackage
import TestSupport

/// The addresses to which sockets can be bound on this host.
let hostAddresses = TestSocket.Address.allCases.filter { address in
  (try? TestSocket(.tcp, at: address, port: 0)) != nil
}

/// Whether socket diagnostics list sockets that are bound and do nothing, as they do
/// since Linux 6.8.
let showsBoundSockets: Bool = {
  let release = (try? readTextFile("/proc/sys/kernel/osrelease")) ?? ""
  let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
  return !numbers.lexicographicallyPrecedes([6, 8])
}()

/// Whether port 1 needs privilege.
let hasPrivilegedPorts: Bool = {
  let path = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
  let start = (try? readTextFile(path)) ?? "1024"
  return (decimal(start) ?? 1024) > 1
}()

private func decimal(_ text: String) -> Int? {
  Int(text.prefix(while: \.isNumber))
}
