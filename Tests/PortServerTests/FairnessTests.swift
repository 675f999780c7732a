import CTestSupport
import Foundation
import HostSystem
import Synchronization
import TestSupport
import Testing

/// A user's connections cost other users next to nothing.
@Suite(.alone) struct FairnessTests {
  /// Another user.
  private static let somebody: UInt32 = 60_001

  init() {
    _ = raiseDescriptorLimit()
  }

  /// Has a process of another user ask, and returns the answer.
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

  /// A client of another user.
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
    // The others were closed.
    #expect(try clients[1024 - 257].receiveAll() == "")
    for client in clients.suffix(256) {
      try client.send("n\nversio")
      #expect(try client.receiveLine().hasPrefix("ok "))
    }
    #expect(talk("lease\n", to: server).hasPrefix("ok "))
    #expect(clientCount(of: server) == 1 + 256)
    // It was connected all the time.
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
    // Each has begun a request; the older one is closed.
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
    // Further bytes do not prolong it.
    try client.send("version")
    for _ in 0..<900 {
      guard (try? client.send(" ")) != nil else { break }
      usleep(1000)
    }
    #expect(ContinuousClock.now - start >= .milliseconds(290))
    #expect(
      try client.receiveAll() == "error malformed the line has no LF\n")
  }

  // MARK: - How long others wait

  /// Expects that others wait at most ten times as long, at the median, while a user
  /// does something.
  ///
  /// - Parameters:
  ///   - server: With hundreds of ports to lease.
  ///   - disturb: What the user does over and over, on another thread.
  ///   - sourceLocation: Where the expectation is.
  /// - Throws: What the system reports, or that a port is refused.
  private func expectNoHarm(
    to server: RunningServer, from disturb: @escaping @Sendable () -> Void,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let holder = try HolderProcess()
    func median() throws -> Duration {
      var times: [Duration] = []
      for _ in 0..<101 {
        times.append(
          try ContinuousClock().measure {
            try #require(try server.lease(for: holder.number) != nil)
          })
      }
      return times.sorted()[50]
    }
    _ = try median()
    // The machine may have been busy.
    for isLast in [false, true] {
      let undisturbed = try median()
      let isOver = Mutex(false)
      let (start, end) = (
        DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
      )
      Thread.detachNewThread {
        disturb()
        start.signal()
        while !isOver.withLock({ $0 }) { disturb() }
        end.signal()
      }
      start.wait()
      let disturbed = Result { try median() }
      isOver.withLock { $0 = true }
      end.wait()
      let with = try disturbed.get()
      if with <= undisturbed * 10 { return }
      #expect(
        !isLast, "\(undisturbed), and \(with) with others",
        sourceLocation: sourceLocation)
    }
  }

  private func serverForMany(
    _ arguments: [String] = []
  ) throws -> RunningServer {
    try RunningServer(
      pool: "10000-13999",
      ["--client-timeout", "600", "--max-clients-per-user", "1024"] + arguments)
  }

  @Test func connectionsThatTrickleHarmNobody() throws {
    let server = try serverForMany()
    let clients = try (0..<1000).map { _ in
      try UnixClient(connectingTo: server.address)
    }
    let bytes = Array("version\n".utf8).map { String(UnicodeScalar($0)) }
    let count = Mutex(0)
    try expectNoHarm(to: server) {
      let next = count.withLock { count in
        count += 1
        return bytes[(count - 1) % bytes.count]
      }
      for client in clients { try? client.send(next) }
      if next == "\n" {
        for client in clients { _ = try? client.receiveLine() }
      }
    }
  }

  @Test func connectionsThatDoNothingHarmNobody() throws {
    let server = try serverForMany()
    let clients = try (0..<1000).map { number in
      let client = try UnixClient(connectingTo: server.address)
      if number % 2 == 0 {
        try client.send("version\nvers")
        _ = try client.receiveLine()
      }
      return client
    }
    try expectNoHarm(to: server) { sched_yield() }
    withExtendedLifetime(clients) {}
  }

  @Test func listsHarmNobody() throws {
    let server = try serverForMany()
    let client = try UnixClient(connectingTo: server.address)
    for _ in 0..<20 {
      try client.send("lease count=150\n")
      #expect(try client.receiveLine().hasPrefix("ok "))
    }
    let clients = try (0..<100).map { _ in
      let client = try UnixClient(connectingTo: server.address)
      try client.send("leases\n")
      return client
    }
    try expectNoHarm(to: server) {
      for client in clients {
        // Whole lists, one after another.
        if (try? client.receive(atMost: 1 << 16)) != nil {
          try? client.send("leases\n")
        }
      }
    }
  }

  @Test(.enabled(if: canStartUnreadable, "needs /dev/fuse, and root"))
  func aHolderThatCannotBeReadHarmsNobody() throws {
    let server = try serverForMany()
    let holder = cts_start_unreadable()
    try #require(holder > 0)
    defer { cts_end(holder) }
    let address = server.address
    #expect(try server.lease(for: holder) != nil)
    let client = try UnixClient(connectingTo: address)
    try expectNoHarm(to: server) {
      try? client.send("leases\n")
      while let line = try? client.receiveLine(), !line.hasPrefix("ok ") {}
    }
  }
}
