import CTestSupport
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// A server's end of a connection.
@Suite(.alone) struct UnixConnectionTests {
  private let name = RunningServer.unusedAddress()

  @Test func whatHasArrivedIsReceived() throws {
    let server = try UnixServerSocket(name)
    let client = try UnixClient(connectingTo: name)
    let connection = try server.acceptClient()
    #expect(try connection.receive() == nil)
    #expect(!isReadable(connection.raw))
    try client.send("hello")
    #expect(isReadable(connection.raw))
    #expect(try connection.receive(atMost: 2) == "he")
    #expect(try connection.receive(atMost: 3) == "llo")
    #expect(try connection.receive() == nil)
  }

  @Test func whatIsLookedAtStaysUntilItIsDiscarded() throws {
    let server = try UnixServerSocket(name)
    let client = try UnixClient(connectingTo: name)
    let connection = try server.acceptClient()
    // Pieces that have arrived are copied and removed together.
    try client.send("hel")
    try client.send("lo")
    var buffer = [UInt8](repeating: 0, count: 100)
    for _ in 0..<2 {
      let found = try buffer.withUnsafeMutableBytes {
        try connection.peek(into: $0)
      }
      #expect(found == .bytes(5))
      #expect(buffer.starts(with: "hello".utf8))
    }
    connection.discard(4)
    connection.discard(0)
    #expect(try connection.receive() == "o")
    #expect(try connection.receive() == nil)
  }

  @Test func aByteOutOfBandIsDoneAwayWithByReceiving() throws {
    let server = try UnixServerSocket(name)
    let client = try UnixClient(connectingTo: name)
    let connection = try server.acceptClient()
    // Older kernels do not support it.
    guard (try? client.sendOutOfBand(7)) != nil else { return }
    #expect(isReadable(connection.raw))
    #expect(try connection.receive() == nil)
    var buffer = [UInt8](repeating: 0, count: 100)
    let found = try buffer.withUnsafeMutableBytes {
      try connection.receive(into: $0)
    }
    #expect(found == .nothing)
    #expect(!isReadable(connection.raw))
  }

  @Test func whoHasFinishedCanBeAnswered() throws {
    let server = try UnixServerSocket(name)
    let client = try UnixClient(connectingTo: name)
    let connection = try server.acceptClient()
    try client.send("hello")
    client.finishSending()
    #expect(try connection.receive() == "hello")
    #expect(isReadable(connection.raw))
    for _ in 0..<3 { #expect(try connection.receive() == "") }
    #expect(connection.send("welcome") == true)
    _ = consume connection
    #expect(try client.receiveAll() == "welcome")
  }

  @Test func aReplyThatNobodyReadResetsTheConnection() throws {
    let server = try UnixServerSocket(name)
    var client: UnixClient? = try UnixClient(connectingTo: name)
    let connection = try server.acceptClient()
    try client?.send("hello")
    #expect(connection.send("welcome") == true)
    client = nil
    #expect(isReadable(connection.raw))
    #expect(try connection.receive() == "hello")
    #expect(throws: Errno.connectionReset) { try connection.receive() }
    // The reset is reported once.
    #expect(try connection.receive() == "")
  }

  @Test func sendingToAPeerThatHasGoneFailsWithoutASignal() async {
    await #expect(processExitsWith: .success) {
      signal(SIGPIPE, SIG_DFL)
      unblockSignals(SIGPIPE)
      let name = RunningServer.unusedAddress()
      let server = try UnixServerSocket(name)
      do { _ = try UnixClient(connectingTo: name) }
      let connection = try server.acceptClient()
      #expect(connection.send("15000\n") == false)
      #expect(connection.send("15000\n") == false)
    }
  }

  @Test func aReplyIsSentWholeOrNotAtAll() throws {
    let server = try UnixServerSocket(name)
    let client = try UnixClient(connectingTo: name)
    let connection = try server.acceptClient()
    let reply = "15000\n"
    var count = 0
    while connection.send(reply) { count += 1 }
    #expect(count > 0)
    // There is no room until the client reads.
    #expect(connection.send(reply) == false)
    _ = consume connection
    #expect(
      try client.receiveAll() == String(repeating: reply, count: count))
  }

  @Test func whatThereIsRoomForIsSent() throws {
    let server = try UnixServerSocket(name)
    let client = try UnixClient(connectingTo: name)
    let connection = try server.acceptClient()
    var queue = try EventQueue()
    try queue.watch(connection.raw, as: 7)
    try queue.watch(connection.raw, for: .writing, as: 8)
    #expect(try queue.wait(until: Deadline(after: .zero)) == 1 && queue[0] == 8)
    let bytes = [UInt8](repeating: 0x78, count: 1 << 20)
    func send() throws -> Int {
      try bytes.withUnsafeBytes { try connection.send(partOf: $0) }
    }
    var sent = 0
    while true {
      let count = try send()
      if count == 0 { break }
      #expect(count <= bytes.count)
      sent += count
    }
    #expect(try queue.wait(until: Deadline(after: .zero)) == 0)
    // After the client has read, there is room again.
    var received = 0
    while received < sent { received += try client.receive(atMost: 1 << 16) }
    #expect(received == sent)
    #expect(try queue.wait(until: Deadline(after: .zero)) == 1)
    try queue.watch(connection.raw, for: .reading, as: 9)
    #expect(try queue.wait(until: Deadline(after: .zero)) == 0)
    client.stopReceiving()
    #expect(throws: Errno.brokenPipe) { try send() }
  }

  @Test func thePeerIsWhoConnected() throws {
    let server = try UnixServerSocket(name)
    let client = try UnixClient(connectingTo: name)
    let peer = try server.acceptClient().peer
    #expect(peer.pid == getpid())
    #expect(peer.user == geteuid())
    withExtendedLifetime(client) {}
  }

  @Test func thePeerLives() throws {
    let server = try UnixServerSocket(name)
    let client = try UnixClient(connectingTo: name)
    let lives = try server.acceptClient().isPeerAlive
    #expect(lives == true || lives == nil)
    withExtendedLifetime(client) {}
  }

  /// The child inherits all descriptors of this process, so it is started in one that
  /// has few.
  @Test func thePeerIsKnownEvenWhenItHasGone() async {
    await #expect(processExitsWith: .success) {
      let name = RunningServer.unusedAddress()
      let server = try UnixServerSocket(name)
      let user = geteuid() == 0 ? 65534 : geteuid()
      async let answer = sideBySide(1) { _ in cts_ask(name, 0, user, 0) }
      try #require(becomesReadable(server.raw))
      let connection = try server.acceptClient()
      try #require(becomesReadable(connection.raw))
      let pid = try #require(try connection.receive())
      #expect(connection.send("15000\n") == true)
      // The client waits for the end of the reply.
      shutdown(connection.raw.rawValue, Int32(SHUT_WR))
      #expect(try await answer == [15000])
      let peer = try connection.peer
      #expect("\(peer.pid)\n" == pid)
      #expect(peer.pid != getpid())
      #expect(peer.user == user)
      // It has ended. Kernels before 6.5 cannot tell.
      #expect(try connection.isPeerAlive != true)
    }
  }
}
