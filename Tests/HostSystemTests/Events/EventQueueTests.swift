import Foundation
import HostSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// Descriptors that are ready.
@Suite(.alone) struct EventQueueTests {
  @Test func whatCanBeReadIsReported() throws {
    var queue = try EventQueue()
    let pipes = try (0..<3).map { _ in try TestPipe() }
    for (index, pipe) in pipes.enumerated() {
      try queue.watch(pipe.readEnd, as: UInt64(index))
    }
    #expect(try queue.ready() == [])
    try pipes[1].write()
    #expect(try queue.ready() == [1])
    try pipes[2].write()
    #expect(try queue.ready() == [1, 2])
  }

  @Test(arguments: [0, 1, .max] as [UInt64])
  func tokensAreReportedAsTheyAre(token: UInt64) throws {
    var queue = try EventQueue()
    let pipe = try TestPipe()
    try queue.watch(pipe.readEnd, as: token)
    try pipe.write()
    #expect(try queue.ready() == [token])
  }

  @Test func whatIsLeftIsReportedAgain() throws {
    var queue = try EventQueue()
    let pipe = try TestPipe()
    try queue.watch(pipe.readEnd, as: 7)
    try pipe.write()
    try pipe.write()
    for _ in 0..<3 { #expect(try queue.ready() == [7]) }
    try pipe.read()
    #expect(try queue.ready() == [7])
    try pipe.read()
    #expect(try queue.ready() == [])
  }

  @Test func aPeerThatHangsUpIsReported() throws {
    var queue = try EventQueue()
    let pipe = try TestPipe()
    try queue.watch(pipe.readEnd, as: 7)
    try pipe.closeWriteEnd()
    #expect(try queue.ready() == [7])
    #expect(try queue.ready() == [7])
  }

  @Test func whatIsForgottenIsNotReported() throws {
    var queue = try EventQueue()
    let (one, other) = (try TestPipe(), try TestPipe())
    try queue.watch(one.readEnd, as: 1)
    try queue.watch(other.readEnd, as: 2)
    try one.write()
    try other.write()
    queue.stopWatching(one.readEnd)
    #expect(try queue.ready() == [2])
    // A second call has no effect, and the descriptor can be watched again.
    queue.stopWatching(one.readEnd)
    try queue.watch(one.readEnd, as: 3)
    #expect(try queue.ready() == [2, 3])
  }

  @Test func whatIsWatchedAlreadyIsAnError() throws {
    var queue = try EventQueue()
    let pipe = try TestPipe()
    try queue.watch(pipe.readEnd, as: 1)
    #expect(throws: Errno.fileExists) {
      try queue.watch(pipe.readEnd, as: 2)
    }
    try pipe.write()
    #expect(try queue.ready() == [1])
  }

  @Test func whatCannotBeWatchedIsAnError() throws {
    let queue = try EventQueue()
    let directory = try TemporaryDirectory()
    let file = try FileDescriptor.open(directory.path, .readOnly)
    #expect(throws: Errno.notPermitted) { try queue.watch(file, as: 1) }
    try file.close()
    #expect(throws: Errno.badFileDescriptor) {
      try queue.watch(FileDescriptor(rawValue: -1), as: 1)
    }
  }

  @Test func whatIsClosedIsNotReported() throws {
    var queue = try EventQueue()
    do {
      let pipe = try TestPipe()
      try queue.watch(pipe.readEnd, as: 1)
      try pipe.write()
      #expect(try queue.ready() == [1])
    }
    #expect(try queue.ready() == [])
  }

  @Test func aTimeLimitIsNotFallenShortOf() throws {
    var queue = try EventQueue()
    #expect(try queue.wait(until: Deadline(after: .zero)) == 0)
    #expect(try queue.wait(until: Deadline(after: .seconds(-1))) == 0)
    // It is rounded up, so that waiting once is enough.
    for nanoseconds in [1, 999_999, 1_000_001, 3_500_000] {
      let deadline = Deadline(after: .nanoseconds(nanoseconds))
      #expect(try queue.wait(until: deadline) == 0)
      #expect(deadline.hasPassed)
    }
  }

  @Test(arguments: [nil, .seconds(Int64.max), .seconds(3600)] as [Duration?])
  func aWaitEndsWhenSomethingIsReady(timeout: Duration?) throws {
    var queue = try EventQueue()
    let pipe = try TestPipe()
    try queue.watch(pipe.readEnd, as: 7)
    Thread.detachNewThread { try? pipe.write() }
    #expect(try queue.wait(until: timeout.map { Deadline(after: $0) }) == 1)
    #expect(queue[0] == 7)
  }

  @Test func moreThanOneTurnHoldsIsReportedInTurns() throws {
    var queue = try EventQueue()
    let pipe = try TestPipe()
    try pipe.write()
    let copies = try (0..<300).map { _ in try pipe.readEnd.duplicate() }
    defer { for copy in copies { try? copy.close() } }
    for (index, copy) in copies.enumerated() {
      try queue.watch(copy, as: UInt64(index))
    }
    var seen: Set<UInt64> = []
    // Nothing reads from them, and yet each is reported in turn.
    for _ in 0..<3 {
      let tokens = try queue.ready()
      #expect(tokens.count == EventQueue.capacity)
      seen.formUnion(tokens)
    }
    #expect(seen == Set(0..<300))
  }

  @Test func aQueueCanBeWatchedByAQueue() throws {
    var inner = try EventQueue()
    var outer = try EventQueue()
    let pipe = try TestPipe()
    try inner.watch(pipe.readEnd, as: 1)
    try outer.watch(inner.raw, as: 2)
    #expect(try outer.ready() == [])
    try pipe.write()
    #expect(try outer.ready() == [2])
    #expect(try inner.ready() == [1])
    // It is ready as long as a descriptor in it is.
    #expect(try outer.ready() == [2])
    try pipe.read()
    #expect(try outer.ready() == [])
  }

  @Test func aSignalEndsAWaitWithNothing() async {
    await #expect(processExitsWith: .success) {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { _ in }
      sigemptyset(&action.sa_mask)
      try systemCall { sigaction(SIGUSR2, &action, nil) }
      unblockSignals(SIGUSR2)

      var queue = try EventQueue()
      let waiter = pthread_self()
      let state = ThreadState()
      Thread.detachNewThread {
        // A signal that arrives before the wait does not interrupt it.
        while !state.isDone.load(ordering: .acquiring) {
          pthread_kill(waiter, SIGUSR2)
          sched_yield()
        }
        state.hasEnded.signal()
      }
      #expect(try queue.wait(until: Deadline(after: .seconds(3600))) == 0)
      state.isDone.store(true, ordering: .releasing)
      state.hasEnded.wait()
    }
  }
}

/// The state that two threads of a test share.
private final class ThreadState: Sendable {
  let isDone = Atomic(false)
  let hasEnded = DispatchSemaphore(value: 0)
}

extension EventQueue {
  /// The tokens of the descriptors that are ready now, in ascending order.
  fileprivate mutating func ready() throws -> [UInt64] {
    let count = try poll()
    return (0..<count).map { self[$0] }.sorted()
  }
}

/// A pipe that is written and read one byte at a time.
private final class TestPipe: Sendable {
  let readEnd: FileDescriptor
  private let writeEnd: FileDescriptor
  private let isWriteEndOpen = Atomic(true)

  init() throws {
    (readEnd, writeEnd) = try FileDescriptor.pipe()
  }

  deinit {
    try? closeWriteEnd()
    try? readEnd.close()
  }

  func write() throws {
    _ = try writeEnd.writeAll([1])
  }

  func read() throws {
    var byte: UInt8 = 0
    _ = try withUnsafeMutableBytes(of: &byte) { try readEnd.read(into: $0) }
  }

  func closeWriteEnd() throws {
    if isWriteEndOpen.exchange(false, ordering: .relaxed) {
      try writeEnd.close()
    }
  }
}
