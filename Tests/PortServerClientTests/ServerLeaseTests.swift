import HostSystem
import PortServerClient
import TestSupport
import Testing

@Suite struct ServerLeaseTests {
  /// Takes ports from a server that sends these replies, and returns the ports of
  /// each turn or the error that the last one ends with.
  private func take(
    _ counts: Int..., ofInAll count: Int, isContiguous: Bool = false,
    replies: String...
  ) throws -> (taken: [[UInt16]], error: PortServerError?) {
    let server = try FakeServer(.replies(replies))
    defer { withExtendedLifetime(server) {} }
    var lease = ServerLease(
      of: try PortServerClient(
        at: server.address, alternative: "name another server"),
      for: currentPID(), isOwn: true, count: count,
      isContiguous: isContiguous, within: TimeLimit(.seconds(60)))
    var taken: [[UInt16]] = []
    do throws(PortServerError) {
      for count in counts { taken.append(try lease.take(count)) }
    } catch {
      return (taken, error)
    }
    return (taken, nil)
  }

  @Test func theErrorNamesAllPortsThatWereWanted() throws {
    // One of the first two was of no use.
    let (taken, error) = try take(
      2, 1, ofInAll: 2,
      replies: "ok 15000 15001", "error exhausted 0 of 2 ports are free")
    #expect(taken == [[15000, 15001]])
    #expect(error?.code == .exhausted)
    let text = error?.description ?? ""
    #expect(text.contains("cannot lease 2 ports: 0 of 2"), "\(text)")
  }

  @Test(arguments: ["error no-coffee it is a teapot", "error"])
  func anUnknownErrorIsARefusal(_ reply: String) throws {
    let error = try take(2, ofInAll: 2, replies: reply).error
    #expect(error?.code == .refused)
    #expect(reply == "error" || error?.description.contains("teapot") == true)
  }

  @Test(arguments: [
    "ok", "ok 1", "ok 1 2 3", "ok 0 1", "ok 7 7", "ok 1 x", "ok 1 65536",
  ])
  func aReplyMustBeWhatWasAskedFor(_ reply: String) throws {
    let error = try take(2, ofInAll: 2, replies: reply).error
    #expect(error?.code == .malformedReply)
  }

  @Test func portsInARowAscend() throws {
    #expect(
      try take(2, ofInAll: 2, isContiguous: true, replies: "ok 7 8").taken
        == [[7, 8]])
    #expect(
      try take(2, ofInAll: 2, isContiguous: true, replies: "ok 8 7").error?.code
        == .malformedReply)
  }
}
