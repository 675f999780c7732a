/// Reads the command lines of processes without waiting long for any of them.
///
/// A read of `/proc/PID/cmdline` waits for the lock of the process's memory map, which
/// the process can hold for as long as it wants. Reads therefore run on other threads.
/// While one read is stuck, another thread continues with the rest. A stuck process is
/// remembered and not read again until the read returns.
///
/// A child created by fork(2) must not use a value that it inherits; see
/// ``forkGeneration()``.
package final class CommandLineReader: @unchecked Sendable {
  /// The maximum number of reading threads.
  ///
  /// If as many processes are stuck, all others are known only by their names.
  private static let maximumThreadCount = 8
  /// How long to wait without progress before starting another thread.
  private static let progressTimeout = Duration.milliseconds(20)

  /// How long a read may take before the process counts as stuck.
  private let stuckAfter: Duration
  private let threads = WaitingThreads(idleTimeout: .zero)
  private let read: @Sendable (Int32) -> String
  /// Signaled when a thread has finished its part of a batch.
  private let monitor = Monitor()

  // Guarded by `monitor`.
  /// The processes that are being read, and when each counts as stuck.
  private var current: [Int32: Deadline] = [:]
  private var threadCount = 0

  /// The processes of one call of ``commandLines(of:within:)``.
  private final class Batch: @unchecked Sendable {
    var queue: ArraySlice<Int32>
    var lines: [Int32: String] = [:]
    var current: [Int32: Deadline] = [:]
    var threadCount = 0

    init(_ queue: [Int32]) {
      self.queue = queue[...]
    }

    /// Whether more lines may arrive.
    var isInProgress: Bool {
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
  }

  /// The command lines of some processes; see ``commandLine(ofProcess:)``.
  ///
  /// - Parameters:
  ///   - pids: The processes.
  ///   - limit: How long to wait for all of them together.
  /// - Returns: For each process, its command line; its name if the command line is
  ///   late or not available; `?` if neither is available.
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
    monitor.withLock {
      let batch = Batch(
        pids.filter { pid in current[pid].map { !$0.hasPassed } ?? true })
      start(batch)
      var count = 0
      while batch.isInProgress, !deadline.hasPassed {
        monitor.wait(
          until: Deadline(
            after: min(Self.progressTimeout, deadline.remaining)))
        if batch.lines.count == count { start(batch) }
        count = batch.lines.count
      }
      batch.queue = []
      return batch.lines
    }
  }

  /// Starts another thread for a batch, if processes are left in its queue.
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
    monitor.withLock {
      while let pid = batch.queue.popFirst() {
        let deadline = Deadline(after: stuckAfter)
        current[pid] = deadline
        batch.current[pid] = deadline
        let line = monitor.withoutLock { read(pid) }
        current[pid] = nil
        batch.current[pid] = nil
        batch.lines[pid] = line
      }
      threadCount -= 1
      batch.threadCount -= 1
      monitor.broadcast()
    }
  }
}
