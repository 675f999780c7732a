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
    let first = try FakeServer(.pieces(["23456\n"]), .pieces([]))
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

  @Test func whereBothServersFailThePortComesFromTheLedger() throws {
    let result = try fixture.portpicker(
      ["--server", "@nobody-1"],
      environment: ["PORTSERVER_ADDRESS": "@nobody-2"]
    ).run()
    #expect(result.status == 0)
    #expect(
      result.errors == """
        portpicker: warning: the port server at '@nobody-1' cannot be reached: \
        Connection refused; start it, or name another server; and the port server \
        at '@nobody-2' cannot be reached: Connection refused; start it, or \
        unset PORTSERVER_ADDRESS. The port comes from this user's own ledger \
        instead; with PORTPICKER_REQUIRE_SERVER=1 this is an error\n
        """)
  }

  @Test func aPoolThatIsNotUsedIsSaid() throws {
    let server = try RunningServer(pool: try unusedTestPool(2))
    let named = ["--server", server.address, "--pool", "23000-23010"]
    for arguments in [named, ["run"] + named + ["--", "true"]] {
      let result = try fixture.portpicker(arguments).run()
      #expect(result.status == 0)
      #expect(
        result.errors
          == "portpicker: warning: the port server leased the port from its "
          + "own pool, not from --pool\n")
    }
  }

  @Test func theSameCauseIsSaidAlikeOfOnePortAndOfSeveral() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(3), ["--max-ports-per-process", "2"])
    let holder = try HolderProcess()
    _ = try server.lease(for: holder.number)
    _ = try server.lease(for: holder.number)
    func errors(_ arguments: String...) throws -> String {
      let result = try fixture.portpicker(
        [holder.pid, "--server", server.address, "--require-server"]
          + arguments
      ).run()
      #expect(result.status == 1)
      return result.errors
    }
    let one = try errors()
    #expect(one.contains("refused: "), "\(one)")
    #expect(one.contains("ask for a higher limit"))
    #expect(try errors("--count", "2").contains("ask for a higher limit"))
    let full = try RunningServer(pool: try unusedTestPool(1))
    _ = try full.leaseAll()
    for count in ["1", "2"] {
      let result = try fixture.portpicker([
        "--server", full.address, "--require-server", "--count", count,
      ]).run()
      #expect(result.status == 1)
      #expect(
        result.errors.contains(
          count == "1" ? "cannot lease a port: " : "cannot lease 2 ports: "))
      #expect(result.errors.contains("or name another server"))
    }
  }

  @Test func whatIsNotTextNamesNothing() throws {
    for (variable, text) in [
      ("PORTSERVER_ADDRESS", "PORTSERVER_ADDRESS is not valid UTF-8"),
      ("PORTPICKER_LEDGER", "PORTPICKER_LEDGER is not valid UTF-8"),
    ] {
      let result = try Command(
        "/usr/bin/env",
        [
          "bash", "-c", "export \(variable)=/x$'\\xff'; exec \"$0\"",
          Command.portpickerPath,
        ], environment: ["PORTPICKER_LEDGER": fixture.ledger]
      ).run()
      #expect(result.status == 64, "\(result)")
      #expect(result.errors.contains(text))
      #expect(result.output == "")
    }
    for arguments in [
      "--server @x$'\\xff'", "run --server @x$'\\xff' -- true",
      "status --server @x$'\\xff'", "$'\\xff'",
    ] {
      let result = try Command(
        "/usr/bin/env",
        ["bash", "-c", "exec \"$0\" \(arguments)", Command.portpickerPath],
        environment: ["PORTPICKER_LEDGER": fixture.ledger]
      ).run()
      #expect(result.status == 64, "\(result)")
      #expect(result.errors.contains("is not valid UTF-8"), "\(result)")
    }
  }

  @Test func aRelativePathOfALedgerIsAWrongArgument() throws {
    let result = try fixture.portpicker(
      [], environment: ["PORTPICKER_LEDGER": "ledger"]
    ).run()
    #expect(result.status == 64)
    #expect(
      result.errors
        == "portpicker: the ledger's path 'ledger' is relative; use an absolute "
        + "path\n")
  }

  /// Arguments and variables may contain anything.
  @Test func errorsAndWarningsAreOnePrintableLine() throws {
    let text = "/missing/\n\u{1B}[31m\u{7}\u{202E}y"
    for (arguments, environment) in [
      (["--server", text], [:]), ([text], [:]),
      ([], ["PORTPICKER_LEDGER": text]), (["run", "--", text], [:]),
    ] as [([String], [String: String?])] {
      let result = try fixture.portpicker(arguments, environment: environment)
        .run()
      #expect(result.errors.contains("/missing/??[31m??y"), "\(result.errors)")
      #expect(result.errors.filter(\.isNewline) == "\n")
    }
    let server = try Command(
      Command.portserverPath,
      [
        "--pool", "\(text),\(try unusedTestPort())", "--no-state", "--address",
        RunningServer.unusedAddress(),
      ]
    ).start()
    defer { server.end() }
    let line = try #require(try server.nextErrorLine())
    #expect(
      line.hasSuffix(
        "left out: '/missing/??[31m??y' is neither a port nor a range FIRST-LAST"
      ))
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
        PORTPICKER_REQUIRE_SERVER=1 this is an error\n
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
    #expect(odd.errors.contains("'maybe'; expected 1 or 0"))
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
