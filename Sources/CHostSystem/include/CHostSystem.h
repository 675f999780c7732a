// The calls and constants of Linux that Swift's Glibc module does not show.
//
// Prototypes are prefixed with `chs_`; what needs `_GNU_SOURCE` stays in the
// `.c` file. Every function sets `errno` and returns -1 on failure, as the
// call behind it does.

#ifndef C_HOST_SYSTEM_H
#define C_HOST_SYSTEM_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/// gettid(2).
pid_t chs_thread_id(void);

/// A number above 0 that stays the same in a process, and is another in each child
/// that it makes by fork(2) or clone(2) without CLONE_VM. It costs no system call,
/// and takes no lock, except where the kernel cannot wipe memory in a child
/// (MADV_WIPEONFORK, Linux 4.14). It never fails.
uint64_t chs_fork_generation(void);

/// Starts a detached thread in which all signals are blocked (pthread_create(3)).
/// It has `stack_size` bytes of stack, or the default if thread-local variables
/// of the program need more. Returns 0 or an error number; does not set `errno`.
int chs_start_thread(size_t stack_size, void *(*body)(void *), void *argument);

/// SO_NETNS_COOKIE: the number of the network namespace that a socket was made
/// in; 0 where the kernel does not say.
uint64_t chs_netns_cookie(int socket);

/// tgkill(2).
int chs_thread_signal(pid_t process, pid_t thread, int signal);

/// pidfd_open(2). The descriptor is close-on-exec and turns readable when the
/// process exits, before it is reaped.
int chs_pidfd_open(pid_t pid);

/// epoll_create1(2). The descriptor is close-on-exec.
int chs_epoll_create(void);

/// Has the descriptor reported, under `token`, whenever it can be read or its
/// peer has hung up: EPOLL_CTL_ADD with EPOLLIN, level-triggered.
int chs_epoll_add(int epoll, int descriptor, uint64_t token);

/// Has a descriptor that is reported already reported whenever it can be read,
/// if wanted, or written to, if wanted, or its peer has hung up: EPOLL_CTL_MOD.
int chs_epoll_change(int epoll, int descriptor, int reading, int writing,
                     uint64_t token);

/// EPOLL_CTL_DEL.
int chs_epoll_remove(int epoll, int descriptor);

/// epoll_wait(2). Stores the tokens of what is ready and returns how many there
/// are; `timeout` is in milliseconds, -1 for none.
int chs_epoll_wait(int epoll, uint64_t *tokens, int capacity, int timeout);

/// accept4(2) without the peer's address. The descriptor is close-on-exec and
/// does not block.
int chs_accept(int listener);

/// SO_PEERCRED: the process on the other end of a unix socket, when it
/// connected or listened, in this process's pid namespace (0 if it is not in
/// it), and its effective user.
int chs_peer_credentials(int socket, pid_t *pid, uid_t *uid);

/// SO_PEERPIDFD: a pidfd of that process (Linux 6.5; ENOPROTOOPT before). The
/// descriptor is close-on-exec.
int chs_peer_pidfd(int socket);

/// signalfd(2). The descriptor is close-on-exec and does not block.
int chs_signal_open(const sigset_t *signals);

/// The next signal that a signalfd has; -1 with EAGAIN if there is none.
int chs_signal_next(int descriptor);

/// renameat2(2) with RENAME_NOREPLACE: fails with EEXIST where `to` is taken.
int chs_rename_without_replacing(const char *from, const char *to);

/// renameat2(2) with RENAME_EXCHANGE: each file gets the other's name at once.
int chs_exchange_names(const char *one, const char *other);

/// Starts a background process in a session of its own that has none of the
/// caller's descriptors but `kept`, which are in ascending order, and keeps
/// them open until `timeout` is over or `pidfd`, one of `kept` (-1 for none),
/// turns readable. Returns its pid, once it is as described.
///
/// Between fork(2) and _exit(2) the child makes only async-signal-safe calls,
/// so a program with several threads may call this.
pid_t chs_hold_in_background(const int *kept, size_t count, int pidfd,
                             const struct timespec *timeout);

#endif
