import CTestSupport
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Network settings other than the default, each in a network namespace of its own.
@Suite(
  .alone,
  .enabled(if: canEnterNetwork, "this host gives out no network namespaces"))
struct NetworkSettingsTests {
  static let hasIPv6 = hostAddresses.contains(.anyIPv6)

  @Test(.enabled(if: hasIPv6))
  func whatHasOnlyIPv4IsSeenWhereIPv6SocketsDoNotTakeIt() async {
    await #expect(processExitsWith: .success) {
      try #require(cts_enter_network() == 0)
      try change("ipv6/bindv6only", to: "1")
      #expect(try isBoundToIPv6Only())
      let free = try TestSocket(.tcp, at: .anyIPv4, port: 0).port
      #expect(try PortProbe.status(of: free) == .free)
      for kind in TestSocket.Kind.allCases {
        for address in [TestSocket.Address.anyIPv4, .loopbackIPv4] {
          for reusingAddress in [false, true] {
            let socket = try TestSocket(
              kind, at: address, port: 0, reusingAddress: reusingAddress)
            #expect(try PortProbe.status(of: socket.port) == .inUse)
            #expect(try PortProbe.isFree(socket.port) == false)
            withExtendedLifetime(socket) {}
          }
        }
      }
    }
  }

  @Test(.enabled(if: hasIPv6))
  func aPortIsTakenFromIPv4WhereIPv6SocketsDoNotTakeIt() async {
    await #expect(processExitsWith: .success) {
      try #require(cts_enter_network() == 0)
      try change("ipv6/bindv6only", to: "1")
      let sockets = try PortSocket(binding: 0, .tcp)
      for address in TestSocket.Address.allCases {
        #expect(throws: Errno.addressInUse) {
          _ = try TestSocket(.tcp, at: address, port: try sockets.port())
        }
      }
    }
  }

  @Test(.enabled(if: hasIPv6))
  func aChangeOfWhatIPv6SocketsTakeIsNoticedAtOnce() async {
    await #expect(processExitsWith: .success) {
      try #require(cts_enter_network() == 0)
      try change("ipv6/bindv6only", to: "0")
      let socket = try TestSocket(.tcp, at: .anyIPv4, port: 0)
      #expect(try PortProbe.status(of: socket.port) == .inUse)
      try change("ipv6/bindv6only", to: "1")
      #expect(try PortProbe.status(of: socket.port) == .inUse)
      withExtendedLifetime(socket) {}
    }
  }

  @Test func theKernelsPortsAreReadAsTheyAreSet() async {
    await #expect(processExitsWith: .success) {
      try #require(cts_enter_network() == 0)
      try change("ipv4/ip_unprivileged_port_start", to: "80")
      try change("ipv4/ip_local_port_range", to: "40000 41000")
      try change("ipv4/ip_local_reserved_ports", to: "40100-40200,40500")
      let ports = KernelPorts(
        ephemeral: 40000...41000, reserved: [40100...40200, 40500...40500])
      #expect(KernelPorts.current() == ports)
      #expect(KernelPorts.firstUnprivileged() == 80)
      try change("ipv4/ip_unprivileged_port_start", to: "0")
      #expect(KernelPorts.firstUnprivileged() == 0)
    }
  }

  @Test func aLongListOfReservedPortsIsReadWhole() async {
    await #expect(processExitsWith: .success) {
      try #require(cts_enter_network() == 0)
      // About 86,000 bytes, because no two of them form a range.
      let ports = stride(from: 2001, to: 32000, by: 2).map { UInt16($0) }
      try change(
        "ipv4/ip_local_reserved_ports",
        to: ports.map { "\($0)" }.joined(separator: ","))
      #expect(KernelPorts.current().reserved == ports.map { $0...$0 })
    }
  }

  @Test func whatNeedsPrivilegeIsWhatTheKernelSays() async {
    await #expect(processExitsWith: .success) {
      try #require(cts_enter_network() == 0)
      try change("ipv4/ip_unprivileged_port_start", to: "2000")
      try #require(setuid(65534) == 0)
      let first = KernelPorts.firstUnprivileged()
      #expect(first == 2000)
      #expect(try PortProbe.status(of: first - 1) == .denied)
      #expect(try PortProbe.status(of: first) == .free)
    }
  }
}

/// Changes a setting of this thread's network namespace.
private func change(_ name: String, to value: String) throws {
  let file = try FileDescriptor.open("/proc/sys/net/\(name)", .writeOnly)
  defer { try? file.close() }
  try file.writeAll(value.utf8)
}

/// Whether IPv6 sockets accept only IPv6 by default.
private func isBoundToIPv6Only() throws(Errno) -> Bool {
  let socket = try Descriptor {
    Glibc.socket(
      AF_INET6, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  }
  var value: Int32 = -1
  var size = socklen_t(MemoryLayout<Int32>.size)
  try systemCall {
    getsockopt(
      socket.raw.rawValue, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &value, &size)
  }
  return value == 1
}
