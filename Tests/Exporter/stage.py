"""What the tests of the exporter run: a daemon, an exporter, processes with ports.

Everything is in a network namespace of its own, so that all ports are free and nothing
of the host is touched.
"""
import ctypes
import fcntl
import http.client
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).parent.parent.parent
SKIPPED = 75
BIN = pathlib.Path(os.environ.get("EXPORTER_TEST_BIN", ROOT / ".build/debug"))
SERVER = "@portserver-exporter-test"


def skip(reason):
    """Ends the program: this machine cannot run the test."""
    print(f"skipped: {reason}", file=sys.stderr)
    sys.exit(SKIPPED)


def enter_network_namespace():
    """Puts this process into a network namespace with nothing but loopback."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x40000000) != 0:  # CLONE_NEWNET
        skip("network namespaces need root")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh", b"lo", 1)  # IFF_UP
        fcntl.ioctl(control, 0x8914, request)  # SIOCSIFFLAGS


def wait_for(what, condition, timeout=60):
    """Waits until a condition is true, and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"within {timeout} s, this did not happen: {what}")
        time.sleep(0.02)


class Stage:
    """The running programs, and a directory for their files."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="exporter-test-"))
        self.programs = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in reversed(self.programs):
            if program.poll() is None:
                program.kill()
            program.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, *command, **keywords):
        """Starts a program that ends with the stage."""
        log = open(self.directory / f"log-{len(self.programs)}", "wb")
        program = subprocess.Popen(
            [str(word) for word in command], stdout=log, stderr=log, **keywords)
        program.log = log.name
        log.close()
        self.programs.append(program)
        return program

    def end(self, program):
        program.kill()
        program.wait()

    # MARK: Port server and exporter

    def server(self, pool="15000-24999", *arguments, wrap=()):
        """Starts a port server that listens."""
        program = self.start(
            *wrap, BIN / "portserver", "--address", SERVER, "--pool", pool, "--state",
            self.directory / "ledger", *arguments)
        wait_for("the port server listens",
                 lambda: b"listening on" in pathlib.Path(program.log).read_bytes())
        return program

    def exporter(self, *arguments, server=SERVER):
        """Starts an exporter that listens, and returns it and its port."""
        program = self.start(
            BIN / "portserver-exporter", "--server", server, "--listen",
            "127.0.0.1:0", *arguments)
        found = wait_for("the exporter listens", lambda: re.search(
            rb"listening on http://127\.0\.0\.1:(\d+)/",
            pathlib.Path(program.log).read_bytes()))
        return program, int(found.group(1))

    def holder(self, name="sleep"):
        """Starts a process that can hold ports, with a name for its command line."""
        return self.start("bash", "-c", "exec -a \"$0\" sleep 100000", name)


class Relay:
    """A way to the port server that can keep requests for leases from it."""

    ADDRESS = SERVER + "-relay"

    def __init__(self):
        self.keeps_leases = False
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind("\0" + self.ADDRESS[1:])
        self.listener.listen()
        self.start(self.accept)

    @staticmethod
    def start(function, *arguments):
        threading.Thread(target=function, args=arguments, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect("\0" + SERVER[1:])
            self.start(self.forward, client, server, True)
            self.start(self.forward, server, client, False)

    def forward(self, source, target, is_request):
        try:
            while data := source.recv(1 << 16):
                if not (is_request and self.keeps_leases and data.startswith(b"leases")):
                    target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # One of them has gone.


def talk(*requests):
    """Sends requests of version 2, and returns the last line of each reply."""
    replies = []
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect("\0" + SERVER[1:])
        file = client.makefile("rb")
        for request in requests:
            client.sendall(request.encode() + b"\n")
            while True:
                line = file.readline().decode().rstrip("\n")
                if not line or line.split()[0] in ("ok", "error"):
                    break
            replies.append(line)
    return replies


def lease(pid, count=1):
    """Leases ports to a process."""
    ports = []
    while len(ports) < count:
        number = min(count - len(ports), 160)
        reply, = talk(f"lease pid={pid} count={number}")
        if not reply.startswith("ok "):
            raise AssertionError(reply)
        ports += map(int, reply.split()[1:])
    return ports


def get(port, target):
    """Asks by HTTP, and returns the status and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
