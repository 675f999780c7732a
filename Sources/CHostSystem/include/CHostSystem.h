// Linux system calls and constants that Swift's Glibc module does not have.
//
// Names have the prefix `chs_`. Declarations that need `_GNU_SOURCE` are used only in
// the `.c` file. Unless documented otherwise, a function returns -1 and sets `errno` on
// failure, like the call that it wraps.

#ifndef C_HOST_SYSTEM_H
#define C_HOST_SYSTEM_H

// SwiftPM compiles this target before those that use it. On another system, this is the
// one error that it reports: everything else is left out.
#ifndef __linux__
#error swift-portpicker needs Linux; make your dependency on it conditional: condition: .when(platforms: [.linux])
#else

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "ProcessTree.h"

/// gettid(2).
pid_t chs_thread_id(void);

/// A number above 0 that is constant in a process, and differs in each child created by
/// fork(2), or by clone(2) without CLONE_VM. It never fails and takes no lock. It costs
/// no system call, except if the kernel cannot wipe memory in a child (MADV_WIPEONFORK,
/// Linux 4.14).
uint64_t chs_fork_generation(void);

/// Starts a detached thread in which all signals are blocked (pthread_create(3)). Its
/// stack has `stack_size` bytes, or the default size if the program's thread-local
/// variables need more. Returns 0 or an error number, and does not set `errno`.
int chs_start_thread(size_t stack_size, void *(*body)(void *), void *argument);

/// SO_NETNS_COOKIE: the cookie of the network namespace that a socket was created in; 0
/// if the kernel has none (before Linux 5.14).
uint64_t chs_netns_cookie(int socket);

/// tgkill(2).
int chs_thread_signal(pid_t process, pid_t thread, int signal);

/// pidfd_open(2). The descriptor is close-on-exec. It becomes readable when the process
/// exits, before the process is reaped.
int chs_pidfd_open(pid_t pid);

/// epoll_create1(2). The descriptor is close-on-exec.
int chs_epoll_create(void);

/// EPOLL_CTL_ADD: reports the descriptor under `token` while it is readable or its peer
/// has hung up (EPOLLIN, level-triggered).
int chs_epoll_add(int epoll, int descriptor, uint64_t token);

/// EPOLL_CTL_MOD: reports the descriptor under `token` while it is readable, if
/// `reading`, or writable, if `writing`, or its peer has hung up.
int chs_epoll_change(int epoll, int descriptor, int reading, int writing,
                     uint64_t token);

/// EPOLL_CTL_DEL.
int chs_epoll_remove(int epoll, int descriptor);

/// epoll_wait(2). Stores the tokens of ready descriptors and returns their number.
/// `timeout` is in milliseconds, or -1 for none.
int chs_epoll_wait(int epoll, uint64_t *tokens, int capacity, int timeout);

/// accept4(2) without the peer's address. The descriptor is close-on-exec and
/// nonblocking.
int chs_accept(int listener);

/// SO_PEERCRED: the pid, in this process's pid namespace (0 if outside it), and the
/// effective user of the process on the other end of a Unix socket when it connected or
/// listened.
int chs_peer_credentials(int socket, pid_t *pid, uid_t *uid);

/// SO_PEERPIDFD: a pidfd of that process (ENOPROTOOPT before Linux 6.5). The descriptor
/// is close-on-exec.
int chs_peer_pidfd(int socket);

/// signalfd(2). The descriptor is close-on-exec and nonblocking.
int chs_signal_open(const sigset_t *signals);

/// The next signal of a signalfd; -1 with EAGAIN if none is pending.
int chs_signal_next(int descriptor);

/// The next signal of a signalfd, and in `*code` how it was sent (sigaction(2)); -1 with
/// EAGAIN if none is pending.
int chs_signal_next_code(int descriptor, int *code);

/// pipe2(2). Both ends are close-on-exec; the read end is nonblocking.
int chs_pipe(int *read_end, int *write_end);

/// eventfd(2). The descriptor is close-on-exec and nonblocking.
int chs_eventfd(void);

/// renameat2(2) with RENAME_NOREPLACE: fails with EEXIST if `to` exists.
int chs_rename_noreplace(const char *from, const char *to);

/// renameat2(2) with RENAME_EXCHANGE: exchanges two names atomically.
int chs_rename_exchange(const char *one, const char *other);

/// Gives a file the extended attributes of another one (xattr(7)), and its access control
/// list (acl(5)), or none if it has none. Those that only the system may set, and does
/// set, are left as they are (`security.` and `trusted.`).
int chs_copy_attributes(int from, int to);

/// Starts a background process in a session of its own. Of the caller's descriptors, it
/// keeps only `kept`, which must be in ascending order. It ends after `timeout`, or when
/// `pidfd` becomes readable, which must be in `kept` (-1 for none). Returns its pid
/// after it has closed all other descriptors.
///
/// Between fork(2) and _exit(2), the child makes only async-signal-safe calls, so
/// programs with several threads may call this.
pid_t chs_hold_in_background(const int *kept, size_t count, int pidfd,
                             const struct timespec *timeout);

#endif
#endif
