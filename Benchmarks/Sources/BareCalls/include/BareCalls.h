// The system calls without which a port cannot be picked, and nothing else.

#ifndef BARE_CALLS_H
#define BARE_CALLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/// Whether a port is free on TCP and UDP, on both IP families: two binds, each
/// with what it takes to make the socket and to close it.
int bare_is_free(uint16_t port);

/// Has the kernel choose a port for a TCP socket, and closes that: bind(0).
uint16_t bare_bind_any(void);

/// The calls of an embedded pick on an open ledger: lock, look at the file, read
/// its header and a page of records, probe, write a record and the header,
/// unlock. The port after `last`.
uint16_t bare_pick(int ledger, const char *path, uint16_t last);

/// A ledger's file, empty and as long as a ledger is.
int bare_open_ledger(const char *path);

/// The address of a unix socket: a path, or @NAME.
socklen_t bare_address(const char *name, struct sockaddr_un *address);

/// Microseconds on a clock that no step moves.
double bare_microseconds(void);

#endif
