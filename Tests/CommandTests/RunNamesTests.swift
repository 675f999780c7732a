import Foundation
import TestSupport
import Testing

/// `portpicker run --name`.
@Suite(.alone) struct RunNamesTests {
  private let fixture: PlaceFixture

  init() throws {
    fixture = try PlaceFixture()
  }

  private func run(
    in place: String, _ arguments: String...,
    environment: [String: String?] = [:]
  ) throws -> Command.Result {
    try fixture.portpicker(
      in: place, ["run", "--pool", fixture.pool] + arguments,
      environment: environment
    ).run()
  }

  @Test func theProgramGetsThePortsOfTheNames() throws {
    let place = try fixture.place("a")
    let result = try run(
      in: place, "--name", "web", "--name", "db-2", "--", "sh", "-c",
      "echo $PORT $PORT1 $PORT2 $WEB_PORT $DB_2_PORT {web} x{db-2}y {port2}")
    #expect(result.status == 0)
    #expect(result.errors == "")
    let ports = try fixture.claim("web", "db-2", in: place)
    let (web, db) = (ports[0], ports[1])
    #expect(
      result.output == "\(web) \(web) \(db) \(web) \(db) \(web) x\(db)y \(db)\n"
    )
  }

  @Test func theVariablesOfTheManifestAreSetToo() throws {
    let place = try fixture.place(
      "a", manifest: "site env=PORT\napi env=API\nworkers count=2\n")
    let result = try run(
      in: place, "--name", "api", "--", "sh", "-c",
      "echo $PORT $API $WORKERS_PORT_2 $WORKERS_PORT_COUNT {site} {workers}")
    #expect(result.errors == "")
    let ports = try fixture.claim("site", "api", "workers", in: place)
    #expect(
      result.output
        == "\(ports[1]) \(ports[1]) \(ports[3]) 2 \(ports[0]) \(ports[2])\n")
    // PORT is that of the first name, unless another variable is named for that.
    let other = try run(
      in: place, "--name", "api", "--env", "MINE", "--", "sh", "-c",
      "echo $PORT $MINE")
    #expect(other.output == "\(ports[0]) \(ports[1])\n")
  }

  @Test func aBlockHasSeveralPorts() throws {
    let place = try fixture.place("a")
    let block = try fixture.claim("workers", "--count", "3", in: place)
    let result = try run(
      in: place, "--name", "workers", "--", "echo", "{workers}", "{port3}")
    #expect(result.output == "\(block[0]) \(block[2])\n")
    let beyond = try run(
      in: place, "--name", "workers", "--", "echo", "{port4}")
    #expect(beyond.status == 64)
    #expect(beyond.errors.contains("{port4} is out of range"))
    #expect(!beyond.errors.contains("--count"))
  }

  @Test func whatIsNoNameIsLeftAlone() throws {
    let place = try fixture.place("a")
    let port = try fixture.claim("web", in: place)[0]
    let result = try run(
      in: place, "--name", "web", "--", "echo", "{db}", "{web", "{Web}",
      "${web}", "${x:-{web}}", "{{web}}", "{{db}}", "{web}}", "{{web}")
    #expect(
      result.output
        == "{db} {web {Web} ${web} ${x:-{web}} {web} {{db}} \(port)} {\(port)\n"
    )
    // Without names, it is no placeholder.
    #expect(try run(in: place, "--", "echo", "{web}").output == "{web}\n")
    // A name precedes a number.
    let named = try fixture.claim("port2", in: place)[0]
    #expect(
      try run(
        in: place, "--name", "web", "--name", "port2", "--", "echo", "{port2}",
        "{port}"
      ).output == "\(named) \(port)\n")
    #expect(
      try run(
        in: place, "--name", "port2", "--name", "web", "--", "echo", "{port2}"
      ).output == "\(named)\n")
  }

  @Test func anArgumentOfBracesTakesNoTime() throws {
    let place = try fixture.place("a")
    let braces = String(repeating: "{w", count: 60_000)
    let result = try run(in: place, "--name", "web", "--", "echo", braces)
    #expect(result.output == braces + "\n")
  }

  @Test func theNameOutlivesTheProgram() throws {
    let place = try fixture.place("a")
    let server = try fixture.server(of: "web", in: place)
    defer { server.end() }
    let port = try fixture.claim("web", in: place)[0]
    // It is no lease.
    let list = try fixture.run(in: place, "status", "--json").output
    let status = try #require(
      try JSONSerialization.jsonObject(with: Data(list.utf8)) as? [String: Any])
    #expect((status["leases"] as? [Any])?.isEmpty == true)
    server.end()
    #expect(try fixture.claim("web", in: place) == [port])
    #expect(
      try fixture.run(in: place, "--pool", "\(port)").status == 1)
  }

  @Test func aServerThatRunsIsSaid() throws {
    let place = try fixture.place("a")
    let server = try fixture.server(of: "web", in: place)
    defer { server.end() }
    for more in [[], ["--listen"], ["--listen", "--host", "127.0.0.1"]] {
      let result = try fixture.portpicker(
        in: place, ["run", "--name", "web"] + more + ["--", "echo", "ran"]
      ).run()
      #expect(result.status == 1)
      #expect(result.output == "")
      #expect(
        result.errors.contains("already running: pid \(server.pid) (s"),
        "\(result)")
      #expect(result.errors.split(separator: "\n").count == 1)
    }
  }

  @Test func aForeignServerIsSaid() throws {
    let place = try fixture.place("a")
    let port = try fixture.claim("web", in: place)[0]
    for kind in TestSocket.Kind.allCases {
      let socket = try TestSocket(
        kind, at: .loopbackIPv4, port: port, listening: kind == .tcp)
      let result = try run(in: place, "--name", "web", "--", "echo", "ran")
      #expect(result.status == 1)
      #expect(result.output == "")
      #expect(
        result.errors.contains(
          "web (port \(port)) is in use by pid \(getpid())")
      )
      #expect(
        result.errors.contains(
          " in \(FileManager.default.currentDirectoryPath)"))
      #expect(result.errors.contains("portpicker forget web"))
      withExtendedLifetime(socket) {}
    }
  }

  /// Those of a server that has ended keep nobody from the port.
  @Test func connectionsThatAreLeftDoNotMatter() throws {
    let place = try fixture.place("a")
    let port = try fixture.claim("web", in: place)[0]
    try TestSocket.leaveTimeWait(on: port, reusingAddress: true)
    #expect(
      try run(in: place, "--name", "web", "--", "echo", "ran").output
        == "ran\n")
    let server = try fixture.server(of: "web", in: place)
    defer { server.end() }
    try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
      .connect(to: .loopbackIPv4, port: port)
  }

  @Test func listeningSocketsAreHandedOver() throws {
    let place = try fixture.place("a")
    _ = try fixture.claim("workers", "--count", "2", in: place)
    let process = try fixture.portpicker(
      in: place,
      [
        "run", "--pool", fixture.pool, "--name", "web", "--name", "workers",
        "--listen", "--", "sh", "-c",
        "echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES $PORT1 $PORT2 $PORT3; exec sleep 100000",
      ]
    ).start()
    defer { process.end() }
    let words = try #require(try process.nextLine()).split(separator: " ")
    #expect(
      words.prefix(3) == ["3", "\(process.pid)", "web:workers:workers"])
    #expect(
      try words.dropFirst(3).map { try #require(UInt16($0)) }
        == fixture.claim("web", "workers", in: place))
    for word in words.dropFirst(3) {
      let port = try #require(UInt16(word))
      for address in [TestSocket.Address.loopbackIPv4, .loopbackIPv6] {
        try TestSocket(.tcp, at: address, port: 0)
          .connect(to: address, port: port)
      }
    }
  }

  @Test(arguments: [
    (["--name", "web", "--count", "2"], "--name and --count"),
    (["--name", "web", "--contiguous"], "--name and --contiguous"),
    (["--name", "web", "--server", "@x"], "--server"),
    (["--name", "web", "--require-server"], "--require-server"),
    (["--name", "Web"], "'Web'"), (["--name", ""], "''"),
    (["--name", "80"], "'80'"), (["--at", "/"], "--at requires --name"),
    (["--name", "web", "--at", "/no/such/directory"], "/no/such/directory"),
    (["--name", "web", "--host", "::1"], "--host requires --listen"),
  ])
  func whatMakesNoSenseIsSaid(arguments: [String], text: String) throws {
    let place = try fixture.place("a")
    let result = try fixture.portpicker(
      in: place, ["run"] + arguments + ["--", "echo", "ran"]
    ).run()
    #expect(result.status == 64, "\(result)")
    #expect(result.output == "")
    #expect(result.errors.contains(text), "\(result)")
    #expect(result.errors.split(separator: "\n").count == 1)
    #expect(!FileManager.default.fileExists(atPath: fixture.command.claims))
  }

  @Test func whereNoPortIsLeftNothingIsRun() throws {
    let place = try fixture.place("a")
    let port = try unusedTestPort()
    let result = try fixture.run(
      in: place, "run", "--name", "web", "--name", "db", "--pool", "\(port)",
      "--", "echo", "ran")
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(try fixture.rows(fixture.run(in: place, "names")).isEmpty)
  }
}
