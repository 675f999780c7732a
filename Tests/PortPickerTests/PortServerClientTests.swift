import Foundation
import PortPicker
import SystemPackage
import TestSupport
import Testing

@Suite(.alone) struct PortServerClientTests {
  @Test func aServerIsAskedForThisProcessOrAnother() throws {
    let server = try FakeServer(.pieces(["23456\n"]))
    #expect(try pickPort(fromServerAt: server.address) == 23456)
    #expect(try pickPort(fromServerAt: server.address, for: getppid()) == 23456)
    #expect(server.requests.all == ["\(getpid())", "\(getppid())"])
  }

  @Test func anAnswerMayComeInPieces() async throws {
    let server = try FakeServer(.pieces(["2", "34", "5", "6", "\n"]))
    #expect(try await pickPort(fromServerAt: server.address) == 23456)
  }

  @Test(arguments: [
    ["0x50\n"], ["65536\n"], ["-1\n"], ["\n"],
    ["hello, who are you?\n"], [String(repeating: "1", count: 2000)],
  ])
  func anAnswerThatIsNoPortIsAnError(pieces: [String]) throws {
    let server = try FakeServer(.pieces(pieces))
    expectError(.serverReplyMalformed, "so it is not a port server") {
      _ = try pickPort(fromServerAt: server.address) as Int
    }
  }

  @Test(arguments: [FakeServer.Answer.pieces([]), .pieces(["0\n"])])
  func aServerRefuses(answer: FakeServer.Answer) throws {
    let server = try FakeServer(answer)
    expectError(.serverRefused, "has no port for process") {
      _ = try pickPort(fromServerAt: server.address) as Int
    }
  }

  @Test(arguments: [
    FakeServer.Answer.slam, .pieces(["150"]), .pieces(["15000"]),
  ])
  func aConnectionThatBreaksIsTriedAgainOnce(answer: FakeServer.Answer) throws {
    let well = try FakeServer(answer, .pieces(["23456\n"]))
    #expect(try pickPort(fromServerAt: well.address) == 23456)
    let broken = try FakeServer(answer, answer, .pieces(["23456\n"]))
    expectError(.serverUnreachable, "Connection reset by peer") {
      _ = try pickPort(fromServerAt: broken.address) as Int
    }
  }

  @Test func aServerThatEndsInTheMiddleIsUnreachable() throws {
    var server: FakeServer? = try FakeServer(.pieces([]))
    let address = try #require(server?.address)
    // A port server that has one connection left to serve.
    server = nil
    expectError(.serverUnreachable, "cannot be reached") {
      _ = try pickPort(fromServerAt: address) as Int
    }
  }

  @Test func aRefusalHasTheReasonThatVersionTwoGives() throws {
    for (reply, code) in [
      ("error exhausted 0 of 7 ports are free", .poolExhausted),
      ("error not-permitted process 1 is another user's", .processNotAllowed),
      ("error no-such-process there is none", .noSuchProcess),
      ("error limit it has 3 ports", .serverRefused),
      ("error failed no memory", .serverRefused),
    ] as [(String, PortPickerError.Code)] {
      let server = try FakeServer(.pieces([]), .replies([reply]))
      let text = reply.split(separator: " ", maxSplits: 2)[2]
      expectError(code, String(text)) {
        _ = try pickPort(fromServerAt: server.address) as Int
      }
      #expect(server.requests.all == ["\(getpid())", "lease"])
    }
    // In the meantime there may be a port.
    let server = try FakeServer(.pieces([]), .replies(["ok 23456"]))
    #expect(try pickPort(fromServerAt: server.address, for: getppid()) == 23456)
    #expect(server.requests.all[1] == "lease pid=\(getppid())")
  }

  @Test func everythingTogetherTakesNoLongerThanItMay() async {
    await #expect(processExitsWith: .success) {
      // One port comes, the next never does: the time limit does not start again.
      let server = try FakeServer(.pieces(["23456\n"]), .silence)
      let options = PickOptions(
        source: .server(server.address), requiresServer: true,
        timeout: .milliseconds(20))
      expectError(.serverTimedOut, "did not answer within 0.02 seconds") {
        _ = try pickUnusedPorts(count: 2, options: options) as [Int]
      }
    }
  }

  @Test func whatAServerDoesNotTakeBackIsPickedAgain() async {
    await #expect(processExitsWith: .success) {
      let port = try unusedTestPort()
      let server = try FakeServer(
        .pieces(["\(port)\n"]), .replies(["error failed disk full"]))
      let options = PickOptions(source: .server(server.address))
      #expect(try pickUnusedPort(options: options) == Int(port))
      #expect(try returnPort(Int(port)))
      #expect(server.requests.all.last == "return pid=\(getpid()) \(port)")
      #expect(try pickUnusedPort() == Int(port))
    }
  }

  @Test func whatAServerDoesNotTakeBackForOthersIsSaid() async {
    await #expect(processExitsWith: .success) {
      let port = try unusedTestPort()
      let server = try FakeServer(
        .pieces(["\(port)\n"]), .replies(["error failed disk full"]),
        .replies(["ok"]))
      let options = PickOptions(source: .server(server.address))
      #expect(
        try pickUnusedPort(for: getppid(), options: options) == Int(port))
      expectError(.serverRefused, "disk full") {
        _ = try returnPort(Int(port))
      }
      // It can be tried again.
      #expect(try returnPort(Int(port)))
    }
  }

  @Test func aSilentServerEndsWithTheTimeout() throws {
    let server = try FakeServer(.silence)
    expectError(.serverTimedOut, "did not answer within 0.02 seconds") {
      _ =
        try pickPort(
          fromServerAt: server.address, timeout: .milliseconds(20)) as Int
    }
  }

  @Test func aServerThatSendsHalfAnAnswerEndsWithTheTimeout() async throws {
    let server = try FakeServer(.pieces(["15"]), .silence)
    // The first closes after half of it, the second never answers.
    await #expect(throws: PortPickerError.self) {
      try await pickPort(
        fromServerAt: server.address, timeout: .milliseconds(20))
    }
  }

  @Test(arguments: [
    "", "@", "@" + String(repeating: "x", count: 108),
    "/" + String(repeating: "x", count: 107), "a\0b",
  ])
  func addressesThatAreNone(address: String) {
    expectError(.invalidServerAddress, "1 to 107 bytes") {
      _ = try pickPort(fromServerAt: address) as Int
    }
  }

  @Test func nobodyThere() throws {
    let directory = try TemporaryDirectory()
    for address in ["@nobody-\(UUID())", directory.file("socket")] {
      expectError(.serverUnreachable, "start it, or name another server") {
        _ = try pickPort(fromServerAt: address) as Int
      }
    }
  }

  @Test func aPickUsesTheServerAndAReturnedPortIsPickedAgain() async {
    await #expect(processExitsWith: .success) {
      let (first, second) = (try unusedTestPort(), try unusedTestPort())
      let server = try FakeServer(
        .pieces(["\(first)\n"]), .pieces(["\(second)\n"]), .pieces([]))
      let options = PickOptions(
        source: .server(server.address), requiresServer: true)
      #expect(try pickUnusedPort(options: options) == Int(first))
      #expect(try pickUnusedPort(options: options) == Int(second))
      #expect(try returnPort(Int(first)))
      #expect(try pickUnusedPort(options: options) == Int(first))
      expectError(.serverRefused, "has no port") {
        _ = try pickUnusedPort(options: options) as Int
      }
    }
  }

  @Test func ofSeveralPortsAllComeOrNone() async {
    await #expect(processExitsWith: .success) {
      let port = try unusedTestPort()
      let server = try FakeServer(.pieces(["\(port)\n"]), .pieces([]))
      let options = PickOptions(
        source: .server(server.address), requiresServer: true)
      expectError(.serverRefused, "has no port") {
        _ = try pickUnusedPorts(count: 2, options: options) as [Int]
      }
      // What had come by then is not lost.
      #expect(try pickUnusedPort() == Int(port))
      expectError(
        .serverRefused, "version 1 of the protocol, which has no ports in a row"
      ) {
        _ =
          try pickUnusedPorts(count: 2, contiguous: true, options: options)
          as [Int]
      }
    }
  }

  @Test func aServerThatGivesAPortTwiceIsNone() throws {
    let server = try FakeServer(.pieces(["23456\n"]))
    expectError(.serverReplyMalformed, "leased port 23456 twice") {
      _ =
        try pickUnusedPorts(
          count: 2, for: getppid(),
          options: PickOptions(
            source: .server(server.address), requiresServer: true)) as [Int]
    }
  }

  @Test func aServersPortForAnotherProcessIsNotReused() async {
    await #expect(processExitsWith: .success) {
      let port = try unusedTestPort()
      let server = try FakeServer(.pieces(["\(port)\n"]))
      let options = PickOptions(source: .server(server.address))
      #expect(try pickUnusedPort(for: getppid(), options: options) == Int(port))
      #expect(try returnPort(Int(port)))
      #expect(try !returnPort(Int(port)))
      #expect(try pickUnusedPort() != Int(port))
    }
  }

  @Test func aBoundPortSkipsWhatTheServerWronglyCallsFree() async {
    await #expect(processExitsWith: .success) {
      let (taken, free) = (try unusedTestPort(), try unusedTestPort())
      let stranger = try TestSocket(
        .udp, at: .loopbackIPv4, port: taken, reusingAddress: true)
      let server = try FakeServer(
        .pieces(["\(taken)\n"]), .pieces(["\(free)\n"]))
      let bound = try BoundPort(
        options: PickOptions(
          source: .server(server.address), requiresServer: true))
      #expect(bound.port == Int(free))
      withExtendedLifetime(stranger) {}
    }
  }
}
