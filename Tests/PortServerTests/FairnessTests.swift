import CTestSupport
import Foundation
import HostSystem
import Synchronization
import TestSupport
import Testing

/// What a user does with connections costs the others next to nothing.
@Suite(.alone, .timeLimit(.minutes(1))) struct FairnessTests {
  /// Some other user.
  private static let somebody: UInt32 = 60_001

  init() {
    _ = raiseDescriptorLimit()
  }

  /// Has a process of another user's ask, and returns all that is answered.
  private func talk(_ request: String, to server: RunningServer) -> String {
    var reply = [CChar](repeating: 0, count: 1 << 16)
    let count = cts_talk(
      server.address, request, Self.somebody, 0, &reply, reply.count)
    return String(
      decoding: reply.prefix(max(Int(count), 0)).map {
        UInt8(bitPattern: $0)
      }, as: UTF8.self)
  }

  /// How many clients the server waits for.
  private func clientCount(of server: RunningServer) -> Int? {
    talk("stats\n", to: server).split(separator: "\n")
      .first { $0.hasPrefix("clients ") }?
      .split(separator: " ").last.flatMap { Int($0) }
  }

  /// A client of another user's.
  private func connect(
    to server: RunningServer
  ) async throws -> UnixClient {
    let address = server.address
    // The thread ends with it.
    return try await sideBySide(1) { _ in
      try #require(cts_act_as(Self.somebody) == 0)
      return try UnixClient(connectingTo: address)
    }[0]
  }

  @Test(.enabled(if: getuid() == 0, "only root can be another user"))
  func whoAlwaysHasARequestUnfinishedKeepsAQuarterOfThePlaces() async throws {
    let server = try RunningServer(
      pool: try unusedTestPool(3), ["--client-timeout", "600"])
    let other = try await connect(to: server)
    try other.send("version\n")
    #expect(try other.receiveLine().hasPrefix("ok "))
    let clients = try (0..<1024).map { _ in
      let client = try UnixClient(connectingTo: server.address)
      try client.send("version\nversio")
      #expect(try client.receiveLine().hasPrefix("ok "))
      return client
    }
    #expect(talk("lease\n", to: server).hasPrefix("ok "))
    #expect(clientCount(of: server) == 1 + 256)
    // The others had to go.
    #expect(try clients[1024 - 257].receiveAll() == "")
    for client in clients.suffix(256) {
      try client.send("n\nversio")
      #expect(try client.receiveLine().hasPrefix("ok "))
    }
    #expect(talk("lease\n", to: server).hasPrefix("ok "))
    #expect(clientCount(of: server) == 1 + 256)
    // It was there all the time.
    try other.send("version\n")
    #expect(try other.receiveLine().hasPrefix("ok "))
  }

  @Test(.enabled(if: getuid() == 0, "only root can be another user"))
  func whoSaysNothingKeepsAQuarterOfThePlaces() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(2), ["--client-timeout", "600"])
    let clients = try (0..<1024).map { _ in
      try UnixClient(connectingTo: server.address)
    }
    #expect(talk("\(getpid())\n", to: server) == "")
    #expect(talk("lease\n", to: server).hasPrefix("ok "))
    #expect(clientCount(of: server) == 256)
    #expect(try clients[1024 - 257].receiveAll() == "")
    try clients[1024 - 256].send("\(getpid())\n")
    #expect(try clients[1024 - 256].receiveAll() != "")
    try server.waitForLog(
      "uid 0 has more than 256 clients that are waited for")
  }

  @Test func whoIsIdleMakesRoomBeforeWhoHasBegunARequest() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(1),
      ["--max-clients-per-user", "2", "--client-timeout", "600"])
    func connect(_ request: String) throws -> UnixClient {
      let client = try UnixClient(connectingTo: server.address)
      try client.send(request)
      #expect(try client.receiveLine().hasPrefix("ok "))
      return client
    }
    let busy = try connect("version\nvers")
    let idle = try connect("version\n")
    let next = try connect("version\n")
    #expect(try idle.receiveAll() == "")
    let last = try connect("version\nvers")
    #expect(try next.receiveAll() == "")
    try busy.send("ion\nver")
    #expect(try busy.receiveLine().hasPrefix("ok "))
    // Each has begun a request; the one that has waited longer goes.
    let newest = try connect("version\n")
    #expect(try last.receiveAll() == "")
    withExtendedLifetime(newest) {}
  }

  @Test func aRequestHasItsTimeFromItsFirstByte() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(1), ["--client-timeout", "0.3"])
    let client = try UnixClient(connectingTo: server.address)
    try client.send("version\n")
    #expect(try client.receiveLine().hasPrefix("ok "))
    let start = ContinuousClock.now
    // However many bytes follow, one after another.
    try client.send("version")
    for _ in 0..<900 {
      guard (try? client.send(" ")) != nil else { break }
      usleep(1000)
    }
    #expect(ContinuousClock.now - start >= .milliseconds(290))
    #expect(
      try client.receiveAll() == "error malformed the line has no LF\n")
  }
}
