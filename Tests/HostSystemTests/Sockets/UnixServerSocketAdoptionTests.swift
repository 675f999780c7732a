import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Sockets that a service manager passes.
@Suite(.alone) struct UnixServerSocketAdoptionTests {
  /// A blocking, inheritable socket, as a service manager creates it.
  private static func makeSocket(
    _ family: Int32 = AF_UNIX, type: __socket_type = SOCK_STREAM,
    boundTo name: String? = nil, listening: Bool = false
  ) throws(Errno) -> FileDescriptor {
    let number = try systemCall { socket(family, Int32(type.rawValue), 0) }
    if let name {
      try systemCall { withUnixAddress(name) { bind(number, $0, $1) } }
    }
    if listening { try systemCall { listen(number, 16) } }
    return FileDescriptor(rawValue: number)
  }

  @Test func anAbstractNameIsTakenOver() throws {
    let name = RunningServer.unusedAddress()
    let inherited = try Self.makeSocket(boundTo: name, listening: true)
    let socket = try UnixServerSocket(adopting: inherited)
    #expect(socket.raw == inherited)
    #expect(socket.address.text == name)
    #expect(try socket.accept() == nil)
    #expect(try socket.serves())
    #expect(fcntl(inherited.rawValue, F_GETFD) & FD_CLOEXEC != 0)
  }

  @Test func whoConnectedBeforeIsServed() throws {
    let name = RunningServer.unusedAddress()
    let inherited = try Self.makeSocket(boundTo: name, listening: true)
    let client = try UnixClient(connectingTo: name)
    try client.send("early")
    let socket = try UnixServerSocket(adopting: inherited)
    #expect(try socket.acceptClient().receive() == "early")
  }

  @Test func theFileStaysWithItsMaker() throws {
    try withSocketPath { path in
      let socket = try UnixServerSocket(
        adopting: Self.makeSocket(boundTo: path, listening: true))
      #expect(socket.address.text == path)
      #expect(try socket.serves())
      socket.removeFile()
      #expect(access(path, F_OK) == 0)
      try removeFile(path)
      // Its absence does not count.
      #expect(socket.isInPlace == true)
    }
  }

  @Test(arguments: [107, 106])
  func longNamesAreTakenOverAsTheyAre(length: Int) throws {
    let start = RunningServer.unusedAddress()
    let name =
      start + String(repeating: "x", count: length + 1 - start.utf8.count)
    let socket = try UnixServerSocket(
      adopting: Self.makeSocket(boundTo: name, listening: true))
    #expect(socket.address.text == name)
    #expect(try socket.serves())
  }

  @Test func whatDoesNotListenIsRefused() throws {
    let name = RunningServer.unusedAddress()
    let silent = try Self.makeSocket(boundTo: name)
    let datagrams = try Self.makeSocket(
      type: SOCK_DGRAM, boundTo: RunningServer.unusedAddress())
    let packets = try Self.makeSocket(
      type: SOCK_SEQPACKET, boundTo: RunningServer.unusedAddress(),
      listening: true)
    let internet = try Self.makeSocket(AF_INET, listening: true)
    let pipe = try FileDescriptor.pipe()
    let descriptors = [
      silent, datagrams, packets, internet, pipe.readEnd, pipe.writeEnd,
    ]
    for descriptor in descriptors {
      #expect(throws: UnixServerSocketError.notListening) {
        _ = try UnixServerSocket(adopting: descriptor)
      }
      // The caller still owns it.
      #expect(fcntl(descriptor.rawValue, F_GETFD) == 0)
      try descriptor.close()
    }
    #expect(throws: UnixServerSocketError.notListening) {
      _ = try UnixServerSocket(adopting: FileDescriptor(rawValue: -1))
    }
  }

  @Test func aConnectionIsRefused() throws {
    let name = RunningServer.unusedAddress()
    let server = try UnixServerSocket(name)
    let client = try UnixClient(connectingTo: name)
    let connection = try server.acceptClient()
    #expect(throws: UnixServerSocketError.notListening) {
      _ = try UnixServerSocket(adopting: connection.raw)
    }
    withExtendedLifetime(client) {}
  }
}
