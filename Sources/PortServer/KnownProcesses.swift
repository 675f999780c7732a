import HostSystem
import SystemPackage

/// The registered processes, and how the server learns of their ends.
///
/// A process has one pidfd, however many ports it has. If there are more processes
/// than descriptors, the others are checked in turn, by start time. A process that is
/// checked gets a pidfd as soon as there is a descriptor.
struct KnownProcesses: ~Copyable {
  private var byPID: [Int32: KnownProcess] = [:]
  /// The pidfds.
  private var ends: EventQueue
  private var watchedCount = 0
  /// How many pidfds there may be.
  private let descriptorLimit: Int
  /// The pids of processes without a pidfd, and the index of each.
  private var unwatched: [Int32] = []
  private var unwatchedIndices: [Int32: Int] = [:]
  private var nextUnwatched = 0
  /// When a request may have those checked again.
  private var nextCheck: Deadline?
  /// How many of them one request checks, and how long the next request with checks
  /// must wait.
  ///
  /// This bounds what a refusal costs.
  private static let checkBatch = 1024
  private static let checkPause = Duration.milliseconds(100)

  init(descriptorLimit: Int) throws(Errno) {
    ends = try EventQueue()
    self.descriptorLimit = descriptorLimit
  }

  /// What turns readable when a process ends.
  var raw: FileDescriptor { ends.raw }

  /// Whether there is a descriptor for one more pidfd.
  var canWatchMore: Bool { watchedCount < descriptorLimit }

  /// Whether there are processes without a pidfd.
  var hasUnwatched: Bool { !unwatched.isEmpty }

  subscript(pid: Int32) -> KnownProcess? { byPID[pid] }

  /// Adds a process.
  ///
  /// - Throws: What `epoll_ctl(2)` reports. The process is then checked in turn.
  mutating func add(_ process: KnownProcess) throws(Errno) {
    let pid = process.pid
    byPID[pid] = process
    guard let descriptor = process.raw else {
      addUnwatched(pid)
      return
    }
    do {
      try ends.watch(descriptor, as: UInt64(pid))
      watchedCount += 1
    } catch {
      process.closeDescriptor()
      addUnwatched(pid)
      throw error
    }
  }

  /// Checks a process without a pidfd: watches it from now on, if there is a descriptor,
  /// or removes it if it has ended.
  ///
  /// - Returns: Whether it is alive.
  mutating func check(_ process: KnownProcess) -> Bool {
    guard canWatchMore ? process.openDescriptor() : !process.hasEnded else {
      remove(process)
      return false
    }
    if let descriptor = process.raw {
      do {
        try ends.watch(descriptor, as: UInt64(process.pid))
        removeUnwatched(process.pid)
        watchedCount += 1
      } catch {
        process.closeDescriptor()
      }
    }
    return true
  }

  mutating func remove(_ process: KnownProcess) {
    guard byPID[process.pid] === process else { return }
    byPID[process.pid] = nil
    if let descriptor = process.raw {
      ends.stopWatching(descriptor)
      watchedCount -= 1
    } else {
      removeUnwatched(process.pid)
    }
  }

  private mutating func addUnwatched(_ pid: Int32) {
    if unwatchedIndices[pid] != nil { return }
    unwatchedIndices[pid] = unwatched.count
    unwatched.append(pid)
  }

  private mutating func removeUnwatched(_ pid: Int32) {
    guard let index = unwatchedIndices.removeValue(forKey: pid),
      let last = unwatched.popLast()
    else { return }
    // The last one takes the freed index.
    if index < unwatched.count {
      unwatched[index] = last
      unwatchedIndices[last] = index
    }
  }

  /// Removes all processes whose ends their pidfds report.
  ///
  /// - Parameter body: Called with each.
  /// - Throws: What `epoll_wait(2)` reports.
  mutating func removeEnded(_ body: (KnownProcess) -> Void) throws(Errno) {
    var count: Int
    repeat {
      count = try ends.poll()
      for index in 0..<count {
        guard let process = byPID[Int32(truncatingIfNeeded: ends[index])]
        else { continue }
        remove(process)
        body(process)
      }
    } while count == EventQueue.capacity
  }

  /// Removes processes without a pidfd that have ended, unless it was called within
  /// the last 100 ms.
  ///
  /// It checks at most 1,024 processes. If there are more, they take turns.
  ///
  /// - Parameter body: Called with each that is removed.
  /// - Returns: Whether any was removed.
  mutating func removeEndedUnwatched(_ body: (KnownProcess) -> Void) -> Bool {
    guard hasUnwatched, nextCheck?.hasPassed ?? true else { return false }
    // Without this, one that takes a freed index could be skipped.
    if unwatched.count <= Self.checkBatch { nextUnwatched = 0 }
    defer { nextCheck = Deadline(after: Self.checkPause) }
    return removeEnded(unwatched: Self.checkBatch, body)
  }

  /// Removes processes without a pidfd that have ended.
  ///
  /// - Parameters:
  ///   - limit: How many to check at most; they take turns.
  ///   - body: Called with each that is removed.
  /// - Returns: Whether any was removed.
  @discardableResult
  mutating func removeEnded(
    unwatched limit: Int, _ body: (KnownProcess) -> Void
  ) -> Bool {
    var wereAny = false
    for _ in 0..<min(limit, unwatched.count) {
      if unwatched.isEmpty { break }
      if nextUnwatched >= unwatched.count { nextUnwatched = 0 }
      guard let process = byPID[unwatched[nextUnwatched]] else {
        removeUnwatched(unwatched[nextUnwatched])
        continue
      }
      if check(process) {
        // If it is watched now, another one has its index.
        if process.raw == nil { nextUnwatched += 1 }
        continue
      }
      body(process)
      wereAny = true
    }
    return wereAny
  }
}
