import Foundation
import HostSystem
import TestSupport
import Testing

/// The arguments of `portserver`, and what it says about them.
@Suite(.alone) struct FlagTests {
  private func run(_ arguments: String...) throws -> Command.Result {
    try Command(Command.portserverPath, arguments).run()
  }

  @Test(arguments: [
    ["--portserver_static_pool=RANGES", "--portserver_address=ADDRESS"],
    [
      "--portserver_static_pool", "RANGES",
      "--portserver_unix_socket_address", "ADDRESS",
    ],
    ["--pool=RANGES", "--address=ADDRESS", "--verbose", "--debug"],
  ])
  func theOriginalsFlagsAreUnderstood(form: [String]) throws {
    let (port, address) = (
      try unusedTestPort(), RunningServer.unusedAddress()
    )
    let arguments = form.map {
      $0.replacingOccurrences(of: "RANGES", with: "\(port)-\(port)")
        .replacingOccurrences(of: "ADDRESS", with: address)
    }
    let server = try Command(
      Command.portserverPath, ["--no-state"] + arguments
    ).start()
    defer { server.end() }
    let line = try server.waitForErrorLine("listening on")
    #expect(line.contains("listening on \(address), pid \(server.pid), with 1"))
    let client = try UnixClient(connectingTo: address)
    try client.send("\(getpid())\n")
    #expect(try client.receiveAll() == "\(port)\n")
  }

  @Test func badRangesAreLoggedAndSkipped() throws {
    let port = try unusedTestPort()
    let server = try RunningServer(
      pool: "x,5-3,0-9,1-65536,,\(port),\(port)-\(port)")
    #expect(
      server.logged.filter { $0.contains("error portserver: left out:") }.count
        == 5)
    #expect(server.logged.contains { $0.contains("'5-3' ends before") })
    #expect(try server.lease(for: getpid()) == Int(port))
    #expect(try server.statistics()["num-ports-managed"] == 1)
  }

  @Test(arguments: ["", "x", "9-3,70000"])
  func aPoolWithoutPortsIsSaid(pool: String) throws {
    let result = try run(
      "--pool", pool, "--address", RunningServer.unusedAddress())
    #expect(result.status == 64)
    #expect(
      result.errors
        == "portserver: --pool '\(pool)' names no port; expected ports and "
        + "ranges within 1-65535, such as 15000-24999\n")
  }

  @Test func portsThatTheKernelHandsOutAreWarnedOf() throws {
    let kernel = try #require(KernelPorts.current().ephemeral)
    let server = try RunningServer(
      pool: "\(kernel.lowerBound)-\(kernel.lowerBound)")
    #expect(
      server.logged.filter {
        $0.contains("the kernel gives \(kernel.lowerBound) to other programs'")
      }.count == 1)
    // The default is clear of it here.
    if kernel.lowerBound > 24999 {
      let usual = try RunningServer(pool: "15000-24999")
      #expect(!usual.logged.contains { $0.contains("the kernel gives") })
    }
  }

  @Test(.enabled(if: getuid() == 0, "only root can be another user"))
  func portsThatNeedPrivilegeAreWarnedOf() throws {
    let program = try FileHandle(
      forReadingFrom: URL(fileURLWithPath: Command.portserverPath))
    let port = try unusedTestPort()
    let server = try Command(
      "/usr/bin/env",
      [
        "sh", "-c",
        """
        exec 3<"$0"
        exec setpriv --reuid 60001 --clear-groups --bounding-set=-all \
          --inh-caps=-all /proc/self/fd/3 "$@"
        """, "/proc/\(getpid())/fd/\(program.fileDescriptor)", "--no-state",
        "--pool", "22,80-90,\(port)", "--address",
        RunningServer.unusedAddress(),
      ]
    ).start()
    defer { server.end() }
    var lines: [String] = []
    try server.waitForErrorLine("listening on") { lines.append($0) }
    #expect(
      lines.contains { $0.contains("22,80-90 need a privilege") }
        == (KernelPorts.firstUnprivileged() > 90))
    withExtendedLifetime(program) {}
  }

  @Test(arguments: [
    ["--unknown"], ["surplus"], ["--pool"], ["--max-clients", "x"],
  ])
  func argumentsThatMakeNoSenseAreRefused(arguments: [String]) throws {
    let result = try Command(Command.portserverPath, arguments).run()
    #expect(result.status == 64)
    #expect(result.output == "")
    #expect(result.errors.hasPrefix("portserver: "))
    #expect(result.errors.split(separator: "\n").count == 1)
  }

  @Test(arguments: [
    (["--state", "ledger"], "the ledger's path 'ledger' is relative"),
    (["--state", "/x", "--no-state"], "cannot be combined"),
    (["--max-clients", "-1"], "'-1' is invalid"),
    (["--max-clients-per-user", "-1"], "expected a number, 1 or more"),
    (["--max-ports-per-user", "x"], "expected a number, 1 or more"),
    (["--max-ports-per-process", "0"], "expected a number, 1 or more"),
    (["--client-timeout", "0"], "above 0, and at most 1000000000"),
    (["--client-timeout", "-1"], "above 0, and at most 1000000000"),
    (["--client-timeout", "1e300"], "above 0, and at most 1000000000"),
    (["--client-timeout", "nan"], "above 0, and at most 1000000000"),
  ])
  func aBadValueIsAnErrorThatSaysWhatIsExpected(
    arguments: [String], text: String
  ) throws {
    let result = try Command(Command.portserverPath, arguments).run()
    #expect(result.status == 64)
    #expect(result.errors.contains(text), "\(result.errors)")
    #expect(result.errors.split(separator: "\n").count == 1)
  }

  /// Whichever descriptor is the first that it cannot have.
  @Test func aServerWithTooFewDescriptorsSaysWhatToDo() throws {
    for limit in 4...8 {
      let server = try Command(
        "/usr/bin/env",
        [
          "prlimit", "--nofile=\(limit):\(limit)", Command.portserverPath,
          "--no-state", "--address", RunningServer.unusedAddress(),
        ]
      ).start()
      defer { server.end() }
      do {
        try server.waitForErrorLine("listening on")
      } catch let end as RunningCommand.EndOfErrors {
        let line = try #require(end.lines.last)
        #expect(line.contains("Too many open files"), "\(limit): \(line)")
        #expect(line.contains("raise the limit (ulimit -n)"), "\(line)")
      }
    }
  }

  @Test func theVersionIsThePackages() throws {
    let result = try run("--version")
    #expect(result.status == 0)
    #expect(result.output == "portserver 0.1.0\n")
  }

  @Test func itSaysLittleUnlessItIsAsked() throws {
    let quiet = try RunningServer(pool: try unusedTestPool(1))
    #expect(try quiet.lease(for: getpid()) != nil)
    _ = try quiet.statistics()
    #expect(quiet.logged.count == 1 + 5)
  }

  @Test(arguments: [(["--verbose"], false), (["--debug"], true)])
  func whatWentWrongWithAClientIsForDebugging(
    arguments: [String], isLogged: Bool
  ) throws {
    let server = try RunningServer(pool: try unusedTestPool(1), arguments)
    #expect(try server.reply(to: "X\n") == "")
    #expect(try server.lease(for: getpid()) != nil)
    #expect(try server.statistics()["client-request-errors"] == 1)
    #expect(
      server.logged.contains {
        $0.contains("debug portserver: a client sent no valid request")
      } == isLogged)
    #expect(server.logged.contains { $0.contains("leased port") })
  }

  @Test func eachLeaseIsLoggedIfWanted() throws {
    let port = try unusedTestPort()
    let server = try RunningServer(pool: "\(port)", ["--verbose"])
    // What a process calls itself must not forge a line.
    let directory = try TemporaryDirectory()
    let program = directory.file("a\u{1B}[2Jb\nc\u{202E}d")
    try FileManager.default.createSymbolicLink(
      atPath: program, withDestinationPath: "/bin/sh")
    let holder = try Command(program, ["-c", "echo up; kill -STOP $$"]).start()
    defer { holder.end() }
    // A process that has only just begun its program has its parent's name.
    #expect(try holder.nextLine() == "up")
    #expect(try server.lease(for: holder.pid) == Int(port))
    let line = try server.waitForLog("leased port \(port)")
    #expect(
      line.hasSuffix(
        "info portserver: leased port \(port) to process \(holder.pid), asked "
          + "for by uid \(getuid()): a?[2Jb?c?d"))
  }

  @Test func theHelpIsThis() throws {
    let result = try Command(
      Command.portserverPath, ["--help"], environment: ["COLUMNS": "80"]
    ).run()
    #expect(result.status == 0)
    #expect(result.errors == "")
    #expect(result.output == help + "\n")
  }

  private let help = """
    OVERVIEW: Lease the ports of this host to processes until they end.

    A client that asks for a port gets one that no other process holds or uses. The
    port becomes free again when the process to which it is leased ends.

      portserver &
      export PORTSERVER_ADDRESS=@unittest-portserver
      portpicker $$

    The server stays in the foreground and logs to standard error. On SIGUSR1, it
    logs statistics; SIGINT, SIGTERM and SIGHUP stop it. It supports systemd socket
    activation.

    Exit status: 0 after SIGINT, SIGTERM or SIGHUP; 1 if the server cannot serve;
    64 if an argument is invalid.

    USAGE: portserver <options>

    OPTIONS:
      --pool, --portserver_static_pool <RANGES>
                              The ports to lease, as single ports and ranges, such
                              as 15000-19999,30000. (default: 15000-24999)
      --address, --portserver_address, --portserver_unix_socket_address <ADDRESS>
                              Where to listen: the path of a Unix socket, or @NAME
                              in the abstract namespace. This option can be
                              repeated. (default: the sockets that systemd passes,
                              or else @unittest-portserver)
      --socket-mode <MODE>    The permissions of the socket file, in octal.
                              (default: 666)
      --state <PATH>          The absolute path of the file in which leases are
                              recorded, so that they survive a restart. (default: a
                              file named after the first address, in
                              $RUNTIME_DIRECTORY or /dev/shm/portpicker-UID)
      --no-state              Do not record leases; they are lost when the server
                              stops.
      --allow-foreign-pids    Let every user lease ports to other users' processes.
      --max-ports-per-process <N>
                              The maximum number of ports that one process may
                              hold. (default: no limit)
      --max-ports-per-user <N>
                              The maximum number of leased ports that one user may
                              have requested. (default: no limit)
      --max-clients <N>       How many clients may be connected at the same time;
                              others wait. (default: 1024)
      --max-clients-per-user <N>
                              How many of these clients may belong to one user; a
                              further connection replaces an existing one of that
                              user. (default: a quarter of --max-clients)
      --client-timeout <SECONDS>
                              How many seconds a client may take to send a request.
                              (default: 5.0)
      --verbose               Log each lease.
      --debug                 Log everything.
      --version               Show the version.
      -h, --help              Show help information.

    """
}
