import CHostSystem
import Synchronization

/// The user whose rights this process acts with (geteuid(2)).
package func effectiveUserID() -> UInt32 { geteuid() }

/// The pid of this process.
package func currentPID() -> Int32 { getpid() }

/// Which process this is, among itself and the processes that it descends from:
/// memory that was written under another number is a parent's, copied by fork(2).
///
/// State that is kept with this number needs no lock to tell that it is stale, so a
/// child of a process with threads can tell it although a thread that is gone may
/// hold the lock. It costs no system call (`MADV_WIPEONFORK`, madvise(2)).
package func forkGeneration() -> UInt64 { chs_fork_generation() }

/// The number of this thread (gettid(2)), which no other thread or process of this
/// pid namespace has.
package func currentThreadID() -> Int32 { chs_thread_id() }

/// The pid of this process's parent; 0 where that is outside of this pid
/// namespace.
package func parentPID() -> Int32 { getppid() }

/// Lets a write past the limit on the size of files fail with
/// `Errno.fileTooLarge` instead of ending this process (`SIGXFSZ`, setrlimit(2)).
///
/// From then on a write need not ask for the limit before it is made.
package func reportFileSizeLimit() {
  let before = signal(SIGXFSZ, SIG_IGN)
  fileSizeLimitEndsProcess.store(
    unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_DFL, to: Int.self),
    ordering: .relaxed)
  isFileSizeLimitReported.store(true, ordering: .relaxed)
}

/// Undoes ``reportFileSizeLimit()``, for the program that this process becomes.
func restoreFileSizeLimit() {
  isFileSizeLimitReported.store(false, ordering: .relaxed)
  if fileSizeLimitEndsProcess.load(ordering: .relaxed) {
    signal(SIGXFSZ, SIG_DFL)
  }
}

/// Whether a write past the limit on the size of files is an error by itself.
let isFileSizeLimitReported = Atomic<Bool>(false)
private let fileSizeLimitEndsProcess = Atomic<Bool>(false)

/// Ends this process with an exit code (exit(3)).
package func exitProcess(with code: Int32) -> Never { exit(code) }
