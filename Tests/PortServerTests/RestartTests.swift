import Foundation
import HostSystem
import PortLeasing
import PortLedger
import SystemPackage
import TestSupport
import Testing

/// Servers that come back to more holders than they check before they listen.
@Suite(.alone) struct RestartTests {
  private let directory: TemporaryDirectory
  private let ledger: String
  private let pool: String

  /// More than a server checks before it listens.
  private static let count = 40
  /// All tests use the same ports, because they run one after another.
  private static let pool = Result { try unusedTestPool(count) }

  init() throws {
    directory = try TemporaryDirectory()
    ledger = directory.file("ledger")
    pool = try Self.pool.get()
  }

  private func start(_ arguments: [String] = []) throws -> RunningServer {
    try RunningServer(pool: pool, state: ledger, arguments)
  }

  /// Leases the whole pool, one port to each process, and ends the server.
  ///
  /// - Returns: The processes, and the port of each.
  private func leaseAll() throws -> [(holder: HolderProcess, port: Int)] {
    let server = try start()
    defer { server.end() }
    return try (0..<Self.count).map { _ in
      let holder = try HolderProcess()
      return (holder, try #require(try server.lease(for: holder.number)))
    }
  }

  @Test func aRequestThatComesAtOnceGetsThePortOfAnEndedHolder() throws {
    let leases = try leaseAll()
    for lease in leases.dropFirst() { lease.holder.end() }
    let server = try start()
    let port = try #require(try server.lease(for: getpid()))
    #expect(port != leases[0].port)
    #expect(
      server.logged.contains {
        $0.contains("1 leases kept, \(Self.count - 1) of ended processes freed")
      })
    for _ in 2..<Self.count {
      #expect(try server.lease(for: getpid()) != nil)
    }
    #expect(try server.lease(for: getpid()) == nil)
    leases[0].holder.end()
    #expect(try server.lease(for: getpid()) == leases[0].port)
  }

  @Test func aLivingHolderKeepsItsPortAndItsEndIsSeen() throws {
    let leases = try leaseAll()
    let server = try start()
    #expect(try server.lease(for: getpid()) == nil)
    try server.waitForLog("\(Self.count) leases kept, 0 of ended processes")
    for lease in leases {
      lease.holder.end()
      #expect(try server.lease(for: getpid()) == lease.port)
    }
    let figures = try server.figures()
    #expect(figures["leases-kept"] == Self.count)
    #expect(figures["holders-ended"] == Self.count)
    #expect(figures["ports-reclaimed"] == Self.count)
  }

  @Test func figuresThatAreAskedForAtOnceAreOfLivingHolders() throws {
    let holders = try leaseAllToZombies(besides: 3)
    defer { holders.end() }
    let figures = try start().figures()
    #expect(figures["ports-leased"] == 3)
    #expect(figures["holders"] == 3)
    #expect(figures["leases-kept"] == 3)
    #expect(figures["restarts"] == 1)
    #expect(figures["holders-ended"] == 0)
    #expect(figures["ports-of-user-\(getuid())"] == 3)
  }

  @Test func endedHoldersDoNotCountAgainstTheLimitOfTheirUser() throws {
    let holders = try leaseAllToZombies(besides: 0)
    defer { holders.end() }
    let server = try start(["--max-ports-per-user", "1"])
    #expect(try server.lease(for: getpid()) != nil)
    #expect(try server.lease(for: getpid()) == nil)
  }

  /// The ledger has their leases still.
  @Test func portsOfEndedHoldersAreFreeBeforeTheServerListens() throws {
    let leases = try leaseAll()
    for lease in leases { lease.holder.end() }
    let server = try start()
    #expect(
      server.logged.contains {
        $0.contains("0 leases kept, \(Self.count) of ended processes freed")
      })
    #expect(try server.leaseAll().count == Self.count)
  }

  @Test func endedHoldersThatHaveTheirPidsStillAreFoundWhenTheirPortsAreNeeded()
    throws
  {
    let holders = try leaseAllToZombies(besides: 1)
    defer { holders.end() }
    let server = try start()
    #expect(try server.lease(for: getpid()) != nil)
    #expect(try server.figures()["leases-kept"] == 1)
    #expect(try server.leaseAll().count == Self.count - 2)
    holders.end()
    #expect(try server.leaseSomeTime() > 0)
  }

  /// Leases the whole pool, one port to each process, ends the server, and kills the
  /// processes, which their parent does not reap: nobody else gets their pids.
  ///
  /// - Parameter livingCount: How many processes to keep alive.
  /// - Returns: The parent; they all end with it.
  /// - Throws: The system's error.
  private func leaseAllToZombies(
    besides livingCount: Int
  ) throws -> RunningCommand {
    let parent = try Command(
      "/bin/sh",
      [
        "-c",
        """
        for _ in $(seq \(Self.count)); do
          setpriv --pdeathsig KILL sleep 100000 & echo $!
        done
        exec sleep 100000
        """,
      ]
    ).start()
    let server = try start()
    var holders: [Int32] = []
    for _ in 0..<Self.count {
      let holder = try #require(try parent.nextLine().flatMap { Int32($0) })
      #expect(try server.lease(for: holder) != nil)
      holders.append(holder)
    }
    server.end()
    for holder in holders.dropFirst(livingCount) {
      kill(holder, SIGKILL)
      try waitForEnd(ofProcess: holder)
    }
    return parent
  }

  private func waitForEnd(ofProcess pid: Int32) throws {
    let process = try Descriptor(ofProcess: pid)
    var event = pollfd(
      fd: process.raw.rawValue, events: Int16(POLLIN), revents: 0)
    #expect(poll(&event, 1, -1) == 1)
  }

  /// The ends of holders are not recorded, so a pid can be in the ledger for several.
  @Test func ofHoldersWithOnePidOnlyTheLastKeepsItsPort() throws {
    let holders = try (0..<8).map { _ in try HolderProcess() }
    let ports = try PortPool(parsing: pool).ranges.flatMap { $0 }
    var kept: Set<Int> = []
    try { () throws in
      let ledger = try ServerLedger(
        at: LedgerLocation(namedByUser: ledger), context: .current()
      ) { Issue.record("\($0)") }
      for (index, holder) in holders.enumerated() {
        guard
          case .living(let holder) = try ProcessIdentity.lookUp(holder.number)
        else { throw Errno.noSuchProcess }
        let earlier = ProcessIdentity(
          pid: holder.pid, startTime: holder.startTime - 1)
        for (holder, port) in zip([earlier, holder], ports[(index * 2)...]) {
          try ledger.write(
            Lease(holder: holder, user: getuid(), leasedAt: 1), for: [port])
        }
        kept.insert(Int(ports[index * 2 + 1]))
      }
    }()
    let server = try start()
    #expect(try server.figures()["leases-kept"] == holders.count)
    let free = try server.leaseAll()
    #expect(free.count == Self.count - holders.count)
    #expect(kept.isDisjoint(with: free))
  }

  /// Ports are returned, and leased to their holders again, as soon as the server runs.
  @Test func aHolderThatAsksAtOnceIsStillTheHolder() throws {
    let leases = try leaseAll()
    leases[0].holder.end()
    let server = try start()
    let client = try UnixClient(connectingTo: server.address)
    for lease in leases.dropFirst() {
      try client.send("return \(lease.port)\n")
      #expect(try client.receiveLine() == "ok")
    }
    for lease in leases.dropFirst() {
      #expect(try server.lease(for: lease.holder.number) != nil)
      lease.holder.end()
    }
    for _ in leases { #expect(try server.lease(for: getpid()) != nil) }
  }

  @Test func holdersOfWhichAFewCanBeWatchedAreAllSeenToEnd() throws {
    let leases = try leaseAll()
    let server = try RunningServer(
      pool: pool, state: ledger, descriptorLimit: 56, ["--max-clients", "8"])
    try server.waitForLog("\(Self.count) leases kept, 0 of ended processes")
    for lease in leases {
      lease.holder.end()
      // Those without a pidfd are checked once in 100 ms on behalf of a request.
      #expect(try server.leaseSomeTime() == lease.port)
    }
  }
}
