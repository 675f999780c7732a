import CTestSupport
import Foundation
import HostSystem
import TestSupport
import Testing

/// Who may have ports leased to which process.
///
/// Only root can be several users.
@Suite(.alone, .enabled(if: getuid() == 0, "only root can be several users"))
struct RightsTests {
  private static let somebody: UInt32 = 60001
  private static let another: UInt32 = 60002

  /// Asks as a user for a port, for a process; 0 is the process that asks.
  private func ask(
    _ server: RunningServer, for pid: Int32 = 0, as user: UInt32,
    inContainer: Bool = false
  ) -> Int {
    Int(cts_ask(server.address, pid, user, inContainer ? 1 : 0))
  }

  /// A process of a user; it ends with the value.
  private func process(of user: UInt32) throws -> RunningCommand {
    let process = try Command(
      "/usr/bin/env",
      [
        "setpriv", "--reuid", "\(user)", "--clear-groups", "sh", "-c",
        "echo ready; exec sleep 100000",
      ]
    ).start()
    #expect(try process.nextLine() == "ready")
    return process
  }

  private func end(_ process: RunningCommand) {
    process.kill()
    _ = try? process.finish()
  }

  @Test func usersMayAskForTheirOwnProcesses() throws {
    let server = try RunningServer(pool: try unusedTestPool(5))
    let theirs = try process(of: Self.somebody)
    defer { end(theirs) }
    #expect(ask(server, as: Self.somebody) > 0)
    #expect(ask(server, for: theirs.pid, as: Self.somebody) > 0)
    #expect(ask(server, for: theirs.pid, as: Self.another) == 0)
    #expect(ask(server, for: getpid(), as: Self.somebody) == 0)
    #expect(ask(server, for: theirs.pid, as: 0) > 0)
    #expect(try server.statistics()["denied-allocations"] == 2)
  }

  @Test func foreignPidsMayBeAllowed() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(2), ["--allow-foreign-pids"])
    #expect(ask(server, for: getpid(), as: Self.somebody) > 0)
  }

  @Test func theServersOwnUserMayAskForAnyProcess() throws {
    let directory = try TemporaryDirectory()
    #expect(chown(directory.path, Self.somebody, Self.somebody) == 0)
    // The user that it runs as may have no access to the program's path.
    let program = try FileHandle(
      forReadingFrom: URL(fileURLWithPath: Command.portserverPath))
    let path = "/proc/\(getpid())/fd/\(program.fileDescriptor)"
    let address = RunningServer.unusedAddress()
    let server = try Command(
      "/usr/bin/env",
      [
        "sh", "-c",
        """
        exec 3<"$0"
        exec setpriv --reuid \(Self.somebody) --clear-groups /proc/self/fd/3 \
          "$@"
        """, path, "--pool", try unusedTestPool(3), "--address", address,
        "--state", directory.file("ledger"),
      ]
    ).start()
    defer { end(server) }
    try server.waitForErrorLine("listening on")
    let theirs = try process(of: Self.another)
    defer { end(theirs) }
    #expect(cts_ask(address, theirs.pid, Self.somebody, 0) > 0)
    #expect(cts_ask(address, theirs.pid, 60003, 0) == 0)
    withExtendedLifetime(program) {}
  }

  @Test func aProcessThatHasChangedItsUserIsTheNewOnes() throws {
    let server = try RunningServer(pool: try unusedTestPool(3))
    let process = try Command(
      "/usr/bin/env",
      [
        "sh", "-c",
        """
        echo $$
        exec 3<>"$0"
        read -r go <&3
        exec setpriv --reuid \(Self.somebody) --clear-groups sh -c \
          'echo changed; exec sleep 100000'
        """, try fifo(),
      ]
    ).start()
    defer { end(process) }
    #expect(try process.nextLine() == "\(process.pid)")
    #expect(ask(server, for: process.pid, as: 0) > 0)
    #expect(ask(server, for: process.pid, as: Self.somebody) == 0)
    try Data("go\n".utf8).write(to: URL(fileURLWithPath: fifoPath))
    #expect(try process.nextLine() == "changed")
    #expect(ask(server, for: process.pid, as: Self.somebody) > 0)
  }

  @Test func aProcessThatHasBecomeRootsIsNobodyElsesAnyMore() throws {
    let server = try RunningServer(pool: try unusedTestPool(3))
    var control: Int32 = -1
    let process = cts_start_climber(&control, Self.somebody)
    defer { cts_end(process) }
    #expect(ask(server, for: process, as: Self.somebody) > 0)
    let ports = [
      ask(server, for: process, as: 0), ask(server, for: process, as: 0),
    ]
    #expect(talk(server, "return \(ports[0])\n", as: Self.somebody) == "ok\n")
    cts_change(control)
    #expect(ask(server, for: process, as: Self.somebody) == 0)
    #expect(
      talk(server, "return \(ports[1])\n", as: Self.somebody)
        == "error not-permitted port \(ports[1]) is leased to another user's "
        + "process\n")
    #expect(ask(server, for: process, as: 0) == ports[0])
  }

  /// Sends something as a user, and returns the answer.
  private func talk(
    _ server: RunningServer, _ request: String, as user: UInt32
  ) -> String {
    var reply = [CChar](repeating: 0, count: 1024)
    let count = cts_talk(server.address, request, user, 0, &reply, reply.count)
    return String(
      decoding: reply.prefix(Int(max(count, 0))).map { UInt8(bitPattern: $0) },
      as: UTF8.self)
  }

  @Test func aUserInManyGroupsGetsPorts() throws {
    let server = try RunningServer(pool: try unusedTestPool(3))
    let groups = (0..<400).map { "\(1_000_000_000 + $0)" }
    let answer = try Command(
      "/usr/bin/env",
      [
        "setpriv", "--groups", groups.joined(separator: ","),
        Command.portpickerPath, "\(getpid())", "--require-server",
      ], environment: ["PORTSERVER_ADDRESS": server.address]
    ).run()
    #expect(answer.errors == "")
    #expect(answer.status == 0)
    let process = cts_start_in_groups(400)
    defer { cts_end(process) }
    // It belongs to root, so this user's rights must be checked.
    #expect(ask(server, for: process, as: Self.somebody) == 0)
    #expect(ask(server, for: process, as: 0) > 0)
  }

  private let directory: TemporaryDirectory
  private var fifoPath: String { directory.file("fifo") }

  private func fifo() throws -> String {
    try #require(mkfifo(fifoPath, 0o600) == 0)
    return fifoPath
  }

  init() throws {
    directory = try TemporaryDirectory()
  }

  @Test func aProcessCanHaveOnlySoManyPorts() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(4), ["--max-ports-per-process", "2"])
    let (one, other) = (try HolderProcess(), try HolderProcess())
    #expect(try server.lease(for: one.number) != nil)
    #expect(try server.lease(for: one.number) != nil)
    #expect(try server.lease(for: one.number) == nil)
    #expect(try server.lease(for: other.number) != nil)
    #expect(try server.statistics()["denied-allocations"] == 1)
  }

  @Test func aUserCanHaveOnlySoManyPorts() throws {
    let server = try RunningServer(
      pool: try unusedTestPool(5), ["--max-ports-per-user", "2"])
    let (one, other) = (
      try process(of: Self.somebody), try process(of: Self.somebody)
    )
    defer { end(other) }
    #expect(ask(server, for: one.pid, as: Self.somebody) > 0)
    #expect(ask(server, for: other.pid, as: Self.somebody) > 0)
    #expect(ask(server, for: other.pid, as: Self.somebody) == 0)
    // They belong to the process that asked.
    #expect(ask(server, for: other.pid, as: 0) > 0)
    end(one)
    #expect(ask(server, for: other.pid, as: Self.somebody) > 0)
    #expect(ask(server, for: other.pid, as: Self.somebody) == 0)
  }
}

/// Clients in pid namespaces of their own.
@Suite(.alone, .enabled(if: canUnshare, "unshare(1) may not make namespaces"))
struct ContainerTests {
  private let server: RunningServer

  init() throws {
    server = try RunningServer(pool: try unusedTestPool(4), ["--verbose"])
  }

  @Test func aClientInAContainerGetsItsPortForItself() throws {
    let port = cts_ask(server.address, 0, 0, 1)
    #expect(port > 0)
    let line = try server.waitForLog("leased port \(port)")
    // Its pid is 2 in the container, and another one outside.
    #expect(!line.contains("to process 2,"))
    // It has ended, so its port is free again.
    for _ in 0..<4 { #expect(try server.lease(for: getpid()) != nil) }
  }

  @Test func aPidThatIsAnotherProcesssOutHereIsRefused() throws {
    let innocent = try HolderProcess()
    #expect(cts_ask(server.address, innocent.number, 0, 1) == 0)
    try server.waitForLog("the process that it means is unknown")
    #expect(try server.statistics()["denied-allocations"] == 1)
  }

  @Test func theCommandInAContainerAsksForItsParent() throws {
    let result = try Command(
      "/usr/bin/env",
      [
        "unshare", "--pid", "--fork", "--mount-proc", "sh", "-c",
        "sh -c '\"$0\" --require-server $$; exit $?' \"$0\"; exit $?",
        Command.portpickerPath,
      ], environment: ["PORTSERVER_ADDRESS": server.address]
    ).run()
    #expect(result.errors == "")
    #expect(result.status == 0)
    let port = try #require(Int(result.output.dropLast()))
    let line = try server.waitForLog("leased port \(port)")
    #expect(line.hasSuffix(": sh"))
    for _ in 0..<4 { #expect(try server.lease(for: getpid()) != nil) }
  }

  /// As a container's entry point does, by version 1 and by version 2.
  @Test(arguments: ["1", "2"])
  func theFirstProcessOfAContainerGetsPorts(count: String) throws {
    let result = try Command(
      "/usr/bin/env",
      [
        "unshare", "--pid", "--fork", "--mount-proc", "sh", "-c",
        #"""
        "$0" $$ --require-server --count \#(count) || exit
        echo $$
        exit 0
        """#, Command.portpickerPath,
      ], environment: ["PORTSERVER_ADDRESS": server.address]
    ).run()
    #expect(result.errors == "")
    let lines = result.output.split(separator: "\n")
    #expect(lines.count == Int(count).map { $0 + 1 })
    #expect(lines.last == "1")
    // It has ended, so its ports are free again.
    for _ in 0..<4 { #expect(try server.lease(for: getpid()) != nil) }
  }

  /// To most clients, a parent with pid 1 means that their parent has ended.
  @Test func theHostsFirstProcessGetsNoPort() throws {
    let isHosts = try Namespace.pid() == .hostPID
    #expect(try (server.lease(for: 1) == nil) == isHosts)
    let reply = try server.reply(to: "lease pid=1\n")
    #expect(reply.hasPrefix(isHosts ? "error no-such-process " : "ok "))
  }

  @Test func aServerInAContainerHasPortsForItsFirstProcess() throws {
    let address = RunningServer.unusedAddress()
    let result = try Command(
      "/usr/bin/env",
      [
        "unshare", "--pid", "--fork", "--mount-proc", "sh", "-c",
        #"""
        "$0" --address "$2" --no-state --pool "$3" 2>&- &
        turns=0
        until "$1" $$ --require-server --server "$2" 2>&-; do
          turns=$((turns + 1))
          [ $turns -lt 500 ] || exit
        done
        "$1" $$ --require-server --server "$2" --count 2 || exit
        echo $$
        exit 0
        """#, Command.portserverPath, Command.portpickerPath, address,
        try unusedTestPool(3),
      ]
    ).run()
    #expect(result.errors == "")
    let lines = result.output.split(separator: "\n")
    #expect(lines.count == 4)
    #expect(lines.last == "1")
  }

  @Test func aClientOfAnotherNamespaceThanTheServersIsRefused() throws {
    // The server is in the container, the client is not.
    let address = RunningServer.unusedAddress()
    let server = try Command(
      "/usr/bin/env",
      [
        "unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
        Command.portserverPath, "--address", address, "--no-state",
        "--verbose",
      ]
    ).start()
    defer {
      server.kill()
      _ = try? server.finish()
    }
    try server.waitForErrorLine("listening on")
    #expect(cts_ask(address, 0, 0, 0) == 0)
    #expect(cts_ask(address, 2, 0, 0) == 0)
    let line = try #require(try server.nextErrorLine())
    #expect(line.contains("the process that it means is unknown"))
  }
}
