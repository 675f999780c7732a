import Foundation
import TestSupport
import Testing

/// The server as a service of systemd, or of a manager that speaks its protocols.
@Suite(.alone) struct ServiceManagerTests {
  private static let activate = "/usr/bin/systemd-socket-activate"
  private static let analyze = "/usr/bin/systemd-analyze"

  private func server(
    _ arguments: [String], environment: [String: String?] = [:]
  ) -> Command {
    Command(
      Command.portserverPath, ["--no-state"] + arguments,
      environment: environment)
  }

  @Test(.enabled(if: access(activate, X_OK) == 0, "\(activate) is missing"))
  func aSocketIsTakenOver() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("socket")
    let manager = try Command(
      Self.activate,
      [
        "--listen", path, Command.portserverPath, "--no-state", "--pool",
        try unusedTestPool(2),
      ]
    ).start()
    defer { manager.end() }
    try manager.waitForErrorLine("Listening on")
    // The first client starts the server, and waits for it.
    for _ in 0..<2 {
      let client = try UnixClient(connectingTo: path)
      try client.send("\(getpid())\n")
      #expect(try client.receiveAll() != "")
    }
    let line = try manager.waitForErrorLine("listening on")
    #expect(line.contains("listening on \(path), pid \(manager.pid)"))
    manager.signal(SIGTERM)
    #expect(try manager.finish().status == 0)
    // The file belongs to the manager.
    #expect(FileManager.default.fileExists(atPath: path))
  }

  @Test(.enabled(if: access(activate, X_OK) == 0, "\(activate) is missing"))
  func severalSocketsAreTakenOver() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("socket")
    let abstract = RunningServer.unusedAddress()
    let manager = try Command(
      Self.activate,
      [
        "--listen", abstract, "--listen", path, Command.portserverPath,
        "--no-state", "--pool", try unusedTestPool(2), "--address", path,
      ]
    ).start()
    defer { manager.end() }
    try manager.waitForErrorLine("Listening on")
    try manager.waitForErrorLine("Listening on")
    for address in [path, abstract] {
      let client = try UnixClient(connectingTo: address)
      try client.send("\(getpid())\n")
      #expect(try client.receiveAll() != "")
    }
    try manager.waitForErrorLine(
      "listening on \(abstract) and \(path), pid")
  }

  @Test func socketsForAnotherProcessAreNotTaken() throws {
    let address = RunningServer.unusedAddress()
    let running = try server(
      ["--address", address, "--pool", try unusedTestPool(1)],
      environment: ["LISTEN_PID": "1", "LISTEN_FDS": "1"]
    ).start()
    defer { running.end() }
    #expect(try running.waitForErrorLine("listening on").contains(address))
    running.signal(SIGTERM)
    #expect(try running.finish().status == 0)
  }

  @Test(.enabled(if: access(activate, X_OK) == 0, "\(activate) is missing"))
  func aSocketThatIsNoUnixSocketIsRefused() throws {
    let port = try unusedTestPort()
    let manager = try Command(
      Self.activate,
      ["--listen", "127.0.0.1:\(port)", Command.portserverPath, "--no-state"]
    ).start()
    defer { manager.end() }
    try manager.waitForErrorLine("Listening on")
    let client = try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
    try client.connect(to: .loopbackIPv4, port: port)
    let result = try manager.finish()
    #expect(result.status == 1)
    #expect(
      result.errors.hasSuffix(
        "portserver: cannot use systemd's socket: it is not a listening unix "
          + "stream socket; correct ListenStream in the socket unit\n"))
  }

  @Test(arguments: [
    ("1", "3</dev/null", "not a listening unix stream socket"),
    ("2", "3</dev/null 4</dev/null", "not a listening unix stream socket"),
  ])
  func whatIsNoSocketForItIsRefused(
    count: String, redirection: String, message: String
  ) throws {
    let result = try Command(
      "/bin/sh",
      [
        "-c",
        "LISTEN_PID=$$ LISTEN_FDS=\(count) exec \"$0\" --no-state "
          + redirection, Command.portserverPath,
      ]
    ).run()
    #expect(result.status == 1)
    #expect(result.errors.contains(message))
  }

  @Test(arguments: [true, false])
  func itSaysHowItIs(isAbstract: Bool) throws {
    let directory = try TemporaryDirectory()
    let name =
      isAbstract ? RunningServer.unusedAddress() : directory.file("notify")
    let manager = try NotificationReceiver(name)
    let address = RunningServer.unusedAddress()
    let running = try server(
      ["--address", address, "--pool", try unusedTestPool(1)],
      environment: ["NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000"]
    ).start()
    defer { running.end() }
    #expect(try manager.next() == "READY=1")
    let status = "STATUS=Listening on \(address); "
    #expect(try manager.next() == status + "0 of 1 ports leased")
    let client = try UnixClient(connectingTo: address)
    try client.send("\(getpid())\n")
    var next = try manager.next()
    while next == "WATCHDOG=1" { next = try manager.next() }
    // Within a second, when it checks its files.
    #expect(next == status + "1 of 1 ports leased")
    #expect(try manager.next() == "WATCHDOG=1")
    #expect(try manager.next() == "WATCHDOG=1")
    running.signal(SIGTERM)
    var message = try manager.next()
    while message == "WATCHDOG=1" { message = try manager.next() }
    #expect(message == "STOPPING=1")
    #expect(try running.finish().status == 0)
  }

  @Test func aWatchdogThatWatchesAnotherProcessIsNotFed() throws {
    let name = RunningServer.unusedAddress()
    let manager = try NotificationReceiver(name)
    let server = try RunningServer(
      pool: try unusedTestPool(1),
      environment: [
        "NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2", "WATCHDOG_PID": "1",
      ])
    #expect(try manager.next() == "READY=1")
    #expect(try manager.next().hasPrefix("STATUS="))
    // Each of them is a turn, after which a watchdog of its own would be fed.
    for _ in 0..<10 { #expect(try server.reply(to: "0\n") == "") }
    server.process.signal(SIGTERM)
    #expect(try manager.next() == "STOPPING=1")
  }

  @Test func aServiceManagerThatHearsNothingHoldsUpNobody() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(1),
      environment: [
        "NOTIFY_SOCKET": RunningServer.unusedAddress(), "WATCHDOG_USEC": "2",
      ])
    #expect(try server.lease(for: getpid()) != nil)
    server.process.signal(SIGTERM)
    #expect(try server.process.finish().status == 0)
  }

  @Test func linesForTheJournalHaveAPriorityAndNoTime() throws {
    let address = RunningServer.unusedAddress()
    func start(_ stream: String, _ arguments: String...) throws
      -> RunningCommand
    {
      try Command(
        "/bin/sh",
        [
          "-c", "JOURNAL_STREAM=\(stream) exec \"$0\" \"$@\"",
          Command.portserverPath, "--no-state", "--address", address,
        ] + arguments
      ).start()
    }
    let own = "$(stat -Lc %d:%i /dev/stderr)"
    let running = try start(
      own, "--pool", "x,\(try unusedTestPort())", "--debug")
    defer { running.end() }
    #expect(
      try running.nextErrorLine()?.hasPrefix("<3>left out: 'x' ") == true)
    try running.waitForErrorLine("<5>listening on \(address), pid")
    let client = try UnixClient(connectingTo: address)
    try client.send("X\n")
    try running.waitForErrorLine("<7>a client sent no valid request")
    // The reason why it does not serve is an error.
    let failed = try start(own, "--pool", "15000").finish()
    #expect(failed.status == 1)
    #expect(failed.errors.contains("<3>cannot listen on '\(address)'"))
    running.end()
    // The variables of other processes do not mean this stream.
    let other = try start("1:2", "--pool", "\(try unusedTestPort())")
    defer { other.end() }
    try other.waitForErrorLine(" notice portserver: listening on")
  }

  @Test(.enabled(if: access(analyze, X_OK) == 0, "\(analyze) is missing"))
  func theUnitsAreValid() throws {
    let units = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("systemd")
    let directory = try TemporaryDirectory()
    for name in ["portserver.service", "portserver.socket"] {
      let unit = try String(
        contentsOf: units.appendingPathComponent(name), encoding: .utf8)
      try unit.replacingOccurrences(
        of: "/usr/local/bin/portserver", with: Command.portserverPath
      ).write(toFile: directory.file(name), atomically: true, encoding: .utf8)
    }
    let result = try Command(
      Self.analyze,
      [
        "verify", directory.file("portserver.service"),
        directory.file("portserver.socket"),
      ]
    ).run()
    #expect(result.status == 0)
    #expect(result.errors == "")
  }
}
