import Foundation
import HostSystem
import TestSupport
import Testing

/// Misbehaving clients: they cost the others nothing.
@Suite(.alone) struct HostileClientTests {
  private let server: RunningServer

  init() throws {
    // The thousand need descriptors here as well.
    _ = raiseDescriptorLimit()
    server = try RunningServer(
      pool: try unusedTestPool(30),
      ["--client-timeout", "600", "--max-clients-per-user", "1024"])
  }

  /// Waits until the server has noticed that clients have disconnected.
  private func waitForDescriptors(_ count: Int) throws {
    // Each answer takes the server a turn, which handles many of them.
    for _ in 0..<1000 where try server.descriptorCount() > count {
      _ = try server.reply(to: "0\n")
    }
    #expect(try server.descriptorCount() <= count)
  }

  @Test func aThousandOfThemTogetherWithOthers() throws {
    // The first one that behaves: from then on this process is registered.
    #expect(try server.lease(for: getpid()) != nil)
    let before = try server.descriptorCount()
    let megabyte = String(repeating: "x", count: 1 << 20)
    var hostile: [UnixClient] = []
    for number in 0..<1000 {
      let client = try UnixClient(connectingTo: server.address)
      switch number % 5 {
      case 0: break
      case 1: try client.send("0")
      case 2: try? client.send(megabyte)
      case 3: try client.send("\n")
      default:
        // It never reads its reply, a refusal.
        try? client.send("0\n")
      }
      hostile.append(client)
      if number % 50 == 0 {
        #expect(try server.lease(for: getpid()) != nil)
      }
    }
    #expect(try server.lease(for: getpid()) != nil)
    hostile.removeAll()
    try waitForDescriptors(before)
    #expect(try server.statistics()["total-allocations"] == 22)
  }

  @Test func aThousandThatSayNothingHoldUpNobody() async throws {
    let silent = try (0..<1000).map { _ in
      try UnixClient(connectingTo: server.address)
    }
    let ports = try await sideBySide(30) { _ in
      try server.lease(for: getpid())
    }
    #expect(Set(ports.compactMap { $0 }).count == 30)
    // They were connected all the time: each of them can still ask, and is refused
    // because the others have all ports.
    let before = try server.statistics()
    #expect(before["client-request-errors"] == 0)
    #expect(before["denied-allocations"] == 0)
    for client in silent {
      try client.send("\(getpid())\n")
      #expect(try client.receiveAll() == "")
    }
    #expect(try server.statistics()["denied-allocations"] == 1000)
  }

  @Test func clientsThatSendAByteAtATimeHoldUpNobody() throws {
    let slow = try (0..<100).map { _ in
      try UnixClient(connectingTo: server.address)
    }
    for byte in 1...21 {
      for client in slow { try? client.send(" ") }
      #expect(try server.lease(for: getpid()) != nil, "after \(byte) bytes")
    }
    // They have sent too many bytes for a request, or paused.
    for client in slow { #expect(try client.receiveAll() == "") }
    #expect(try server.statistics()["client-request-errors"] == 100)
  }

  @Test func aClientThatNeverReadsHoldsUpNobody() throws {
    let silent = try UnixClient(connectingTo: server.address)
    try silent.send("\(getpid())\n")
    #expect(try server.lease(for: getpid()) != nil)
    // What it was sent is still there for it.
    #expect(Int(try silent.receiveAll().dropLast()) != nil)
  }

  @Test func clientsThatCloseAtOnceAreCounted() throws {
    #expect(try server.lease(for: getpid()) != nil)
    let before = try server.descriptorCount()
    for _ in 0..<100 { _ = try UnixClient(connectingTo: server.address) }
    #expect(try server.lease(for: getpid()) != nil)
    let figures = try server.statistics()
    #expect(figures["client-request-errors"] == 100)
    #expect(figures["total-allocations"] == 2)
    try waitForDescriptors(before)
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
