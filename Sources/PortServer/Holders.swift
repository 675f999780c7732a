import HostSystem
import SystemPackage

/// The processes that have ports, and how their ends are heard of.
///
/// A process has one pidfd, however many ports it has. Where there are more
/// processes than descriptors, the rest is looked at in turn, by start time.
struct Holders {
  /// A holder; it is one object for as long as the process has ports.
  final class Holder {
    private(set) var process: ProcessHandle

    init(_ process: consuming ProcessHandle) {
      self.process = process
    }

    /// Has the process looked at in turn from now on.
    func closeDescriptor() {
      process.closeDescriptor()
    }

    var identity: ProcessIdentity { process.identity }
  }

  private var byPID: [Int32: Holder] = [:]
  /// Those without a pidfd; some of them may be gone by now.
  private var unwatched: [Int32] = []
  private var nextUnwatched = 0
  private var watchedCount = 0
  /// How many pidfds there may be.
  private let descriptorLimit: Int

  init(descriptorLimit: Int) {
    self.descriptorLimit = descriptorLimit
  }

  subscript(pid: Int32) -> Holder? { byPID[pid] }

  /// Whether there is a descriptor left for one more.
  var canWatchMore: Bool { watchedCount < descriptorLimit }

  /// Whether there are some whose ends nobody reports.
  var hasUnwatched: Bool { !unwatched.isEmpty }

  mutating func add(_ holder: Holder) {
    let pid = holder.identity.pid
    byPID[pid] = holder
    if holder.process.raw == nil {
      unwatched.append(pid)
    } else {
      watchedCount += 1
    }
  }

  mutating func remove(_ holder: Holder) {
    byPID[holder.identity.pid] = nil
    if holder.process.raw != nil { watchedCount -= 1 }
  }

  /// Looks at some of those whose ends nobody reports, in turn.
  ///
  /// - Parameter limit: How many to look at, at most.
  /// - Returns: Those that have ended.
  mutating func findEnded(atMost limit: Int) -> [Holder] {
    var ended: [Holder] = []
    for _ in 0..<min(limit, unwatched.count) {
      if nextUnwatched >= unwatched.count { nextUnwatched = 0 }
      let pid = unwatched[nextUnwatched]
      if let holder = byPID[pid], holder.process.raw == nil {
        if !holder.process.hasEnded {
          nextUnwatched += 1
          continue
        }
        ended.append(holder)
      }
      unwatched.swapAt(nextUnwatched, unwatched.count - 1)
      unwatched.removeLast()
    }
    return ended
  }
}
