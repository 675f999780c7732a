"""The C library, through ctypes; portpicker.h describes what is called here."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, byref, c_bool, c_char, c_char_p, c_int, c_size_t, c_uint64

from portpicker import NoFreePortFoundError, PortPickerError, _warn


class Options(ctypes.Structure):
    """``struct pp_options``."""

    _fields_ = [
        ("size", c_size_t),
        ("server", c_char_p),
        ("pool", c_char_p),
        ("place", c_char_p),
        ("pid", c_int),
        ("timeout_ms", c_int),
        ("flags", c_uint64),
    ]


CONTIGUOUS = 1

NOT_FOUND = -14

MESSAGE_SIZE = 1024
Message = c_char * MESSAGE_SIZE

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libportpicker.so.0")


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(PATH)
    except OSError as error:
        raise ImportError(
            f"cannot load {PATH}: {error}; install portpicker-swift again, on Linux "
            "with the C library glibc 2.34 or later"
        ) from error
    signatures: dict[str, list[type]] = {
        "pp_pick": [POINTER(Options), POINTER(c_int)],
        "pp_pick_several": [POINTER(Options), c_size_t, POINTER(c_int)],
        "pp_pick_from_server": [c_char_p, POINTER(Options), POINTER(c_int)],
        "pp_return": [c_int, POINTER(Options)],
        "pp_reserve": [c_int],
        "pp_is_free": [c_int, POINTER(c_bool)],
        "pp_probe": [c_int, c_int, POINTER(c_int)],
        "pp_named_port": [c_char_p, POINTER(Options), POINTER(c_int)],
        "pp_named_block": [c_char_p, POINTER(Options), c_size_t, POINTER(c_int)],
    }
    for name, arguments in signatures.items():
        function = getattr(library, name)
        function.argtypes = [*arguments, c_char_p, c_size_t]
        function.restype = c_int
    library.pp_set_warning_handler.restype = None
    library.pp_version.argtypes = []
    library.pp_version.restype = c_char_p
    return library


@ctypes.CFUNCTYPE(None, c_char_p, ctypes.c_void_p)
def _print_warning(message: bytes, context: object) -> None:
    _warn(message.decode(errors="replace"))


def _is_main_interpreter() -> bool:
    python = ctypes.pythonapi
    current, main = python.PyInterpreterState_Get, python.PyInterpreterState_Main
    current.restype = main.restype = ctypes.c_void_p
    return current() == main()


_c = _load()
# The library has one handler for the process, which must live as long.
if _is_main_interpreter():
    _c.pp_set_warning_handler(_print_warning, None)
_pp_pick = _c.pp_pick


def options(pid: int | None, server: bytes | None, place: bytes | None) -> Options:
    """Options for a call.

    Raises ``NoFreePortFoundError`` for a pid that the C library cannot be asked for.
    """
    if pid is not None and not 0 < pid < 1 << 31:
        raise _error(
            NoFreePortFoundError,
            -1,
            f"the process is {pid}; expected the pid of a running process",
        )
    return Options(ctypes.sizeof(Options), server, None, place, pid or 0, 0, 0)


def pick(options: Options | None) -> int:
    port = c_int()
    message = Message()
    code = _pp_pick(options, port, message, MESSAGE_SIZE)
    _check(code, message, NoFreePortFoundError)
    return port.value


def pick_several(options: Options, count: int, contiguous: bool) -> list[int]:
    if contiguous:
        options.flags = CONTIGUOUS
    ports = _ports(count, NoFreePortFoundError)
    message = Message()
    code = _c.pp_pick_several(options, count, ports, message, MESSAGE_SIZE)
    _check(code, message, NoFreePortFoundError)
    return list(ports)


def pick_from_server(options: Options) -> int:
    address, options.server = options.server, None
    port = c_int()
    message = Message()
    code = _c.pp_pick_from_server(address, options, port, message, MESSAGE_SIZE)
    _check(code, message, NoFreePortFoundError)
    return port.value


def return_port(port: int) -> bool:
    """Returns whether this process had the port."""
    message = Message()
    code = _c.pp_return(port, None, message, MESSAGE_SIZE)
    if code == NOT_FOUND:
        return False
    _check(code, message)
    return True


def reserve(port: int) -> None:
    message = Message()
    _check(_c.pp_reserve(port, message, MESSAGE_SIZE), message)


def is_free(port: int) -> bool:
    free = c_bool()
    message = Message()
    _check(_c.pp_is_free(port, free, message, MESSAGE_SIZE), message)
    return free.value


def probe(port: int, transport: int) -> int:
    """Returns the port, or 0."""
    bound = c_int()
    message = Message()
    _check(_c.pp_probe(port, transport, bound, message, MESSAGE_SIZE), message)
    return bound.value


def named_port(name: bytes, options: Options) -> int:
    port = c_int()
    message = Message()
    _check(_c.pp_named_port(name, options, port, message, MESSAGE_SIZE), message)
    return port.value


def named_block(name: bytes, count: int, options: Options) -> list[int]:
    ports = _ports(count)
    message = Message()
    code = _c.pp_named_block(name, options, count, ports, message, MESSAGE_SIZE)
    _check(code, message)
    return list(ports)


def version() -> str:
    return _c.pp_version().decode()


def _ports(count: int, kind: type[PortPickerError] = PortPickerError):
    if not 0 < count <= 65535:
        raise _error(
            kind, -1, f"the count is {count}; expected a number from 1 to 65535"
        )
    return (c_int * count)()


def _check(
    code: int, message: ctypes.Array, kind: type[PortPickerError] = PortPickerError
) -> None:
    if code < 0:
        raise _error(kind, code, message.value.decode(errors="replace"))


def _error(kind: type[PortPickerError], code: int, text: str) -> PortPickerError:
    error = kind(text)
    error.code = code
    return error
