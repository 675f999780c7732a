import Foundation
import TestSupport
import Testing

/// `portpicker run`.
@Suite(.alone) struct RunCommandTests {
  private let fixture: CommandFixture

  init() throws {
    fixture = try CommandFixture()
  }

  private func run(_ arguments: String...) throws -> Command.Result {
    try fixture.portpicker(["run"] + arguments).run()
  }

  @Test func theProgramGetsThePort() throws {
    let result = try run(
      "--", "sh", "-c", "echo $PORT $PORT1 $1 $2", "sh", "{port}",
      "a{port1}b{port}c")
    let words = result.output.split(whereSeparator: \.isWhitespace)
    #expect(result.status == 0)
    #expect(result.errors == "")
    let port = try #require(Int(words[0]))
    #expect(
      words == ["\(port)", "\(port)", "\(port)", "a\(port)b\(port)c"])
  }

  @Test func theProgramGetsSeveralPorts() throws {
    let result = try run(
      "--count", "3", "--contiguous", "--env", "MY_PORT", "--", "sh", "-c",
      "echo $MY_PORT $MY_PORT1 $MY_PORT2 $MY_PORT3 $PORT {port} {port3}")
    let ports = result.output.split(whereSeparator: \.isWhitespace)
      .compactMap { Int($0) }
    let first = try #require(ports.first)
    #expect(
      ports == [first, first, first + 1, first + 2, first, first + 2])
  }

  @Test func aRunInARunHasItsOwnPorts() throws {
    let result = try run(
      "--count", "3", "--", Command.portpickerPath, "run", "--", "env")
    let names = result.output.split(separator: "\n").map {
      $0.prefix { $0 != "=" }
    }
    #expect(
      names.filter { $0.hasPrefix("PORT") && !$0.contains("_") }.sorted()
        == ["PORT", "PORT1"])
  }

  @Test func itBecomesTheProgram() throws {
    let process = try fixture.portpicker([
      "run", "--", "sh", "-c", "echo $PORT $$; exec sleep 100000",
    ]).start()
    defer { process.end() }
    let words = try #require(try process.nextLine()).split(separator: " ")
    #expect(words.last == "\(process.pid)")
    let port = String(words[0])
    // It is the program's for as long as it lives.
    let list = try fixture.portpicker(["status", "--json"]).run().output
    #expect(list.contains("\"port\": \(port),\n      \"pid\": \(process.pid),"))
    #expect(
      try fixture.portpicker(["--pool", port]).run().status == 1)
    process.end()
    #expect(try fixture.ports("--pool", port) == [Int(port)])
  }

  @Test func itsExitStatusIsThePrograms() throws {
    #expect(try run("--", "sh", "-c", "exit 7").status == 7)
    // A process that a signal has ended.
    #expect(try run("sh", "-c", "kill -TERM $$").status == 128 + SIGTERM)
  }

  @Test func aProgramThatCannotBeRunIsToldApart() throws {
    let missing = try run("--", "no-such-program-at-all", "x")
    #expect(missing.status == 127)
    #expect(
      missing.errors
        == "portpicker: 'no-such-program-at-all': the program, or the "
        + "interpreter that it names, does not exist\n")
    let file = fixture.directory.file("text")
    try Data("echo\n".utf8).write(to: URL(filePath: file))
    let refused = try run("--", file)
    #expect(refused.status == 126)
    #expect(
      refused.errors
        == "portpicker: cannot run '\(file)': Permission denied\n")
    #expect(try run("--", fixture.directory.path).status == 126)
  }

  @Test(arguments: [
    ([], "no program is named"), (["--"], "no program is named"),
    (["--count", "2", "--", "echo", "{port3}"], "{port3} is out of range"),
    (["--", "echo", "{port0}"], "{port0} is out of range"),
    (["--", "echo", "{port99999999999999999999}"], "} is out of range"),
    (["--bogus", "--", "echo"], "unknown option '--bogus'"),
    (["--env", "1X", "--", "echo"], "the name of a variable"),
    (["--env", "", "--", "echo"], "the name of a variable"),
    (["--host", "127.0.0.1", "--", "echo"], "--host requires --listen"),
    (
      ["--listen", "--host", "x", "--", "echo"], "numeric IPv4 or IPv6 address"
    ),
    (["--env", "A=B", "--", "echo"], "the name of a variable"),
    (["--count", "0", "--", "echo"], "1 or more"),
    (["--count", "9223372036854775807", "--", "echo"], "at most 65535"),
  ])
  func whatMakesNoSenseIsSaid(arguments: [String], text: String) throws {
    let result = try fixture.portpicker(["run"] + arguments).run()
    #expect(result.status == 64)
    #expect(result.output == "")
    #expect(result.errors.contains(text), "\(result.errors)")
    #expect(result.errors.split(separator: "\n").count == 1)
  }

  @Test func whereThereIsNoPortNothingIsRun() throws {
    let port = try unusedTestPort()
    let taken = try TestSocket(.tcp, at: .anyIPv4, port: port)
    let result = try run("--pool", "\(port)", "--", "echo", "ran")
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(result.errors.contains("no port is left"))
    withExtendedLifetime(taken) {}
  }

  @Test func whatIsNoPlaceForAPortIsLeftAlone() throws {
    let result = try run(
      "--", "echo", "{", "{port", "{ports}", "{Port}", "${port}", "${port",
      "${x:-{port}}", "{{port}}", "a{{port2}}b")
    #expect(
      result.output
        == "{ {port {ports} {Port} ${port} ${port ${x:-{port}} {port} "
        + "a{port2}b\n")
    // A brace that stands on one side alone is text.
    let port = try run("--", "echo", "{{port}").output.dropFirst().dropLast()
    #expect(Int(port) != nil)
  }

  @Test func severalVariablesAreNamed() throws {
    let result = try run(
      "--env", "A", "--count", "2", "--env", "B", "--", "sh", "-c",
      "echo $A $A1 $A2 $B $B1 $B2 ${PORT-none}")
    let words = result.output.split(whereSeparator: \.isWhitespace)
    #expect(words.count == 7)
    #expect(words[0] != words[2])
    #expect(words[0..<3] == [words[0], words[0], words[2]])
    #expect(words[3..<6] == words[0..<3])
    #expect(words[6] == "none")
  }

  @Test(
    arguments: [
      ("127.0.0.1", TestSocket.Address.loopbackIPv4, .loopbackIPv6),
      ("::1", .loopbackIPv6, .loopbackIPv4),
    ] as [(String, TestSocket.Address, TestSocket.Address)])
  func socketsListenOnOneAddress(
    host: String, inside: TestSocket.Address, outside: TestSocket.Address
  ) throws {
    let process = try fixture.portpicker([
      "run", "--count", "2", "--listen", "--host", host, "--", "sh", "-c",
      "echo $LISTEN_FDS $PORT1 $PORT2; exec sleep 100000",
    ]).start()
    defer { process.end() }
    let words = try #require(try process.nextLine()).split(separator: " ")
    #expect(words[0] == "2")
    for word in words.dropFirst() {
      let port = try #require(UInt16(word))
      try TestSocket(.tcp, at: inside, port: 0).connect(to: inside, port: port)
      #expect(throws: (any Error).self) {
        try TestSocket(.tcp, at: outside, port: 0)
          .connect(to: outside, port: port)
      }
      let rows = try fixture.portpicker(["check", "\(port)"]).run().output
      #expect(rows.contains(" \(host) "), "\(rows)")
    }
  }

  @Test func anAddressOfAnotherHostIsSaid() throws {
    let result = try run("--listen", "--host", "192.0.2.1", "--", "true")
    #expect(result.status == 1)
    #expect(result.errors.contains("to 192.0.2.1: "))
  }

  @Test func bytesThatAreNoTextArriveAsTheyAre() throws {
    let result = try Command(
      "/usr/bin/env",
      [
        "bash", "-c",
        "\"$0\" run -- printf %s $'a\\xff\\xfe{port}' | od -An -tx1",
        Command.portpickerPath,
      ], environment: ["PORTPICKER_LEDGER": fixture.ledger]
    ).run()
    #expect(result.output.hasPrefix(" 61 ff fe 3"))
  }

  @Test func listeningSocketsAreHandedOver() throws {
    let process = try fixture.portpicker([
      "run", "--count", "2", "--listen", "--", "sh", "-c",
      "echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES $PORT1 $PORT2; exec sleep 100000",
    ]).start()
    defer { process.end() }
    let words = try #require(try process.nextLine()).split(separator: " ")
    #expect(words.prefix(3) == ["2", "\(process.pid)", "port1:port2"])
    for word in words.dropFirst(3) {
      let port = try #require(UInt16(word))
      for address in [TestSocket.Address.loopbackIPv4, .loopbackIPv6] {
        try TestSocket(.tcp, at: address, port: 0)
          .connect(to: address, port: port)
      }
    }
    let descriptors = try FileManager.default
      .contentsOfDirectory(atPath: "/proc/\(process.pid)/fd").sorted()
    #expect(descriptors.prefix(5) == ["0", "1", "2", "3", "4"])
    #expect(
      try FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/\(process.pid)/fd/3"
      ).hasPrefix("socket:"))
  }

  @Test func whateverItInheritsASocketIsAtItsPlace() throws {
    let result = try Command(
      "/usr/bin/env",
      [
        "bash", "-c",
        "exec 3</dev/null 4</dev/null; exec \"$0\" run --listen -- readlink /proc/self/fd/3 /proc/self/fd/4",
        Command.portpickerPath,
      ], environment: ["PORTPICKER_LEDGER": fixture.ledger]
    ).run()
    let lines = result.output.split(separator: "\n")
    #expect(lines.first?.hasPrefix("socket:") == true)
    #expect(lines.last == "/dev/null")
  }

  @Test func theProgramHasTheSignalsThatItsParentHad() throws {
    let result = try run("--", "grep", "SigIgn", "/proc/self/status")
    let plain = try Command(
      "/usr/bin/env", ["grep", "SigIgn", "/proc/self/status"]
    )
    .run()
    #expect(result.output == plain.output)
  }

  @Test(.enabled(if: hasPython, "there is no python3"))
  func aServerServesAndItsPortComesBack() throws {
    let process = try fixture.portpicker([
      "run", "--", "python3", "-u", "-m", "http.server", "{port}",
    ]).start()
    defer { process.end() }
    // It says so when it listens: "Serving HTTP on 0.0.0.0 port 25000 (…".
    let line = try #require(try process.nextLine())
    let start = try #require(line.firstRange(of: " port ")).upperBound
    let port = String(line[start...].prefix { $0.isNumber })
    let wait = try fixture.portpicker(["check", "--wait-listening", "60", port])
      .run()
    #expect(wait.status == 0)
    #expect(wait.output.contains("\(process.pid)"))
    process.kill()
    _ = try process.finish()
    #expect(try fixture.ports("--pool", port) == [Int(port)])
  }

  @Test(.enabled(if: hasPython, "there is no python3"))
  func aServerTakesItsSocketFromTheEnvironment() throws {
    let process = try fixture.portpicker([
      "run", "--listen", "--", "python3", "-c",
      """
      import os, socket
      assert os.environ["LISTEN_PID"] == str(os.getpid())
      server = socket.socket(fileno=3)
      print(server.getsockname()[1], os.environ["PORT"], flush=True)
      server.accept()[0].sendall(b"x")
      """,
    ]).start()
    defer { process.end() }
    let words = try #require(try process.nextLine()).split(separator: " ")
    #expect(words[0] == words[1])
    let client = try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
    try client.connect(to: .loopbackIPv4, port: try #require(UInt16(words[0])))
    #expect(try client.receive() == 1)
    #expect(try process.finish().status == 0)
  }

  private static let hasPython =
    (try? Command("/usr/bin/env", ["python3", "-c", ""]).run().status) == 0

  @Test func aServersPortsComeBackWithTheProgram() throws {
    let server = try RunningServer(pool: try unusedTestPool(3))
    let process = try fixture.portpicker([
      "run", "--server", server.address, "--require-server", "--count", "3",
      "--listen", "--", "sh", "-c", "echo $PORT; exec sleep 100000",
    ]).start()
    defer { process.end() }
    #expect(try process.nextLine() != nil)
    #expect(try server.lease(for: getpid()) == nil)
    process.end()
    #expect(try server.leaseAll().count == 3)
  }
}
