import CTestSupport
import Foundation
import TestSupport
import Testing

/// What a client sends, and what it gets: version 1 of the protocol.
@Suite(.alone) struct ProtocolTests {
  private let server: RunningServer
  /// Its ports, as they are written in decimal.
  private let ports: [Substring]

  init() throws {
    let pool = try unusedTestPool(4)
    ports = pool.split(separator: ",")
    server = try RunningServer(pool: pool)
  }

  /// Expects one of the ports, LF, and nothing else up to the end of the
  /// connection.
  private func expectPort(
    _ reply: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      ports.map { "\($0)\n" }.contains(reply), sourceLocation: sourceLocation)
  }

  /// Sends a request that gets no port, and expects it to be counted.
  private func expectRefusal(
    of request: String, countedAs name: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(
      try server.reply(to: request) == "", sourceLocation: sourceLocation)
    let figures = try server.statistics()
    for other in ["client-request-errors", "denied-allocations"] {
      #expect(
        figures[other] == (other == name ? 1 : 0),
        sourceLocation: sourceLocation)
    }
    #expect(figures["total-allocations"] == 0, sourceLocation: sourceLocation)
  }

  @Test(arguments: [
    "PID\n", "PID\r\n", " \t PID \n", "\nPID\n", "+PID\n", "00PID\n",
    "PID\n\n", "\u{0B}\u{0C}PID\n", "P_I_D\n",
  ])
  func aRequestIsReadAsPythonReadsANumber(form: String) throws {
    let digits = "\(getpid())".map { "\($0)" }
    expectPort(
      try server.reply(
        to: form.replacingOccurrences(of: "PID", with: digits.joined())
          .replacingOccurrences(
            of: "P_I_D", with: digits.joined(separator: "_"))
      ))
  }

  @Test func aRequestMayComeInPieces() throws {
    let client = try UnixClient(connectingTo: server.address)
    for character in "\(getpid())\n" {
      try client.send("\(character)")
      // The server has received it before the next one arrives.
      try client.waitUntilReceived()
    }
    expectPort(try client.receiveAll())
  }

  @Test func aRequestWithoutLineEndCountsWhenTheClientHasFinished() throws {
    let client = try UnixClient(connectingTo: server.address)
    try client.send("\(getpid())")
    client.finishSending()
    expectPort(try client.receiveAll())
  }

  @Test func aRequestInPiecesWithoutLineEndCounts() throws {
    let client = try UnixClient(connectingTo: server.address)
    for character in "\(getpid())" {
      try client.send("\(character)")
      try client.waitUntilReceived()
    }
    client.finishSending()
    expectPort(try client.receiveAll())
  }

  @Test func aRequestWithoutLineEndCountsAfterAPause() throws {
    expectPort(try server.reply(to: "\(getpid())"))
  }

  @Test func twentyBytesAreARequestAndNotOneMore() throws {
    let pid = "\(getpid())\n"
    let zeros = String(repeating: "0", count: 20 - pid.utf8.count)
    expectPort(try server.reply(to: zeros + pid))
    #expect(try server.reply(to: "0" + zeros + pid) == "")
    #expect(try server.statistics()["client-request-errors"] == 1)
    #expect(try server.statistics()["total-allocations"] == 1)
  }

  @Test func theTwentyFirstByteIsSeenWhenItComesLater() throws {
    let client = try UnixClient(connectingTo: server.address)
    try client.send(String(repeating: "0", count: 20))
    try client.waitUntilReceived()
    // The server may have closed: this is a request without LF.
    try? client.send("\(getpid())\n")
    #expect(try client.receiveAll() == "")
    #expect(try server.statistics()["total-allocations"] == 0)
  }

  @Test(arguments: [
    "HELLO\n", "12.0\n", "0x10\n", "1 2\n", "1__2\n", "\n\n\n", "--1\n", "é\n",
    "\0\n", "1\n2\n", "99999999999999999999",
  ])
  func whatIsNoRequestIsCountedAndGetsNothing(text: String) throws {
    try expectRefusal(of: text, countedAs: "client-request-errors")
  }

  @Test func aMegabyteIsNoRequest() throws {
    try expectRefusal(
      of: String(repeating: "1", count: 1 << 20),
      countedAs: "client-request-errors")
  }

  @Test func whoSaysNothingIsCounted() throws {
    let client = try UnixClient(connectingTo: server.address)
    client.finishSending()
    #expect(try client.receiveAll() == "")
    #expect(try server.statistics()["client-request-errors"] == 1)
  }

  @Test(
    arguments: [
      "0\n", "-1\n", "-2147483649\n", "4294967297\n",
      "9223372036854775807\n", "2147483647\n",
    ] + (isInHostPIDNamespace ? ["1\n"] : []))
  func whatIsNoProcessIsDenied(request: String) throws {
    try expectRefusal(of: request, countedAs: "denied-allocations")
  }

  @Test func aProcessThatHasEndedIsDenied() throws {
    let holder = try HolderProcess()
    holder.end()
    try expectRefusal(
      of: "\(holder.pid)\n", countedAs: "denied-allocations")
  }

  @Test func aZombieIsDenied() throws {
    let zombie = cts_start_zombie()
    defer { cts_end(zombie) }
    try expectRefusal(of: "\(zombie)\n", countedAs: "denied-allocations")
  }

  @Test func aThreadIsNoProcess() async throws {
    let thread = try await sideBySide(1) { _ in
      let number = cts_thread_number()
      return (number, try server.lease(for: number))
    }[0]
    try #require(thread.0 != getpid())
    #expect(thread.1 == nil)
    #expect(try server.statistics()["denied-allocations"] == 1)
  }

  @Test func aProcessWhoseFirstThreadHasEndedIsServed() throws {
    let headless = cts_start_headless()
    defer { cts_end(headless) }
    #expect(try server.lease(for: headless) != nil)
  }
}
