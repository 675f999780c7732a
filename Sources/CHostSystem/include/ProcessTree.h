// Processes that descend from a process, and programs that end together with everything
// that they start.

#ifndef PROCESS_TREE_H
#define PROCESS_TREE_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// A process and its parent.
struct chs_kin {
  pid_t pid;
  pid_t parent;
};

/// Stores the processes that descend from `root`, parents before their children, and
/// returns their number, at most `capacity`. Processes that start or end meanwhile may
/// be missing. It is async-signal-safe, allocates nothing, and never fails; without
/// `/proc`, it finds nothing.
size_t chs_descendants(pid_t root, struct chs_kin *kin, size_t capacity);

/// The variables of the environment (environ(7)).
char **chs_environment(void);

/// A program to start under a supervisor.
struct chs_program {
  /// Searched for in the caller's PATH if it has no slash (execvp(3)).
  const char *file;
  char *const *arguments;
  char *const *environment;
  /// The current directory; NULL for the caller's.
  const char *directory;
  /// In the background, the program is in a session without a terminal and a process
  /// group of its own; it reads from /dev/null and writes to `output`, and has no other
  /// descriptors, and the default signal actions. In the foreground, it stays in the
  /// caller's process group, and has the caller's streams, inheritable descriptors, and
  /// signal actions.
  int is_foreground;
  /// The standard output and standard error of a program in the background.
  int output;
  /// The signal mask of a program in the foreground.
  sigset_t mask;
  /// How long the processes have to end, from SIGTERM to SIGKILL, in nanoseconds.
  int64_t grace;
};

/// What the supervisor and its owner tell each other.
struct chs_notice {
  int32_t kind;
  int32_t value;
};

enum {
  /// To the owner: the program could not be executed; `value` is the error number.
  CHS_NOT_STARTED = 1,
  /// To the owner: the program has ended; `value` is its wait status (wait(2)).
  CHS_ENDED = 2,
  /// To the supervisor: send the program the signal `value`.
  CHS_SIGNAL = 3,
  /// To the supervisor: end all processes, with SIGTERM, then SIGKILL.
  CHS_END = 4,
  /// To the supervisor: end all processes with SIGKILL.
  CHS_KILL = 5,
};

/// Starts a program under a supervisor, which ends the program and everything that
/// descends from it when it is told so, or when the caller's process ends, even by
/// SIGKILL. Daemons do not escape: the supervisor is their reaper
/// (PR_SET_CHILD_SUBREAPER).
///
/// The supervisor ends when it has no descendant left. In the foreground, it ends when
/// the program exits, and leaves the program's descendants alone, unless it is ending
/// them; if a signal ends the program, it ends them. A second process, its guard, ends
/// everything if the supervisor itself is killed.
///
/// Returns the caller's end of a socket (SOCK_SEQPACKET, close-on-exec) for `struct
/// chs_notice`. It reports end-of-file when the supervisor and its guard have ended.
/// `*guard` is then to be reaped with waitpid(2) and __WALL. The caller gets no SIGCHLD
/// for it, and other calls of wait(2) do not see it.
///
/// Between clone(2) and execve(2), the children make only async-signal-safe calls, so
/// programs with several threads may call this.
int chs_supervise(const struct chs_program *program, pid_t *guard);

#endif
