import Foundation
import TestSupport
import Testing

/// How signals ask a server for statistics, or end it.
@Suite(.alone) struct SignalTests {
  @Test func theStatisticsHaveTheOriginalsNamesAndOrder() throws {
    let server = try RunningServer(pool: try unusedTestPool(3))
    #expect(try server.lease(for: getpid()) != nil)
    #expect(try server.reply(to: "0\n") == "")
    #expect(try server.reply(to: "X\n") == "")
    server.process.signal(SIGUSR1)
    let lines = try (0..<5).map { _ in
      try #require(try server.process.nextErrorLine())
        .split(separator: " ").suffix(2).joined(separator: " ")
    }
    #expect(
      lines == [
        "client-request-errors 1", "denied-allocations 1",
        "num-ports-managed 3", "num-ports-checked-for-last-request 1",
        "total-allocations 1",
      ])
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
  func aServerEndsInGoodOrder(signal: Int32) throws {
    let server = try RunningServer(pool: try unusedTestPool(2))
    #expect(try server.lease(for: getpid()) != nil)
    server.process.signal(signal)
    let result = try server.process.finish()
    #expect(result.status == 0)
    let lines = result.errors.split(separator: "\n")
    #expect(lines.count == 7)
    #expect(lines.first?.contains("stopping: SIG") == true)
    for (line, name) in zip(lines.dropFirst(), RunningServer.statisticNames) {
      #expect(line.contains(name))
    }
    #expect(lines.last?.hasSuffix("notice portserver: stopped") == true)
  }

  @Test func whoHasAskedWhenItEndsIsAnswered() throws {
    let server = try RunningServer(pool: try unusedTestPool(40))
    let early = try UnixClient(connectingTo: server.address)
    try early.send("\(getpid())")
    try early.waitUntilReceived()
    server.process.signal(SIGSTOP)
    let clients = try (0..<30).map { number in
      let client = try UnixClient(connectingTo: server.address)
      try client.send("\(getpid())" + (number % 2 == 0 ? "\n" : ""))
      return client
    }
    let silent = try UnixClient(connectingTo: server.address)
    server.process.signal(SIGTERM)
    server.process.signal(SIGCONT)
    for client in clients + [early] {
      #expect(try client.receiveAll().isEmpty == false)
    }
    #expect(try silent.receiveAll() == "")
    #expect(try server.process.finish().status == 0)
  }

  @Test func whoWaitedForOthersWhenItEndsIsAnswered() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(4), ["--max-clients", "1"])
    let silent = try UnixClient(connectingTo: server.address)
    let clients = try (0..<4).map { _ in
      let client = try UnixClient(connectingTo: server.address)
      try client.send("\(getpid())\n")
      return client
    }
    server.process.signal(SIGTERM)
    for client in clients { #expect(try client.receiveAll() != "") }
    #expect(try silent.receiveAll() == "")
    #expect(try server.process.finish().status == 0)
  }

  @Test func aSecondSignalEndsItAtOnce() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    // Both are pending; the one with the lower number comes first.
    server.process.signal(SIGSTOP)
    server.process.signal(SIGINT)
    server.process.signal(SIGTERM)
    server.process.signal(SIGCONT)
    let result = try server.process.finish()
    #expect(result.status == 128 + SIGTERM)
    #expect(result.errors.hasSuffix("stopping: SIGINT\n"))
  }

  @Test func whoWantsStatisticsWhenItEndsDoesNotEndItAtOnce() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    server.process.signal(SIGSTOP)
    server.process.signal(SIGINT)
    server.process.signal(SIGUSR1)
    server.process.signal(SIGCONT)
    let result = try server.process.finish()
    #expect(result.status == 0)
    #expect(result.errors.contains("total-allocations 0"))
  }

  @Test(arguments: [SIGINT, SIGHUP])
  func whatItsParentIgnoresItIgnores(signal: Int32) throws {
    let address = RunningServer.unusedAddress()
    let server = try Command(
      "/bin/sh",
      [
        "-c", "trap '' INT HUP; exec \"$0\" \"$@\"", Command.portserverPath,
        "--no-state", "--pool", try unusedTestPool(1), "--address", address,
      ]
    ).start()
    defer { server.end() }
    try server.waitForErrorLine("listening on")
    server.signal(signal)
    server.signal(SIGUSR1)
    let line = try server.waitForErrorLine("portserver:")
    #expect(line.contains("client-request-errors"))
    server.signal(SIGTERM)
    #expect(try server.finish().status == 0)
  }

  @Test func itServesWhereNobodyReadsItsLog() throws {
    // Many lines per request, and no reader.
    let server = try RunningServer(pool: try unusedTestPool(1), ["--debug"])
    for _ in 0..<2000 { #expect(try server.reply(to: "0\n") == "") }
    #expect(try server.lease(for: getpid()) != nil)
  }

  @Test func itServesWithoutStandardError() throws {
    let address = RunningServer.unusedAddress()
    let server = try Command(
      "/bin/sh",
      [
        "-c", "exec \"$0\" \"$@\" 2>&-", Command.portserverPath, "--no-state",
        "--pool", try unusedTestPool(1), "--address", address, "--debug",
      ]
    ).start()
    defer { server.end() }
    var client: UnixClient?
    while client == nil { client = try? UnixClient(connectingTo: address) }
    try client?.send("\(getpid())\n")
    #expect(try client?.receiveAll().isEmpty == false)
  }
}
