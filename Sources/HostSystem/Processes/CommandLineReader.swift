/// Reads the command lines of processes, and waits for none of them for long.
///
/// A read of `/proc/PID/cmdline` waits for the lock of the process's memory map,
/// and so for as long as the process wants. It is made on another thread, and
/// while one is stuck, another one goes on with the rest. What is stuck is known
/// from then on, and not waited for again before it returns.
///
/// A child made by fork(2) must not use a value that it inherits: see
/// ``forkGeneration()``.
package final class CommandLineReader: @unchecked Sendable {
  /// How many threads read at most; so many processes can be stuck before all
  /// others are known by their names alone.
  private static let maximumThreadCount = 8
  /// How long nothing may come in before another thread is started.
  private static let patience = Duration.milliseconds(20)

  /// How long a read may take before the process counts as stuck.
  private let stuckAfter: Duration
  private let threads = WaitingThreads(patience: .zero)
  private let read: @Sendable (Int32) -> String
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(
    capacity: 1)
  private let hasFinished = UnsafeMutablePointer<pthread_cond_t>.allocate(
    capacity: 1)

  // Guarded by `mutex`.
  /// The processes that are being read, and when they count as stuck.
  private var current: [Int32: Deadline] = [:]
  private var threadCount = 0

  /// The processes that somebody asks for at one time.
  private final class Batch: @unchecked Sendable {
    var queue: ArraySlice<Int32>
    var lines: [Int32: String] = [:]
    var current: [Int32: Deadline] = [:]
    var threadCount = 0

    init(_ queue: [Int32]) {
      self.queue = queue[...]
    }

    /// Whether more may come in.
    var isGoingOn: Bool {
      threadCount > 0
        && (!queue.isEmpty || current.values.contains { !$0.hasPassed })
    }
  }

  /// - Parameters:
  ///   - stuckAfter: How long a read may take before the process counts as stuck.
  ///   - read: Reads the command line of a process; `?` stands for one that is
  ///     not available.
  package init(
    stuckAfter: Duration = .milliseconds(200),
    _ read: @escaping @Sendable (Int32) -> String = commandLine(ofProcess:)
  ) {
    self.stuckAfter = stuckAfter
    self.read = read
    pthread_mutex_init(mutex, nil)
    // No step of the wall clock is to move the time.
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(hasFinished, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(hasFinished)
    pthread_mutex_destroy(mutex)
    hasFinished.deallocate()
    mutex.deallocate()
  }

  /// The command lines of some processes, as ``commandLine(ofProcess:)`` has
  /// them.
  ///
  /// - Parameters:
  ///   - pids: The processes.
  ///   - limit: How long to wait for all of them together.
  /// - Returns: A text for each: its command line; where that did not come in
  ///   time, or is not available, its name; where that is not either, `?`.
  package func commandLines(
    of pids: Set<Int32>, within limit: Duration = .milliseconds(500)
  ) -> [Int32: String] {
    if pids.isEmpty { return [:] }
    let lines = linesInTime(of: pids, Deadline(after: limit))
    return pids.reduce(into: [:]) { texts, pid in
      let line = lines[pid] ?? "?"
      texts[pid] = line == "?" ? processName(ofProcess: pid) : line
    }
  }

  private func linesInTime(
    of pids: Set<Int32>, _ deadline: Deadline
  ) -> [Int32: String] {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    let batch = Batch(
      pids.filter { pid in current[pid].map { !$0.hasPassed } ?? true })
    start(batch)
    var count = 0
    while batch.isGoingOn, !deadline.hasPassed {
      waitForEnd(Deadline(after: min(Self.patience, deadline.remaining)))
      if batch.lines.count == count { start(batch) }
      count = batch.lines.count
    }
    batch.queue = []
    return batch.lines
  }

  /// Waits until a thread has done its part of a batch.
  private func waitForEnd(_ deadline: Deadline) {
    var end = deadline.systemTime
    pthread_cond_timedwait(hasFinished, mutex, &end)
  }

  /// Has another thread read a batch, if there is anything left of it.
  private func start(_ batch: Batch) {
    guard !batch.queue.isEmpty, threadCount < Self.maximumThreadCount else {
      return
    }
    let isStarted: ()? = try? threads.run { self.work(on: batch) }
    guard isStarted != nil else { return }
    batch.threadCount += 1
    threadCount += 1
  }

  private func work(on batch: Batch) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while let pid = batch.queue.popFirst() {
      let deadline = Deadline(after: stuckAfter)
      current[pid] = deadline
      batch.current[pid] = deadline
      pthread_mutex_unlock(mutex)
      let line = read(pid)
      pthread_mutex_lock(mutex)
      current[pid] = nil
      batch.current[pid] = nil
      batch.lines[pid] = line
    }
    threadCount -= 1
    batch.threadCount -= 1
    pthread_cond_broadcast(hasFinished)
  }
}
