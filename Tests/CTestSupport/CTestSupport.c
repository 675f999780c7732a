#define _GNU_SOURCE

#include "CTestSupport.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fuse.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sched.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

// read(2), repeated if a signal interrupts it.
static ssize_t read_some(int descriptor, void *buffer, size_t size) {
  ssize_t count;
  while ((count = read(descriptor, buffer, size)) < 0 && errno == EINTR) {
  }
  return count;
}

// Waits for a byte, or until the other end is closed.
static void wait_for_byte(int descriptor) {
  char byte;
  read_some(descriptor, &byte, 1);
}

// Reads the first bytes of a file as a string. Returns whether there are any.
static int read_text(const char *path, char *text, size_t size) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  ssize_t count = read(descriptor, text, size - 1);
  close(descriptor);
  if (count <= 0) return 0;
  text[count] = 0;
  return 1;
}

// Waits for the number that a child writes to a pipe, and closes the pipe. Returns
// `missing` if the child ends before.
static int receive_number(int ends[2], int missing) {
  close(ends[1]);
  int number = missing;
  read_some(ends[0], &number, sizeof number);
  close(ends[0]);
  return number;
}

// fork(2) with a socket between parent and child: `*control` in each of them.
static pid_t fork_with_control(int *control) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return -1;
  pid_t child = fork();
  close(ends[child == 0 ? 0 : 1]);
  *control = ends[child == 0 ? 1 : 0];
  return child;
}

static int forbid(struct sock_filter *program, unsigned short length) {
  struct sock_fprog filter = {length, program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                      SECCOMP_FILTER_FLAG_TSYNC, &filter);
}

int cts_forbid_ipv6(void) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
               offsetof(struct seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  return forbid(program, sizeof program / sizeof *program);
}

int cts_forbid_pidfd_open(void) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  return forbid(program, sizeof program / sizeof *program);
}

int cts_enter_network(void) {
  if (unshare(CLONE_NEWNET) != 0) return -1;
  int socket_number = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_number < 0) return -1;
  struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  int result = ioctl(socket_number, SIOCSIFFLAGS, &loopback);
  close(socket_number);
  return result;
}

int cts_mount_memory(const char *path, const char *options) {
  if (unshare(CLONE_NEWNS) != 0) return -1;
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return -1;
  return mount("none", path, "tmpfs", 0, options);
}

// Starts a process that has the same pid inside and outside the pid namespace of
// which the caller is the first process.
static pid_t start_namesake(void) {
  // Some of these pids are unused.
  for (pid_t number = 20000; number < 30000; number += 7) {
    pid_t numbers[] = {number, number};
    struct clone_args arguments = {.exit_signal = SIGCHLD,
                                   .set_tid = (uint64_t)(uintptr_t)numbers,
                                   .set_tid_size = 2};
    pid_t child = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (child >= 0 || errno != EEXIST) return child;
  }
  return -1;
}

int cts_run_as_namesake(int (*body)(void)) {
  pid_t outer = fork();
  if (outer == 0) {
    if (unshare(CLONE_NEWPID) != 0) _exit(255);
    pid_t first = fork();
    if (first == 0) {
      pid_t namesake = start_namesake();
      if (namesake == 0) _exit(body());
      _exit(namesake < 0 ? 255 : cts_wait(namesake));
    }
    _exit(first < 0 ? 255 : cts_wait(first));
  }
  if (outer < 0) return -1;
  int status = cts_wait(outer);
  if (status != 255) return status;
  errno = EPERM;
  return -1;
}

int cts_enter_pid_namespace(void) { return unshare(CLONE_NEWPID); }

pid_t cts_fork(void) { return fork(); }

pid_t cts_thread_number(void) { return (pid_t)syscall(SYS_gettid); }

pid_t cts_start_zombie(void) {
  pid_t child = fork();
  if (child == 0) _exit(0);
  if (child > 0) cts_await_end(child);
  return child;
}

static void *pause_forever(void *unused) {
  (void)unused;
  for (;;) pause();
  return NULL;
}

// The state of a thread; 0 if it does not exist.
static char thread_state(pid_t pid, pid_t thread) {
  char path[64], line[512];
  snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, (int)thread);
  if (!read_text(path, line, sizeof line)) return 0;
  const char *name = strrchr(line, ')');
  return name && name[1] == ' ' ? name[2] : 0;
}

pid_t cts_start_headless(void) {
  pid_t child = fork();
  if (child == 0) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, pause_forever, NULL) != 0) _exit(1);
    // pthread_exit(3) would unwind the stack, which has Swift's frames.
    syscall(SYS_exit, 0);
  }
  if (child < 0) return -1;
  // The first thread becomes a zombie when it has ended. Nothing reports that, so its
  // state is read until it does.
  char state;
  while ((state = thread_state(child, child)) != 'Z' && state) sched_yield();
  return state ? child : -1;
}

static void *change_when_told(void *control) {
  wait_for_byte((int)(intptr_t)control);
  char *const arguments[] = {"sleep", "100000", NULL};
  execv("/bin/sleep", arguments);
  _exit(127);
  return NULL;
}

pid_t cts_start_changeling(int *control) {
  pid_t child = fork_with_control(control);
  if (child == 0) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, change_when_told,
                       (void *)(intptr_t)*control) != 0)
      _exit(1);
    for (;;) pause();
  }
  return child;
}

void cts_change(int control) {
  shutdown(control, SHUT_WR);
  // execve(2) closes the child's end when the new program has replaced the old one.
  wait_for_byte(control);
  close(control);
}

pid_t cts_start_thread_execs(long count) {
  // It is in the same directory as the program that runs this.
  char path[4096], text[32];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 32);
  if (length < 0) return -1;
  path[length] = 0;
  strcpy(strrchr(path, '/') + 1, "thread-execs");
  snprintf(text, sizeof text, "%ld", count);
  char *const arguments[] = {path, text, NULL};
  pid_t child = fork();
  if (child == 0) {
    execv(path, arguments);
    _exit(127);
  }
  return child;
}

int cts_has_run_all(pid_t process) {
  char path[64], name[16] = "";
  snprintf(path, sizeof path, "/proc/%d/comm", (int)process);
  return read_text(path, name, sizeof name) &&
         strncmp(name, "has-run-all", 11) == 0;
}

pid_t cts_start_in_groups(int count) {
  gid_t *groups = calloc((size_t)count, sizeof *groups);
  if (groups == NULL) return -1;
  for (int i = 0; i < count; i++) groups[i] = 1000000000u + (gid_t)i;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  pid_t child = fork();
  if (child == 0) {
    int error = 0;
    if (syscall(SYS_setgroups, count, groups) != 0) error = errno;
    write(ends[1], &error, sizeof error);
    for (;;) pause();
  }
  free(groups);
  int error = receive_number(ends, EPIPE);
  if (error == 0) return child;
  cts_end(child);
  errno = error;
  return -1;
}

pid_t cts_start_climber(int *control, uid_t user) {
  pid_t child = fork_with_control(control);
  if (child == 0) {
    if (syscall(SYS_setresuid, user, user, 0) != 0) _exit(1);
    char byte = 0;
    write(*control, &byte, 1);
    wait_for_byte(*control);
    if (syscall(SYS_setresuid, 0, 0, 0) != 0) _exit(1);
    close(*control);
    for (;;) pause();
  }
  wait_for_byte(*control);
  return child;
}

pid_t cts_start_ending(int *control, int status) {
  pid_t child = fork_with_control(control);
  if (child == 0) {
    wait_for_byte(*control);
    _exit(status);
  }
  return child;
}

// A minimal FUSE file system with one file, "f".
struct unreadable {
  int fuse;
  int ready;
  char *page;
};

// Answers one FUSE request. Returns whether it was a read.
static int answer_fuse(int fuse) {
  static char request[1 << 17];
  struct {
    struct fuse_out_header header;
    union {
      struct fuse_init_out init;
      struct fuse_entry_out entry;
      struct fuse_attr_out attr;
      struct fuse_open_out open;
    } body;
  } reply = {0};
  if (read(fuse, request, sizeof request) < (ssize_t)sizeof(
                                                struct fuse_in_header))
    _exit(1);
  struct fuse_in_header *in = (struct fuse_in_header *)request;
  size_t length = 0;
  struct fuse_attr file = {
      .ino = 2, .size = 4096, .mode = S_IFREG | 0444, .nlink = 1};
  switch (in->opcode) {
  case FUSE_INIT:
    reply.body.init.major = FUSE_KERNEL_VERSION;
    reply.body.init.minor = FUSE_KERNEL_MINOR_VERSION;
    reply.body.init.max_write = 4096;
    length = sizeof reply.body.init;
    break;
  case FUSE_LOOKUP:
    reply.body.entry.nodeid = 2;
    reply.body.entry.attr = file;
    length = sizeof reply.body.entry;
    break;
  case FUSE_GETATTR:
    reply.body.attr.attr = file;
    if (in->nodeid == 1)
      reply.body.attr.attr = (struct fuse_attr){
          .ino = 1, .mode = S_IFDIR | 0555, .nlink = 1};
    length = sizeof reply.body.attr;
    break;
  case FUSE_OPEN:
    length = sizeof reply.body.open;
    break;
  default:
    reply.header.error = in->opcode == FUSE_READ ? -EIO : -ENOSYS;
  }
  reply.header.unique = in->unique;
  reply.header.len = (uint32_t)(sizeof reply.header + length);
  write(fuse, &reply, reply.header.len);
  return in->opcode == FUSE_READ;
}

// Answers requests until the file is read for the second time, and then changes the
// memory map.
static void *serve_until_read(void *argument) {
  struct unreadable *state = argument;
  while (!answer_fuse(state->fuse)) {
  }
  struct pollfd next = {.fd = state->fuse, .events = POLLIN};
  while (poll(&next, 1, -1) < 0 && errno == EINTR) {
  }
  pid_t number = cts_thread_number();
  write(state->ready, &number, sizeof number);
  mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return NULL;
}

static void *touch_page(void *argument) {
  struct unreadable *state = argument;
  *(volatile char *)state->page;
  return NULL;
}

// When a thread touches a page, the kernel first reads the page without the lock of the
// memory map, and if that fails, again with the lock. This second read gets no answer.
// A thread that changes the map then waits for the lock, and all that read the map wait
// behind it. When the process is killed, the kernel drops the request, because it was
// never taken from the queue, and everything ends.
static int become_unreadable(int ready) {
  static struct unreadable state;
  state.ready = ready;
  state.fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (state.fuse < 0) return errno;
  char directory[] = "/tmp/portpicker-test-XXXXXX", path[64], options[96];
  if (!mkdtemp(directory)) return errno;
  snprintf(path, sizeof path, "%s/f", directory);
  snprintf(options, sizeof options,
           "fd=%d,rootmode=40000,user_id=0,group_id=0", state.fuse);
  if (mount("portpicker-test", directory, "fuse", MS_NOSUID | MS_NODEV,
            options) != 0) {
    int error = errno;
    rmdir(directory);
    return error;
  }
  pthread_t thread;
  int error = pthread_create(&thread, NULL, serve_until_read, &state);
  int file = error == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (error == 0 && file < 0) error = errno;
  // The file system exists as long as the file is open.
  umount2(directory, MNT_DETACH);
  rmdir(directory);
  if (error != 0) return error;
  state.page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
  if (state.page == MAP_FAILED) return errno;
  // Otherwise, the process would wait for an answer to the close when it ends.
  close(file);
  madvise(state.page, 4096, MADV_RANDOM);
  return pthread_create(&thread, NULL, touch_page, &state);
}

pid_t cts_start_unreadable(void) {
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) return -1;
  pid_t child = fork();
  if (child == 0) {
    dup2(ready[1], 3);
    close_range(4, ~0U, 0);
    prctl(PR_SET_NAME, "unreadable");
    int error = -become_unreadable(3);
    if (error != 0) {
      write(3, &error, sizeof error);
      _exit(1);
    }
    for (;;) pause();
  }
  pid_t thread = receive_number(ready, -EIO);
  // In state D, the thread waits for the lock.
  char state = 0;
  while (thread > 0 && (state = thread_state(child, thread)) != 'D' && state)
    sched_yield();
  if (state) return child;
  if (child > 0) cts_end(child);
  errno = thread < 0 ? -thread : EIO;
  return -1;
}

void cts_await_end(pid_t child) {
  siginfo_t info;
  while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) != 0)
    if (errno != EINTR) return;
}

void cts_end(pid_t child) {
  kill(child, SIGKILL);
  cts_wait(child);
}

int cts_set_attribute(const char *path, const char *name, const void *value,
                      size_t size) {
  return setxattr(path, name, value, size, 0);
}

ssize_t cts_attribute(const char *path, const char *name, void *value, size_t size) {
  return getxattr(path, name, value, size);
}

int cts_wait(pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return WIFSIGNALED(status) ? WTERMSIG(status) + 128 : WEXITSTATUS(status);
}

pid_t cts_start(const char *path, char *const argv[], char *const envp[],
                int *output, int *errors) {
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) return -1;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  // The tests may have inherited descriptors, which would count against the program's
  // limit.
#if __GLIBC_PREREQ(2, 34)
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
#endif
  // The tests may have been started with signals ignored, which programs inherit.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  pid_t child = -1;
  int error = posix_spawn(&child, path, &actions, &attributes, argv, envp);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  close(err[1]);
  *output = out[0];
  *errors = err[0];
  if (error == 0) return child;
  close(out[0]);
  close(err[0]);
  errno = error;
  return -1;
}

// Reads a string from the memory of a stopped process.
static int read_string(pid_t child, unsigned long address, char *buffer,
                       size_t size) {
  struct iovec local = {buffer, size - 1};
  struct iovec remote = {(void *)address, size - 1};
  ssize_t count = process_vm_readv(child, &local, 1, &remote, 1, 0);
  if (count <= 0) return -1;
  buffer[count] = 0;
  return 0;
}

static int ends_in(const char *text, const char *suffix) {
  size_t length = strlen(text), tail = strlen(suffix);
  return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

int cts_run_killed(const char *path, char *const argv[], char *const envp[],
                   const char *path_suffix, long limit) {
  pid_t child = fork();
  if (child < 0) return -1;
  if (child == 0) {
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(127);
    execve(path, argv, envp);
    _exit(126);
  }
  int status, has_opened = 0, failed = 0;
  long calls = 0;
  if (waitpid(child, &status, 0) < 0) return -1;
  if (!WIFSTOPPED(status)) {
    errno = EPERM;
    return -1;
  }
  ptrace(PTRACE_SETOPTIONS, child, NULL,
         PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  for (;;) {
    int signal_number = 0;
    if (WIFSTOPPED(status)) {
      if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
        struct __ptrace_syscall_info info;
        if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) < 0) {
          failed = errno;
          break;
        }
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
          // A read changes nothing: to kill before it and before the next call is
          // the same.
          if (has_opened && info.entry.nr != SYS_pread64 && ++calls == limit) {
            cts_end(child);
            return 1;
          }
          char name[4096];
          if (!has_opened && info.entry.nr == SYS_openat &&
              read_string(child, info.entry.args[1], name, sizeof name) == 0 &&
              ends_in(name, path_suffix))
            has_opened = 1;
        }
      } else if (WSTOPSIG(status) != SIGTRAP) {
        signal_number = WSTOPSIG(status);
      }
    } else {
      return 0;
    }
    if (ptrace(PTRACE_SYSCALL, child, NULL, signal_number) != 0) {
      failed = errno;
      break;
    }
    if (waitpid(child, &status, 0) < 0) return -1;
  }
  cts_end(child);
  errno = failed;
  return -1;
}

// Connects a socket to a path, or to @NAME.
static int connect_to(int client, const char *address) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  size_t length = strlen(address);
  memcpy(name.sun_path, address, length);
  if (address[0] == '@') name.sun_path[0] = 0;
  return connect(
      client, (struct sockaddr *)&name,
      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
}

// Sends a request as a user and receives the whole reply. Returns its length, or -1.
static ssize_t converse(const char *address, const char *request, uid_t user,
                        char *reply, size_t size) {
  if (setresuid(user, user, user) != 0) return -1;
  int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect_to(client, address) != 0) return -1;
  char own[32];
  snprintf(own, sizeof own, "%d\n", getpid());
  if (*request == 0) request = own;
  size_t count = strlen(request);
  if (send(client, request, count, MSG_NOSIGNAL) != (ssize_t)count) return -1;
  // In version 2, the server would otherwise wait for more requests.
  if (*request >= 'a' && *request <= 'z') shutdown(client, SHUT_WR);
  ssize_t received = recv(client, reply, size, MSG_WAITALL);
  return received < 0 && errno == ECONNRESET ? 0 : received;
}

// Sends a server's reply from a child to its parent: the length, or -1, `errno`, and
// the bytes.
static void pass_reply(int pipe, int count, const char *reply) {
  int result[2] = {count, errno};
  write(pipe, result, sizeof result);
  if (count > 0) write(pipe, reply, (size_t)count);
}

// Receives the reply that a child passes, closes the pipe, and reaps the child. Returns
// the length, or -1 with `errno`.
static int receive_reply(pid_t child, int ends[2], char *reply) {
  close(ends[1]);
  int result[2] = {-1, EPIPE};
  read_some(ends[0], result, sizeof result);
  for (int done = 0; done < result[0];) {
    ssize_t count =
        read_some(ends[0], reply + done, (size_t)(result[0] - done));
    if (count <= 0) break;
    done += (int)count;
  }
  close(ends[0]);
  cts_wait(child);
  errno = result[1];
  return result[0];
}

int cts_talk(const char *address, const char *request, uid_t user,
             int in_container, char *reply, size_t size) {
  int answer[2];
  if (pipe2(answer, O_CLOEXEC) != 0) return -1;
  pid_t outer = fork();
  if (outer < 0) return -1;
  if (outer == 0) {
    // Children are in the new namespace. The first one is its init.
    pid_t child = 0;
    if (in_container) {
      child = unshare(CLONE_NEWPID) == 0 ? fork() : -1;
      if (child == 0) child = fork();
    }
    if (child > 0) {
      cts_wait(child);
      _exit(0);
    }
    int count = -1;
    if (child == 0)
      count = (int)converse(address, request, user, reply, size);
    pass_reply(answer[1], count, reply);
    _exit(0);
  }
  return receive_reply(outer, answer, reply);
}

int cts_act_as(uid_t user) {
  // setresuid(3) would change all threads.
  return (int)syscall(SYS_setresuid, (uid_t)-1, user, (uid_t)-1);
}

int cts_ask(const char *address, pid_t pid, uid_t user, int in_container) {
  char request[32] = "";
  if (pid != 0) snprintf(request, sizeof request, "%d\n", pid);
  char reply[32];
  int count = cts_talk(address, request, user, in_container, reply,
                       sizeof reply - 1);
  if (count < 0) return -1;
  reply[count] = 0;
  return atoi(reply);
}

pid_t cts_start_asking(const char *address, uid_t user, const pid_t *pids,
                       size_t count) {
  pid_t child = fork();
  if (child != 0) return child;
  if (syscall(SYS_setresuid, user, user, user) != 0) _exit(1);
  for (size_t i = 0;; i = (i + 1) % count) {
    char text[32];
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int length = snprintf(text, sizeof text, "%d\n", (int)pids[i]);
    if (connect_to(client, address) == 0 &&
        send(client, text, (size_t)length, MSG_NOSIGNAL) == length)
      recv(client, text, sizeof text, 0);
    close(client);
  }
}

int cts_is_binding(pid_t process) {
  char path[64], line[64] = "";
  snprintf(path, sizeof path, "/proc/%d/syscall", (int)process);
  return read_text(path, line, sizeof line) && line[0] != 'r' && atol(line) == SYS_bind;
}

// Does this as the first process of a pid namespace; see cts_ask_for_the_dead().
static int ask_for_the_dead(char *const server[], const char *address,
                            const char *request, char *reply, size_t size) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("proc", "/proc", "proc", 0, NULL) != 0)
    return -1;
  pid_t child = fork();
  if (child == 0) {
    execv(server[0], server);
    _exit(127);
  }
  int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  while (connect_to(other, address) != 0) {
    if (waitpid(child, NULL, WNOHANG) != 0) return -1;
    sched_yield();
  }
  close(other);
  // The peer is the process that calls connect(2), whichever created the socket.
  int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  pid_t first = fork();
  if (first == 0) _exit(connect_to(client, address) == 0 ? 0 : 1);
  if (cts_wait(first) != 0) return -1;
  // Connections are served in order. When the second is served, the first has been
  // accepted.
  other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  char byte;
  if (connect_to(other, address) != 0 ||
      send(other, "version\n", 8, MSG_NOSIGNAL) != 8 ||
      recv(other, &byte, 1, 0) != 1)
    return -1;
  char text[32];
  int last = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
  int length = snprintf(text, sizeof text, "%d", (int)first - 1);
  if (write(last, text, (size_t)length) != length) return -1;
  pid_t second = fork();
  if (second == 0)
    for (;;) pause();
  errno = EAGAIN;
  if (second != first) return -1;
  snprintf(text, sizeof text, "%d\n", (int)second);
  if (*request == 0) request = text;
  size_t count = strlen(request);
  if (send(client, request, count, MSG_NOSIGNAL) != (ssize_t)count) return -1;
  shutdown(client, SHUT_WR);
  ssize_t received = recv(client, reply, size, MSG_WAITALL);
  return received < 0 && errno == ECONNRESET ? 0 : (int)received;
}

int cts_ask_for_the_dead(char *const server[], const char *address,
                         const char *request, char *reply, size_t size) {
  int answer[2];
  if (pipe2(answer, O_CLOEXEC) != 0) return -1;
  pid_t outer = fork();
  if (outer < 0) return -1;
  if (outer == 0) {
    pid_t inner = unshare(CLONE_NEWPID | CLONE_NEWNS) == 0 ? fork() : -1;
    if (inner > 0) _exit(cts_wait(inner));
    int count = -1;
    if (inner == 0)
      count = ask_for_the_dead(server, address, request, reply, size);
    pass_reply(answer[1], count, reply);
    // All processes in the namespace end with its first.
    _exit(0);
  }
  return receive_reply(outer, answer, reply);
}
