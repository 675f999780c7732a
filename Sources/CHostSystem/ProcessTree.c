#define _GNU_SOURCE

#ifdef __linux__

#include "ProcessTree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "CHostSystem.h"
#include "Internal.h"

// Everything here is async-signal-safe, because it runs in children of processes that
// may have several threads. The children therefore also do without fork(3), which takes
// locks.

// MARK: - Descendants

// Appends to a path. The callers' buffers are large enough for their numbers.
static char *append(char *end, const char *text) {
  size_t length = strlen(text);
  memcpy(end, text, length + 1);
  return end + length;
}

static char *append_number(char *end, pid_t number) {
  char digits[12];
  int count = 0;
  do {
    digits[count++] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  while (count > 0) *end++ = digits[--count];
  *end = 0;
  return end;
}

// The number at the beginning of a text; 0 if there is none.
static pid_t number_in(const char *text) {
  pid_t number = 0;
  for (; *text >= '0' && *text <= '9' && number < 100000000; text++)
    number = 10 * number + (*text - '0');
  return number;
}

// The parent of a process (proc_pid_stat(5)); -1 if it cannot be read.
static pid_t parent_of(pid_t pid) {
  char path[64], text[512];
  append(append_number(append(path, "/proc/"), pid), "/stat");
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t count = read(file, text, sizeof text - 1);
  close(file);
  if (count <= 0) return -1;
  text[count] = 0;
  // The name, which may contain anything, is in parentheses; ") S 4242 …" follows.
  const char *name_end = strrchr(text, ')');
  if (name_end == NULL || strlen(name_end) < 5) return -1;
  return number_in(name_end + 4);
}

struct listing {
  struct chs_kin *kin;
  size_t count;
  size_t capacity;
};

static void add(struct listing *listing, pid_t pid, pid_t parent) {
  for (size_t i = 0; i < listing->count; i++)
    if (listing->kin[i].pid == pid) return;
  if (listing->count < listing->capacity)
    listing->kin[listing->count++] = (struct chs_kin){pid, parent};
}

// As the kernel returns them (getdents64(2)).
struct directory_entry {
  uint64_t inode;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

// Calls `body` with each number that is a name in a directory. Returns whether the
// directory can be read.
static int for_each_number(const char *path,
                           void (*body)(pid_t number, void *context),
                           void *context) {
  int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return 0;
  _Alignas(struct directory_entry) char buffer[4096];
  long count;
  while ((count = syscall(SYS_getdents64, directory, buffer, sizeof buffer)) > 0)
    for (long at = 0; at < count;) {
      const struct directory_entry *entry = (const void *)(buffer + at);
      pid_t number = number_in(entry->name);
      if (number > 0) body(number, context);
      at += entry->length;
    }
  close(directory);
  return 1;
}

struct thread_search {
  struct listing *listing;
  pid_t process;
  int is_missing;
};

// Adds the children that a thread of a process has started
// (proc_pid_task_tid_children(5)).
static void add_children_of_thread(pid_t thread, void *context) {
  struct thread_search *search = context;
  char path[96];
  append(append_number(append(append_number(append(path, "/proc/"),
                                            search->process),
                              "/task/"),
                       thread),
         "/children");
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    if (errno == ENOENT) search->is_missing = 1;
    return;
  }
  char buffer[4096];
  pid_t number = 0;
  ssize_t count;
  while ((count = read(file, buffer, sizeof buffer)) > 0)
    for (ssize_t i = 0; i < count; i++) {
      if (buffer[i] >= '0' && buffer[i] <= '9') {
        number = 10 * number + (buffer[i] - '0');
      } else {
        if (number > 0) add(search->listing, number, search->process);
        number = 0;
      }
    }
  if (number > 0) add(search->listing, number, search->process);
  close(file);
}

static void add_children(struct listing *listing, pid_t process) {
  char path[64];
  append(append_number(append(path, "/proc/"), process), "/task");
  struct thread_search search = {listing, process, 0};
  for_each_number(path, add_children_of_thread, &search);
}

struct parent_search {
  struct listing *listing;
  pid_t root;
};

static void add_if_kin(pid_t pid, void *context) {
  struct parent_search *search = context;
  pid_t parent = parent_of(pid);
  if (parent <= 0) return;
  int is_kin = parent == search->root;
  for (size_t i = 0; i < search->listing->count && !is_kin; i++)
    is_kin = search->listing->kin[i].pid == parent;
  if (is_kin) add(search->listing, pid, parent);
}

// Whether the kernel lists the children of threads (CONFIG_PROC_CHILDREN).
static int has_children_files(void) {
  char path[64];
  append(append_number(append(path, "/proc/self/task/"), chs_thread_id()),
         "/children");
  return access(path, F_OK) == 0;
}

size_t chs_descendants(pid_t root, struct chs_kin *kin, size_t capacity) {
  struct listing listing = {kin, 0, capacity};
  if (has_children_files()) {
    add_children(&listing, root);
    for (size_t i = 0; i < listing.count; i++)
      add_children(&listing, kin[i].pid);
    return listing.count;
  }
  // A child may be listed before its parent.
  struct parent_search search = {&listing, root};
  size_t before;
  do {
    before = listing.count;
    for_each_number("/proc", add_if_kin, &search);
  } while (listing.count > before);
  return listing.count;
}

// MARK: - Signals to all descendants

enum { MAXIMUM = 4096 };

// Sends a signal to a descendant, and never to another process that has its pid by now.
static void signal_kin(struct chs_kin kin, int number) {
  int process = chs_pidfd_open(kin.pid);
  if (process < 0) return;
  // Whoever has this parent descends from this process, too.
  pid_t parent = parent_of(kin.pid);
  if (parent == kin.parent || parent == getpid())
    syscall(SYS_pidfd_send_signal, process, number, NULL, 0);
  close(process);
}

static void kill_descendants(void) {
  static struct chs_kin kin[MAXIMUM];
  size_t count = chs_descendants(getpid(), kin, MAXIMUM);
  for (size_t i = 0; i < count; i++) signal_kin(kin[i], SIGKILL);
}

// Sends SIGTERM to each descendant that has not had it: a second one makes some programs
// skip their cleanup.
static void terminate_descendants(void) {
  static struct chs_kin kin[MAXIMUM];
  static pid_t known[MAXIMUM];
  static size_t known_count;
  size_t count = chs_descendants(getpid(), kin, MAXIMUM);
  for (size_t i = 0; i < count; i++) {
    int is_known = 0;
    for (size_t j = 0; j < known_count && !is_known; j++)
      is_known = known[j] == kin[i].pid;
    if (is_known || known_count == MAXIMUM) continue;
    known[known_count++] = kin[i].pid;
    signal_kin(kin[i], SIGTERM);
    // A stopped process would not notice.
    signal_kin(kin[i], SIGCONT);
  }
}

// MARK: - The supervisor and its guard

char **chs_environment(void) { return environ; }

// The caller's action for SIGCHLD, which the guard replaces.
static void (*caller_child_action)(int);

// clone(2) as fork(2) does it, without the locks of the C library.
static pid_t clone_process(int exit_signal) {
  return (pid_t)syscall(SYS_clone, (long)exit_signal, 0L, 0L, 0L, 0L);
}

static void notify(int control, int32_t kind, int32_t value) {
  struct chs_notice notice = {kind, value};
  // It fails if the owner has ended.
  (void)!send(control, &notice, sizeof notice, MSG_NOSIGNAL);
}

static void use_null_device(int descriptor) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) {
    close(descriptor);
    return;
  }
  if (null == descriptor) return;
  dup2(null, descriptor);
  close(null);
}

// Keeps no descriptor but these two; `owner` may be -1.
static void keep_descriptors(int control, int owner) {
  int kept[2] = {control < owner ? control : owner,
                 control < owner ? owner : control};
  int has_owner = owner >= 0;
  // The last one is closed last; there is none.
  chs_close_all_but(has_owner ? kept : kept + 1, has_owner ? 2 : 1, 1 << 30);
  for (int stream = 0; stream <= 2; stream++)
    if (stream != control && stream != owner) use_null_device(stream);
}

static void use_default_signal_actions(void) {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
}

static _Noreturn void become_program(const struct chs_program *program,
                                     int control, pid_t supervisor) {
  sigset_t mask = program->mask;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != supervisor) _exit(127);
  if (program->is_foreground) {
    // The caller ignores it, to get an error instead.
    signal(SIGXFSZ, SIG_DFL);
    if (caller_child_action == SIG_IGN) signal(SIGCHLD, SIG_IGN);
  } else {
    setpgid(0, 0);
    use_default_signal_actions();
    sigemptyset(&mask);
    dup2(program->output, 1);
    dup2(program->output, 2);
    use_null_device(0);
    fcntl(0, F_SETFD, 0);
    int kept[4] = {0, 1, 2, control};
    chs_close_all_but(kept, 4, 1 << 30);
  }
  if (program->directory == NULL || chdir(program->directory) == 0) {
    sigprocmask(SIG_SETMASK, &mask, NULL);
    execvpe(program->file, program->arguments, program->environment);
  }
  notify(control, CHS_NOT_STARTED, errno);
  _exit(127);
}

// What a supervisor or a guard is doing.
enum phase { WATCHING, TERMINATING, KILLING };

struct watch {
  // The program, or for a guard the supervisor.
  pid_t child;
  int is_guard;
  int is_foreground;
  // Whether the child has ended, and its wait status.
  int has_ended;
  int status;
  int control;
  enum phase phase;
  int64_t grace;
  // When SIGTERM becomes SIGKILL.
  int64_t deadline;
};

static void begin_ending(struct watch *watch) {
  if (watch->phase != WATCHING) return;
  watch->phase = TERMINATING;
  watch->deadline = chs_monotonic_nanoseconds() + watch->grace;
}

// Reaps what has ended; ends this process when nothing is left to do.
static void reap(struct watch *watch) {
  pid_t pid;
  int status;
  while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
    if (pid != watch->child || watch->has_ended) continue;
    watch->has_ended = 1;
    watch->status = status;
    if (!watch->is_guard) notify(watch->control, CHS_ENDED, status);
  }
  if (pid < 0 && errno == ECHILD) _exit(0);
  if (!watch->has_ended) return;
  if (watch->is_guard) {
    // A supervisor that was not killed has left what is to be left.
    if (watch->status == 0) _exit(0);
    begin_ending(watch);
  } else if (watch->is_foreground && watch->phase == WATCHING) {
    if (WIFEXITED(watch->status)) _exit(0);
    begin_ending(watch);
  }
}

static void receive_order(struct watch *watch) {
  struct chs_notice order;
  ssize_t count = recv(watch->control, &order, sizeof order, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count != (ssize_t)sizeof order || order.kind == CHS_END) {
    // End-of-file: the owner no longer needs the program.
    if (count != (ssize_t)sizeof order) watch->control = -1;
    begin_ending(watch);
  } else if (order.kind == CHS_KILL) {
    watch->phase = KILLING;
  } else if (order.kind == CHS_SIGNAL && !watch->has_ended) {
    // Not reaped, so that the pid is still the program's.
    kill(watch->child, order.value);
  }
}

// Ends the descendants as far as that is due. Returns how long to wait then, in
// milliseconds; -1 for an event.
static int end_descendants(struct watch *watch) {
  if (watch->phase == TERMINATING &&
      chs_monotonic_nanoseconds() >= watch->deadline)
    watch->phase = KILLING;
  switch (watch->phase) {
    case WATCHING: return -1;
    case TERMINATING: terminate_descendants(); return 20;
    case KILLING: kill_descendants(); return 5;
  }
  return -1;
}

// Waits until nothing is left to do. All signals are blocked.
static _Noreturn void keep_watch(struct watch *watch, int owner) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  // The guard has ended, or somebody asks for it.
  if (!watch->is_guard) sigaddset(&signals, SIGTERM);
  int signal_queue = chs_signal_open(&signals);
  // Without one, look from time to time.
  int longest = signal_queue < 0 ? 10 : -1;
  for (;;) {
    reap(watch);
    int timeout = end_descendants(watch);
    if (timeout < 0) timeout = longest;
    struct pollfd events[3] = {
        {.fd = signal_queue, .events = POLLIN},
        {.fd = owner, .events = POLLIN},
        {.fd = watch->is_guard ? -1 : watch->control, .events = POLLIN}};
    if (poll(events, 3, timeout) <= 0) continue;
    int number;
    while (signal_queue >= 0 && (number = chs_signal_next(signal_queue)) > 0)
      if (number == SIGTERM) begin_ending(watch);
    if (events[1].revents != 0) {
      begin_ending(watch);
      owner = -1;
    }
    if (events[2].revents != 0) receive_order(watch);
  }
}

static _Noreturn void supervise(const struct chs_program *program, int control,
                                int owner, pid_t guard) {
  prctl(PR_SET_NAME, "pp-supervisor");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != guard) _exit(0);
  pid_t self = getpid();
  pid_t child = clone_process(SIGCHLD);
  if (child == 0) become_program(program, control, self);
  if (child < 0) {
    notify(control, CHS_NOT_STARTED, errno);
    _exit(0);
  }
  keep_descriptors(control, owner);
  // Signals to the foreground are for the program.
  if (program->is_foreground) setpgid(0, 0);
  struct watch watch = {.child = child,
                        .is_foreground = program->is_foreground,
                        .control = control,
                        .grace = program->grace};
  keep_watch(&watch, owner);
}

// Closes the descriptors that neither a server nor the processes that watch it need.
//
// The caller's descriptors are copied to a child, those of its other threads included. A
// port that such a thread probes cannot be bound until the copy is closed.
static void close_unneeded(const struct chs_program *program, int control,
                           int owner) {
  int kept[6] = {0, 1, 2, control, owner, program->output};
  for (int i = 3; i < 6; i++)
    for (int j = i; j > 3 && kept[j] < kept[j - 1]; j--) {
      int other = kept[j];
      kept[j] = kept[j - 1];
      kept[j - 1] = other;
    }
  chs_close_all_but(kept, 6, 1 << 30);
}

static _Noreturn void guard_supervisor(const struct chs_program *program,
                                       int control, int owner) {
  // A program in the foreground inherits descriptors.
  if (!program->is_foreground) {
    close_unneeded(program, control, owner);
    setsid();
  }
  prctl(PR_SET_NAME, "pp-guard");
  // If it were ignored, children would not wait to be reaped.
  caller_child_action = signal(SIGCHLD, SIG_DFL);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t self = getpid();
  pid_t supervisor = clone_process(SIGCHLD);
  if (supervisor == 0) supervise(program, control, owner, self);
  if (supervisor < 0) {
    notify(control, CHS_NOT_STARTED, errno);
    _exit(0);
  }
  keep_descriptors(control, -1);
  if (program->is_foreground) setpgid(0, 0);
  struct watch watch = {.child = supervisor,
                        .is_guard = 1,
                        .control = control,
                        .grace = program->grace};
  keep_watch(&watch, -1);
}

// Moves a descriptor out of the way of the standard streams.
static int above_streams(int descriptor) {
  if (descriptor < 0 || descriptor > 2) return descriptor;
  int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  int error = errno;
  close(descriptor);
  errno = error;
  return moved;
}

int chs_supervise(const struct chs_program *program, pid_t *guard) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return -1;
  for (int i = 0; i < 2; i++)
    if ((ends[i] = above_streams(ends[i])) < 0) {
      int error = errno;
      close(ends[1 - i]);
      errno = error;
      return -1;
    }
  int owner = above_streams(chs_pidfd_open(getpid()));
  // A signal must not run the caller's handlers in the children.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  // Without an exit signal, the caller's own wait(2) does not see the child.
  pid_t child = owner < 0 ? -1 : clone_process(0);
  if (child == 0) {
    close(ends[0]);
    guard_supervisor(program, ends[1], owner);
  }
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(ends[1]);
  if (owner >= 0) close(owner);
  if (child < 0) {
    close(ends[0]);
    errno = error;
    return -1;
  }
  *guard = child;
  return ends[0];
}

#endif
