"""The pytest plugin, which pytest finds by itself.

``-p no:portpicker`` turns it off.
"""

from __future__ import annotations

import types

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portpicker._private_server import PrivateServer

#: Fixtures of our own. If another plugin has one of that name, that one is used.
OWN = ("unused_port", "unused_port_factory", "named_port")

#: Fixtures of pytest-asyncio and anyio, which can give the same port to two tests.
REPLACED = (
    "unused_tcp_port",
    "unused_tcp_port_factory",
    "unused_udp_port",
    "unused_udp_port_factory",
    "free_tcp_port",
    "free_tcp_port_factory",
    "free_udp_port",
    "free_udp_port_factory",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "portpicker_server",
        "start a private port server for the run, unless PORTSERVER_ADDRESS names one",
        type="bool",
        default=False,
    )
    parser.addini(
        "portpicker_replace_fixtures",
        "provide the port fixtures of pytest-asyncio and anyio, in their place",
        type="bool",
        default=True,
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    fixtures = Fixtures(config)
    config.pluginmanager.register(fixtures, "portpicker-fixtures")
    fixtures.begin()
    # The workers of pytest-xdist inherit the address of the server.
    if config.getini("portpicker_server") and not hasattr(config, "workerinput"):
        from portpicker._private_server import PrivateServer, ServerError

        try:
            server = PrivateServer.start()
        except ServerError as error:
            raise pytest.UsageError(f"portpicker_server: {error}") from error
        if server:
            config.pluginmanager.register(ServerRun(server), "portpicker-server")


class Fixtures:
    """Registers the fixtures after those of other plugins: the last ones are used.

    A fixture of a conftest.py, or of a test module, takes the place of ours.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._manager = config.pluginmanager
        self._replaced = REPLACED if config.getini("portpicker_replace_fixtures") else ()
        self._has_begun = False

    def begin(self) -> None:
        others: set[str] = set()
        for plugin in self._manager.get_plugins():
            others.update(_names(plugin))
        self._register([*(name for name in OWN if name not in others), *self._replaced])

    @pytest.hookimpl(trylast=True)
    def pytest_plugin_registered(self, plugin: object) -> None:
        # A plugin can also be named in a test module, for example.
        if self._has_begun:
            others = _names(plugin)
            self._register([name for name in self._replaced if name in others])

    def _register(self, names: list[str]) -> None:
        if names:
            from portpicker import fixtures

            holder = types.ModuleType("portpicker fixtures")
            for name in names:
                setattr(holder, name, getattr(fixtures, name))
            self._has_begun = False
            self._manager.register(holder, f"portpicker-fixtures-{id(holder)}")
            self._has_begun = True


def _names(plugin: object) -> set[str]:
    """The names in a plugin that is not a conftest.py."""
    path = getattr(plugin, "__file__", None) or ""
    if path.endswith("conftest.py"):
        return set()
    return set(getattr(plugin, "__dict__", ()))


class ServerRun:
    """Ends the private server with the run."""

    def __init__(self, server: PrivateServer) -> None:
        self._server = server

    def pytest_report_header(self) -> str:
        return f"portpicker: private port server at {self._server.address}"

    def pytest_unconfigure(self) -> None:
        self._server.stop()
