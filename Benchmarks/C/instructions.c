// instructions PID: steps through a process until SIGTERM comes and it does
// something, and then prints how many instructions it has executed outside of the
// kernel. A system call counts as one.
//
// That is what `perf stat -e instructions:u` counts, where the machine lets it;
// virtual ones often do not.

#define _GNU_SOURCE

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t is_over;

static void end(int number) {
  (void)number;
  is_over = 1;
}

int main(int count, char **arguments) {
  if (count != 2) return 64;
  pid_t pid = atoi(arguments[1]);
  // A step is two switches: on one processor they cost a tenth.
  cpu_set_t here, before;
  sched_getaffinity(pid, sizeof before, &before);
  CPU_ZERO(&here);
  CPU_SET((size_t)sched_getcpu(), &here);
  sched_setaffinity(0, sizeof here, &here);
  sched_setaffinity(pid, sizeof here, &here);
  struct sigaction action = {.sa_handler = end};
  sigaction(SIGTERM, &action, NULL);
  int status, signal_number = 0;
  if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0 ||
      ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) != 0 ||
      waitpid(pid, &status, 0) != pid) {
    perror("ptrace");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  long steps = 0;
  while (!is_over) {
    if (ptrace(PTRACE_SINGLESTEP, pid, NULL, signal_number) != 0) return 1;
    // A step that is left halfway would end the process.
    while (waitpid(pid, &status, 0) != pid)
      if (errno != EINTR) return 1;
    if (!WIFSTOPPED(status)) return 1;
    signal_number = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
    steps++;
  }
  ptrace(PTRACE_DETACH, pid, NULL, NULL);
  sched_setaffinity(pid, sizeof before, &before);
  printf("%ld\n", steps);
  return 0;
}
