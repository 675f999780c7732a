import Foundation
import TestSupport
import Testing

/// Clients that do what no client should: they cost the others nothing.
@Suite(.alone) struct HostileClientTests {
  private let server: RunningServer

  init() throws {
    server = try RunningServer(
      pool: try unusedTestPool(30), ["--client-timeout", "600"])
  }

  private func descriptors() throws -> Int {
    try FileManager.default
      .contentsOfDirectory(atPath: "/proc/\(server.process.pid)/fd").count
  }

  @Test func aThousandOfThemTogetherWithOthers() throws {
    // The first one that behaves: from then on the server knows this process.
    #expect(try server.lease(for: getpid()) != nil)
    let before = try descriptors()
    var hostile: [UnixClient] = []
    for number in 0..<1000 {
      let client = try UnixClient(connectingTo: server.address)
      switch number % 5 {
      case 0: break
      case 1: try client.send("1")
      case 2: try? client.send(String(repeating: "x", count: 100_000))
      case 3: try client.send("\n")
      default:
        // It never reads what it gets, which is a refusal.
        try? client.send("0\n")
      }
      hostile.append(client)
      if number % 50 == 0 {
        #expect(try server.lease(for: getpid()) != nil)
      }
    }
    #expect(try server.lease(for: getpid()) != nil)
    hostile.removeAll()
    // The last of them has been noticed when a later one is answered.
    while try descriptors() > before {
      _ = try server.reply(to: "0\n")
    }
    #expect(try server.statistics()["total-allocations"] == 22)
  }

  @Test func aClientThatNeverReadsHoldsUpNobody() throws {
    let silent = try UnixClient(connectingTo: server.address)
    try silent.send("\(getpid())\n")
    #expect(try server.lease(for: getpid()) != nil)
    // What it was sent is still there for it.
    #expect(Int(try silent.receiveAll().dropLast()) != nil)
  }

  @Test func clientsThatCloseAtOnceAreCounted() throws {
    for _ in 0..<100 { _ = try UnixClient(connectingTo: server.address) }
    #expect(try server.lease(for: getpid()) != nil)
    let figures = try server.statistics()
    #expect(figures["client-request-errors"] == 100)
    #expect(figures["total-allocations"] == 1)
  }

  @Test func manyClientsAtOnceAreAllAnswered() async throws {
    let ports = try await sideBySide(30) { _ in
      try server.lease(for: getpid())
    }
    #expect(Set(ports.compactMap { $0 }).count == 30)
  }

  @Test func whoWaitsWhileTheServerIsStoppedIsServedAfterwards() throws {
    server.process.signal(SIGSTOP)
    let clients = try (0..<200).map { _ in
      let client = try UnixClient(connectingTo: server.address)
      try client.send("\(getpid())\n")
      return client
    }
    server.process.signal(SIGCONT)
    let replies = try clients.map { try $0.receiveAll() }
    #expect(Set(replies.filter { !$0.isEmpty }).count == 30)
    #expect(replies.filter(\.isEmpty).count == 170)
  }
}
