import CTestSupport
import Foundation
import Glibc
import HostSystem
import PortPicker
import TestSupport
import Testing

/// Real listeners, started by shells.
@Suite(.alone) struct PortOwnershipTests {
  private let fixture: CommandFixture
  private let place: String
  private let port: UInt16

  init() throws {
    fixture = try CommandFixture()
    place = fixture.directory.file("place")
    port = try unusedTestPort()
    for name in ["place", "place/sub", "places", "other"] {
      mkdir(fixture.directory.file(name), 0o755)
    }
    chmod(fixture.directory.path, 0o755)
  }

  /// What becomes a listener on ``port``: a `sleep` that has the socket.
  private func listener(_ command: String = "sleep 100000") -> String {
    "env PORTPICKER_LEDGER=\(fixture.ledger) \(Command.portpickerPath) run "
      + "--listen --pool \(port) -- sh -c 'echo ready; exec \(command)'"
  }

  /// Runs a script in a new session, whose leader is a shell in `/`, and a body when
  /// it listens.
  private func whileListening(
    _ script: String, leaderIn directory: String = "/",
    _ body: () throws -> Void
  ) throws {
    let script =
      "cd \(directory)\nsh -c '\(script.replacing("'", with: "'\\''"))\ntrue'\ntrue"
    let command = try Command(
      "/usr/bin/env", ["setsid", "sh", "-c", script]
    ).start()
    defer {
      kill(-command.pid, SIGKILL)
      command.end()
    }
    try #require(command.nextLine() == "ready")
    try body()
  }

  private func ownership(
    known: [String] = []
  ) throws -> PortOwnership {
    try PortOwnership.of([port], in: Place(at: place), knownPlaces: known)[0]
  }

  /// The ownership, when the listener runs its last program.
  private func ownership(ofProgram name: String) throws -> PortOwnership {
    while true {
      let ownership = try ownership()
      if ownership.listeners.contains(where: { $0.command == name }) {
        return ownership
      }
      sched_yield()
    }
  }

  @Test
  func `Nothing listens`() throws {
    #expect(try ownership().verdict == .none)
    let connected = try TestSocket(.tcp, at: .loopbackIPv4, port: port)
    #expect(try ownership().verdict == .none)
    #expect(connected.port == port)
  }

  @Test
  func `A listener belongs to the place that it runs in`() throws {
    try whileListening("cd \(place)/sub; \(listener())") { () throws in
      let ownership = try ownership(ofProgram: "sleep 100000")
      #expect(ownership.verdict == .mine)
      #expect(ownership.port == port)
      let listener = try #require(ownership.listeners.first)
      #expect(ownership.listeners.count == 1)
      #expect(listener.command == "sleep 100000")
      #expect(listener.directory == place + "/sub")
      #expect(listener.transport == .tcp)
      #expect(listener.verdict == .mine)
      #expect(listener.pid.map { processName(ofProcess: $0) } == "sleep")
    }
  }

  @Test(arguments: ["places", "other", ""])
  func `A listener elsewhere belongs to another place`(_ name: String) throws {
    let path = fixture.directory.file(name)
    try whileListening("cd \(path); \(listener())") { () throws in
      #expect(try ownership().verdict == .other(place: nil))
      #expect(
        try ownership(known: [place, fixture.directory.file("other")]).verdict
          == .other(place: name == "other" ? path : nil))
    }
  }

  @Test
  func `A listener belongs to the place that it was started from`() throws {
    try whileListening("cd \(place); (cd /; \(listener()); true)") {
      () throws in
      let ownership = try ownership()
      #expect(ownership.verdict == .mine)
      #expect(ownership.listeners.first?.directory == "/")
    }
  }

  @Test
  func `A session's leader is not what a listener was started from`() throws {
    try whileListening("cd /; \(listener())", leaderIn: place) { () throws in
      #expect(try ownership().verdict == .other(place: nil))
    }
  }

  @Test
  func `A listener in a session of its own has no ancestors`() throws {
    try whileListening(
      "cd \(place); (cd /; \(listener("setsid sleep 100000")); true)"
    ) { () throws in
      let pid = try #require(try ownership().listeners.first?.pid)
      defer { kill(pid, SIGKILL) }
      // Between the output and setsid(2), it still is in the first session.
      while getsid(pid) != pid { sched_yield() }
      #expect(try ownership().verdict == .other(place: nil))
    }
  }

  @Test
  func `A linked worktree inside the place is another place`() throws {
    try Data("gitdir: /x/.git/worktrees/sub\n".utf8).write(
      to: URL(fileURLWithPath: place + "/sub/.git"))
    try whileListening("cd \(place); cd sub; \(listener())") { () throws in
      #expect(try ownership().verdict == .other(place: place + "/sub"))
    }
  }

  @Test
  func `A place that was removed and made again has no old listeners`() throws {
    try whileListening("cd \(place)/sub; \(listener())") { () throws in
      #expect(try ownership().verdict == .mine)
      #expect(rmdir(place + "/sub") == 0 && rmdir(place) == 0)
      #expect(mkdir(place, 0o755) == 0 && mkdir(place + "/sub", 0o755) == 0)
      let ownership = try ownership()
      #expect(ownership.verdict == .other(place: nil))
      #expect(
        ownership.listeners.first?.directory == place + "/sub (deleted)")
    }
  }

  @Test
  func `All sockets of a port must belong to the place`() throws {
    try whileListening("cd \(place); \(listener())") { () throws in
      // On UDP, because the listener has every address.
      let other = try TestSocket(.udp, at: .loopbackIPv4, port: port)
      let ownership = try ownership()
      #expect(ownership.verdict == .other(place: nil))
      #expect(ownership.listeners.map(\.verdict).contains(.mine))
      #expect(ownership.listeners.contains { $0.pid == getpid() })
      withExtendedLifetime(other) {}
    }
    #expect(try ownership().verdict == .none)
  }

  @Test
  func `One of the processes that share a socket suffices`() throws {
    let both = "sh -c \"cd \(place); sleep 100001 & cd /; exec sleep 100000\""
    try whileListening("cd /; \(listener(both))") { () throws in
      // Both have the socket from the start.
      var ownership = try ownership()
      while ownership.listeners.count < 2 {
        ownership = try self.ownership()
      }
      #expect(ownership.verdict == .mine)
      #expect(Set(ownership.listeners.map(\.verdict)).contains(.mine))
    }
  }

  @Test(.enabled(if: getuid() == 0, "needs root"))
  func `What this user cannot see is unknown`() throws {
    try whileListening("cd \(place); \(listener())") { () throws in
      let seen = Collected<PortOwnership>()
      let place = try Place(at: place)
      try runThread {
        guard cts_act_as(1234) == 0 else { return }
        (try? PortOwnership.of([port], in: place))?.forEach(seen.add)
      }
      let ownership = try #require(seen.all.first)
      #expect(ownership.verdict == .unknown)
      #expect(ownership.listeners.count == 1)
      #expect(ownership.listeners.first?.pid == nil)
      #expect(ownership.listeners.first?.user == 0)
    }
  }
}
