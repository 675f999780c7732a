// What tests do to processes with calls that Swift's Glibc module does not have.
//
// Unless documented otherwise, a function returns -1 and sets `errno` on failure.

#ifndef C_TEST_SUPPORT_H
#define C_TEST_SUPPORT_H

#include <sys/types.h>

/// Makes socket(2) fail with EAFNOSUPPORT for IPv6 in this process from now on, as on a
/// kernel without IPv6. Fails if seccomp(2) is not available.
int cts_forbid_ipv6(void);

/// Makes pidfd_open(2) fail with EPERM in this process and its children from now on.
/// Fails if seccomp(2) is not available.
int cts_forbid_pidfd_open(void);

/// Puts the calling thread into a network namespace of its own, in which only loopback
/// is up. Fails if that is not permitted.
int cts_enter_network(void);

/// Puts the calling thread into a mount namespace of its own, and mounts a file system
/// in memory there. Fails if that is not permitted.
int cts_mount_memory(const char *path, const char *options);

/// Puts the future children of the calling thread into a pid namespace of their own, in
/// which the first has pid 1. Fails if that is not permitted.
int cts_enter_pid_namespace(void);

/// The number of the calling thread (gettid(2)).
pid_t cts_thread_number(void);

/// Starts a process, and returns when it has ended, before it is reaped. Reap it with
/// cts_end().
pid_t cts_start_zombie(void);

/// Starts a process whose first thread has exited while another is running. End it with
/// cts_end().
pid_t cts_start_headless(void);

/// Starts a process whose memory map stays locked while it lives, so that a read of its
/// /proc/PID/cmdline does not return before it ends. Its name is "unreadable". Fails
/// without /dev/fuse or permission to mount(2). End it with cts_end().
pid_t cts_start_unreadable(void);

/// Starts a process that executes another program from another thread than its first
/// when cts_change() tells it to. End it with cts_end().
pid_t cts_start_changeling(int *control);

/// Tells such a process to execute the other program, and returns when it has.
void cts_change(int control);

/// Starts a process that executes itself `count` times (execve(2)) from another thread
/// than its first, and then pauses. It keeps its pid and start time. End it with
/// cts_end().
pid_t cts_start_thread_execs(long count);

/// Whether such a process has executed itself `count` times.
int cts_has_run_all(pid_t process);

/// Starts a process in `count` groups, with ids of ten digits. Fails if that is not
/// permitted. End it with cts_end().
pid_t cts_start_in_groups(int count);

/// Starts a process that acts as `user` and becomes root again when cts_change() tells
/// it to. End it with cts_end().
pid_t cts_start_climber(int *control, uid_t user);

/// Starts a process of `user` that requests ports from a port server for the processes
/// in `pids`, in turn, forever, and ignores the replies. End it with cts_end().
pid_t cts_start_asking(const char *address, uid_t user, const pid_t *pids,
                       size_t count);

/// Whether a process is in bind(2), or stopped by its tracer before the call.
int cts_is_binding(pid_t process);

/// Starts a port server in a pid namespace of its own. There, a process connects to it
/// and ends, and another process gets its pid. Then the request is sent on that
/// connection; if `request` is empty, it is the pid. Stores the whole reply and returns
/// its length in bytes, or -1 with `errno`.
int cts_ask_for_the_dead(char *const server[], const char *address,
                         const char *request, char *reply, size_t size);

/// Starts a process that exits with `status` when its control is closed. Reap it with
/// cts_wait() or cts_end().
pid_t cts_start_ending(int *control, int status);

/// Waits until a child has ended, and does not reap it.
void cts_await_end(pid_t child);

/// Starts a program with an empty standard input. Its standard output and error are
/// pipes, whose read ends are stored. The program inherits no other descriptors. No
/// other program inherits the pipes, because a copy would delay their end-of-file.
/// Returns the pid.
pid_t cts_start(const char *path, char *const argv[], char *const envp[],
                int *output, int *errors);

/// Sends a request to a port server from a new process of `user`, and receives the
/// whole reply, up to 64 kB. If `request` is empty, it is the process's pid. If
/// `in_container`, the process is in a pid namespace of its own, in which its pid is 2.
/// Returns the reply's length in bytes, or -1 with `errno` if it could not ask.
int cts_talk(const char *address, const char *request, uid_t user,
             int in_container, char *reply, size_t size);

/// Requests a port from a port server as cts_talk() does, for the process `pid`, or for
/// the requesting process if that is 0. Returns the port, 0 if the server refused, or
/// -1 with `errno` if it could not ask.
int cts_ask(const char *address, pid_t pid, uid_t user, int in_container);

/// Makes `user` the effective user of the calling thread only. Fails if that is not
/// permitted.
int cts_act_as(uid_t user);

/// Runs `body` in a new process in a pid namespace of its own, in which it has the same
/// pid as outside, and sees the outer /proc. Returns the result of `body`, or -1 with
/// `errno` if such a process cannot be created.
int cts_run_as_namesake(int (*body)(void));

/// fork(2), which Swift's Glibc module does not have.
pid_t cts_fork(void);

/// Waits until a child ends, and reaps it. Returns its exit status, or 128 plus the
/// number of the signal that ended it, as a shell does.
int cts_wait(pid_t child);

int cts_set_attribute(const char *path, const char *name, const void *value,
                      size_t size);

ssize_t cts_attribute(const char *path, const char *name, void *value, size_t size);

/// Kills a child of this process and reaps it.
void cts_end(pid_t child);

/// Runs a program until it opens a file whose path ends in `path_suffix`, and kills it
/// with SIGKILL at its `limit`th system call after that other than pread(2), before the
/// kernel carries out the call. Returns 1 if the program was killed, 0 if it ended before, or -1 with
/// `errno` if ptrace(2) is not available.
int cts_run_killed(const char *path, char *const argv[], char *const envp[],
                   const char *path_suffix, long limit);

#endif
