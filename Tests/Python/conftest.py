"""What the tests share. scripts/test-python runs them."""

import os
import pathlib
import signal
import subprocess
import sys
import sysconfig
import textwrap

import pytest

# A shell has jobs in the background ignore it, and children inherit that. Tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)

PROGRAMS = pathlib.Path(sysconfig.get_path("scripts"))


@pytest.fixture(autouse=True, scope="session")
def state(tmp_path_factory):
    """A ledger and a file of claims of the tests. The library keeps its ledger open."""
    folder = tmp_path_factory.mktemp("state")
    os.environ["PORTPICKER_LEDGER"] = str(folder / "ledger")
    os.environ["PORTPICKER_CLAIMS"] = str(folder / "claims")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """No port server, and none of pytest's variables for the runs of the tests."""
    for name in list(os.environ):
        if name.startswith("PYTEST") and name != "PYTEST_CURRENT_TEST":
            monkeypatch.delenv(name)
    monkeypatch.delenv("PORTSERVER_ADDRESS", raising=False)
    monkeypatch.delenv("PORTPICKER_REQUIRE_SERVER", raising=False)


class Server:
    """A port server, the program of the wheel."""

    def __init__(self, address, *arguments):
        self.address = str(address)
        self._process = subprocess.Popen(
            [PROGRAMS / "portserver", "--no-state", "--address", self.address, *arguments],
            stderr=subprocess.PIPE, text=True)
        # It says that it listens.
        for line in self._process.stderr:
            if self.address in line:
                break
        else:
            raise RuntimeError("portserver has ended")

    def statistics(self):
        self._process.send_signal(10)
        found = {}
        for line in self._process.stderr:
            *_, name, number = line.split()
            found[name] = int(number) if number.isdigit() else number
            if name == "total-allocations":
                return found

    def stop(self):
        self._process.terminate()
        self._process.communicate()


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "portserver.sock", "--pool=20000-20009")
    yield server
    server.stop()


@pytest.fixture
def run():
    """Runs Python code, or a command, in another process, and returns what it prints."""

    def run(code, *arguments, python=sys.executable, check=True, **options):
        if isinstance(code, str):
            code = [python, "-c", textwrap.dedent(code)]
        result = subprocess.run(
            [*map(str, code), *map(str, arguments)], text=True, capture_output=True,
            timeout=60, **options)
        if check:
            assert result.returncode == 0, result.stderr
            return result.stdout
        return result

    return run
