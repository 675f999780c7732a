// What tests do to processes that Swift's Glibc does not show.

#ifndef C_TEST_SUPPORT_H
#define C_TEST_SUPPORT_H

#include <sys/types.h>

/// From now on socket(2) fails with EAFNOSUPPORT in this process where it is
/// asked for IPv6, as on a kernel that has none. Returns -1 and sets `errno`
/// where seccomp(2) is not to be had.
int cts_forbid_ipv6(void);

/// From now on pidfd_open(2) fails with EPERM in this process and its children.
/// Returns -1 and sets `errno` if seccomp(2) is not available.
int cts_forbid_pidfd_open(void);

/// Puts the calling thread into a network namespace of its own, in which only
/// loopback is up. Returns -1 and sets `errno` where that is not allowed.
int cts_enter_network(void);

/// Has the children of the calling thread be in a pid namespace of their own,
/// the first of them as its pid 1. Returns -1 and sets `errno` where that is not
/// allowed.
int cts_enter_pid_namespace(void);

/// The number of the calling thread (gettid(2)).
pid_t cts_thread_number(void);

/// Starts a process that has ended when this returns and is not reaped yet.
/// Reap it with cts_end().
pid_t cts_start_zombie(void);

/// Starts a process whose first thread has ended while another one goes on.
/// End it with cts_end().
pid_t cts_start_headless(void);

/// Starts a process whose memory map is locked for as long as it lives, so that
/// a read of its /proc/PID/cmdline does not return before its end. Its name is
/// "unreadable". Returns -1 and sets `errno` where that cannot be made, which
/// takes /dev/fuse and the right to mount(2). End it with cts_end().
pid_t cts_start_unreadable(void);

/// Starts a process that, when cts_change() tells it to, runs another program in
/// its place, from another thread than its first. End it with cts_end().
pid_t cts_start_changeling(int *control);

/// Has such a process run the other program; it does when this returns.
void cts_change(int control);

/// Starts a process that runs itself anew (execve(2)) from another thread than
/// its first, so many times, and then stays. It keeps its pid and its start time.
/// End it with cts_end().
pid_t cts_start_thread_execs(long count);

/// Whether such a process has done so as many times as it was told to.
int cts_has_run_all(pid_t process);

/// Starts a process in as many groups, with numbers of ten digits. End it with
/// cts_end(). Returns -1 and sets `errno` where that is not allowed.
pid_t cts_start_in_groups(int count);

/// Starts a process that acts as a user and may become root's again; it does when
/// cts_change() tells it to. End it with cts_end().
pid_t cts_start_climber(int *control, uid_t user);

/// Starts a process of a user that asks a port server for ports for processes, one
/// after another, over and over, and takes no notice of what it gets. End it with
/// cts_end().
pid_t cts_start_asking(const char *address, uid_t user, const pid_t *pids,
                       size_t count);

/// Whether a process is in bind(2), or stopped by its tracer before that.
int cts_is_binding(pid_t process);

/// Starts a port server in a pid namespace of its own. A process there connects to
/// it and ends, another one gets its pid, and the connection is asked on for a
/// third one; what is asked is the pid, if `request` is empty. Stores all that is
/// answered and returns how many bytes that is, or -1 with `errno`.
int cts_ask_for_the_dead(char *const server[], const char *address,
                         const char *request, char *reply, size_t size);

/// Starts a process that exits with a status when its control is closed. Reap
/// it with cts_wait() or cts_end().
pid_t cts_start_ending(int *control, int status);

/// Waits until a child has ended and does not reap it.
void cts_await_end(pid_t child);

/// Starts a program with nothing on its standard input and with pipes, whose
/// ends for reading are returned, on its standard output and standard error. It
/// inherits nothing else, and nobody else inherits the pipes: a copy of one in
/// another program would keep its end of file from us. Returns its pid.
pid_t cts_start(const char *path, char *const argv[], char *const envp[],
                int *output, int *errors);

/// Has a new process send a request to a port server, its own pid if that is
/// empty, and receive all that is answered, up to 64 kB. It does so as a user,
/// and, if wanted, in a pid namespace of its own, in which its own number is 2.
/// Returns how many bytes were answered, or -1 with `errno` if it could not ask.
int cts_talk(const char *address, const char *request, uid_t user,
             int in_container, char *reply, size_t size);

/// Has a new process ask a port server for a port: for the process with this
/// number, or for itself if that is 0. It does so as cts_talk() does. Returns the
/// port, 0 if it was refused, or -1 with `errno` if it could not ask.
int cts_ask(const char *address, pid_t pid, uid_t user, int in_container);

/// From now on the calling thread, and no other, acts with a user's rights.
/// Returns -1 and sets `errno` where it may not.
int cts_act_as(uid_t user);

/// Runs `body` in a new process of a pid namespace of its own that has the same
/// number in there and out here, and that sees the /proc of out here. Returns what
/// `body` returned, or -1 with `errno` where such a process cannot be made.
int cts_run_as_namesake(int (*body)(void));

/// fork(2), which Swift does not show.
pid_t cts_fork(void);

/// Waits for a child's end and reaps it. Returns its exit status, or, if a
/// signal ended it, the signal's number plus 128, as a shell does.
int cts_wait(pid_t child);

/// Kills a child of this process and reaps it.
void cts_end(pid_t child);

/// Runs a program and kills it with SIGKILL at its `limit`th system call that
/// comes after one that opened a file whose path ends in `path_suffix`, just
/// before the kernel carries that call out. Returns 1 if the program was
/// killed, 0 if it ended before, -1 with `errno` where ptrace(2) is not to be
/// had.
int cts_run_killed(const char *path, char *const argv[], char *const envp[],
                   const char *path_suffix, long limit);

#endif
