"""Calls a module named portpicker in many ways, and prints what happens, as JSON.

Run with the original and with ours. Ports, paths and texts are reduced to what both must
have in common.
"""

import contextlib
import inspect
import io
import json
import logging
import os
import socket
import sys

import portpicker

SERVER, LOG = sys.argv[1], io.StringIO()
TCP = socket.SOCK_STREAM, socket.IPPROTO_TCP
UDP = socket.SOCK_DGRAM, socket.IPPROTO_UDP
logging.basicConfig(stream=LOG, level=logging.INFO)
FREE = portpicker.pick_unused_port()
used = socket.socket(socket.AF_INET6)
used.bind(("::", 0))
used.listen()
USED = used.getsockname()[1]
used_udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
used_udp.bind(("127.0.0.1", 0))
USED_UDP = used_udp.getsockname()[1]


def kind(value):
    """The result, without the number of a port that was chosen."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value in (FREE, USED, USED_UDP):
            return "that port"
        return "a port" if 1024 <= value <= 65535 else value
    return value


def call(name, *arguments, **named):
    LOG.truncate(0)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            answer = kind(getattr(portpicker, name)(*arguments, **named))
            if "free" in name.lower():
                # The original's answer is the port or None, and documented as a bool.
                answer = bool(answer)
        except Exception as error:
            answer = f"raises {type(error).__name__}"
    return {"answer": answer, "out": out.getvalue(),
            "lines on stderr": err.getvalue().count("\n"),
            "logged": bool(LOG.getvalue())}


def ports(count, address=None):
    found = [portpicker.pick_unused_port(portserver_address=address)
             for _ in range(count)]
    return [len(set(found)), sorted({type(port).__name__ for port in found})]


results = {}
for name in "bind", "Bind":
    for text, port in {"0": 0, "free": FREE, "used": USED, "used udp": USED_UDP,
                       "-1": -1, "65536": 65536, "huge": 2 ** 80, "text": "80",
                       "none": None, "float": 80.0, "true": True}.items():
        for protocol, words in {"tcp": TCP, "udp": UDP}.items():
            if (text, protocol) == ("used udp", "tcp"):
                continue
            results[f"{name}({text}, {protocol})"] = call(name, port, *words)
    for text, words in {
            "stream, 0": (socket.SOCK_STREAM, 0), "dgram, 0": (socket.SOCK_DGRAM, 0),
            "stream, udp": (socket.SOCK_STREAM, socket.IPPROTO_UDP),
            "seqpacket": (socket.SOCK_SEQPACKET, 0), "99": (99, 0),
            "text": ("tcp", 0), "none": (None, None)}.items():
        results[f"{name}(0, {text})"] = call(name, 0, *words)
    results[f"{name}()"] = call(name)
    results[f"{name}(port=)"] = call(
        name, port=0, socket_type=TCP[0], socket_proto=TCP[1])

for name in "is_port_free", "IsPortFree":
    for text, port in {"0": 0, "free": FREE, "used": USED, "used udp": USED_UDP,
                       "-1": -1, "65536": 65536, "text": "80", "none": None,
                       "float": 80.0}.items():
        results[f"{name}({text})"] = call(name, port)
    results[f"{name}()"] = call(name)
    results[f"{name}(port=)"] = call(name, port=FREE)

for name in "get_port_from_port_server", "GetPortFromPortServer":
    for text, address in {
            "server": SERVER, "bytes": os.fsencode(SERVER), "nowhere": "/nowhere",
            "abstract": "@nowhere", "nul": "\0nowhere", "long": "/" + "x" * 200,
            "folder": "/", "empty": "", "none": None, "number": 5}.items():
        results[f"{name}({text})"] = call(name, address)
    for text, pid in {"own": os.getpid(), "parent": os.getppid(), "none": None,
                      "0": 0, "1": 1, "-1": -1, "no process": 2 ** 22 + 1,
                      "huge": 2 ** 80, "text": "x", "true": True}.items():
        results[f"{name}(server, pid={text})"] = call(name, SERVER, pid=pid)
    results[f"{name}(nowhere, pid=0)"] = call(name, "/nowhere", 0)
    results[f"{name}()"] = call(name)
    results[f"{name}(portserver_address=)"] = call(name, portserver_address=SERVER)

for name in "pick_unused_port", "PickUnusedPort":
    results[f"{name}()"] = call(name)
    for text, pid in {"own": os.getpid(), "parent": os.getppid(), "0": 0, "1": 1,
                      "-1": -1, "no process": 2 ** 22 + 1, "huge": 2 ** 80,
                      "text": "x", "true": True}.items():
        results[f"{name}(pid={text})"] = call(name, pid)
    for text, address in {"server": SERVER, "bytes": os.fsencode(SERVER),
                          "empty": "", "none": None, "long": "/" + "x" * 200}.items():
        results[f"{name}(server={text})"] = call(name, portserver_address=address)
    results[f"{name}(parent, server)"] = call(name, os.getppid(), SERVER)
    results[f"{name}(1, 2, 3)"] = call(name, 1, 2, 3)

for text, port in {"1": 1, "text": "x", "none": None, "-1": -1, "big": 70000,
                   "float": 1.5}.items():
    results[f"return_port({text})"] = call("return_port", port)
results["return_port(picked)"] = call("return_port", FREE)
results["return_port(returned)"] = call("return_port", FREE)
results["return_port()"] = call("return_port")
results["add_reserved_port()"] = call("add_reserved_port")
for text, port in {"0": 0, "-1": -1, "big": 70000, "text": "x", "none": None}.items():
    results[f"add_reserved_port({text})"] = call("add_reserved_port", port)
    # The original hands them out.
    getattr(portpicker, "_free_ports", set()).clear()
results["add_reserved_port(free)"] = call("add_reserved_port", FREE)
results["pick of the reserved one"] = [
    portpicker.pick_unused_port() == FREE, portpicker.pick_unused_port() == FREE,
    portpicker.return_port(FREE), portpicker.pick_unused_port() == FREE]

results["20 picks"] = ports(20)
results["20 picks of a server"] = ports(20, SERVER)
os.environ["PORTSERVER_ADDRESS"] = SERVER
results["20 picks of the server of the environment"] = ports(20)
first = portpicker.pick_unused_port()
portpicker.return_port(first)
del os.environ["PORTSERVER_ADDRESS"]

for name in ("Bind", "IsPortFree", "PickUnusedPort", "GetPortFromPortServer", "bind",
             "is_port_free", "pick_unused_port", "return_port", "add_reserved_port",
             "get_port_from_port_server"):
    parameters = inspect.signature(getattr(portpicker, name)).parameters.values()
    results[f"signature of {name}"] = [
        (parameter.name, repr(parameter.default), parameter.kind.name)
        for parameter in parameters]
results["the error"] = [cls.__name__ for cls in portpicker.NoFreePortFoundError.__mro__
                        if cls.__name__ in ("NoFreePortFoundError", "Exception")]
results["public names"] = [name in portpicker.__all__ for name in (
    "bind", "is_port_free", "pick_unused_port", "return_port", "add_reserved_port",
    "get_port_from_port_server")]
print(json.dumps(results))
