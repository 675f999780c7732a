import Foundation
import TestSupport
import Testing

@testable import PortServer

/// What version 2 of the protocol reports besides the original's figures.
@Suite(.alone) struct StatisticsTests {
  @Test func requestsAreCountedByVersion() throws {
    let server = try RunningServer(pool: try unusedTestPool(3))
    for _ in 0..<2 { _ = try server.lease(for: getpid()) }
    #expect(try server.reply(to: "X\n") == "")
    let client = try UnixClient(connectingTo: server.address)
    try client.send("version\npool\nnonsense\n")
    client.finishSending()
    #expect(try client.receiveAll().contains("error unknown-request"))
    let figures = try server.figures()
    #expect(figures["requests-version-1"] == 2)
    // The one that asks for the figures counts.
    #expect(figures["requests-version-2"] == 3)
    #expect(figures["client-request-errors"] == 2)
  }

  @Test func returnsAndEndsOfHoldersAreCounted() throws {
    let server = try RunningServer(pool: try unusedTestPool(12))
    let holder = try HolderProcess()
    for _ in 0..<3 { #expect(try server.reply(to: "\(holder.pid)\n") != "") }
    let client = try UnixClient(connectingTo: server.address)
    try client.send("lease count=4\n")
    let ports = try client.receiveLine().split(separator: " ").dropFirst()
    let (one, two) = (try #require(ports.first), try #require(ports.last))
    // One is named twice, and one request is refused.
    try client.send("return \(one) \(two) \(one)\nreturn \(one)\n")
    #expect(try client.receiveLine() == "ok")
    #expect(try client.receiveLine().hasPrefix("error not-leased"))
    holder.end()
    // A refusal, after which the end has been noticed.
    #expect(try server.lease(for: 1 << 29) == nil)
    let figures = try server.figures()
    #expect(figures["ports-returned"] == 2)
    #expect(figures["holders-ended"] == 1)
    #expect(figures["ports-reclaimed"] == 3)
    #expect(figures["ports-leased"] == 2)
    #expect(figures["holders"] == 1)
  }

  @Test func everyReplyHasItsTime() throws {
    let server = try RunningServer(pool: try unusedTestPool(8))
    let before = try server.figures()
    #expect(before["replies"] == 0)
    #expect(before["reply-microseconds"] == 0)
    for _ in 0..<5 { #expect(try server.lease(for: getpid()) != nil) }
    #expect(try server.lease(for: 1 << 29) == nil)
    let client = try UnixClient(connectingTo: server.address)
    try client.send("lease\n")
    let port = try client.receiveLine().dropFirst(3)
    // Neither lists nor malformed requests count.
    try client.send("return \(port)\nlease count=9\npool\nnonsense\n")
    #expect(try client.receiveLine() == "ok")
    #expect(try client.receiveLine().hasPrefix("error exhausted"))
    while try !client.receiveLine().hasPrefix("error unknown") {}
    let figures = try server.figures()
    #expect(figures["replies"] == 9)
    let bounds = [
      25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 100_000,
      1_000_000,
    ]
    let counts = bounds.compactMap { figures["replies-within-\($0)us"] }
    #expect(counts.count == bounds.count)
    #expect(counts == counts.sorted())
    #expect(try #require(counts.last) <= 9)
    #expect(try #require(figures["reply-microseconds"]) > 0)
  }

  @Test func aBucketHasWhatTookAtMostAsLongAsItsBound() {
    var times = ReplyTimes()
    for nanoseconds in [1, 25_000, 25_001, 1_000_000, 2_000_000_000] {
      times.add(UInt64(nanoseconds))
    }
    #expect(
      times.lines == [
        "replies-within-25us 2", "replies-within-50us 3",
        "replies-within-100us 3", "replies-within-250us 3",
        "replies-within-500us 3", "replies-within-1000us 4",
        "replies-within-2500us 4", "replies-within-5000us 4",
        "replies-within-10000us 4", "replies-within-25000us 4",
        "replies-within-100000us 4", "replies-within-1000000us 4",
        "replies 5", "reply-microseconds 2001050",
      ])
  }

  @Test func slowAndDisplacedClientsAreRejectedConnections() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(2),
      ["--client-timeout", "0.05", "--max-clients", "4"])
    let silent = try UnixClient(connectingTo: server.address)
    #expect(try silent.receiveAll() == "")
    #expect(try server.figures()["rejected-connections"] == 1)
    // One client per user has a place: the first one makes room.
    let patient = try RunningServer(
      pool: try unusedTestPool(2),
      ["--client-timeout", "600", "--max-clients", "4"])
    let first = try UnixClient(connectingTo: patient.address)
    try first.send("leas")
    let second = try UnixClient(connectingTo: patient.address)
    #expect(try first.receiveAll() == "")
    try second.send("version\n")
    #expect(try second.receiveLine().hasPrefix("ok "))
    // The second one is idle, so that closing it rejects nothing.
    let third = try UnixClient(connectingTo: patient.address)
    #expect(try second.receiveAll() == "")
    try third.send("stats\n")
    var lines: [String] = []
    while lines.last?.hasPrefix("ok ") != true {
      lines.append(try third.receiveLine())
    }
    #expect(lines.contains("rejected-connections 1"))
  }

  @Test func aRequestWithoutLineEndRejectsNothing() throws {
    let server = try RunningServer(pool: try unusedTestPool(2))
    let client = try UnixClient(connectingTo: server.address)
    try client.send("\(getpid())")
    #expect(try client.receiveAll() != "")
    #expect(try server.figures()["rejected-connections"] == 0)
  }

  @Test func aRestartThatKeepsLeasesIsCounted() throws {
    let directory = try TemporaryDirectory()
    let state = directory.file("ledger")
    let pool = try unusedTestPool(4)
    var server = try RunningServer(pool: pool, state: state)
    let began = Int(Date().timeIntervalSince1970)
    let figures = try server.figures()
    #expect(figures["restarts"] == 0)
    #expect(figures["leases-kept"] == 0)
    #expect(abs(try #require(figures["start-time"]) - began) < 60)
    #expect(try server.lease(for: getpid()) != nil)
    for number in 1...2 {
      server.end()
      server = try RunningServer(pool: pool, state: state)
      let figures = try server.figures()
      #expect(figures["restarts"] == number)
      #expect(figures["leases-kept"] == 1)
    }
    // The count is part of what the server restores.
    try FileManager.default.removeItem(atPath: state)
    try server.waitForLog("it is restored")
    server.end()
    server = try RunningServer(pool: pool, state: state)
    #expect(try server.figures()["restarts"] == 3)
  }

  @Test func theUsersWithMostPortsAreNamed() throws {
    let server = try RunningServer(pool: try unusedTestPool(4))
    #expect(try server.figures()["users"] == 0)
    for _ in 0..<3 { #expect(try server.lease(for: getpid()) != nil) }
    let figures = try server.figures()
    #expect(figures["users"] == 1)
    #expect(figures["ports-of-user-\(getuid())"] == 3)
  }

  @Test func aSignalLogsAllFiguresAndTheEndTheOriginals() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let names = Set(try server.figures().keys)
    server.process.signal(SIGUSR1)
    var logged: Set<String> = []
    while logged.count < names.count {
      let words = try #require(try server.process.nextErrorLine())
        .split(separator: " ")
      logged.insert(String(words[words.count - 2]))
    }
    #expect(logged == names)
  }
}
