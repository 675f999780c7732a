import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Ports with remnants of closed connections.
@Suite(.alone) struct PortProbeRemnantTests {
  @Test func connectionOutlivingItsListenerKeepsThePortInUse() async {
    await #expect(processExitsWith: .success) {
      let port = try unusedTestPort()
      let client = try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
      let accepted: TestSocket
      do {
        let listener = try TestSocket(
          .tcp, at: .loopbackIPv4, port: port, reusingAddress: true,
          listening: true)
        try client.connect(to: .loopbackIPv4, port: port)
        accepted = try listener.accept()
      }
      // A server could bind, so no other listens…
      _ = try PortSockets(reusing: port, backlog: 1)
      // …but the connection is alive.
      #expect(try PortProbe.status(of: port) == .inUse)
      #expect(try PortProbe.isFree(port) == false)
      withExtendedLifetime((client, accepted)) {}
    }
  }

  @Test func timeWaitOfAServerWithAddressReuseIsLingering() async {
    await #expect(processExitsWith: .success) {
      let port = try unusedTestPort()
      try TestSocket.leaveTimeWait(on: port, reusingAddress: true)
      #expect(try PortProbe.status(of: port) == .lingering)
      #expect(try PortProbe.isFree(port) == false)
      // A server that sets the option gets the port.
      #expect(throws: Errno.addressInUse) {
        _ = try TestSocket(.tcp, at: .anyIPv4, port: port)
      }
      _ = try TestSocket(
        .tcp, at: .anyIPv4, port: port, reusingAddress: true, listening: true)
    }
  }

  /// No option gets past these remnants.
  @Test func timeWaitOfAServerWithoutAddressReuseIsInUse() async {
    await #expect(processExitsWith: .success) {
      let port = try unusedTestPort()
      try TestSocket.leaveTimeWait(on: port, reusingAddress: false)
      #expect(try TCPSocketStates.onPort(port) == .timeWait)
      #expect(try PortProbe.status(of: port) == .inUse)
      #expect(throws: Errno.addressInUse) {
        _ = try TestSocket(
          .tcp, at: .anyIPv4, port: port, reusingAddress: true)
      }
    }
  }

  @Test(.enabled(if: showsBoundSockets))
  func quietSocketAmongTimeWaitKeepsThePortInUse() async {
    await #expect(processExitsWith: .success) {
      for address in [TestSocket.Address.loopbackIPv4, .anyIPv4] {
        let port = try unusedTestPort()
        try TestSocket.leaveTimeWait(on: port, reusingAddress: true)
        let quiet = try TestSocket(
          .tcp, at: address, port: port, reusingAddress: true)
        #expect(try PortProbe.status(of: port) == .inUse)
        #expect(try PortProbe.isFree(port) == false)
        withExtendedLifetime(quiet) {}
      }
    }
  }

  /// The kernel lists idle sockets of all ports.
  @Test func quietSocketOnAnotherPortDoesNotMatter() async {
    await #expect(processExitsWith: .success) {
      let port = try unusedTestPort()
      try TestSocket.leaveTimeWait(on: port, reusingAddress: true)
      let ipv4 = try TestSocket(
        .tcp, at: .anyIPv4, port: try unusedTestPort(), reusingAddress: true)
      let both = try PortSocket(binding: try unusedTestPort(), .tcp)
      #expect(try TCPSocketStates.onPort(port) == .timeWait)
      #expect(try PortProbe.status(of: port) == .lingering)
      withExtendedLifetime(ipv4) {}
      _ = consume both
    }
  }
}
