"""A port server for one test run, which ends with it, however it ends."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import portpicker
from portpicker._programs import program

#: How many ports the server leases. They are taken from those that all processes of
#: this user share, so that two runs at the same time have different ports.
PORTS = 500

#: How long the server may take to start, in seconds.
PATIENCE = 10.0

#: Becomes the server, which the kernel ends (SIGTERM) when the thread that has started
#: it ends: that is the one that runs the tests. Nothing can be missed, unlike by a
#: process that watches.
LAUNCH = """
import ctypes, os, signal, sys
parent, *command = sys.argv[1:]
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
if os.getppid() == int(parent):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execv(command[0], command)
"""


class ServerError(Exception):
    """Why the server does not run, in one line."""


class PrivateServer:
    """A running server, which ``PORTSERVER_ADDRESS`` names."""

    def __init__(
        self, process: subprocess.Popen[bytes], folder: str, ports: list[int]
    ) -> None:
        self.address = os.path.join(folder, "portserver.sock")
        self._process = process
        self._folder = folder
        self._ports = ports

    @classmethod
    def start(cls) -> PrivateServer | None:
        """Starts a server, and waits until it accepts clients.

        Returns ``None`` if the environment names a server already: that one also serves
        processes that are not of this run.
        """
        if os.environ.get("PORTSERVER_ADDRESS"):
            return None
        try:
            ports = portpicker.pick_unused_ports(PORTS)
        except portpicker.PortPickerError as error:
            raise ServerError(error) from error
        folder = tempfile.mkdtemp(prefix="portpicker-")
        try:
            server = cls(cls._launch(folder, ports), folder, ports)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            cls._return(ports)
            raise ServerError(error) from error
        try:
            server._wait()
        except BaseException:
            server.stop()
            raise
        os.environ["PORTSERVER_ADDRESS"] = server.address
        return server

    def stop(self) -> None:
        """Ends the server, and removes what it leaves."""
        if os.environ.get("PORTSERVER_ADDRESS") == self.address:
            del os.environ["PORTSERVER_ADDRESS"]
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._return(self._ports)

    @staticmethod
    def _launch(folder: str, ports: list[int]) -> subprocess.Popen[bytes]:
        command = [
            program("portserver"),
            "--address",
            os.path.join(folder, "portserver.sock"),
            "--socket-mode=600",
            "--no-state",
            f"--pool={','.join(map(str, ports))}",
        ]
        # pytest captures what is written to standard error.
        with open(os.path.join(folder, "log"), "wb") as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", LAUNCH, str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(self.address)
                return
            except OSError as error:
                reason = str(error)
            if self._process.poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(self._folder, "log"), errors="replace") as log:
                    last = log.read().strip().splitlines()[-1:]
                raise ServerError(
                    f"portserver does not start: {last[0] if last else reason}"
                )
            time.sleep(0.005)

    @staticmethod
    def _return(ports: list[int]) -> None:
        for port in ports:
            portpicker.return_port(port)
