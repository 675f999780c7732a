import Foundation
import TestSupport
import Testing

/// `portpicker return`.
@Suite(.alone) struct ReturnCommandTests {
  private let fixture: CommandFixture

  init() throws {
    fixture = try CommandFixture()
  }

  private func giveBack(_ arguments: [String]) throws -> Command.Result {
    try fixture.portpicker(["return"] + arguments).run()
  }

  @Test func aPortGoesBackToTheLedger() throws {
    let holder = try HolderProcess()
    let port = "\(try unusedTestPort())"
    for _ in 0..<2 {
      #expect(try fixture.ports("--pool", port, holder.pid) == [Int(port)])
      let result = try giveBack([port])
      #expect(result.status == 0)
      #expect(result.output == "" && result.errors == "")
    }
  }

  @Test func aPortGoesBackToTheServer() throws {
    let server = try RunningServer(pool: try unusedTestPool(2))
    let ports = try server.leaseAll().map { "\($0)" }
    let result = try giveBack(["--server", server.address] + ports)
    #expect(result.status == 0)
    #expect(result.output == "" && result.errors == "")
    #expect(try server.leaseAll().count == 2)
  }

  @Test func aPortGoesBackToWhereItIsFrom() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let port = try #require(try server.lease(for: getpid()))
    let own = try fixture.ports("--pool", "\(try unusedTestPort())")[0]
    let result = try fixture.portpicker(
      ["return", "\(port)", "\(own)"],
      environment: ["PORTSERVER_ADDRESS": server.address]
    ).run()
    #expect(result.status == 0, "\(result)")
    #expect(try server.lease(for: getpid()) == port)
    #expect(try fixture.ports("--pool", "\(own)") == [own])
  }

  @Test func aPortThatNobodyHasIsSaid() throws {
    let (one, other) = (try unusedTestPort(), try unusedTestPort())
    let result = try giveBack(["\(one)"])
    #expect(result.status == 1)
    #expect(
      result.errors
        == "portpicker: port \(one) is not leased; portpicker status lists "
        + "what is\n")
    let leased = try fixture.ports("--pool", "\(try unusedTestPort())")[0]
    let both = try giveBack(["\(one)", "\(leased)", "\(other)"])
    #expect(both.status == 1)
    #expect(
      both.errors.hasPrefix("portpicker: ports \(one), \(other) are not leased")
    )
    #expect(try fixture.ports("--pool", "\(leased)") == [leased])
  }

  @Test func anOldServerCannotTakePortsBack() throws {
    let server = try FakeServer(.slam)
    let result = try giveBack([
      "--server", server.address, "--require-server", "20000",
    ])
    #expect(result.status == 1)
    #expect(
      result.errors.contains("knows only version 1 of the protocol"))
  }

  @Test(arguments: [
    [], ["x"], ["0"], ["65536"], ["-1"], ["8000-8001"], ["80", "y"],
    ["--bogus", "80"],
  ])
  func whatMakesNoSenseIsSaid(arguments: [String]) throws {
    let result = try giveBack(arguments)
    #expect(result.status == 64)
    #expect(result.errors.hasPrefix("portpicker: "))
    #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
  }
}
