#ifndef PORTPICKER_H
#define PORTPICKER_H

/*
 * Network ports for tests and for development servers, each given to one process.
 *
 *   int port;
 *   char message[PP_MESSAGE_SIZE];
 *   if (pp_pick(NULL, &port, message, sizeof message) < 0)
 *       errx(1, "%s", message);
 *
 * Compile and link with `cc test.c $(pkg-config --cflags --libs portpicker)`.
 *
 * Errors. Every function that returns an int returns 0, or a negative value of
 * enum pp_error. On an error, what the other arguments point to is unchanged,
 * except the message.
 *
 * Messages. Each of these functions ends with a buffer, `message`, and its size in
 * bytes, `message_size`, which may be NULL and 0. On an error the buffer receives what is
 * wrong and what to do about it: one line of UTF-8, without a line feed, terminated by
 * NUL, and truncated if the buffer is too small. On success it receives "".
 *
 * Strings are UTF-8 and end with NUL. The library copies what it needs before a
 * function returns. Strings that it returns are constant: do not free them.
 *
 * Descriptors that a function hands out are close-on-exec, and belong to the caller,
 * who closes them with close(2).
 *
 * Threads. Every function can be called from any thread at any time, but not from a
 * signal handler. It needs at most 64 KiB of stack. A thread must not be cancelled
 * (pthread_cancel(3)) inside of one.
 *
 * Processes. A child made by fork(2) can call every function, also if its parent had
 * several threads, unless one of these was making its first calls at that moment: a
 * child inherits locks that are taken during the first calls of a process, and could wait
 * for them forever. The parent's ports stay the parent's. A process keeps its ports
 * through execve(2), and loses them when it ends, however it ends.
 *
 * The library installs no signal handlers, prints nothing, and never ends the process.
 * It retries system calls that a signal interrupts. The value of errno is unspecified
 * after each call. dlclose(3) leaves the library in memory.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version -------------------------------------------------------------- */

/* The version of this header: major * 10000 + minor * 100 + patch. */
#define PP_VERSION_NUMBER (0 * 10000 + 1 * 100 + 0)

/* The version of the library, such as "0.1.0". */
const char *pp_version(void);

/* ---- Errors --------------------------------------------------------------- */

/* What went wrong. The values never change; new ones may be added. */
enum pp_error {
    /* An argument, an option or an environment variable has an invalid value. */
    PP_ERROR_INVALID_ARGUMENT = -1,

    /* The process that the port is for does not exist, or has ended. */
    PP_ERROR_NO_SUCH_PROCESS = -2,

    /* Ports cannot be leased to that process: it is the host's init or a kernel
     * thread, which never end, or /proc hides it, or, for a port server, it is
     * another user's. */
    PP_ERROR_PROCESS_NOT_ALLOWED = -3,

    /* The pool does not have enough ports left, or not enough in a row. */
    PP_ERROR_POOL_EXHAUSTED = -4,

    /* The timeout passed before enough free ports were found, because many are
     * in use. */
    PP_ERROR_TIMED_OUT = -5,

    /* The ledger, the file of this user's leases, cannot be used. */
    PP_ERROR_LEDGER_UNUSABLE = -6,

    /* The claims file, the file of this user's named ports, cannot be used. */
    PP_ERROR_CLAIMS_UNUSABLE = -7,

    /* The port server's address is invalid, or missing although a server is
     * required. */
    PP_ERROR_INVALID_SERVER_ADDRESS = -8,

    /* No server can be reached at the port server's address. */
    PP_ERROR_SERVER_UNREACHABLE = -9,

    /* The port server did not answer within the timeout. */
    PP_ERROR_SERVER_TIMED_OUT = -10,

    /* The port server refused: it has reached a limit, cannot see the process,
     * knows only version 1 of the protocol, or gives another reason. */
    PP_ERROR_SERVER_REFUSED = -11,

    /* The reply does not follow the protocol: it is not a port server. */
    PP_ERROR_SERVER_REPLY_MALFORMED = -12,

    /* The system lacks a resource, such as descriptors or memory for a socket,
     * or /proc cannot be read. */
    PP_ERROR_SYSTEM_FAILURE = -13,

    /* This process does not have the port, or the place does not have the name. */
    PP_ERROR_NOT_FOUND = -14
};

/* A size for message buffers that holds all but unusual messages; those with long paths
 * can be longer. */
#define PP_MESSAGE_SIZE 1024

/* A short description of an error, such as "the pool has no ports left"; for 0,
 * "no error", and for other values, "unknown error". It never returns NULL. */
const char *pp_strerror(int error);

/*
 * Sets a function that receives warnings: what the caller should know although it is
 * not an error, such as that the port comes from the ledger because no port server
 * answered. NULL, the default, discards warnings.
 *
 * `message` is one line of UTF-8 without a line feed, valid until the handler returns.
 * `context` is passed to the handler unchanged.
 *
 * The handler is called in the middle of the work, on the thread that does it, which
 * may be one of the library, and possibly on several threads at once. It should return
 * soon, must return normally (no longjmp(3), no exception), and must not call this
 * library. After it has been replaced, a call of the old handler may still be under
 * way, so its context should live as long as the process. A child made by fork(2)
 * inherits the handler.
 */
typedef void (*pp_warning_handler)(const char *message, void *context);
void pp_set_warning_handler(pp_warning_handler handler, void *context);

/* ---- Options -------------------------------------------------------------- */

/*
 * Options of a call. NULL in place of a pointer to options means the defaults, which
 * suit most tests. A field that is zero has its default, too:
 *
 *   struct pp_options options = PP_OPTIONS_INIT;
 *   options.timeout_ms = 1000;
 *
 * The description of each function lists the fields that it uses. All others must be
 * zero, or it fails with PP_ERROR_INVALID_ARGUMENT.
 *
 * Later versions may add fields at the end.
 */
struct pp_options {
    /* sizeof(struct pp_options), from PP_OPTIONS_INIT. */
    size_t size;

    /* The port server to ask first: a path, or `@` and a name in the abstract
     * namespace. If it does not lease a port, the one that PORTSERVER_ADDRESS names
     * is asked. By default, and if it is "", only that one is asked. */
    const char *server;

    /* The ports to choose from without a server: a comma-separated list of ports
     * and inclusive ranges, such as "20000-20999,30000". A server has its own.
     * The default is 25000-32767 without the ports that the kernel assigns
     * itself, and for names 10000-14999 without the ports that browsers refuse and
     * those of well-known services. */
    const char *pool;

    /* The place that a name belongs to: a directory. The default is the nearest one
     * upwards from the current directory that contains `.ports`, else the nearest
     * that contains `.git`, else the current directory. */
    const char *place;

    /* The process that ports are leased to; the default is this one. */
    pid_t pid;

    /* How long to wait, in milliseconds: for a port server, from connecting to the
     * end of its answer, and for other processes to unlock the ledger. The default
     * is 5000. */
    int timeout_ms;

    /* A combination of enum pp_flag. */
    uint64_t flags;
};

/* The initializer of struct pp_options. */
#define PP_OPTIONS_INIT { sizeof(struct pp_options), NULL, NULL, NULL, 0, 0, 0 }

enum pp_flag {
    /* Several ports must be consecutive, in ascending order. */
    PP_CONTIGUOUS = 1,

    /* Take ports from this user's ledger, and ask no port server. */
    PP_NO_SERVER = 2,

    /* It is an error if no port server is named, or if it does not lease a port. */
    PP_SERVER_REQUIRED = 4,

    /* If no port server leases a port, take it from the ledger. Without this flag and
     * PP_SERVER_REQUIRED, the environment variable PORTPICKER_REQUIRE_SERVER decides:
     * `1` means that a server is required. */
    PP_SERVER_OPTIONAL = 8,

    /* Bind to 127.0.0.1 instead of every address, so that no other host can connect. */
    PP_LOOPBACK = 16
};

/* ---- Picking and returning ------------------------------------------------ */

/*
 * Picks a port and leases it to a process for as long as that lives.
 *
 * The port is unused on TCP and UDP, on every address of IPv4 and IPv6, and every
 * program can bind it, whatever socket options it sets. No other process of this user
 * is given it until its process ends, or until pp_return() returns it. Only if no such
 * port is left, the port may have closed connections lingering on it (TIME_WAIT); a
 * program must then set SO_REUSEADDR to bind it.
 *
 * Ports come from these sources, in this order:
 *
 * 1. ports of this process that pp_reserve() added, or that pp_return() returned and
 *    their server did not take; only without `pid`, and within `pool`;
 * 2. a port server, if `server` or PORTSERVER_ADDRESS names one;
 * 3. the ledger, a file that the processes of this user share.
 *
 * `port` receives the port, within 1-65535.
 * Uses `server`, `pool`, `pid`, `timeout_ms`, PP_NO_SERVER, PP_SERVER_REQUIRED and
 * PP_SERVER_OPTIONAL.
 * Errors: all except PP_ERROR_CLAIMS_UNUSABLE and PP_ERROR_NOT_FOUND; those of servers
 * only if a server is required.
 */
int pp_pick(const struct pp_options *options, int *port,
        char *message, size_t message_size);

/*
 * Picks several ports at once, all or none; see pp_pick().
 *
 * `count` is within 1-65535. `ports` receives that many ports. A port server leases at
 * most 160 consecutive ports; one that knows only version 1 of the protocol leases none
 * that are consecutive.
 *
 * Uses what pp_pick() uses, and PP_CONTIGUOUS. Errors: as pp_pick().
 */
int pp_pick_several(const struct pp_options *options, size_t count, int *ports,
                char *message, size_t message_size);

/*
 * Picks a port from one port server, and from no other source.
 *
 * `address` is a path, or `@` and a name in the abstract namespace; 1 to 107 bytes.
 * `port` receives the port, within 1-65535. The port is not probed again.
 *
 * Uses `pid` and `timeout_ms`.
 * Errors: PP_ERROR_INVALID_ARGUMENT, PP_ERROR_INVALID_SERVER_ADDRESS,
 * PP_ERROR_SERVER_UNREACHABLE, PP_ERROR_SERVER_TIMED_OUT, PP_ERROR_SERVER_REFUSED,
 * PP_ERROR_SERVER_REPLY_MALFORMED, PP_ERROR_POOL_EXHAUSTED, PP_ERROR_NO_SUCH_PROCESS,
 * PP_ERROR_PROCESS_NOT_ALLOWED, PP_ERROR_SYSTEM_FAILURE.
 */
int pp_pick_from_server(const char *address, const struct pp_options *options,
                    int *port, char *message, size_t message_size);

/*
 * Returns a port before its process ends, so that another process can be given it.
 *
 * The port goes back to the ledger or the server that it came from. If that server does
 * not take it, because it knows only version 1 of the protocol, does not answer or
 * refuses, the port stays this process's own, and a later pick uses it again. So does a
 * port that pp_reserve() added. For a port of another process, that is an error, and it
 * can be returned again.
 *
 * Close all sockets on the port before. Uses `timeout_ms`.
 * Errors: PP_ERROR_NOT_FOUND if this process did not pick the port, or has returned it;
 * PP_ERROR_INVALID_ARGUMENT, PP_ERROR_LEDGER_UNUSABLE, PP_ERROR_SYSTEM_FAILURE; for
 * ports of other processes, those of servers.
 */
int pp_return(int port, const struct pp_options *options,
          char *message, size_t message_size);

/*
 * Adds a port that this process got by other means to the ports that it picks for
 * itself.
 *
 * The port is probed before it is picked. If it is in use at that time, another port is
 * picked, and this one stays available for later picks.
 *
 * Errors: PP_ERROR_INVALID_ARGUMENT if `port` is not within 1-65535.
 */
int pp_reserve(int port, char *message, size_t message_size);

/* ---- Probing -------------------------------------------------------------- */

/*
 * Finds out whether any program could bind a port now: on TCP and UDP, on every address
 * of IPv4 and IPv6, whatever socket options it sets. Leases and names play no part.
 *
 * `is_free` receives the answer; it is false also if this process lacks the privilege
 * to bind the port.
 *
 * Errors: PP_ERROR_INVALID_ARGUMENT if `port` is not within 1-65535;
 * PP_ERROR_SYSTEM_FAILURE if the system lacks a resource, such as descriptors.
 */
int pp_is_free(int port, bool *is_free, char *message, size_t message_size);

/* A protocol that has ports. */
enum pp_transport {
    /* The Transmission Control Protocol (RFC 9293). */
    PP_TCP = 1,
    /* The User Datagram Protocol (RFC 768). */
    PP_UDP = 2
};

/*
 * Binds a port of one protocol, on every address of IPv4 and IPv6, and closes the
 * socket at once.
 *
 * `port` is within 0-65535; for 0, the kernel chooses one. `transport` is a value of
 * enum pp_transport. `bound` receives the port, or 0 if it is in use, or if this
 * process lacks the privilege to bind it.
 *
 * Errors: as pp_is_free().
 */
int pp_probe(int port, int transport, int *bound,
         char *message, size_t message_size);

/* ---- Bound and held ports ------------------------------------------------- */

/*
 * Picks a port for this process and leaves it bound, so that no other process can take
 * it in between.
 *
 * `tcp` receives a listening TCP socket, and `udp` a UDP socket; both are blocking and
 * close-on-exec. They are IPv6 sockets that also accept IPv4, or IPv4 sockets if the
 * kernel has no IPv6 or PP_LOOPBACK is given. If `udp` is NULL, the UDP socket is
 * closed. `port` receives the port, which belongs to this process until it ends or
 * pp_return() returns it; close the sockets first.
 *
 * Uses `server`, `pool`, `timeout_ms`, PP_NO_SERVER, PP_SERVER_REQUIRED,
 * PP_SERVER_OPTIONAL and PP_LOOPBACK. Errors: as pp_pick().
 */
int pp_bind(const struct pp_options *options, int *port, int *tcp, int *udp,
        char *message, size_t message_size);

/*
 * Picks a port for this process and holds it for a server that sets SO_REUSEADDR, as
 * nearly all do.
 *
 * `hold` receives a TCP socket that is bound to the port and never listens. While it is
 * open, the kernel does not assign the port itself, to bind(2) with port 0 or to
 * outgoing connections, and programs that do not set SO_REUSEADDR cannot bind it. A
 * server that sets it can bind and listen, and clients reach it. UDP is not held. To
 * end the hold, close the socket. The port belongs to this process until it ends or
 * pp_return() returns it.
 *
 * Uses `server`, `pool`, `timeout_ms`, PP_NO_SERVER, PP_SERVER_REQUIRED and
 * PP_SERVER_OPTIONAL. Errors: as pp_pick().
 */
int pp_hold(const struct pp_options *options, int *port, int *hold,
        char *message, size_t message_size);

/* ---- Named ports ---------------------------------------------------------- */

/*
 * Finds the port that a place has under a name, and claims one on first use.
 *
 * The answer is the same every time, in every process of this user on this machine,
 * also while a server listens on the port, and after a reboot. No other place and no
 * process is given the port, until it is forgotten, or until the directory is gone and
 * another place needs the port. If the place has a manifest (`.ports`), the preferred
 * port and the count in it apply.
 *
 * `name` is a lowercase letter, then up to 62 lowercase letters, digits and `-`. `port`
 * receives the port, within 1-65535; of a block, the first one.
 *
 * Uses `place`, `pool` and `timeout_ms`.
 * Errors: PP_ERROR_INVALID_ARGUMENT, PP_ERROR_POOL_EXHAUSTED, PP_ERROR_TIMED_OUT,
 * PP_ERROR_LEDGER_UNUSABLE, PP_ERROR_CLAIMS_UNUSABLE, PP_ERROR_SYSTEM_FAILURE.
 */
int pp_named_port(const char *name, const struct pp_options *options, int *port,
              char *message, size_t message_size);

/*
 * Finds the block of consecutive ports that a place has under a name, and claims one on
 * first use; see pp_named_port().
 *
 * `count` is within 1-65535. `ports` receives that many ports, in ascending order. It is
 * PP_ERROR_INVALID_ARGUMENT if the name has another number of ports.
 */
int pp_named_block(const char *name, const struct pp_options *options, size_t count,
               int *ports, char *message, size_t message_size);

/*
 * Finds the ports of every name in the manifest of a place, claims those that are
 * missing, all of them or none, and calls a function for each environment variable that
 * `portpicker env` sets: `variable` is its name, such as "WEB_PORT", and `value` a port,
 * or, for the variable of a block that ends with _COUNT, a number of ports.
 *
 * `variable` is valid until the function returns. `context` is passed to the function
 * unchanged. The function is called on the calling thread, in the order of the manifest,
 * after all ports are claimed, and must return normally.
 *
 * Uses `place`, `pool` and `timeout_ms`.
 * Errors: as pp_named_port(); PP_ERROR_NOT_FOUND if the place has no manifest.
 */
typedef void (*pp_variable_function)(const char *variable, int value, void *context);
int pp_named_variables(const struct pp_options *options,
                   pp_variable_function function, void *context,
                   char *message, size_t message_size);

/*
 * Gives up a named port, or block; it is free for everybody at once.
 *
 * Uses `place`, which need not exist any more.
 * Errors: PP_ERROR_NOT_FOUND if the place does not have the name;
 * PP_ERROR_INVALID_ARGUMENT, PP_ERROR_LEDGER_UNUSABLE, PP_ERROR_CLAIMS_UNUSABLE,
 * PP_ERROR_SYSTEM_FAILURE.
 */
int pp_forget(const char *name, const struct pp_options *options,
          char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
