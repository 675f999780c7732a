import Foundation
import PortLedger
import TestSupport
import Testing

/// Leases that survive the server.
@Suite(.alone) struct StateTests {
  private let directory: TemporaryDirectory
  private let ledger: String

  init() throws {
    directory = try TemporaryDirectory()
    ledger = directory.file("ledger")
  }

  private func start(
    _ pool: String, _ arguments: [String] = []
  ) throws -> RunningServer {
    try RunningServer(pool: pool, state: ledger, arguments)
  }

  @Test func leasesOfLivingHoldersOutliveTheServer() throws {
    let pool = try unusedTestPool(4)
    let (living, dying) = (try HolderProcess(), try HolderProcess())
    let first = try start(pool)
    let kept = try #require(try first.lease(for: living.number))
    let freed = [
      try #require(try first.lease(for: dying.number)),
      try #require(try first.lease(for: dying.number)),
    ]
    first.end()
    dying.end()
    let second = try start(pool)
    #expect(
      second.logged.contains {
        $0.contains("1 leases kept, 2 of ended processes freed")
      })
    var ports: Set<Int> = []
    while let port = try second.lease(for: getpid()) { ports.insert(port) }
    #expect(ports.count == 3)
    #expect(ports.isSuperset(of: freed))
    #expect(!ports.contains(kept))
    // It is reclaimed like any other.
    living.end()
    #expect(try second.lease(for: getpid()) == kept)
  }

  /// Its pids belong to other processes here.
  @Test(.enabled(if: canUnshare, "unshare(1) may not make namespaces"))
  func aServerThatSeesAnotherNamespacesProcFreesNoPort() throws {
    let container = try Command(
      "/usr/bin/env",
      [
        "unshare", "--pid", "--fork", "--kill-child", "--mount", "sh", "-c",
        """
        picker=$1 address=$2
        set -- "$0" --address "$2" --state "$3" --pool "$4"
        mount -t proc proc /proc
        sleep 100000 & holder=$!
        "$@" & server=$!
        until "$picker" --server "$address" --require-server $holder 2>&-; do
          :
        done
        kill -KILL $server
        wait $server
        umount /proc
        exec "$@"
        """, Command.portserverPath, Command.portpickerPath,
        RunningServer.unusedAddress(), ledger, try unusedTestPool(1),
      ]
    ).start()
    defer { container.end() }
    do {
      let line = try container.waitForErrorLine(" kept, ")
      #expect(line.contains("1 leases kept, 0 of ended processes freed"))
    } catch let end as RunningCommand.EndOfErrors {
      // It may refuse, too.
      #expect(end.lines.last?.contains("/proc") == true, "\(end.lines)")
    }
  }

  @Test func aChangedPoolKeepsTheLeasesOfItsPorts() throws {
    let (kept, other) = (try unusedTestPort(), try unusedTestPort())
    let holder = try HolderProcess()
    let first = try start("\(kept)")
    #expect(try first.lease(for: holder.number) == Int(kept))
    first.end()
    let second = try start("\(other)")
    // It ends normally, without leases.
    second.process.signal(SIGTERM)
    #expect(try second.process.finish().status == 0)
    let third = try start("\(kept),\(other)")
    #expect(try third.lease(for: getpid()) == Int(other))
    #expect(try third.lease(for: getpid()) == nil)
    holder.end()
    #expect(try third.lease(for: getpid()) == Int(kept))
  }

  @Test func aSecondServerCannotHaveTheSameLeases() throws {
    let first = try start(try unusedTestPool(1))
    let result = try Command(
      Command.portserverPath,
      ["--state", ledger, "--address", RunningServer.unusedAddress()]
    ).run()
    #expect(result.status == 1)
    #expect(
      result.errors.contains(
        "process \(first.process.pid) keeps the ledger '\(ledger)' locked"))
  }

  @Test func aServerThatRefusesItsLedgerLeavesNoSocketFile() throws {
    let socket = directory.file("socket")
    try FileManager.default.createDirectory(
      atPath: ledger, withIntermediateDirectories: false)
    let result = try Command(
      Command.portserverPath, ["--state", ledger, "--address", socket]
    ).run()
    #expect(result.status == 1)
    #expect(result.errors.contains("is not a regular file"))
    #expect(result.errors.contains("--state"))
    #expect(!FileManager.default.fileExists(atPath: socket))
  }

  @Test func withoutStateNothingIsWritten() throws {
    let port = try unusedTestPort()
    let address = RunningServer.unusedAddress()
    let server = try RunningServer(
      pool: "\(port)", address: address, ["--no-state"])
    #expect(try server.lease(for: getpid()) == Int(port))
    server.end()
    let second = try RunningServer(
      pool: "\(port)", address: address, ["--no-state"])
    #expect(try second.lease(for: getpid()) == Int(port))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: directory.path) == [])
  }

  @Test func aServerThatEndsWithoutLeasesRemovesItsLedger() throws {
    let server = try start(try unusedTestPool(1))
    let holder = try HolderProcess()
    #expect(try server.lease(for: holder.number) != nil)
    #expect(FileManager.default.fileExists(atPath: ledger))
    holder.end()
    server.process.signal(SIGTERM)
    #expect(try server.process.finish().status == 0)
    #expect(!FileManager.default.fileExists(atPath: ledger))
  }

  @Test func aServerThatEndsWithLeasesKeepsItsLedger() throws {
    let pool = try unusedTestPool(1)
    let server = try start(pool)
    #expect(try server.lease(for: getpid()) != nil)
    server.process.signal(SIGTERM)
    #expect(try server.process.finish().status == 0)
    #expect(try start(pool).lease(for: getpid()) == nil)
  }

  @Test func theServiceManagersDirectoryIsTheDefault() throws {
    let port = try unusedTestPort()
    let address = RunningServer.unusedAddress()
    func command() -> Command {
      Command(
        Command.portserverPath,
        ["--pool", "\(port)", "--address", address],
        environment: ["RUNTIME_DIRECTORY": "\(directory.path):/nowhere"])
    }
    let first = try command().start()
    try first.waitForErrorLine("listening on")
    let names = try FileManager.default
      .contentsOfDirectory(atPath: directory.path)
    #expect(names.count == 1)
    #expect(names.first?.hasPrefix("server-") == true)
    first.kill()
    _ = try first.finish()
  }

  @Test func ledgersThatNobodyNeedsAreRemoved() throws {
    let holder = try HolderProcess()
    func start() throws -> RunningCommand {
      let server = try Command(
        Command.portserverPath,
        [
          "--pool", "\(try unusedTestPort())", "--address",
          RunningServer.unusedAddress(),
        ]
      ).start()
      try server.waitForErrorLine("listening on")
      return server
    }
    func ledgers() throws -> Set<String> {
      let all = try FileManager.default.contentsOfDirectory(
        atPath: "/dev/shm/portpicker-\(getuid())")
      return Set(all.filter { $0.hasPrefix("server-") })
    }
    // One that the other servers of this host, if there are any, clean up too.
    let first = try start()
    let mine = try ledgers()
    first.kill()
    _ = try first.finish()
    let second = try start()
    let rest = try ledgers()
    #expect(rest.subtracting(mine).count == 1)
    second.signal(SIGTERM)
    #expect(try second.finish().status == 0)
    _ = holder
  }
}

/// What happens to leases if their file is changed.
@Suite(.alone) struct StateDamageTests {
  private let directory: TemporaryDirectory
  private let ledger: String
  private let holder: HolderProcess
  private let ports: [UInt16]

  init() throws {
    directory = try TemporaryDirectory()
    ledger = directory.file("ledger")
    holder = try HolderProcess()
    ports = [try unusedTestPort(), try unusedTestPort(), try unusedTestPort()]
      .sorted()
  }

  private var pool: String { ports.map { "\($0)" }.joined(separator: ",") }

  private func start() throws -> RunningServer {
    try RunningServer(pool: pool, state: ledger)
  }

  /// Leaves a ledger in which the holder has the first port.
  private func leaveLease() throws {
    let server = try start()
    #expect(try server.lease(for: holder.number) == Int(ports[0]))
    server.end()
  }

  private func cutLedger(to size: Int) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: ledger))
    try file.truncate(atOffset: UInt64(size))
    try file.close()
  }

  private func damageRecord(of port: UInt16) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: ledger))
    try file.seek(toOffset: UInt64(LedgerFormat.offset(of: port) + 3))
    try file.write(contentsOf: [0xEE])
    try file.close()
  }

  @Test func aPortOfADamagedRecordIsLeasedLast() throws {
    try leaveLease()
    try damageRecord(of: ports[0])
    let server = try start()
    #expect(
      server.logged.contains { $0.contains("records of 1 ports are damaged") })
    for port in [ports[1], ports[2], ports[0]] {
      #expect(try server.lease(for: getpid()) == Int(port))
    }
    #expect(try server.lease(for: getpid()) == nil)
  }

  private func filesInDirectory() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory.path)
  }

  /// The path may be mistyped, and the file a user's, or the system's.
  @Test(arguments: [
    "x", "ports", "not a ledger at all\n", String(repeating: "x", count: 9999),
  ])
  func aFileThatNeverWasALedgerIsLeftAlone(content: String) throws {
    try Data(content.utf8).write(to: URL(fileURLWithPath: ledger))
    let result = try Command(
      Command.portserverPath,
      ["--state", ledger, "--address", directory.file("socket")]
    ).run()
    #expect(result.status == 1)
    #expect(
      result.errors
        == "portserver: '\(ledger)' is not a ledger, and was left as it is; "
        + "remove it, or name another file in --state, or start with "
        + "--no-state\n")
    #expect(try filesInDirectory() == ["ledger"])
    #expect(try String(contentsOfFile: ledger, encoding: .utf8) == content)
  }

  @Test func anEmptyFileBecomesTheLedger() throws {
    try Data().write(to: URL(fileURLWithPath: ledger))
    let server = try start()
    #expect(try server.lease(for: holder.number) == Int(ports[0]))
    #expect(try filesInDirectory() == ["ledger"])
  }

  /// Its first byte is damaged, or its version and its length.
  @Test(arguments: [0, 8])
  func aDamagedLedgerIsSetAsideAndItsLeasesAreKept(offset: UInt64) throws {
    try leaveLease()
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: ledger))
    try file.seek(toOffset: offset)
    try file.write(contentsOf: [0xEE])
    if offset > 0 { try file.truncate(atOffset: 2_000_000) }
    try file.close()
    let server = try start()
    #expect(
      server.logged.contains { $0.contains("damaged or of another version") })
    #expect(server.logged.contains { $0.contains("1 leases kept") })
    #expect(
      try filesInDirectory().sorted() == ["ledger", "ledger.set-aside-1"])
  }

  @Test func aTruncatedLedgerKeepsWhatItStillHas() throws {
    try leaveLease()
    try cutLedger(to: LedgerFormat.offset(of: ports[1]))
    let server = try start()
    #expect(server.logged.contains { $0.contains("cut short") })
    #expect(server.logged.contains { $0.contains("1 leases kept") })
    // The others' records are lost; they are leased because there are no better ones.
    #expect(try server.lease(for: getpid()) == Int(ports[1]))
    #expect(try server.lease(for: getpid()) == Int(ports[2]))
    #expect(try server.lease(for: getpid()) == nil)
  }

  enum Accident: CaseIterable {
    case removed
    case replaced
    case cut
    /// Its records are zeros: nobody has a port.
    case emptied

    /// What the server logs when it has repaired the file.
    var remedy: String {
      self == .emptied ? "it is repaired" : "it is restored"
    }
  }

  private func happen(_ accident: Accident) throws {
    switch accident {
    case .removed: try FileManager.default.removeItem(atPath: ledger)
    case .replaced:
      try Data("something else".utf8)
        .write(to: URL(fileURLWithPath: ledger), options: .atomic)
    case .cut: try cutLedger(to: 100)
    case .emptied:
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: ledger))
      try file.seek(toOffset: UInt64(LedgerFormat.headerSize))
      try file.write(
        contentsOf: Data(
          count: LedgerFormat.fileSize - LedgerFormat.headerSize))
      try file.close()
    }
  }

  @Test(arguments: Accident.allCases)
  func aLedgerIsPutBackWhileTheServerRuns(accident: Accident) throws {
    let server = try start()
    #expect(try server.lease(for: holder.number) == Int(ports[0]))
    try happen(accident)
    try server.waitForLog(accident.remedy)
    #expect(try server.lease(for: getpid()) == Int(ports[1]))
    server.end()
    let next = try start()
    #expect(next.logged.contains { $0.contains("2 leases kept, 0 of") })
    #expect(try next.lease(for: getpid()) == Int(ports[2]))
    #expect(try next.lease(for: getpid()) == nil)
  }

  /// Leases of ports that are not in the pool any more, and which records were
  /// damaged.
  @Test(arguments: Accident.allCases)
  func whatOnlyTheLedgerKnewIsPutBackToo(accident: Accident) throws {
    try leaveLease()
    try damageRecord(of: ports[1])
    let server = try RunningServer(
      pool: "\(ports[1]),\(ports[2])", state: ledger)
    try happen(accident)
    try server.waitForLog(accident.remedy)
    server.end()
    let next = try start()
    #expect(next.logged.contains { $0.contains("1 leases kept, 0 of") })
    #expect(
      next.logged.contains { $0.contains("records of 1 ports are damaged") })
    #expect(try next.lease(for: getpid()) == Int(ports[2]))
    #expect(try next.lease(for: getpid()) == Int(ports[1]))
    #expect(try next.lease(for: getpid()) == nil)
  }

  @Test func aLeaseIsGivenAlsoWhileTheLedgerIsCut() throws {
    let server = try start()
    #expect(try server.lease(for: holder.number) == Int(ports[0]))
    // Well before the server checks its files.
    try cutLedger(to: 0)
    #expect(try server.lease(for: holder.number) == Int(ports[1]))
    try server.waitForLog("it is restored")
    server.end()
    let next = try start()
    #expect(next.logged.contains { $0.contains("2 leases kept, 0 of") })
  }

  @Test func aLeaseThatCannotBeWrittenIsRefusedAndSaid() throws {
    let server = try start()
    // No file may be written beyond its first byte.
    func limitFileSize(_ limit: String) throws {
      let result = try Command(
        "/usr/bin/env",
        ["prlimit", "--pid", "\(server.process.pid)", "--fsize=\(limit):"]
      ).run()
      try #require(result.status == 0, "\(result.errors)")
    }
    try limitFileSize("1")
    #expect(try server.lease(for: holder.number) == nil)
    try server.waitForLog("the lease cannot be recorded")
    try limitFileSize("unlimited")
    #expect(try server.lease(for: holder.number) == Int(ports[1]))
    #expect(try server.statistics()["denied-allocations"] == 1)
  }

  @Test(.enabled(if: canUnshare, "unshare(1) may not make namespaces"))
  func onAFullDiskALeaseIsRefusedAndSaid() throws {
    // There is room for the header of a ledger alone.
    let server = try RunningServer(
      pool: pool, state: ledger,
      launcher: [
        "unshare", "--mount", "sh", "-c",
        "mount -t tmpfs -o size=4k none '\(directory.path)' && exec \"$@\"",
        "sh",
      ])
    #expect(try server.lease(for: holder.number) == nil)
    try server.waitForLog("No space left on device; make space there")
    let result = try Command(
      "/usr/bin/env",
      [
        "nsenter", "--mount", "--target", "\(server.process.pid)",
        "mount", "-o", "remount,size=1m", directory.path,
      ]
    ).run()
    try #require(result.status == 0, "\(result.errors)")
    #expect(try server.lease(for: holder.number) == Int(ports[1]))
  }
}
