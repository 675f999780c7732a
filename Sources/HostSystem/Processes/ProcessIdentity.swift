import CHostSystem
import Synchronization
package import SystemPackage

/// A process, told apart from every other that ever had its pid.
///
/// A pid alone is used again once its process is gone. With the start time,
/// in clock ticks since boot (field 22 of `/proc/PID/stat`, proc_pid_stat(5)),
/// it names one process; no step of the wall clock moves that number.
package struct ProcessIdentity: Hashable, Sendable {
  /// The pid, in the pid namespace of this process.
  package let pid: Int32
  /// When the process started, in clock ticks since boot.
  package let startTime: UInt64

  package init(pid: Int32, startTime: UInt64) {
    self.pid = pid
    self.startTime = startTime
  }
}

/// What can be found out about a pid.
package enum ProcessLookup: Hashable, Sendable {
  /// A process that runs, or has ended with threads of it still running.
  case living(ProcessIdentity)
  /// No such process, or a zombie: it has ended and waits to be reaped. Nor is
  /// the number of a thread, other than a process's first, a pid.
  case gone
  /// There is such a process, but `/proc` does not show it (`hidepid`).
  case hidden
  /// A thread of the kernel's own, which never ends.
  case kernelThread
}

extension ProcessIdentity {
  /// Looks a process up.
  ///
  /// - Throws: What went wrong with reading `/proc`, other than that there is
  ///   no such process; `Errno.noSuchProcess` is never thrown. Where `/proc`
  ///   is mounted for another pid namespace, so that its pids are not ours,
  ///   `Errno.notSupported`.
  package static func lookUp(_ pid: Int32) throws(Errno) -> ProcessLookup {
    if pid <= 0 || isThread(pid) { return .gone }
    try requireOwnProc()
    return try read(pid)
  }

  /// This process.
  ///
  /// It is read once and kept; a child made by `fork(2)` reads its own.
  ///
  /// - Throws: As ``lookUp(_:)`` does, and `Errno.noSuchProcess` where
  ///   `/proc` does not show this process.
  package static func current() throws(Errno) -> ProcessIdentity {
    let generation = UInt(forkGeneration())
    let pid = getpid()
    // Without a lock, for every pick comes by.
    let known = known.load(ordering: .relaxed)
    if known.first == generation {
      return ProcessIdentity(pid: pid, startTime: UInt64(known.second))
    }
    guard case .living(let identity) = try lookUp(pid) else {
      throw .noSuchProcess
    }
    Self.known.store(
      WordPair(first: generation, second: UInt(identity.startTime)),
      ordering: .relaxed)
    return identity
  }

  /// Whether exactly this process still runs.
  ///
  /// A process that cannot be looked at counts as alive, and so does every process
  /// where `/proc` is another pid namespace's: a doubt must never free a lease.
  package var isAlive: Bool {
    do throws(Errno) {
      try Self.requireOwnProc()
      switch try Self.read(pid) {
      case .living(let identity): return identity == self
      case .gone: return false
      case .hidden, .kernelThread: return true
      }
    } catch {
      return true
    }
  }

  /// The fork generation and start time of this process; 0 before they are known.
  private static let known = Atomic(WordPair(first: 0, second: 0))

  /// The fork generation for which it is known whether `/proc` is our own, and the
  /// error if it is not; 0 before it is known.
  private static let ownProc = Atomic(WordPair(first: 0, second: 0))

  /// - Throws: `Errno.notSupported` where `/proc` was mounted for another pid
  ///   namespace than this process's own, so that its pids are not ours; what
  ///   reading it says.
  static func requireOwnProc() throws(Errno) {
    let generation = UInt(forkGeneration())
    let known = ownProc.load(ordering: .relaxed)
    let error =
      known.first == generation
      ? Int32(truncatingIfNeeded: known.second) : lookForOwnProc()
    // Other errors can pass, such as a lack of descriptors.
    if known.first != generation, error == 0 || error == ENOTSUP {
      ownProc.store(
        WordPair(first: generation, second: UInt(error)), ordering: .relaxed)
    }
    if error != 0 { throw Errno(rawValue: error) }
  }

  /// Looks whose `/proc` it is: 0 where it is our own, otherwise an error number.
  ///
  /// In that of a namespace above ours, the `self` link has another number, or by
  /// chance the same one; but `NSpid` has more than one there.
  private static func lookForOwnProc() -> Int32 {
    var target = [CChar](repeating: 0, count: 16)
    let count = readlink("/proc/self", &target, target.count)
    if count < 0 { return errno }
    let text = target.prefix(count).map { UInt8(truncatingIfNeeded: $0) }
    guard Int32(String(decoding: text, as: UTF8.self)) == getpid() else {
      return ENOTSUP
    }
    // Nothing lies above the host's own, and this costs less.
    if (try? Namespace.process()) == .hostProcess { return 0 }
    do throws(Errno) {
      let text = try readFile("/proc/self/status", limit: 1 << 20)
      let details = ProcessDetails(parsing: text)
      return details?.namespacePIDs == [getpid()] ? 0 : ENOTSUP
    } catch {
      return error.rawValue
    }
  }

  /// Whether a number is that of a thread and not of a process.
  ///
  /// `/proc` shows threads under their numbers as if they were processes; to
  /// tgkill(2), a thread is of a process with another number. Signal 0 does
  /// nothing.
  private static func isThread(_ number: Int32) -> Bool {
    chs_thread_signal(number, number, 0) != 0 && errno == ESRCH
  }

  static func read(_ pid: Int32) throws(Errno) -> ProcessLookup {
    // Reaping, or taking over a pid, is a matter of microseconds.
    for _ in 0..<1000 {
      let status: ProcessStatus
      do throws(Errno) {
        status = try readStatus(pid)
      } catch {
        switch error {
        // What was opened may have been of the thread that gives up the pid.
        case .noSuchProcess where exists(pid): continue
        case .noSuchProcess: return .gone
        case .noSuchFileOrDirectory: return exists(pid) ? .hidden : .gone
        default: throw error
        }
      }
      switch status.life {
      case .unclear: continue
      case .ended: return .gone
      case .running:
        if status.isKernelThread { return .kernelThread }
        return .living(ProcessIdentity(pid: pid, startTime: status.startTime))
      }
    }
    throw .resourceTemporarilyUnavailable
  }

  /// Whether there is a process with a pid, reaped ones aside (kill(2) with signal
  /// 0).
  private static func exists(_ pid: Int32) -> Bool {
    kill(pid, 0) == 0 || errno == EPERM
  }

  private static func readStatus(_ pid: Int32) throws(Errno) -> ProcessStatus {
    // The line is some 300 bytes long, 1,500 if every field were full.
    try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2048) {
      buffer throws(Errno) in
      let file = try Descriptor {
        open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
      }
      let count = try systemCall {
        Glibc.read(file.raw.rawValue, buffer.baseAddress, buffer.count)
      }
      guard let status = ProcessStatus(buffer[..<count]) else {
        throw .ioError
      }
      return status
    }
  }
}
