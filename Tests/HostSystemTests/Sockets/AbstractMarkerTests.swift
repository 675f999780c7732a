import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Names in the abstract namespace that other processes see.
@Suite struct AbstractMarkerTests {
  @Test func aMarkerIsSeenForAsLongAsItLives() throws {
    let prefix = String(RunningServer.unusedAddress().dropFirst())
    let marker = try AbstractMarker(prefix + "/a b")
    let other = try AbstractMarker(prefix + "/c")
    #expect(
      try Set(AbstractMarker.names(withPrefix: prefix))
        == [prefix + "/a b", prefix + "/c"])
    #expect(throws: Errno.addressInUse) {
      _ = try AbstractMarker(prefix + "/c")
    }
    #expect(throws: Errno.invalidArgument) {
      _ = try AbstractMarker(String(repeating: "x", count: 108))
    }
    _ = consume marker
    #expect(
      try AbstractMarker.names(withPrefix: prefix) == [prefix + "/c"])
    _ = consume other
  }

  @Test func aSocketOfAnotherKindIsNone() throws {
    let name = RunningServer.unusedAddress()
    let socket = try UnixServerSocket(name)
    #expect(
      try AbstractMarker.names(withPrefix: String(name.dropFirst())) == [])
    withExtendedLifetime(socket.raw) {}
  }
}
