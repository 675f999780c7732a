import Foundation
import TestSupport
import Testing

/// `portpicker return`.
@Suite(.alone) struct ReturnCommandTests {
  private let fixture: CommandFixture

  init() throws {
    fixture = try CommandFixture()
  }

  private func returnPorts(_ arguments: [String]) throws -> Command.Result {
    try fixture.portpicker(["return"] + arguments).run()
  }

  @Test func aPortGoesBackToTheLedger() throws {
    let holder = try HolderProcess()
    let port = "\(try unusedTestPort())"
    for _ in 0..<2 {
      #expect(try fixture.ports("--pool", port, holder.pid) == [Int(port)])
      let result = try returnPorts([port])
      #expect(result.status == 0)
      #expect(result.output == "" && result.errors == "")
    }
  }

  @Test func aPortGoesBackToTheServer() throws {
    let server = try RunningServer(pool: try unusedTestPool(2))
    let ports = try server.leaseAll().map { "\($0)" }
    let result = try returnPorts(["--server", server.address] + ports)
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
    let result = try returnPorts(["\(one)"])
    #expect(result.status == 1)
    #expect(
      result.errors
        == "portpicker: port \(one) is not leased; see portpicker "
        + "status\n")
    let leased = try fixture.ports("--pool", "\(try unusedTestPort())")[0]
    let both = try returnPorts(["\(one)", "\(leased)", "\(other)"])
    #expect(both.status == 1)
    #expect(
      both.errors.hasPrefix("portpicker: ports \(one), \(other) are not leased")
    )
    #expect(try fixture.ports("--pool", "\(leased)") == [leased])
  }

  /// A process in a session of its own.
  private func stranger() throws -> RunningCommand {
    let process = try Command(
      "/usr/bin/env", ["setsid", "sh", "-c", "echo; exec sleep 100000"]
    ).start()
    _ = try process.nextLine()
    return process
  }

  @Test func anothersPortIsReturnedOnlyIfThatIsMeant() throws {
    let server = try RunningServer(pool: try unusedTestPool(2))
    let (other, holder) = (try stranger(), try HolderProcess())
    defer { other.end() }
    let pool = try unusedTestPool(2)
    for source in [["--server", server.address], []] {
      for way in [["--for", "\(other.pid)"], ["--force"]] {
        // This one is in the session of the tests, and so of the command.
        let own = try fixture.portpicker(
          source + (source.isEmpty ? ["--pool", pool] : []) + [holder.pid]
        ).run().output.dropLast()
        let port = try fixture.portpicker(
          source + (source.isEmpty ? ["--pool", pool] : []) + ["\(other.pid)"]
        ).run().output.dropLast()
        for scope in [[], ["--for", holder.pid]] {
          let refused = try returnPorts(
            source + scope + [String(own), "\(port)"])
          #expect(refused.status == 1)
          #expect(
            refused.errors
              == "portpicker: port \(port) belongs to process \(other.pid) "
              + "(sleep); use --for \(other.pid), or --force\n")
        }
        let meant = try returnPorts(source + way + ["\(port)"])
        #expect(meant.status == 0, "\(meant)")
        #expect(try returnPorts(source + way + ["\(port)"]).status == 1)
        // Nothing else was returned.
        #expect(try returnPorts(source + ["\(own)"]).status == 0)
      }
    }
    #expect(try returnPorts(["--for", "1", "--force", "80"]).status == 64)
  }

  @Test(.enabled(if: canUnshare, "namespaces cannot be made"))
  func aContainerGivesItsOwnPortsBack() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let result = try Command(
      "/usr/bin/env",
      [
        "unshare", "--pid", "--fork", "--mount-proc", "sh", "-c",
        """
        sh -c 'port=$("$0" $$ --server "$1" --require-server) &&
          "$0" return --server "$1" --require-server $port
          echo $?' "$0" "$1"; true
        """, Command.portpickerPath, server.address,
      ]
    ).run()
    #expect(result.output == "0\n", "\(result)")
    #expect(try server.leaseAll().count == 1)
    // It may not return ports of a process outside it.
    let port =
      "\(try #require(server.reply(to: "leases\n").split { "= ".contains($0) }.dropFirst().first))"
    let foreign = try Command(
      "/usr/bin/env",
      [
        "unshare", "--pid", "--fork", "--mount-proc", Command.portpickerPath,
        "return", "--server", server.address, "--require-server", port,
      ]
    ).run()
    #expect(foreign.status == 1)
    #expect(foreign.errors.contains("belongs to process \(getpid())"))
  }

  /// In a container whose init made no session, and on a machine whose init made
  /// none, everything is in session 0.
  @Test(.enabled(if: canUnshare, "namespaces cannot be made"))
  func sessionZeroIsASessionToo() throws {
    let result = try Command(
      "/usr/bin/env",
      [
        "PORTPICKER_LEDGER=\(fixture.directory.file("other"))", "unshare",
        "--pid",
        "--fork", "--mount-proc", "sh", "-c",
        """
        sleep 100000 & own=$("$0" --pool "$1" $!)
        setsid sleep 100000 & other=$("$0" --pool "$2" $!)
        "$0" return $own; echo $?
        "$0" return $other; echo $?
        """, Command.portpickerPath, "\(try unusedTestPort())",
        "\(try unusedTestPort())",
      ]
    ).run()
    #expect(result.output == "0\n1\n", "\(result)")
  }

  @Test func anOldServerCannotTakePortsBack() throws {
    let server = try FakeServer(.slam)
    let result = try returnPorts([
      "--server", server.address, "--require-server", "20000",
    ])
    #expect(result.status == 1)
    #expect(
      result.errors.contains("knows only version 1 of the protocol"))
  }

  @Test func aServerThatDoesNotAnswerMayHaveThePort() throws {
    let silent = try SilentServer()
    let served = try unusedTestPort()
    let own = try fixture.ports("--pool", "\(try unusedTestPort())")[0]
    let arguments = ["--server", silent.address, "--timeout", "0.05"]
    let text =
      "the port server at '\(silent.address)' did not answer within 0.05 seconds"
    let result = try returnPorts(arguments + ["\(served)", "\(own)"])
    #expect(result.status == 1)
    #expect(
      result.errors
        == "portpicker: \(text); check what it is doing, or allow more time. The "
        + "port \(served) is not in this user's own ledger, and was not "
        + "returned\n")
    // The other one was.
    #expect(try fixture.ports("--pool", "\(own)") == [own])
    let ledger = try returnPorts(arguments + ["\(own)"])
    #expect(ledger.status == 0)
    #expect(ledger.errors.hasPrefix("portpicker: warning: \(text)"))
    #expect(ledger.errors.contains("returned to this user's own ledger"))
    withExtendedLifetime(silent) {}
  }

  @Test(arguments: [
    [], ["x"], ["0"], ["65536"], ["-1"], ["8000-8001"], ["80", "y"],
    ["--bogus", "80"],
  ])
  func whatMakesNoSenseIsSaid(arguments: [String]) throws {
    let result = try returnPorts(arguments)
    #expect(result.status == 64)
    #expect(result.errors.hasPrefix("portpicker: "))
    #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
  }
}
