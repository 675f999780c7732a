import CTestSupport
import Foundation
import HostSystem
import Synchronization
import TestSupport
import Testing

/// Command lines of processes, some of which cannot be read.
@Suite(.alone) struct CommandLineReaderTests {
  @Test(.enabled(if: canStartUnreadable, "needs /dev/fuse, and root"))
  func whatCannotBeReadIsKnownByItsName() throws {
    let stuck = cts_start_unreadable()
    try #require(stuck > 0)
    defer { cts_end(stuck) }
    let holders = try (0..<20).map { _ in try HolderProcess() }
    let reader = CommandLineReader(stuckAfter: .seconds(1))
    let lines = reader.commandLines(
      of: Set(holders.map(\.number) + [stuck]), within: .seconds(60))
    #expect(lines.count == 21)
    #expect(lines[stuck] == "unreadable")
    for holder in holders {
      #expect(lines[holder.number] == "/bin/sleep 100000")
    }
  }

  @Test func whatIsStuckIsNotWaitedForAgainUntilItReturns() async {
    let (stuck, other): (Int32, Int32) = (getpid(), getppid())
    let gate = DispatchSemaphore(value: 0)
    let calls = Collected<Int32>()
    let reader = CommandLineReader(stuckAfter: .milliseconds(1)) { pid in
      calls.add(pid)
      if pid == stuck { gate.wait() }
      return "line of \(pid)"
    }
    let name = processName(ofProcess: stuck)
    for _ in 0..<20 {
      #expect(
        reader.commandLines(of: [stuck], within: .seconds(60)) == [stuck: name])
    }
    #expect(calls.all == [stuck])
    // It does not delay the others.
    #expect(
      reader.commandLines(of: [other], within: .seconds(60)).count == 1)
    gate.signal()
    gate.signal()
    while reader.commandLines(of: [stuck])[stuck] != "line of \(stuck)" {
      gate.signal()
    }
  }

  @Test func soManyCanBeStuckThatAllOthersAreKnownByTheirNames() {
    let gate = DispatchSemaphore(value: 0)
    let calls = Collected<Int32>()
    let reader = CommandLineReader(stuckAfter: .milliseconds(1)) { pid in
      calls.add(pid)
      gate.wait()
      return "line of \(pid)"
    }
    // Pids that no process has.
    let pids = Set(-20 ... -1 as ClosedRange<Int32>)
    #expect(
      reader.commandLines(of: pids, within: .milliseconds(300)).values
        .allSatisfy { $0 == "?" })
    #expect(calls.all.count <= 8)
    for _ in 0..<20 { gate.signal() }
  }
}
