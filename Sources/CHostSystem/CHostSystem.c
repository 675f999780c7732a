#define _GNU_SOURCE

#include "CHostSystem.h"

#ifdef __linux__

#include "Internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

pid_t chs_thread_id(void) { return gettid(); }

uint64_t chs_fork_generation(void) {
  static _Atomic(_Atomic uint64_t *) shared_page;
  // Not wiped: a child continues its parent's count.
  static _Atomic uint64_t last;
  _Atomic uint64_t *page = atomic_load(&shared_page);
  if (page == NULL) {
    void *fresh = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    // A pid is almost as good, but costs a call each time.
    if (fresh == MAP_FAILED) return (uint64_t)getpid();
    if (madvise(fresh, sizeof *page, MADV_WIPEONFORK) != 0) {
      munmap(fresh, sizeof *page);
      return (uint64_t)getpid();
    }
    if (atomic_compare_exchange_strong(&shared_page, &page, fresh))
      page = fresh;
    else
      munmap(fresh, sizeof *page);
  }
  uint64_t generation = atomic_load(page);
  if (generation != 0) return generation;
  uint64_t next = atomic_fetch_add(&last, 1) + 1;
  return atomic_compare_exchange_strong(page, &generation, next) ? next
                                                                 : generation;
}

int chs_start_thread(size_t stack_size, void *(*body)(void *), void *argument) {
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  size_t default_size = 0;
  pthread_attr_getstacksize(&attributes, &default_size);
  pthread_attr_setstacksize(&attributes, stack_size);

  // A thread inherits its creator's signal mask.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  error = pthread_create(&thread, &attributes, body, argument);
  if (error == EINVAL) {
    // Thread-local variables are on the stack and did not fit.
    pthread_attr_setstacksize(&attributes, default_size);
    error = pthread_create(&thread, &attributes, body, argument);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return error;
}

uint64_t chs_netns_cookie(int socket) {
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0)
    return 0;
  return cookie;
}

int chs_thread_signal(pid_t process, pid_t thread, int signal) {
  return tgkill(process, thread, signal);
}

int chs_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int chs_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int chs_epoll_add(int epoll, int descriptor, uint64_t token) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = token};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

int chs_epoll_change(int epoll, int descriptor, int reading, int writing,
                     uint64_t token) {
  struct epoll_event event = {
      .events = (reading ? EPOLLIN : 0) | (writing ? EPOLLOUT : 0),
      .data.u64 = token};
  return epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event);
}

int chs_epoll_remove(int epoll, int descriptor) {
  return epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL);
}

int chs_epoll_wait(int epoll, uint64_t *tokens, int capacity, int timeout) {
  struct epoll_event events[128];
  if (capacity > 128) capacity = 128;
  int count = epoll_wait(epoll, events, capacity, timeout);
  for (int i = 0; i < count; i++) tokens[i] = events[i].data.u64;
  return count;
}

int chs_accept(int listener) {
  return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int chs_peer_credentials(int socket, pid_t *pid, uid_t *uid) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  *pid = peer.pid;
  *uid = peer.uid;
  return 0;
}

// Older headers lack it. It differs only on alpha, parisc, and sparc.
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

int chs_peer_pidfd(int socket) {
  int descriptor = -1;
  socklen_t size = sizeof descriptor;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &descriptor, &size) != 0)
    return -1;
  return descriptor;
}

int chs_signal_open(const sigset_t *signals) {
  return signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

int chs_signal_next(int descriptor) {
  int code;
  return chs_signal_next_code(descriptor, &code);
}

int chs_signal_next_code(int descriptor, int *code) {
  struct signalfd_siginfo info;
  ssize_t count = read(descriptor, &info, sizeof info);
  if (count == (ssize_t)sizeof info) {
    *code = info.ssi_code;
    return (int)info.ssi_signo;
  }
  if (count >= 0) errno = EAGAIN;
  return -1;
}

int chs_pipe(int *read_end, int *write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  // Only this end: the other one belongs to a program, which expects to block.
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  *read_end = ends[0];
  *write_end = ends[1];
  return 0;
}

int chs_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int chs_rename_noreplace(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

int chs_rename_exchange(const char *one, const char *other) {
  return renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}

// Closes the descriptors from `first` to `last`, inclusive; one by one if the kernel
// lacks close_range(2) (before Linux 5.9).
static void close_between(unsigned first, unsigned last) {
  if (first > last) return;
  if (syscall(SYS_close_range, first, last, 0) == 0) return;
  long limit = sysconf(_SC_OPEN_MAX);
  for (unsigned fd = first; fd <= last && fd < limit; fd++) close((int)fd);
}

int64_t chs_monotonic_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void chs_close_all_but(const int *kept, size_t count, int last) {
  unsigned next = 0;
  for (size_t i = 0; i <= count; i++) {
    unsigned end = i < count ? (unsigned)kept[i] : ~0u;
    if ((unsigned)last >= next && (unsigned)last < end) {
      if (last > 0) close_between(next, (unsigned)last - 1);
      next = (unsigned)last + 1;
    }
    if (end > 0) close_between(next, i < count ? end - 1 : end);
    next = end + 1;
  }
  close(last);
}

static const char access_list[] = "system.posix_acl_access";

/// Whether a failure to set an attribute means that the system has set it.
static int is_systems(const char *name) {
  return strncmp(name, "security.", 9) == 0 || strncmp(name, "trusted.", 8) == 0;
}

int chs_copy_attributes(int from, int to) {
  // The most that the kernel has of each (XATTR_LIST_MAX, XATTR_SIZE_MAX).
  const size_t size = 1 << 16;
  char *names = malloc(2 * size);
  if (names == NULL) return -1;
  char *value = names + size;
  int result = -1;
  // Without a list in the other file, it must not keep its directory's default one.
  if (fgetxattr(from, access_list, NULL, 0) < 0 &&
      fremovexattr(to, access_list) != 0 && errno != ENODATA && errno != ENOTSUP)
    goto end;
  ssize_t length = flistxattr(from, names, size);
  if (length < 0 && errno != ENOTSUP) goto end;
  for (const char *name = names; name < names + length; name += strlen(name) + 1) {
    ssize_t count = fgetxattr(from, name, value, size);
    if (count < 0 && (errno == ENODATA || is_systems(name))) continue;
    if (count < 0) goto end;
    if (fsetxattr(to, name, value, (size_t)count, 0) != 0 && !is_systems(name))
      goto end;
  }
  result = 0;
end:;
  int error = errno;
  free(names);
  errno = error;
  return result;
}

pid_t chs_hold_in_background(const int *kept, size_t count, int pidfd,
                             const struct timespec *timeout) {
  // Its read end reports end-of-file when the child has closed all other descriptors.
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) return -1;
  // A signal must not run the caller's handlers in the child.
  sigset_t all, previous;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &previous);
  pid_t child = fork();
  if (child != 0) {
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    close(ready[1]);
    char nothing;
    if (child > 0)
      while (read(ready[0], &nothing, 1) < 0 && errno == EINTR) {
      }
    close(ready[0]);
    errno = error;
    return child;
  }

  setsid();
  // Otherwise, the child would keep the caller's file system busy.
  if (chdir("/") != 0) errno = 0;
  for (int signal_number = 1; signal_number < NSIG; signal_number++)
    signal(signal_number, SIG_DFL);
  sigemptyset(&previous);
  pthread_sigmask(SIG_SETMASK, &previous, NULL);
  chs_close_all_but(kept, count, ready[1]);

  int64_t end = chs_monotonic_nanoseconds() +
                (int64_t)timeout->tv_sec * 1000000000 + timeout->tv_nsec;
  struct pollfd death = {.fd = pidfd, .events = POLLIN};
  for (;;) {
    int64_t left = end - chs_monotonic_nanoseconds();
    if (left <= 0) break;
    struct timespec wait = {.tv_sec = left / 1000000000,
                            .tv_nsec = left % 1000000000};
    if (ppoll(&death, 1, &wait, NULL) > 0) break;
  }
  _exit(0);
}

#endif
