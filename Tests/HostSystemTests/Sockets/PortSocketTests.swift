import HostSystem
import SystemPackage
import TestSupport
import Testing

@Suite(.alone) struct PortSocketTests {
  @Test(arguments: TransportProtocol.allCases)
  func kernelChoosesAPort(_ transport: TransportProtocol) throws {
    let socket = try PortSocket(binding: 0, transport)
    #expect(try socket.port() > 0)
    let other = try PortSocket(binding: 0, transport)
    #expect(try other.port() != socket.port())
  }

  @Test(arguments: TransportProtocol.allCases)
  func portIsTheOneThatWasBound(_ transport: TransportProtocol) throws {
    let port = try unusedTestPort()
    let socket = try PortSocket(binding: port, transport)
    #expect(try socket.port() == port)
  }

  @Test(arguments: TestSocket.Kind.allCases, hostAddresses)
  func everyAddressIsTaken(
    _ kind: TestSocket.Kind, _ address: TestSocket.Address
  ) throws {
    let port = try unusedTestPort()
    let socket = try PortSocket(binding: port, kind == .tcp ? .tcp : .udp)
    for reusingAddress in [false, true] {
      #expect(throws: Errno.addressInUse) {
        _ = try TestSocket(
          kind, at: address, port: port, reusingAddress: reusingAddress)
      }
    }
    _ = consume socket
  }

  @Test func releasedDescriptorStaysOpen() throws {
    let port = try unusedTestPort()
    let socket = try PortSocket(binding: port, .tcp)
    let descriptor = socket.release()
    #expect(throws: Errno.addressInUse) {
      _ = try TestSocket(.tcp, at: .anyIPv4, port: port)
    }
    try descriptor.close()
  }
}
