import HostSystem
import SystemPackage

/// The processes that the server knows, and how their ends are heard of.
///
/// A process has one pidfd, however many ports it has. Where there are more
/// processes than descriptors, the rest is looked at in turn, by start time.
struct KnownProcesses: ~Copyable {
  private var byPID: [Int32: KnownProcess] = [:]
  /// The pidfds.
  private var ends: EventQueue
  private var watchedCount = 0
  /// How many pidfds there may be.
  private let descriptorLimit: Int
  /// Those without a pidfd, and where each of them stands here.
  private var unwatched: [Int32] = []
  private var unwatchedIndices: [Int32: Int] = [:]
  private var nextUnwatched = 0
  /// When those may be looked at again for a request.
  private var nextLook: Deadline?
  /// How many of them are looked at for one request, and how long not again then:
  /// so a refusal has its bound.
  private static let looks = 1024
  private static let lookPause = Duration.milliseconds(100)

  init(descriptorLimit: Int) throws(Errno) {
    ends = try EventQueue()
    self.descriptorLimit = descriptorLimit
  }

  /// What turns readable when a process ends.
  var raw: FileDescriptor { ends.raw }

  /// Whether there is a descriptor left for one more.
  var canWatchMore: Bool { watchedCount < descriptorLimit }

  /// Whether there are some whose ends nobody reports.
  var hasUnwatched: Bool { !unwatched.isEmpty }

  subscript(pid: Int32) -> KnownProcess? { byPID[pid] }

  /// Adds a process.
  ///
  /// - Throws: Where its end cannot be reported; it is one of those that are
  ///   looked at in turn then.
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

  mutating func remove(_ process: KnownProcess) {
    guard byPID[process.pid] === process else { return }
    byPID[process.pid] = nil
    if let descriptor = process.raw {
      ends.forget(descriptor)
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
    // The last one takes its place.
    if index < unwatched.count {
      unwatched[index] = last
      unwatchedIndices[last] = index
    }
  }

  /// Takes out all those whose ends are reported and have come by now.
  ///
  /// - Parameter body: Told of each.
  /// - Throws: What `epoll_wait(2)` says.
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

  /// Takes out those whose ends nobody reports and have come by now, unless that
  /// was done just before.
  ///
  /// At most 1,024 are looked at; where there are more, they take turns.
  ///
  /// - Parameter body: Told of each.
  /// - Returns: Whether there were any.
  mutating func removeEndedUnwatched(_ body: (KnownProcess) -> Void) -> Bool {
    guard hasUnwatched, nextLook?.hasPassed ?? true else { return false }
    // So that none of them is passed over when another takes its place.
    if unwatched.count <= Self.looks { nextUnwatched = 0 }
    defer { nextLook = Deadline(after: Self.lookPause) }
    return removeEnded(unwatched: Self.looks, body)
  }

  /// Takes out some of those whose ends nobody reports.
  ///
  /// - Parameters:
  ///   - limit: How many to look at, at most; they take turns.
  ///   - body: Told of each that has ended.
  /// - Returns: Whether there were any.
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
      if !process.hasEnded {
        nextUnwatched += 1
        continue
      }
      remove(process)
      body(process)
      wereAny = true
    }
    return wereAny
  }
}
