import Foundation
import TestSupport
import Testing

/// The original's clients and tests, with this server in place of the original's.
@Suite(
  .alone,
  .enabled(
    if: Command.originalPython != nil,
    "the original is not installed; scripts/test does that"))
struct OriginalPeerTests {
  private let server: RunningServer

  init() throws {
    server = try RunningServer(pool: try unusedTestPool(20))
  }

  private func python(
    _ arguments: String..., environment: [String: String?] = [:]
  ) throws -> Command {
    Command(
      try #require(Command.originalPython), arguments,
      environment: environment.merging(
        ["PORTSERVER_ADDRESS": server.address]) { given, _ in given })
  }

  @Test func itsLibraryGetsPorts() throws {
    let result = try python(
      "-c",
      """
      import portpicker, sys
      ports = [portpicker.pick_unused_port() for _ in range(3)]
      ports.append(portpicker.get_port_from_port_server(sys.argv[1]))
      print(*ports)
      """, server.address
    ).run()
    #expect(result.status == 0, "\(result.errors)")
    let ports = result.output.split(whereSeparator: \.isWhitespace)
      .compactMap { Int($0) }
    #expect(Set(ports).count == 4)
    #expect(try server.statistics()["total-allocations"] == 4)
  }

  @Test func itsCommandGetsAPortForAProcess() throws {
    let holder = try HolderProcess()
    let result = try python("-m", "portpicker", holder.pid).run()
    #expect(result.status == 0, "\(result.errors)")
    #expect(Int(result.output.dropLast()) != nil)
    #expect(try server.statistics()["total-allocations"] == 1)
  }

  @Test func itsLibraryUnderstandsARefusal() throws {
    while try server.lease(for: getpid()) != nil {}
    let result = try python(
      "-c",
      """
      import portpicker, sys
      print(portpicker.get_port_from_port_server(sys.argv[1]))
      """, server.address
    ).run()
    #expect(result.status == 0)
    #expect(result.output == "None\n")
  }

  @Test func manyOfItsClientsAtOnceGetPortsOfTheirOwn() async throws {
    let python = try python(
      "-c",
      """
      import portpicker, sys, time
      print(portpicker.pick_unused_port(), portpicker.pick_unused_port(),
            flush=True)
      sys.stdin.read()
      time.sleep(100000)
      """)
    let clients = try await sideBySide(5) { _ in
      let client = try python.start()
      return (client, try client.nextLine() ?? "")
    }
    defer {
      for (client, _) in clients { client.end() }
    }
    let ports = clients.flatMap { $0.1.split(separator: " ") }
    #expect(Set(ports).count == 10)
  }

  @Test(
    .enabled(
      if: Command.originalTests != nil,
      "the original's tests are not there; scripts/test fetches them"))
  func itsOwnTestsPass() throws {
    let directory = try TemporaryDirectory()
    try FileManager.default.createSymbolicLink(
      atPath: directory.file("portserver.py"),
      withDestinationPath: Command.portserverPath)
    let result = try python(
      try #require(Command.originalTests), "--verbose",
      environment: [
        "PORTSERVER_ADDRESS": nil as String?,
        "PATH": "\(directory.path):/usr/local/bin:/usr/bin:/bin",
      ]
    ).run()
    #expect(result.status == 0, "\(result.errors)")
    // Its tests start their server as `portserver.py`: it was this one.
    #expect(result.errors.contains("portserver: listening on @pid"))
    #expect(!result.errors.contains("skipped 'Unable"))
    #expect(result.errors.hasSuffix("OK\n"))
  }
}
