"""The fixtures of the pytest plugin. Ports are returned at the end of their scope."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

import portpicker
from portpicker._programs import program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class PortFactory:
    """Picks another unused port with each call, and returns them all in the end."""

    def __init__(self, kind: socket.SocketKind | None = None) -> None:
        #: The type of socket that the ports are for. They are unused on TCP and UDP.
        self.kind = kind
        self._ports: list[int] = []

    def __call__(self, family: socket.AddressFamily | None = None) -> int:
        """Picks a port, which is unused on every family of addresses."""
        port = portpicker.pick_unused_port()
        self._ports.append(port)
        return port

    def _close(self) -> None:
        while self._ports:
            portpicker.return_port(self._ports.pop())


def _pick() -> Iterator[int]:
    port = portpicker.pick_unused_port()
    yield port
    portpicker.return_port(port)


def _factory(kind: socket.SocketKind | None = None) -> Iterator[PortFactory]:
    factory = PortFactory(kind)
    yield factory
    factory._close()


# Fixtures of our own


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port that no other test or process has, unused on TCP and UDP."""
    yield from _pick()


@pytest.fixture(scope="session")
def unused_port_factory() -> Iterator[Callable[[], int]]:
    """A function that picks another unused port with each call, for the session."""
    yield from _factory()


@pytest.fixture(scope="session")
def named_port(pytestconfig: pytest.Config) -> Callable[[str], int]:
    """A function that returns the port of a name, such as ``named_port("web")``.

    It is the same in every run and every process: the one that ``portpicker name``
    prints in the project's folder.
    """
    # Where pytest was started, or the project's root if that is elsewhere; not the
    # current directory, which tests change.
    start = pytestconfig.invocation_params.dir
    root = pytestconfig.rootpath
    if root != start and root not in start.parents:
        start = root
    ports: dict[str, int] = {}

    def port(name: str) -> int:
        if name not in ports:
            # The command looks for the place upwards from its current directory.
            result = subprocess.run(
                [program("portpicker"), "name", "--", name],
                cwd=start,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            if result.returncode != 0:
                raise portpicker.PortPickerError(result.stderr.strip())
            sys.stderr.write(result.stderr)
            ports[name] = int(result.stdout)
        return ports[name]

    return port


# Fixtures of other plugins, with the same scopes

_OFF = "portpicker_replace_fixtures = false, or -p no:portpicker, turns that off."


def _replaces(plugin: str) -> Callable:
    def describe(fixture: Callable) -> Callable:
        fixture.__doc__ = (
            f"{fixture.__doc__} From portpicker, in place of {plugin}'s:\n{_OFF}"
        )
        return fixture

    return describe


@pytest.fixture
@_replaces("pytest-asyncio")
def unused_tcp_port() -> Iterator[int]:
    """A port that no other test or process has."""
    yield from _pick()


@pytest.fixture
@_replaces("pytest-asyncio")
def unused_udp_port() -> Iterator[int]:
    """A port that no other test or process has."""
    yield from _pick()


@pytest.fixture(scope="session")
@_replaces("pytest-asyncio")
def unused_tcp_port_factory() -> Iterator[Callable[[], int]]:
    """A function that picks another unused port with each call."""
    yield from _factory(socket.SOCK_STREAM)


@pytest.fixture(scope="session")
@_replaces("pytest-asyncio")
def unused_udp_port_factory() -> Iterator[Callable[[], int]]:
    """A function that picks another unused port with each call."""
    yield from _factory(socket.SOCK_DGRAM)


@pytest.fixture
@_replaces("anyio")
def free_tcp_port() -> Iterator[int]:
    """A port that no other test or process has."""
    yield from _pick()


@pytest.fixture
@_replaces("anyio")
def free_udp_port() -> Iterator[int]:
    """A port that no other test or process has."""
    yield from _pick()


@pytest.fixture(scope="session")
@_replaces("anyio")
def free_tcp_port_factory() -> Iterator[PortFactory]:
    """A function that picks another unused port with each call."""
    yield from _factory(socket.SOCK_STREAM)


@pytest.fixture(scope="session")
@_replaces("anyio")
def free_udp_port_factory() -> Iterator[PortFactory]:
    """A function that picks another unused port with each call."""
    yield from _factory(socket.SOCK_DGRAM)
