import CTestSupport
import Foundation
import HostSystem
import PortLeasing
import PortLedger
import SystemPackage
import TestSupport
import Testing

/// The open files of a ledger, and the limits on them.
@Suite struct LedgerFilesTests {
  private let pool = PortPool([25000...25099])

  @Test func atMostFourFilesStayOpen() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("ledger")
    try leaseInThreads(8, path)
    #expect(openFiles(path) == 0)
  }

  /// Leases ports in threads that all need a file at the same time.
  private func leaseInThreads(_ count: Int, _ path: String) throws {
    let location = try LedgerLocation(namedByUser: path)
    let ledger = Ledger(at: location, context: .test) { _ in }
    _ = try ledger.lease(pool, to: .a)
    #expect(openFiles(path) == 1)
    let lock = try File(openingExisting: path)
    #expect(try lock.lock(until: Deadline(after: .seconds(5))))
    let outcomes = Collected<LeaseOutcome?>()

    func start(_ rest: Int) {
      if rest == 0 {
        let deadline = Deadline(after: .seconds(20))
        while openFiles(path) < count + 1, !deadline.hasPassed { sched_yield() }
        #expect(openFiles(path) == count + 1)
        lock.unlock()
        return
      }
      do {
        try runThread {
          outcomes.add(
            try? ledger.lease(pool, to: .a, timeout: .seconds(30)))
        } besides: {
          start(rest - 1)
        }
      } catch {
        Issue.record(error)
      }
    }
    start(count)
    #expect(outcomes.all.count == count)
    #expect(
      outcomes.all.allSatisfy { if case .leased = $0 { true } else { false } })
    // One of them is the lock's.
    #expect(openFiles(path) == 4 + 1)
    withExtendedLifetime(ledger) {}
  }

  /// The number of this process's descriptors of a file.
  private func openFiles(_ path: String) -> Int {
    let directory = "/proc/self/fd"
    let names = try? FileManager.default.contentsOfDirectory(atPath: directory)
    return (names ?? []).count {
      path
        == (try? FileManager.default.destinationOfSymbolicLink(
          atPath: "\(directory)/\($0)"))
    }
  }

  /// A child made by fork(2) has its parent's open files, and could take the lock that
  /// its parent has.
  @Test func aForkedChildLocksOutItsParent() async {
    await #expect(processExitsWith: .success) {
      let test = try TestLedger()
      let port = PortPool([25000...25000])
      // The file stays open.
      _ = try test.ledger.lease(port, to: .b)
      var (toParent, toChild): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
      try #require(pipe(&toParent) == 0 && pipe(&toChild) == 0)
      let (report, order) = (toParent[1], toChild[0])
      let child = cts_fork()
      if child == 0 {
        close(toChild[1])
        var host = FakeHost()
        // It is called while the ledger is locked.
        host.onCheck = { _ in
          var byte: UInt8 = 0
          write(report, &byte, 1)
          read(order, &byte, 1)
        }
        let outcome = try? test.ledger.lease(port, to: .a, on: host)
        _exit(outcome == .exhausted(PoolUsage(ports: 1, leased: 1)) ? 0 : 1)
      }
      close(report)
      var byte: UInt8 = 0
      #expect(read(toParent[0], &byte, 1) == 1)
      #expect {
        try test.ledger.lease(port, to: .a, timeout: .zero)
      } throws: {
        if case .ledger(.locked, _)? = $0 as? LeasingError {
          true
        } else {
          false
        }
      }
      close(toChild[1])
      #expect(cts_wait(child) == 0)
      #expect(
        try test.ledger.lease(port, to: .a)
          == .exhausted(PoolUsage(ports: 1, leased: 1)))
    }
  }

  /// The signal for a file that is too large ends a process that neither ignores nor
  /// handles it (setrlimit(2)).
  @Test func aLimitThatAllowsTheFirstOfTwoWritesIsAnError() async {
    await #expect(processExitsWith: .success) {
      let test = try TestLedger()
      let pool = PortPool([25000...25000, 30000...30000])
      _ = try test.ledger.lease(PortPool([20000...20000]), to: .a)
      unblockSignals(SIGXFSZ)
      signal(SIGXFSZ, SIG_DFL)
      let resource = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
      var usual = rlimit()
      getrlimit(resource, &usual)
      var limit = usual
      limit.rlim_cur = rlim_t(LedgerFormat.offset(of: 30000))
      setrlimit(resource, &limit)
      #expect {
        try test.ledger.lease(pool, to: .a, count: 2)
      } throws: {
        if case .ledger(.system(.fileTooLarge), _)? = $0 as? LeasingError {
          true
        } else {
          false
        }
      }
      setrlimit(resource, &usual)
      #expect(
        try test.ledger.lease(pool, to: .b, count: 2)
          == .leased([25000, 30000]))
    }
  }
}
