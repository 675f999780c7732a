import CTestSupport
import HostSystem
import Synchronization
import TestSupport
import Testing

@Suite struct WaitingThreadsTests {
  @Test func workBeyondTheBoundWaitsForItsTurn() throws {
    let threads = WaitingThreads()
    let gate = Gate()
    let (started, done) = (Counter(), Counter())
    let count = WaitingThreads.maximum + 20
    for _ in 0..<count {
      try threads.run {
        started.add()
        gate.wait()
        done.add()
      }
    }
    started.wait(for: WaitingThreads.maximum)
    #expect(threads.count == WaitingThreads.maximum)
    #expect(done.value == 0)
    gate.open()
    done.wait(for: count)
    #expect(threads.count <= WaitingThreads.maximum)
  }

  @Test func anIdleThreadIsUsedAgain() throws {
    let threads = WaitingThreads(idleTimeout: .seconds(600))
    let numbers = Collected<Int32>()
    for round in 1...20 {
      let done = Counter()
      try threads.run {
        numbers.add(cts_thread_number())
        done.add()
      }
      done.wait(for: 1)
      // It is idle if the next work does not start a second one.
      #expect(threads.count <= 2, "\(round)")
    }
    #expect(Set(numbers.all).count <= 2)
    #expect(!numbers.all.contains(cts_thread_number()))
  }

  @Test func aThreadWithoutWorkEnds() throws {
    let threads = WaitingThreads(idleTimeout: .milliseconds(1))
    for _ in 0..<2 {
      let done = Counter()
      try threads.run { done.add() }
      done.wait(for: 1)
      while threads.count > 0 { sched_yield() }
    }
  }

  @Test func allSignalsAreBlockedInThem() throws {
    let threads = WaitingThreads()
    let done = Counter()
    let open = Collected<Int32>()
    try threads.run {
      var mask = sigset_t()
      pthread_sigmask(SIG_BLOCK, nil, &mask)
      // The C library uses these two itself.
      for number in 1...64 where ![32, 33].contains(number) {
        if ![SIGKILL, SIGSTOP].contains(Int32(number)),
          sigismember(&mask, Int32(number)) != 1
        {
          open.add(Int32(number))
        }
      }
      done.add()
    }
    done.wait(for: 1)
    #expect(open.all.isEmpty)
  }
}

@Suite struct ForkableMutexTests {
  @Test func oneThreadAtATimeHasTheValue() async throws {
    let mutex = ForkableMutex(0)
    _ = try await sideBySide(4) { _ in
      for _ in 0..<10_000 { mutex.withLock { $0 += 1 } }
    }
    #expect(mutex.withLock { $0 } == 40_000)
  }

  @Test func theValueIsReleasedWithTheMutex() {
    final class Value {}
    weak var value: Value?
    do {
      let mutex = ForkableMutex(Value())
      value = mutex.withLock { $0 }
      #expect(value != nil)
    }
    #expect(value == nil)
  }
}

/// Blocks threads until it is opened.
private final class Gate: Sendable {
  private let (reading, writing): (Int32, Int32)

  init() {
    var ends: [Int32] = [-1, -1]
    pipe(&ends)
    (reading, writing) = (ends[0], ends[1])
  }

  deinit { close(reading) }

  func wait() {
    var byte: UInt8 = 0
    while read(reading, &byte, 1) < 0, errno == EINTR {}
  }

  func open() { close(writing) }
}

/// A counter for several threads.
private final class Counter: Sendable {
  private let count = Atomic(0)

  var value: Int { count.load(ordering: .acquiring) }

  func add() {
    count.wrappingAdd(1, ordering: .releasing)
  }

  func wait(for number: Int) {
    while value < number { sched_yield() }
  }
}
