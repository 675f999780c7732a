"""Unused network ports for tests, each of them for one process.

    import portpicker
    port = portpicker.pick_unused_port()

A port is unused on TCP and UDP, and belongs to one process until that process ends or
returns it. No other process of the same user is given it in the meantime, whether it
uses this module, the command ``portpicker``, or the library for C or Swift. No server
has to run. If the environment variable ``PORTSERVER_ADDRESS`` names a port server,
ports come from that server.

Every function can be called from any thread, and after ``os.fork()``.
"""

# Importing this must cost next to nothing: no import but of what the interpreter has
# loaded anyway. The library is loaded with the first call.
from __future__ import annotations

import os
import sys
from operator import index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Union

    _Path = Union[str, bytes, os.PathLike[str], os.PathLike[bytes]]

__version__ = "@VERSION@"

__all__ = (
    "NoFreePortFoundError",
    "PortPickerError",
    "add_reserved_port",
    "bind",
    "get_port_from_port_server",
    "is_port_free",
    "named_port",
    "named_ports",
    "pick_unused_port",
    "pick_unused_ports",
    "return_port",
)


class PortPickerError(Exception):
    """Why there is no port, and what to do about it, in one line.

    ``code`` is a value of ``enum pp_error`` of the C library, or ``None``.
    """

    code: int | None = None


class NoFreePortFoundError(PortPickerError):
    """No port could be picked."""


def pick_unused_port(
    pid: int | None = None, portserver_address: _Path | None = None
) -> int:
    """Picks a port that is unused on TCP and UDP, and leases it to a process.

    The port comes from the first of these that has one: the ports of this process that
    ``add_reserved_port()`` added; the port server at ``portserver_address``; the one
    that ``PORTSERVER_ADDRESS`` names; the ledger, a file that all processes of this
    user share. If a server does not provide a port, a line on standard error says so.

    ``pid`` is the process to lease the port to; by default, this one. An address is a
    path, or ``@`` and a name in the abstract namespace.

    Raises ``NoFreePortFoundError``.
    """
    if pid is None and not portserver_address:
        return _library().pick(None)
    return _library().pick(_options(pid, portserver_address))


def pick_unused_ports(
    count: int,
    pid: int | None = None,
    portserver_address: _Path | None = None,
    *,
    contiguous: bool = False,
    pool: str | None = None,
) -> list[int]:
    """Picks several ports, all or none; see ``pick_unused_port()``.

    With ``contiguous``, they are consecutive, in ascending order. ``pool`` are the ports
    to choose from without a server, such as ``"20000-20999,30000"``; by default,
    25000-32767.

    Raises ``NoFreePortFoundError``.
    """
    options = _options(pid, portserver_address)
    if pool is not None:
        options.pool = _text(pool)
    return _library().pick_several(options, index(count), contiguous)


def get_port_from_port_server(
    portserver_address: _Path | None, pid: int | None = None
) -> int | None:
    """Picks a port from one port server, and from nowhere else.

    Returns ``None`` if there is no address or the server does not provide a port; in
    the latter case, a line on standard error says why.
    """
    if not portserver_address:
        return None
    try:
        return _library().pick_from_server(_options(pid, portserver_address))
    except PortPickerError as error:
        _warn(error)
        return None


def return_port(port: int) -> None:
    """Returns a port before its process ends, so that another one can be given it.

    Close its sockets before. A port from ``add_reserved_port()`` can then be picked
    again by this process. A port that this process does not have is logged, and nothing
    is done.
    """
    try:
        known = bool(_port(port)) and _library().return_port(index(port))
    except (OverflowError, TypeError):
        known = False
    except PortPickerError as error:
        _warn(error)
        return
    if not known:
        import logging

        logging.info("portpicker: port %s is returned, but was not picked", port)


def add_reserved_port(port: int) -> None:
    """Adds a port that this process got by other means to those that it may pick.

    It is picked before all others if it is unused at that time.
    """
    if not _port(port):
        raise ValueError("the port is 0; expected a port from 1 to 65535")
    _library().reserve(index(port))


def is_port_free(port: int) -> bool:
    """Tells whether any program could bind a port now, on TCP and UDP, IPv4 and IPv6.

    Whether the port is leased plays no part.
    """
    if _port(port) == 0:
        return bool(_library().probe(0, _TCP) and _library().probe(0, _UDP))
    return _library().is_free(index(port))


def bind(port: int, socket_type: int, socket_proto: int) -> int | None:
    """Binds a port on every address, and closes the socket at once.

    For port 0, the kernel chooses one. ``socket_type`` and ``socket_proto`` are those of
    TCP or UDP, as in ``bind(0, socket.SOCK_STREAM, socket.IPPROTO_TCP)``.

    Returns the port, or ``None`` if it is in use, if this process may not bind it, or
    for any other protocol.
    """
    kind = _TRANSPORTS.get((index(socket_type), index(socket_proto)))
    if kind is None:
        _port(port)
        return None
    return _library().probe(_port(port), kind) or None


def named_port(name: str, at: _Path | None = None) -> int:
    """The port that a directory has under a name, claimed on first use.

    It is the same every time, in every process of this user on this machine, also after
    a reboot; no other directory and no process is given it. ``portpicker name`` prints
    the same port.

    ``at`` is the directory. By default, it is the nearest one upwards from the current
    directory that contains ``.ports``, else the nearest that contains ``.git``, else
    the current directory.

    Raises ``PortPickerError``.
    """
    return _library().named_port(_name(name), _options(at=at))


def named_ports(name: str, count: int, at: _Path | None = None) -> list[int]:
    """The block of consecutive ports that a directory has under a name.

    See ``named_port()``. It is an error if the name has another number of ports.

    Raises ``PortPickerError``.
    """
    return _library().named_block(_name(name), index(count), _options(at=at))


# The original's first names of these functions.
Bind = bind
GetPortFromPortServer = get_port_from_port_server
IsPortFree = is_port_free
PickUnusedPort = pick_unused_port

# Values of enum pp_transport, and of the constants of the module socket.
_TCP, _UDP = 1, 2
_TRANSPORTS = {(1, 0): _TCP, (1, 6): _TCP, (2, 0): _UDP, (2, 17): _UDP}


def _library():
    # The import system makes sure that it is loaded once, by one thread.
    from portpicker import _native

    return _native


def _options(
    pid: int | None = None,
    server: _Path | None = None,
    at: _Path | None = None,
):
    return _library().options(
        None if pid is None else index(pid),
        _text(server) if server else None,
        None if at is None else _text(at),
    )


def _text(path: _Path) -> bytes:
    text = os.fsencode(path)
    # The kernel's form of an abstract address.
    if text.startswith(b"\0"):
        text = b"@" + text[1:]
    if b"\0" in text:
        raise ValueError(f"{path!r} contains a null byte; remove it")
    return text


def _name(name: str) -> bytes:
    if not isinstance(name, str):
        raise TypeError(f"the name is a {type(name).__name__}; expected a str")
    return _text(name)


def _port(port: int) -> int:
    port = index(port)
    if not 0 <= port <= 65535:
        raise OverflowError(f"the port is {port}; expected a port from 0 to 65535")
    return port


def _warn(message: object) -> None:
    print(f"portpicker: warning: {message}", file=sys.stderr)
