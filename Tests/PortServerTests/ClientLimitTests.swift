import Foundation
import TestSupport
import Testing

/// The cost of a client is limited.
@Suite(.alone) struct ClientLimitTests {
  @Test func furtherClientsWaitUntilOneIsDone() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(2),
      ["--max-clients", "2", "--max-clients-per-user", "2"])
    let first = try UnixClient(connectingTo: server.address)
    let second = try UnixClient(connectingTo: server.address)
    let third = try UnixClient(connectingTo: server.address)
    try third.send("\(getpid())\n")
    // They are accepted in order: the third one waits.
    try first.send("0\n")
    #expect(try first.receiveAll() == "")
    #expect(try third.receiveAll() != "")
    #expect(try server.statistics()["total-allocations"] == 1)
    withExtendedLifetime(second) {}
  }

  @Test func thatThereAreFewerPlacesThanAskedForIsSaid() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(1), descriptorLimit: 64,
      ["--max-clients", "100"])
    #expect(
      server.logged.contains {
        $0.contains(
          "warning portserver: at most 16 clients are served at a time, not 100 "
            + "(--max-clients), because this process may have only 64 "
            + "descriptors open; raise the limit to 232 ")
      })
    let enough = try RunningServer(
      pool: try unusedTestPool(1), descriptorLimit: 232,
      ["--max-clients", "100"])
    #expect(!enough.logged.contains { $0.contains("are served at a time") })
  }

  @Test func aClientThatTakesTooLongIsClosed() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(1), ["--client-timeout", "0.05"])
    let client = try UnixClient(connectingTo: server.address)
    #expect(try client.receiveAll() == "")
    #expect(try server.statistics()["client-request-errors"] == 1)
  }
}
