import Foundation
import TestSupport
import Testing

/// Where a server listens.
@Suite(.alone) struct AddressTests {
  private let directory: TemporaryDirectory
  private var path: String { directory.file("socket") }

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func start(
    _ address: String, _ arguments: [String] = []
  ) throws -> RunningServer {
    try RunningServer(
      pool: try unusedTestPool(2), address: address, arguments)
  }

  /// Runs a server that is expected to fail.
  private func refusal(
    _ address: String, _ arguments: [String] = []
  ) throws -> Command.Result {
    try Command(
      Command.portserverPath,
      ["--no-state", "--address", address] + arguments
    ).run()
  }

  private func mode(of path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
      as? Int
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func aPathIsASocketFileThatIsRemovedAtTheEnd(signal: Int32) throws {
    let server = try start(path)
    #expect(try mode(of: path) == 0o666)
    #expect(try server.lease(for: getpid()) != nil)
    server.process.signal(signal)
    #expect(try server.process.finish().status == 0)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func onlyALeadingAtSignIsSpecial() throws {
    let path = directory.file("a@b")
    let server = try start(path)
    #expect(FileManager.default.fileExists(atPath: path))
    #expect(try server.lease(for: getpid()) != nil)
  }

  @Test(arguments: [("600", 0o600), ("0660", 0o660), ("777", 0o777)])
  func theSocketFileGetsItsMode(text: String, mode: Int) throws {
    let server = try start(path, ["--socket-mode", text])
    #expect(try self.mode(of: path) == mode)
    withExtendedLifetime(server) {}
  }

  @Test func theUmaskTakesNothingFromTheMode() throws {
    let server = try Command(
      "/bin/sh",
      [
        "-c", "umask 077; exec \"$0\" \"$@\"", Command.portserverPath,
        "--no-state", "--pool", try unusedTestPool(1), "--address", path,
      ]
    ).start()
    defer { server.end() }
    try server.waitForErrorLine("listening on")
    #expect(try mode(of: path) == 0o666)
  }

  @Test func aRelativePathBeginsWhereTheServerWasStarted() throws {
    let server = try Command(
      "/bin/sh",
      [
        "-c", "cd \"$1\" && shift && exec \"$0\" \"$@\"",
        Command.portserverPath, directory.path, "--no-state", "--pool",
        try unusedTestPool(1), "--address", "socket",
      ]
    ).start()
    defer { server.end() }
    try server.waitForErrorLine("listening on socket,")
    _ = try UnixClient(connectingTo: path)
    server.signal(SIGTERM)
    #expect(try server.finish().status == 0)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test(arguments: ["", "8", "abc", "1000", "-1", "0o666"])
  func aModeThatIsNoneIsRefused(text: String) throws {
    let result = try refusal(path, ["--socket-mode", text])
    #expect(result.status == 64)
    #expect(result.errors.contains("expected permissions in octal"))
  }

  @Test func anAddressMayBeAsLongAsTheKernelTakes() throws {
    for start in [directory.file(""), RunningServer.unusedAddress()] {
      let length = start.hasPrefix("@") ? 108 : 107
      let address = start.padding(
        toLength: length, withPad: "x", startingAt: 0)
      #expect(try self.start(address).lease(for: getpid()) != nil)
    }
  }

  @Test(arguments: [
    "", "@", "@" + String(repeating: "x", count: 108),
    "/" + String(repeating: "x", count: 107),
  ])
  func anAddressThatIsNoneIsRefused(address: String) throws {
    let result = try refusal(address)
    #expect(result.status == 64)
    #expect(
      result.errors.contains("expected a path or @NAME of 1 to 107 bytes"))
  }

  @Test func anAddressThatIsNotUTF8IsRefused() throws {
    // If it were repaired, it would be another name.
    let result = try Command(
      "/bin/sh",
      [
        "-c", "exec \"$0\" --no-state --address \"$(printf '@x\\377')\"",
        Command.portserverPath,
      ]
    ).run()
    #expect(result.status == 64)
    #expect(
      result.errors == "portserver: argument 3 is not UTF-8; correct it\n")
  }

  @Test func aPathWithoutADirectoryIsRefused() throws {
    let result = try refusal(directory.file("nothing/socket"))
    #expect(result.status == 1)
    #expect(result.errors.contains("No such file or directory"))
  }

  @Test func whereALiveServerListensNoOtherDoes() throws {
    for address in [path, RunningServer.unusedAddress()] {
      let server = try start(address)
      let result = try refusal(address)
      #expect(result.status == 1)
      #expect(
        result.errors
          == "portserver: cannot listen on '\(address)': process "
          + "\(server.process.pid) listens there; end it, or choose another "
          + "--address\n")
      #expect(try server.lease(for: getpid()) != nil)
    }
  }

  @Test func aDeadSocketFileIsReplaced() throws {
    let first = try start(path)
    first.end()
    #expect(FileManager.default.fileExists(atPath: path))
    #expect(try start(path).lease(for: getpid()) != nil)
  }

  @Test func whatIsNoSocketIsLeftAlone() throws {
    try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
    let result = try refusal(path)
    #expect(result.status == 1)
    #expect(
      result.errors.contains("the path names a file that is not a socket"))
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: path)) == Data("precious".utf8))
  }

  @Test func aSocketOfAnotherKindIsLeftAlone() throws {
    let receiver = try NotificationReceiver(path)
    let result = try refusal(path)
    #expect(result.status == 1)
    #expect(result.errors.hasPrefix("portserver: cannot listen on '\(path)': "))
    #expect(FileManager.default.fileExists(atPath: path))
    withExtendedLifetime(receiver) {}
  }

  @Test func theFileOfTheNextServerIsLeftAloneAtTheEnd() throws {
    let server = try start(path)
    server.process.signal(SIGSTOP)
    try FileManager.default.removeItem(atPath: path)
    let next = try start(path)
    server.process.signal(SIGTERM)
    server.process.signal(SIGCONT)
    #expect(try server.process.finish().status == 0)
    #expect(try next.lease(for: getpid()) != nil)
  }

  @Test func aSocketFileOfSomebodyElseIsLeftAloneAtTheEnd() throws {
    let server = try start(path)
    server.process.signal(SIGSTOP)
    try FileManager.default.removeItem(atPath: path)
    try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
    server.process.signal(SIGTERM)
    server.process.signal(SIGCONT)
    #expect(try server.process.finish().status == 0)
    #expect(FileManager.default.fileExists(atPath: path))
  }

  @Test func aSocketFileThatWasRemovedComesBack() throws {
    let server = try start(path)
    let early = try UnixClient(connectingTo: path)
    try FileManager.default.removeItem(atPath: path)
    try server.waitForLog("the socket file was removed or replaced")
    #expect(try server.lease(for: getpid()) != nil)
    // Connected clients are served by the same server.
    try early.send("\(getpid())\n")
    #expect(try early.receiveAll() != "")
    server.process.signal(SIGTERM)
    #expect(try server.process.finish().status == 0)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func whoLocksTheDirectoryHoldsUpNobody() throws {
    let server = try start(path)
    let locked = open(directory.path, O_RDONLY | O_CLOEXEC)
    defer { close(locked) }
    try #require(flock(locked, LOCK_EX) == 0)
    let client = try UnixClient(connectingTo: path)
    try FileManager.default.removeItem(atPath: path)
    // The file is restored while clients wait for answers all the time, and no answer
    // takes as long as the server once waited for the lock.
    var slowest = Duration.zero
    while !FileManager.default.fileExists(atPath: path) {
      slowest = max(
        slowest,
        try ContinuousClock().measure {
          try client.send("version\n")
          _ = try client.receiveLine()
        })
    }
    try server.waitForLog("the socket file was removed or replaced")
    #expect(try server.lease(for: getpid()) != nil)
    #expect(slowest < .milliseconds(1500))
    server.process.signal(SIGTERM)
    #expect(try server.process.finish().status == 0)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func aServerMayListenAtSeveralAddresses() throws {
    let abstract = RunningServer.unusedAddress()
    let other = directory.file("other")
    let server = try RunningServer(
      pool: try unusedTestPool(3), address: path,
      ["--address", abstract, "--address=\(other)", "--address", path])
    #expect(
      server.logged.contains {
        $0.contains("listening on \(path) and \(abstract) and \(other), pid")
      })
    func lease(at address: String) throws -> Int? {
      let client = try UnixClient(connectingTo: address)
      try client.send("\(getpid())\n")
      return try Int(client.receiveAll().dropLast())
    }
    let ports = try [path, abstract, other].map { try lease(at: $0) }
    #expect(Set(ports.compactMap { $0 }).count == 3)
    for path in [other, path] {
      try FileManager.default.removeItem(atPath: path)
      try server.waitForLog("removed or replaced; it is restored: \(path)")
      #expect(try UnixClient(connectingTo: path).send("0\n") == ())
    }
    server.process.signal(SIGTERM)
    #expect(try server.process.finish().status == 0)
    for path in [path, other] {
      #expect(!FileManager.default.fileExists(atPath: path))
    }
  }

  @Test func ofSeveralAddressesNoneIsListenedOnWhereOneCannotBe() throws {
    let taken = try start(RunningServer.unusedAddress())
    let result = try refusal(path, ["--address", taken.address])
    #expect(result.status == 1)
    #expect(
      result.errors.hasPrefix(
        "portserver: cannot listen on '\(taken.address)': process "
          + "\(taken.process.pid) listens there"))
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func theLedgerIsNamedByTheFirstAddress() throws {
    let pool = try unusedTestPool(2)
    let abstract = RunningServer.unusedAddress()
    func serve(at addresses: [String]) throws -> Int? {
      let server = try Command(
        Command.portserverPath,
        ["--pool", pool] + addresses.flatMap { ["--address", $0] },
        environment: ["RUNTIME_DIRECTORY": directory.path]
      ).start()
      defer { server.end() }
      try server.waitForErrorLine("listening on")
      let client = try UnixClient(connectingTo: addresses[0])
      try client.send("\(getpid())\n")
      return try Int(client.receiveAll().dropLast())
    }
    let first = try #require(try serve(at: [abstract, path]))
    // It knows the other's leases.
    let second = try #require(try serve(at: [abstract]))
    #expect(first != second)
    #expect(try serve(at: [abstract, directory.file("other")]) == nil)
    #expect(try serve(at: [path, abstract]) != nil)
  }

  @Test func whoWaitsForAPlaceIsServedBeforeTheSocketFileComesBack() throws {
    let server = try start(
      path, ["--max-clients", "1", "--client-timeout", "2"])
    let silent = try UnixClient(connectingTo: path)
    let waiting = try UnixClient(connectingTo: path)
    try waiting.send("\(getpid())\n")
    try FileManager.default.removeItem(atPath: path)
    // The server checks its files once a second, so it does while there is no room
    // for the client that waits.
    #expect(try waiting.receiveAll() != "")
    try server.waitForLog("the socket file was removed or replaced")
    #expect(try server.lease(for: getpid()) != nil)
    withExtendedLifetime(silent) {}
  }

  @Test func ofServersThatStartTogetherOneServes() async throws {
    let path = path
    for _ in 0..<5 {
      try start(path).end()
      let pool = try unusedTestPool(1)
      let servers = try await sideBySide(4) { _ in
        let server = try Command(
          Command.portserverPath,
          ["--no-state", "--address", path, "--pool", pool]
        ).start()
        let line = try server.nextErrorLine() ?? ""
        return (server, line)
      }
      defer {
        for (server, _) in servers { server.end() }
      }
      #expect(servers.filter { $0.1.contains("listening on") }.count == 1)
      #expect(servers.filter { $0.1.contains("listens there") }.count == 3)
      let client = try UnixClient(connectingTo: path)
      try client.send("\(getpid())\n")
      #expect(try client.receiveAll() != "")
    }
  }
}
