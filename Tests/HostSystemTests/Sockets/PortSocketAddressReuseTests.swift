import HostSystem
import SystemPackage
import TestSupport
import Testing

@Suite(.alone) struct PortSocketAddressReuseTests {
  @Test(arguments: hostAddresses)
  func serverBindsOverASocketThatAllowsItAndIsReached(
    _ address: TestSocket.Address
  ) throws {
    let port = try unusedTestPort()
    let socket = try PortSocket(binding: port, .tcp)
    try socket.allowAddressReuse()
    let server = try TestSocket(
      .tcp, at: address, port: port, reusingAddress: true, listening: true)
    let client = try TestSocket(
      .tcp, at: address.isIPv6 ? .loopbackIPv6 : .loopbackIPv4, port: 0)
    try client.connect(
      to: address.isIPv6 ? .loopbackIPv6 : .loopbackIPv4, port: port)
    let accepted = try server.accept()
    try client.send()
    #expect(try accepted.receive() == 1)
    _ = consume socket
  }

  @Test(arguments: hostAddresses)
  func strictBindDoesNotPassASocketThatAllowsReuse(
    _ address: TestSocket.Address
  ) throws {
    let port = try unusedTestPort()
    let socket = try PortSocket(binding: port, .tcp)
    try socket.allowAddressReuse()
    #expect(throws: Errno.addressInUse) {
      _ = try TestSocket(.tcp, at: address, port: port)
    }
    #expect(throws: Errno.addressInUse) {
      _ = try PortSocket(binding: port, .tcp)
    }
    _ = consume socket
  }

  /// A socket can be limited to a part of the kernel's range (ip(7),
  /// `IP_LOCAL_PORT_RANGE`, since Linux 6.3), here to one port.
  @Test func kernelDoesNotChooseThePortOfASocketThatAllowsReuse() throws {
    let held = try PortSocket(binding: 0, .tcp)
    try held.allowAddressReuse()
    let port = try UInt32(held.port())
    let chooser = try Descriptor {
      socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }
    var one: Int32 = 1
    setsockopt(chooser.raw.rawValue, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    var range = port << 16 | port
    let option: Int32 = 51
    try #require(
      setsockopt(
        chooser.raw.rawValue, Int32(IPPROTO_IP), option, &range, 4) == 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(
          chooser.raw.rawValue, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    #expect(result == -1 && errno == EADDRINUSE)
    _ = consume held
  }

  @Test(arguments: hostAddresses)
  func allowingReuseOnAListenerLetsNobodyIn(
    _ address: TestSocket.Address
  ) throws {
    let port = try unusedTestPort()
    let socket = try PortSocket(binding: port, .tcp)
    try socket.listen(backlog: 1)
    try socket.allowAddressReuse()
    for reusingAddress in [false, true] {
      #expect(throws: Errno.addressInUse) {
        _ = try TestSocket(
          .tcp, at: address, port: port, reusingAddress: reusingAddress)
      }
    }
    _ = consume socket
  }

  @Test func connectionsOfAListenerInheritThatTheyAllowReuse() async {
    await #expect(processExitsWith: .success) {
      let allowed = try statusAfterAConnection(allowingReuse: true)
      #expect(allowed == .lingering)
      let denied = try statusAfterAConnection(allowingReuse: false)
      #expect(denied == .inUse)
    }
  }
}

/// Listens, closes one connection from the server's side, and probes the port.
private func statusAfterAConnection(
  allowingReuse: Bool
) throws -> PortStatus {
  let port = try unusedTestPort()
  do {
    let socket = try PortSocket(binding: port, .tcp)
    try socket.listen(backlog: 1)
    if allowingReuse { try socket.allowAddressReuse() }
    let client = try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
    try client.connect(to: .loopbackIPv4, port: port)
    let accepted = try Descriptor {
      accept(socket.descriptor.raw.rawValue, nil, nil)
    }
    // The end that closes first keeps the TIME_WAIT. It exists when the other end's FIN
    // has arrived.
    shutdown(accepted.raw.rawValue, Int32(SHUT_WR))
    _ = try client.receive()
    shutdown(client.descriptor, Int32(SHUT_WR))
    var byte: UInt8 = 0
    #expect(recv(accepted.raw.rawValue, &byte, 1, 0) == 0)
  }
  #expect(try TCPSocketStates.onPort(port) == .timeWait)
  return try PortProbe.status(of: port)
}
