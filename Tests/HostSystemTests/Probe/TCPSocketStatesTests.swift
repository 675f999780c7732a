import HostSystem
import SystemPackage
import TestSupport
import Testing

@Suite(.alone) struct TCPSocketStatesTests {
  /// The numbers in `net/tcp_states.h`.
  private static let listen = TCPSocketStates(rawValue: 1 << 10)
  private static let close = TCPSocketStates(rawValue: 1 << 7)
  private static let established = TCPSocketStates(rawValue: 1 << 1)

  @Test func portThatNobodyHasHasNone() throws {
    #expect(try TCPSocketStates.onPort(unusedTestPort()) == [])
  }

  @Test(arguments: hostAddresses)
  func listener(_ address: TestSocket.Address) throws {
    let port = try unusedTestPort()
    let socket = try TestSocket(.tcp, at: address, port: port, listening: true)
    #expect(try TCPSocketStates.onPort(port) == Self.listen)
    withExtendedLifetime(socket) {}
  }

  @Test(.enabled(if: showsBoundSockets), arguments: hostAddresses)
  func quietSocket(_ address: TestSocket.Address) throws {
    let port = try unusedTestPort()
    let socket = try TestSocket(.tcp, at: address, port: port)
    #expect(try TCPSocketStates.onPort(port) == Self.close)
    withExtendedLifetime(socket) {}
  }

  @Test func connection() throws {
    let port = try unusedTestPort()
    let listener = try TestSocket(
      .tcp, at: .loopbackIPv4, port: port, listening: true)
    let client = try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
    try client.connect(to: .loopbackIPv4, port: port)
    let accepted = try listener.accept()
    #expect(
      try TCPSocketStates.onPort(port) == [Self.listen, Self.established])
    #expect(try TCPSocketStates.onPort(client.port) == Self.established)
    withExtendedLifetime((listener, client, accepted)) {}
  }

  /// Only TCP sockets are listed.
  @Test func datagramSocketHasNone() throws {
    let socket = try TestSocket(.udp, at: .anyIPv4, port: unusedTestPort())
    #expect(try TCPSocketStates.onPort(socket.port) == [])
    withExtendedLifetime(socket) {}
  }
}
