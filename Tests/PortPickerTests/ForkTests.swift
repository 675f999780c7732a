import CTestSupport
import HostSystem
import PortPicker
import TestSupport
import Testing

/// What becomes of the library in a child made by fork(2), and in other
/// namespaces.
@Suite(.alone) struct ForkTests {
  /// AddressSanitizer has locks of its own, one of which a thread may hold at the
  /// moment of a fork: there, a few children of a hundred hang.
  @Test(
    .disabled(if: isUnderAddressSanitizer, "its locks are not safe to fork"))
  func aChildOfAProgramThatPicksWithoutPausePicks() async {
    await #expect(processExitsWith: .success) {
      let pool = PickOptions(source: .ledger)
      // What every thread sets up once is set up.
      let first = try pickUnusedPort(options: pool) as Int
      try returnPort(first)
      for _ in 0..<4 {
        try startThread {
          while true {
            guard let port = try? pickUnusedPort(options: pool) as Int
            else { continue }
            _ = try? returnPort(port)
          }
        }
      }
      let count = Int(getenv("FORKS").map { String(cString: $0) } ?? "") ?? 200
      var ends: [Int32: Int] = [:]
      for _ in 0..<count {
        let child = cts_fork()
        if child == 0 {
          endInAMinute()
          _exit(pickInTwoThreads(pool) ? 0 : 1)
        }
        ends[cts_wait(child), default: 0] += 1
      }
      #expect(ends == [0: count])
    }
  }

  @Test func whatAChildInheritedIsItsParents() async {
    await #expect(processExitsWith: .success) {
      let port = Int(try unusedTestPort())
      let options = PickOptions(source: .ledger, pool: [port...port])
      var bound: BoundPort? = try BoundPort(options: options)
      let child = cts_fork()
      if child == 0 {
        endInAMinute()
        // Its copies of the sockets are closed, and nothing is returned.
        do { try bound.take()?.close() } catch { _exit(2) }
        _exit((try? pickUnusedPort(options: options) as Int) == nil ? 0 : 1)
      }
      #expect(cts_wait(child) == 0)
      expectExhausted(options)
      try bound.take()?.close()
      #expect(try pickUnusedPort(options: options) == port)
    }
  }

  @Test func aChildWaitsOnThreadsOfItsOwn() async {
    await #expect(processExitsWith: .success) {
      let port = Int(try unusedTestPort())
      let options = PickOptions(source: .ledger, pool: [port...port])
      // There are threads that wait from now on.
      try await BoundPort(options: options).close()
      let child = cts_fork()
      if child == 0 { _exit(bindAndDrop(options)) }
      #expect(cts_wait(child) == 0)
    }
  }

  @Test(.enabled(if: canEnterNetwork))
  func aThreadThatLeavesItsNetworkUsesAnotherLedger() async {
    await #expect(processExitsWith: .success) {
      let range = try unusedTestBlock()
      let port = Int(range.lowerBound)
      let one = PickOptions(source: .ledger, pool: [port...port])
      let two = PickOptions(source: .ledger, pool: [port...port + 1])
      #expect(try pickUnusedPort(options: one) == port)
      let results = Collected<[Int]>()
      try runThread {
        guard cts_enter_network() == 0 else { return }
        // The pool of one is used up in the other network alone.
        let first = try? pickUnusedPort(options: one) as Int
        // In this network it is given once, also to another process.
        let child = cts_fork()
        if child == 0 {
          endInAMinute()
          let other = try? pickUnusedPort(options: two) as Int
          _exit(other == port + 1 ? 0 : 1)
        }
        let end = cts_wait(child)
        let again = try? pickUnusedPort(options: two) as Int
        let isReturned = (try? returnPort(port)) == true
        results.add([
          first ?? -1, Int(end), again ?? -1, isReturned ? 1 : 0,
        ])
      }
      // The child's port came back with the child's end.
      #expect(results.all == [[port, 0, port + 1, 1]])
      // What is returned there is returned there alone.
      expectExhausted(one)
      #expect(try returnPort(port))
      #expect(try pickUnusedPort(options: one) == port)
    }
  }

  @Test(.enabled(if: canUnshare))
  func aProcThatShowsOtherPidsIsAnError() async {
    await #expect(processExitsWith: .success) {
      let port = Int(try unusedTestPort())
      let options = PickOptions(source: .ledger, pool: [port...port])
      #expect(try pickUnusedPort(options: options) == port)
      #expect(try returnPort(port))
      let answer = Collected<Int32>()
      try runThread {
        guard cts_enter_pid_namespace() == 0 else { return }
        // The first process of the new namespace; it sees the old /proc.
        let child = cts_fork()
        if child == 0 {
          endInAMinute()
          do throws(PortPickerError) {
            _ = try pickUnusedPort(options: options) as Int
            _exit(1)
          } catch {
            let isRight =
              error.code == .systemFailure
              && error.description.contains("belongs to another pid namespace")
            _exit(isRight ? 0 : 2)
          }
        }
        answer.add(cts_wait(child))
      }
      #expect(answer.all == [0])
      // Nobody has it: the host's pid 1 has not been given it.
      #expect(try pickUnusedPort(options: options) == port)
    }
  }
}

/// Picks and returns in this thread and in another one at once.
private func pickInTwoThreads(_ options: PickOptions) -> Bool {
  @Sendable func work() -> Bool {
    for _ in 0..<3 {
      guard let port = try? pickUnusedPort(options: options) as Int,
        (try? returnPort(port)) == true
      else { return false }
    }
    return true
  }
  // Not Collected: the standard library's mutex is of no use in such a child.
  let successes = ForkableMutex(0)
  @Sendable func count() { if work() { successes.withLock { $0 += 1 } } }
  guard (try? runThread(count, besides: count)) != nil else { return false }
  return successes.withLock { $0 } == 2
}

/// Binds a port, drops it, and picks it again when a thread has returned it.
private func bindAndDrop(_ options: PickOptions) -> Int32 {
  endInAMinute()
  do { _ = try BoundPort(options: options) } catch { return 2 }
  while (try? pickUnusedPort(options: options) as Int) == nil { sched_yield() }
  return 0
}

/// Ends this process in a minute: what waits for ever is to show, not to hang.
private func endInAMinute() {
  unblockSignals(SIGALRM)
  alarm(60)
}
