import EchoServer
import Glibc
import PortPicker
import Testing

@Suite struct EchoServerTests {
  @Test func serverOnABoundPort() async throws {
    try await withBoundPort(at: .loopback) { bound in
      let server = try await EchoServer(on: bound.takeTCP().rawValue)
      #expect(try await echo("hello\n", from: bound.port) == "hello\n")
      try await server.close()
    }
  }

  @Test func serverThatBindsOverAHold() async throws {
    let held = try await HeldPort()
    let server = try await EchoServer(port: held.port)
    #expect(try await echo("hello\n", from: held.port) == "hello\n")
    try await server.close()
    try await held.close()
  }

  /// SwiftNIO closes the socket that `takeTCP()` hands over, and nobody else does.
  ///
  /// The next descriptor gets the number of the closed socket, so a second close would
  /// close that one. The test has a process of its own, with no other descriptors in
  /// between.
  @Test func theSocketIsClosedOnce() async {
    await #expect(processExitsWith: .success) {
      let (port, next) = try await withBoundPort(at: .loopback) { bound in
        let server = try await EchoServer(on: bound.takeTCP().rawValue)
        try await server.close()
        return (bound.port, dup(STDERR_FILENO))
      }
      try #require(fcntl(next, F_GETFD) >= 0)
      try #require(try await !returnPort(port))
      try #require(try isPortFree(port))
    }
  }
}
