import CHostSystem
import Synchronization
package import SystemPackage

/// A process, distinguished from every other that ever had its pid.
///
/// A pid is reused after its process has ended. Together with the start time in clock
/// ticks since boot (field 22 of `/proc/PID/stat`, proc_pid_stat(5)), it identifies one
/// process. Steps of the wall clock do not affect the start time.
package struct ProcessIdentity: Hashable, Sendable {
  /// The pid, in the pid namespace of this process.
  package let pid: Int32
  /// The start time, in clock ticks since boot.
  package let startTime: UInt64

  package init(pid: Int32, startTime: UInt64) {
    self.pid = pid
    self.startTime = startTime
  }
}

/// The result of looking up a pid.
package enum ProcessLookup: Hashable, Sendable {
  /// A process that is running, even if its first thread has exited.
  case living(ProcessIdentity)
  /// There is no such process, or only a zombie, which has ended and waits to be
  /// reaped. The number of another thread than a process's first is not a pid.
  case gone
  /// The process exists, but `/proc` does not show it (`hidepid`).
  case hidden
  /// A kernel thread, which never ends.
  case kernelThread
}

extension ProcessIdentity {
  /// Looks up a process.
  ///
  /// - Throws: `Errno.notSupported` if `/proc` is mounted for another pid namespace, or
  ///   an error of reading `/proc`, but never `Errno.noSuchProcess`.
  package static func lookUp(_ pid: Int32) throws(Errno) -> ProcessLookup {
    if pid <= 0 || isThread(pid) { return .gone }
    try requireMatchingProc()
    return try read(pid)
  }

  /// This process.
  ///
  /// It is read once and cached. A child created by fork(2) reads its own.
  ///
  /// - Throws: See ``lookUp(_:)``; `Errno.noSuchProcess` if `/proc` does not show this
  ///   process.
  package static func current() throws(Errno) -> ProcessIdentity {
    let generation = UInt(forkGeneration())
    let pid = currentPID()
    // Without a lock, because every pick calls this.
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

  /// Whether exactly this process is still running.
  ///
  /// A process that cannot be inspected counts as alive, and so does every process if
  /// `/proc` is mounted for another pid namespace. Doubt must never free a lease.
  package var isAlive: Bool {
    do throws(Errno) {
      try Self.requireMatchingProc()
      switch try Self.read(pid) {
      case .living(let identity): return identity == self
      case .gone: return false
      case .hidden, .kernelThread: return true
      }
    } catch {
      return true
    }
  }

  /// Whether there is no process with this pid any more, dead or alive.
  ///
  /// It costs one system call. A process that has ended may be a zombie, or another
  /// process may have its pid; see ``isAlive``.
  package var isGone: Bool { !Self.exists(pid) }

  /// The fork generation and start time of this process; 0 until they are known.
  private static let known = Atomic(WordPair(first: 0, second: 0))

  /// The fork generation in which `/proc` was checked, and the error number of the
  /// check; 0 until it was checked.
  private static let checkedProc = Atomic(WordPair(first: 0, second: 0))

  /// Checks that `/proc` is mounted for this process's pid namespace, so that
  /// its pids are those of this process.
  ///
  /// The result is cached.
  ///
  /// - Throws: `Errno.notSupported` if it is not, or an error of reading `/proc`.
  static func requireMatchingProc() throws(Errno) {
    let generation = UInt(forkGeneration())
    let known = checkedProc.load(ordering: .relaxed)
    let error =
      known.first == generation
      ? Int32(truncatingIfNeeded: known.second) : procError()
    // Other errors, such as a lack of descriptors, may be temporary.
    if known.first != generation, error == 0 || error == ENOTSUP {
      checkedProc.store(
        WordPair(first: generation, second: UInt(error)), ordering: .relaxed)
    }
    if error != 0 { throw Errno(rawValue: error) }
  }

  /// The error number of ``requireMatchingProc()``; 0 if `/proc` matches.
  ///
  /// In the `/proc` of a namespace above this process's, the `self` link usually has
  /// another number. It can have the same one by chance, but `NSpid` lists more than
  /// one pid there.
  private static func procError() -> Int32 {
    do throws(Errno) {
      guard Int32(try linkTarget(of: "/proc/self")) == getpid() else {
        return ENOTSUP
      }
      // No namespace is above the host's. This check costs less than the next.
      if (try? Namespace.pid()) == .hostPID { return 0 }
      let text = try readFile("/proc/self/status", limit: 1 << 20)
      let details = ProcessDetails(parsing: text)
      return details?.namespacePIDs == [getpid()] ? 0 : ENOTSUP
    } catch {
      return error.rawValue
    }
  }

  /// Whether a number belongs to a thread and not to a process.
  ///
  /// `/proc` has entries for threads as if they were processes. For tgkill(2), a thread
  /// belongs to a process with another number. Signal 0 does nothing.
  private static func isThread(_ number: Int32) -> Bool {
    chs_thread_signal(number, number, 0) != 0 && errno == ESRCH
  }

  /// Looks up a process without checking `/proc`, or whether the number belongs to a
  /// thread.
  static func read(_ pid: Int32) throws(Errno) -> ProcessLookup {
    // Reaping a process, or taking over its pid, takes microseconds.
    for _ in 0..<1000 {
      let status: ProcessStatus
      do throws(Errno) {
        status = try ProcessStatus(ofProcess: pid)
      } catch {
        switch error {
        // The file may have belonged to the thread that gave up the pid.
        case .noSuchProcess where exists(pid): continue
        case .noSuchProcess: return .gone
        case .noSuchFileOrDirectory: return exists(pid) ? .hidden : .gone
        default: throw error
        }
      }
      switch status.life {
      case .ambiguous: continue
      case .ended: return .gone
      case .running:
        if status.isKernelThread { return .kernelThread }
        return .living(ProcessIdentity(pid: pid, startTime: status.startTime))
      }
    }
    throw .resourceTemporarilyUnavailable
  }

  /// Whether a process with this pid exists and is not reaped (kill(2) with signal 0).
  ///
  /// If a security module forbids the signal, the process exists.
  static func exists(_ pid: Int32) -> Bool {
    kill(pid, 0) == 0 || errno != ESRCH
  }
}
