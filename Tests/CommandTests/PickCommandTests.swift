import Foundation
import PortPicker
import TestSupport
import Testing

@Suite(.alone) struct PickCommandTests {
  private let fixture: CommandFixture

  init() throws {
    fixture = try CommandFixture()
  }

  @Test func itPrintsAPortForItsParent() throws {
    let result = try fixture.portpicker([]).run()
    #expect(result.status == 0)
    #expect(result.errors == "")
    let port = try #require(Int(result.output.dropLast()))
    #expect(result.output == "\(port)\n")
    #expect(try isPortFree(port))
    // The parent is this process, which lives.
    #expect(try !fixture.ports().contains(port))
  }

  @Test(arguments: ["%", " % ", "+%", "0%"])
  func aPidIsReadAsPythonReadsIt(format: String) throws {
    let holder = try HolderProcess()
    let pid = format.replacingOccurrences(of: "%", with: holder.pid)
    #expect(try fixture.ports(pid).count == 1)
  }

  @Test func aPortBelongsToItsProcessUntilThatHasDied() throws {
    let holder = try HolderProcess()
    let free = try unusedTestPort()
    #expect(try fixture.ports("--pool", "\(free)", holder.pid) == [Int(free)])
    let refused = try fixture.portpicker(["--pool", "\(free)"]).run()
    #expect(refused.status == 1)
    #expect(refused.output == "")
    #expect(
      refused.errors == """
        portpicker: no port is left: of the 1 ports of the pool \(free), 1 are \
        leased to living processes and 0 in use by others; end processes that \
        hold ports, or use a larger pool\n
        """)
    holder.end()
    #expect(try fixture.ports("--pool", "\(free)") == [Int(free)])
  }

  @Test func severalPortsAreOneALine() throws {
    let ports = try fixture.ports("--count", "3")
    #expect(Set(ports).count == 3)
    let row = try fixture.ports("--count", "4", "--contiguous")
    #expect(row == Array(row[0]...(row[0] + 3)))
  }

  @Test func theCommandAndTheLibraryShareALedger() async {
    // With the user's own ledger, as nothing names another.
    await #expect(processExitsWith: .success) {
      let port = try pickUnusedPort()
      let pool = "\(port)-\(port + 1)"
      for _ in 0..<2 {
        let result = try Command.portpicker("--pool", pool).run()
        #expect(result.output != "\(port)\n")
      }
      try returnPort(port)
      #expect(
        try Command.portpicker("--pool", pool).run().output == "\(port)\n")
    }
  }

  @Test func helpAndVersionAreNoErrors() throws {
    for option in ["--help", "-h"] {
      let help = try fixture.portpicker([option]).run()
      #expect(help.status == 0)
      #expect(help.errors == "")
      #expect(help.output.contains("USAGE: portpicker [<pid>]"))
      for word in [
        "--count", "--contiguous", "--server", "--require-server", "--pool",
        "--timeout", "--version", "PORTSERVER_ADDRESS",
      ] { #expect(help.output.contains(word)) }
    }
    let version = try fixture.portpicker(["--version"]).run()
    #expect(version.status == 0)
    #expect(version.output == "portpicker 0.1.0\n")
  }

  @Test(arguments: [
    (["abc"], "PID is 'abc'"),
    ([""], "PID is ''"),
    (["12x"], "PID is '12x'"),
    (["0"], "PID is '0'"),
    (["-7"], "PID is '-7'"),
    (["99999999999999999999"], "PID is '99999999999999999999'"),
    (["4194305"], "process 4194305 does not exist"),
    (["1", "2", "3"], "Unexpected argument '3'"),
    (["%", "-1"], "BIND_TIMEOUT is '-1'"),
    (["%", "inf"], "BIND_TIMEOUT is 'inf'"),
    (["%", "-inf"], "BIND_TIMEOUT is '-inf'"),
    (["%", "nan"], "BIND_TIMEOUT is 'nan'"),
    (["%", "soon"], "BIND_TIMEOUT is 'soon'"),
    (["%", "5 abc"], "BIND_TIMEOUT is '5 abc'"),
    (["%", "0x2"], "BIND_TIMEOUT is '0x2'"),
    (["12\n34"], "PID is '12"),
    (["%", "--count", "1", "-1"], "-1"),
    (["--count", "0"], "'0'"),
    (["--count", "-3"], "'-3'"),
    (["--count", "many"], "'many'"),
    (["--count", "4", "--pool", "8000-8002"], "8000-8002 has only 3 ports"),
    (["--pool", ""], "names no port"),
    (["--pool", "9-1"], "'9-1' ends before it begins"),
    (["--pool", "0-5"], "'0-5' is not within 1-65535"),
    (["--pool", "5-65536"], "'5-65536' is not within 1-65535"),
    (["--pool", "8000,x"], "'x' is neither"),
    (["--timeout", "0"], "'0'"),
    (["--timeout", "-1"], "'-1'"),
    (["--timeout", "inf"], "'inf'"),
    (["--bogus"], "--bogus"),
    (["--server", "%long"], "is invalid; expected a path"),
  ])
  func whatMakesNoSenseIsSaidInOneLine(arguments: [String], text: String) throws
  {
    let arguments = arguments.map {
      switch $0 {
      case "%": "\(ProcessInfo.processInfo.processIdentifier)"
      case "%long": "@" + String(repeating: "x", count: 108)
      default: $0
      }
    }
    let result = try fixture.portpicker(arguments).run()
    #expect(result.status == 64)
    #expect(result.output == "")
    #expect(result.errors.hasPrefix("portpicker: "))
    #expect(result.errors.contains(text))
    #expect(result.errors.filter(\.isNewline).count == 1)
  }

  @Test(.enabled(if: isInHostPIDNamespace))
  func theHostsInitIsRefused() throws {
    let result = try fixture.portpicker(["1"]).run()
    #expect(result.status == 64)
    #expect(result.errors.contains("pass the pid of your own script"))
  }

  @Test func aPoolOfTheKernelsIsWarnedOf() throws {
    let result = try fixture.portpicker(["--pool", "32000-60000"]).run()
    #expect(result.status == 0)
    #expect(result.errors.contains("the kernel assigns 32768-60000"))
    // However long the pool is, the line is not.
    let odd = stride(from: 20001, to: 60000, by: 2).map { "\($0)" }
    let long = try fixture.portpicker(["--pool", odd.joined(separator: ",")])
      .run()
    #expect(long.status == 0)
    #expect(long.errors.utf8.count < 500)
  }

  @Test func anOutputThatCannotBeWrittenIsAnError() throws {
    let result = try Command(
      "/bin/sh", ["-c", "'\(Command.portpickerPath)' $$ >/dev/full"],
      environment: ["PORTPICKER_LEDGER": fixture.ledger]
    ).run()
    #expect(result.status == 1)
    #expect(result.errors.contains("No space left on device"))
    // The port was never printed, so it is not leased.
    let port = try unusedTestPort()
    for redirection in [">/dev/full", ""] {
      let result = try Command(
        "/bin/sh",
        [
          "-c",
          "'\(Command.portpickerPath)' --pool \(port) $PPID 1000 \(redirection)",
        ], environment: ["PORTPICKER_LEDGER": fixture.ledger]
      ).run()
      #expect(result.output == (redirection == "" ? "\(port)\n" : ""))
    }
  }

  @Test(arguments: [
    ("ulimit -f 0", "raise the limit on the size of files"),
    ("ulimit -n 4", "raise the limit (ulimit -n)"),
  ])
  func aLimitOfTheShellsIsSaid(limit: String, text: String) throws {
    let result = try Command(
      "/bin/sh", ["-c", "\(limit); exec '\(Command.portpickerPath)' $$"],
      environment: ["PORTPICKER_LEDGER": fixture.ledger]
    ).run()
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(result.errors.contains(text))
  }

  /// The ledger must not be given the number of a stream that is closed, and
  /// the port be written into it.
  @Test func closedStreamsAreNotMistakenForTheLedger() throws {
    func run(_ redirections: String) throws -> Command.Result {
      try Command(
        "/bin/sh",
        ["-c", "'\(Command.portpickerPath)' $$ \(redirections)"],
        environment: ["PORTPICKER_LEDGER": fixture.ledger]
      ).run()
    }
    _ = try fixture.ports()
    let closed = try run(">&-")
    #expect(closed.status == 1)
    #expect(closed.errors.contains("Bad file descriptor"))
    _ = try run("<&- >&- 2>&-")
    // It is whole: nothing is said of mending it.
    _ = try fixture.ports()
  }
}
