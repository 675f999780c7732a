import HostSystem
import SystemPackage
import TestSupport
import Testing

/// A test that closes sockets and needs the port free afterwards runs in a process of its
/// own, because a program that another test starts has copies of all sockets for a
/// moment.
@Suite(.alone) struct PortProbeTests {
  @Test func portThatNobodyHasIsFree() throws {
    let port = try unusedTestPort()
    #expect(try PortProbe.status(of: port) == .free)
    #expect(try PortProbe.isFree(port))
  }

  @Test(arguments: TestSocket.Kind.allCases, hostAddresses)
  func portThatASocketIsBoundToIsInUse(
    _ kind: TestSocket.Kind, _ address: TestSocket.Address
  ) throws {
    for reusingAddress in [false, true] {
      let socket = try TestSocket(
        kind, at: address, port: try unusedTestPort(),
        reusingAddress: reusingAddress)
      #expect(try PortProbe.status(of: socket.port) == .inUse)
      #expect(try PortProbe.isFree(socket.port) == false)
      withExtendedLifetime(socket) {}
    }
  }

  @Test(arguments: hostAddresses, [false, true])
  func portThatASocketListensOnIsInUse(
    _ address: TestSocket.Address, _ reusingAddress: Bool
  ) throws {
    let socket = try TestSocket(
      .tcp, at: address, port: try unusedTestPort(),
      reusingAddress: reusingAddress, listening: true)
    #expect(try PortProbe.status(of: socket.port) == .inUse)
    #expect(try PortProbe.isFree(socket.port) == false)
    withExtendedLifetime(socket) {}
  }

  @Test(arguments: [false, true])
  func portOfADualStackListenerIsInUse(_ reusingAddress: Bool) throws {
    let port = try unusedTestPort()
    let socket = try PortSocket(
      binding: port, .tcp, reusingAddress: reusingAddress)
    try socket.listen(backlog: 1)
    #expect(try PortProbe.status(of: port) == .inUse)
    _ = consume socket
  }

  @Test func portIsFreeAgainOnceItsSocketsAreClosed() async {
    await #expect(processExitsWith: .success) {
      let port = try unusedTestPort()
      for kind in TestSocket.Kind.allCases {
        let socket = try TestSocket(kind, at: .anyIPv4, port: port)
        #expect(try PortProbe.status(of: port) == .inUse)
        withExtendedLifetime(socket) {}
      }
      #expect(try PortProbe.status(of: port) == .free)
    }
  }
}
