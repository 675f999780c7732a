import CHostSystem
import Synchronization

/// The effective user of this process (geteuid(2)).
package func effectiveUserID() -> UInt32 { geteuid() }

/// The pid of this process, read once in each process (getpid(2)).
package func currentPID() -> Int32 {
  let generation = UInt(forkGeneration())
  let known = knownPID.load(ordering: .relaxed)
  if known.first == generation {
    return Int32(truncatingIfNeeded: known.second)
  }
  let pid = getpid()
  knownPID.store(
    WordPair(first: generation, second: UInt(pid)), ordering: .relaxed)
  return pid
}

/// The fork generation and pid of this process; 0 before they are known.
private let knownPID = Atomic(WordPair(first: 0, second: 0))

/// The pid of this process's parent; 0 if the parent is outside this pid namespace.
package func parentPID() -> Int32 { getppid() }

/// The number of this thread (gettid(2)), unique in this pid namespace among threads
/// and processes.
package func currentThreadID() -> Int32 { chs_thread_id() }

/// A number that differs between this process and the processes it was forked from.
///
/// Memory that was written under another number belongs to a parent, and was copied by
/// fork(2). State stored with this number can be recognized as stale without a lock,
/// which matters because a thread that does not exist in the child may hold it. Reading
/// the number costs no system call (`MADV_WIPEONFORK`, madvise(2)).
package func forkGeneration() -> UInt64 { chs_fork_generation() }

/// Ends this process with an exit code (exit(3)).
package func exitProcess(with code: Int32) -> Never { exit(code) }
