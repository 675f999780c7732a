import CTestSupport
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Probes on hosts without IPv6, and for users with fewer rights or descriptors.
@Suite(.alone) struct PortProbeEnvironmentTests {
  @Test func kernelWithoutIPv6() async {
    await #expect(processExitsWith: .success) {
      try #require(cts_forbid_ipv6() == 0)
      #expect(throws: Errno.addressFamilyNotSupported) {
        _ = try TestSocket(.tcp, at: .anyIPv6, port: 0)
      }

      let free = try unusedTestPort()
      #expect(try PortProbe.status(of: free) == .free)

      let listener = try TestSocket(
        .tcp, at: .loopbackIPv4, port: try unusedTestPort(),
        reusingAddress: true, listening: true)
      let datagrams = try TestSocket(
        .udp, at: .loopbackIPv4, port: try unusedTestPort(),
        reusingAddress: true)
      #expect(try PortProbe.status(of: listener.port) == .inUse)
      #expect(try PortProbe.status(of: datagrams.port) == .inUse)
      withExtendedLifetime((listener, datagrams)) {}

      let lingering = try unusedTestPort()
      try TestSocket.leaveTimeWait(on: lingering, reusingAddress: true)
      #expect(try PortProbe.status(of: lingering) == .lingering)
    }
  }

  @Test(.enabled(if: hasPrivilegedPorts))
  func privilegedPortIsDeniedToOtherUsers() async {
    await #expect(processExitsWith: .success) {
      if geteuid() == 0 { try #require(setuid(65534) == 0) }
      #expect(try PortProbe.status(of: 1) == .denied)
      #expect(try PortProbe.isFree(1) == false)
    }
  }

  @Test func shortageOfDescriptorsIsAnError() async {
    await #expect(processExitsWith: .success) {
      let port = try unusedTestPort()
      var limit = rlimit(rlim_cur: 0, rlim_max: 0)
      try #require(setrlimit(__rlimit_resource_t(7), &limit) == 0)
      #expect(throws: Errno.tooManyOpenFiles) {
        try PortProbe.status(of: port)
      }
      #expect(throws: Errno.tooManyOpenFiles) { try PortProbe.isFree(port) }
    }
  }

  @Test func noDescriptorIsLeaked() async {
    await #expect(processExitsWith: .success) {
      let before = openSockets()
      // The count is meaningful only if it shows a leak.
      let leaked = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
      #expect(openSockets() == before + 1)
      close(leaked)
      #expect(openSockets() == before)

      let free = try unusedTestPort()
      let lingering = try unusedTestPort()
      try TestSocket.leaveTimeWait(on: lingering, reusingAddress: true)
      let quiet = try TestSocket(
        .udp, at: .anyIPv4, port: try unusedTestPort())
      let listener = try TestSocket(
        .tcp, at: .anyIPv4, port: try unusedTestPort(), listening: true)
      func expectNoLeak(probing port: UInt16, _ status: PortStatus) throws {
        let before = openSockets()
        for _ in 0..<100 {
          #expect(try PortProbe.status(of: port) == status)
          _ = try PortProbe.isFree(port)
        }
        #expect(openSockets() == before)
      }
      try expectNoLeak(probing: free, .free)
      try expectNoLeak(probing: lingering, .lingering)
      try expectNoLeak(probing: quiet.port, .inUse)
      try expectNoLeak(probing: listener.port, .inUse)
      withExtendedLifetime((quiet, listener)) {}
      if hasPrivilegedPorts {
        if geteuid() == 0 { try #require(setuid(65534) == 0) }
        try expectNoLeak(probing: 1, .denied)
      }
    }
  }
}

/// The number of open sockets in this process.
///
/// The probe opens nothing else, but the test library may open other descriptors in the
/// meantime. Unlike `/proc/self/fd`, this also works after setuid(2).
private func openSockets() -> Int {
  (0..<1024 as Range<Int32>).count { descriptor in
    var status = stat()
    return fstat(descriptor, &status) == 0
      && status.st_mode & S_IFMT == S_IFSOCK
  }
}
