import Foundation
import TestSupport
import Testing

/// The command and a port server.
@Suite(.alone) struct ServerFallbackTests {
  private let fixture: CommandFixture

  init() throws {
    fixture = try CommandFixture()
  }

  @Test func theServerOfTheEnvironmentIsAsked() throws {
    let server = try FakeServer(.pieces(["23456\n"]))
    let result = try fixture.portpicker(
      ["\(getpid())"], environment: ["PORTSERVER_ADDRESS": server.address]
    ).run()
    #expect(result.status == 0)
    #expect(result.output == "23456\n")
    #expect(result.errors == "")
    #expect(server.requests.all == ["\(getpid())"])
  }

  @Test func theServerOfTheOptionIsAskedFirst() throws {
    let first = try FakeServer(.pieces(["23456\n"]), .slam)
    let second = try FakeServer(.pieces(["23457\n"]))
    let command = fixture.portpicker(
      ["--server", first.address],
      environment: ["PORTSERVER_ADDRESS": second.address])
    let asked = try command.run()
    #expect(asked.output == "23456\n")
    #expect(asked.errors == "")
    let instead = try command.run()
    #expect(instead.output == "23457\n")
    #expect(
      instead.errors.contains("comes from the server of PORTSERVER_ADDRESS"))
    let required = try fixture.portpicker(
      ["--server", first.address, "--require-server"],
      environment: ["PORTSERVER_ADDRESS": second.address]
    ).run()
    #expect(required.status == 1)
    #expect(required.output == "")
  }

  @Test func anEmptyAddressIsNone() throws {
    let result = try fixture.portpicker(
      ["--server", ""], environment: ["PORTSERVER_ADDRESS": ""]
    ).run()
    #expect(result.status == 0)
    #expect(result.errors == "")
  }

  @Test func aServerThatIsNotThereIsSaidOnce() throws {
    let result = try fixture.portpicker(
      ["--count", "3"], environment: ["PORTSERVER_ADDRESS": "@nobody-there"]
    ).run()
    #expect(result.status == 0)
    #expect(result.output.split(separator: "\n").count == 3)
    #expect(
      result.errors == """
        portpicker: warning: the port server at '@nobody-there' cannot be \
        reached: Connection refused; start it, or unset PORTSERVER_ADDRESS. \
        The port comes from this user's own ledger instead; with \
        PORTPICKER_REQUIRE_SERVER=1 that is an error\n
        """)
  }

  @Test(arguments: [
    (["--require-server"], [:] as [String: String?]),
    ([], ["PORTPICKER_REQUIRE_SERVER": "1"]),
  ])
  func aRequiredServerThatGivesNoPortIsAnError(
    arguments: [String], environment: [String: String?]
  ) throws {
    for (address, text) in [
      ("@nobody-there", "cannot be reached"),
      (try FakeServer(.slam).address, "cannot be reached"),
    ] {
      let result = try fixture.portpicker(
        arguments,
        environment: environment.merging(["PORTSERVER_ADDRESS": address]) {
          $1
        }
      ).run()
      #expect(result.status == 1)
      #expect(result.output == "")
      #expect(result.errors.contains(text))
      #expect(!result.errors.contains("warning"))
    }
    let unnamed = try fixture.portpicker(arguments, environment: environment)
      .run()
    #expect(unnamed.status == 64)
    #expect(unnamed.errors.contains("none is named"))
  }

  @Test func theVariableThatRequiresAServerIsYesOrNo() throws {
    let off = try fixture.portpicker(
      [], environment: ["PORTPICKER_REQUIRE_SERVER": "0"]
    ).run()
    #expect(off.status == 0)
    let odd = try fixture.portpicker(
      [], environment: ["PORTPICKER_REQUIRE_SERVER": "maybe"]
    ).run()
    #expect(odd.status == 64)
    #expect(odd.errors.contains("'maybe'; 1 or 0 is expected"))
  }

  @Test func aServersPortIsNotHeld() throws {
    let port = try unusedTestPort()
    let server = try FakeServer(.pieces(["\(port)\n"]))
    let result = try fixture.portpicker(
      ["\(getpid())", "1000"],
      environment: ["PORTSERVER_ADDRESS": server.address]
    ).run()
    #expect(result.output == "\(port)\n")
    #expect(try TestSocket(.tcp, at: .anyIPv4, port: port).port == port)
  }
}
