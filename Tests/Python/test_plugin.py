"""The fixtures of the pytest plugin, beside other plugins."""

import itertools
import os
import signal
import subprocess
import sys
import time

import pytest

import portpicker

REPLACED = [f"{word}_port{factory}" for factory in ("", "_factory")
            for word in ("unused_tcp", "unused_udp", "free_tcp", "free_udp")]

# Tests that the fixtures are ours: a port of ours is leased.
OURS = """
    import pytest, subprocess, sys

    NAMES = {names}

    @pytest.mark.parametrize("name", NAMES)
    def test_it_is_ours(name, request):
        value = request.getfixturevalue(name)
        port = value() if name.endswith("_factory") else value
        status = subprocess.run([sys.executable, "-m", "portpicker", "status"],
                                capture_output=True, text=True, check=True).stdout
        assert any(line.startswith(str(port) + " ") for line in status.splitlines())
    """


def pytest_run(pytester, *arguments, plugins=None, **outcomes):
    """Runs pytest in another process; plugins: those to load, in order."""
    if plugins is not None:
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        arguments = [*(word for name in plugins for word in ("-p", name)), *arguments]
    try:
        result = pytester.runpytest_subprocess(*arguments)
    finally:
        os.environ.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)
    if outcomes:
        result.assert_outcomes(**outcomes)
    return result


def test_pytest_finds_the_plugin(pytester):
    pytester.makepyfile(OURS.format(names=REPLACED + ["unused_port", "unused_port_factory"]))
    result = pytest_run(pytester, passed=10)
    result.stdout.fnmatch_lines(["*portpicker*"])


@pytest.mark.parametrize("plugins", list(itertools.permutations(
    ["portpicker.pytest_plugin", "pytest_asyncio.plugin", "anyio.pytest_plugin"])))
def test_ours_are_used_in_every_order(pytester, plugins):
    pytester.makepyfile(OURS.format(names=REPLACED))
    pytest_run(pytester, plugins=plugins, passed=8)


@pytest.mark.parametrize("name", ["pytest_asyncio.plugin", "anyio.pytest_plugin"])
def test_ours_are_used_if_a_test_module_names_the_other_plugin(pytester, name):
    names = [other for other in REPLACED
             if ("free" in other) == name.startswith("anyio")]
    pytester.makepyfile(
        OURS.format(names=names).replace("import", f"pytest_plugins = '{name}'\n    import", 1))
    pytest_run(pytester, plugins=["portpicker.pytest_plugin"], passed=4)


def test_ours_are_used_in_workers(pytester):
    pytester.makepyfile(OURS.format(names=REPLACED))
    pytest_run(pytester, "-n2", passed=8)


@pytest.mark.parametrize("off", [["-p", "no:portpicker"],
                                 ["-o", "portpicker_replace_fixtures=false"]])
def test_they_can_be_turned_off(pytester, off):
    pytester.makepyfile(OURS.format(names=REPLACED))
    pytest_run(pytester, *off, failed=8)


def test_without_the_replacements_our_own_fixtures_are_there(pytester):
    pytester.makepyfile(OURS.format(names=["unused_port", "unused_port_factory"]))
    pytest_run(pytester, "-o", "portpicker_replace_fixtures=false", passed=2)
    pytest_run(pytester, "-p", "no:portpicker", failed=2)


def test_fixtures_of_the_tests_are_used(pytester):
    fixture = """
        import pytest

        @pytest.fixture
        def unused_tcp_port():
            return 1
        """
    check = """
        def test_it_is_theirs(unused_tcp_port):
            assert unused_tcp_port == 1
        """
    pytester.makeconftest(fixture)
    pytester.makepyfile(check)
    pytest_run(pytester, passed=1)
    pytester.makeconftest("")
    pytester.makepyfile(fixture + check)
    pytest_run(pytester, passed=1)


def test_our_own_names_yield_to_other_plugins(pytester):
    pytester.makepyfile(other="""
        import pytest

        @pytest.fixture
        def unused_port():
            return lambda: 1
        """)
    pytester.makepyfile("""
        def test_it_is_theirs(unused_port):
            assert unused_port() == 1
        """)
    pytester.syspathinsert()
    pytest_run(pytester, "-p", "other", passed=1)
    pytest_run(pytester, plugins=["portpicker.pytest_plugin", "other"], passed=1)


def test_the_list_of_fixtures_says_so(pytester):
    result = pytest_run(pytester, "--fixtures")
    result.stdout.fnmatch_lines([
        "*fixtures defined from portpicker.fixtures*",
        "free_tcp_port -- *",
        "*From portpicker, in place of anyio's*",
        "*portpicker_replace_fixtures*",
    ])
    result = pytest_run(pytester, "--fixtures", "-p", "no:portpicker")
    assert "portpicker" not in result.stdout.str()


def test_options_are_described(pytester):
    result = pytest_run(pytester, "--help")
    result.stdout.fnmatch_lines(["*portpicker_server (bool):*",
                                 "*portpicker_replace_fixtures (bool):*"])


def test_ports_are_returned_at_the_end_of_the_scope(pytester):
    pytester.makepyfile("""
        import portpicker, pytest

        found = []

        def leased(ports):
            # A port that is not ours any more is logged.
            import logging
            lost = []
            logging.info = lambda text, port: lost.append(port)
            for port in ports:
                portpicker.return_port(port)
            return set(ports) - set(lost)

        @pytest.mark.parametrize("name", [
            "unused_port", "unused_tcp_port", "unused_udp_port", "free_tcp_port",
            "free_udp_port"])
        def test_of_a_test(name, request):
            found.append(request.getfixturevalue(name))

        def test_returned():
            assert len(found) == 5
            assert leased(found) == set()

        @pytest.mark.parametrize("name", [
            "unused_port_factory", "unused_tcp_port_factory", "unused_udp_port_factory",
            "free_tcp_port_factory", "free_udp_port_factory"])
        def test_of_the_session(name, request):
            factory = request.getfixturevalue(name)
            found.extend([factory(), factory()])

        def test_not_yet_returned():
            ports = found[5:]
            assert len(set(ports)) == 10
            assert leased(ports) == set(ports)
        """)
    pytest_run(pytester, passed=12)


def test_the_ports_of_a_factory_are_returned_at_the_end_of_the_session(pytester):
    pytester.makeconftest("""
        import os, subprocess, sys

        def pytest_unconfigure():
            status = subprocess.run([sys.executable, "-m", "portpicker", "status"],
                                    capture_output=True, text=True, check=True).stdout
            with open("leased", "w") as file:
                file.writelines(line for line in status.splitlines(True)
                                if str(os.getpid()) in line.split())
        """)
    pytester.makepyfile("""
        def test(unused_port_factory, free_tcp_port_factory):
            assert unused_port_factory() != free_tcp_port_factory()
        """)
    pytest_run(pytester, passed=1)
    assert (pytester.path / "leased").read_text() == ""


def test_factories_have_the_arguments_of_the_others(pytester):
    pytester.makepyfile("""
        import socket

        def test(free_tcp_port_factory, free_udp_port_factory, unused_tcp_port_factory):
            assert free_tcp_port_factory(socket.AF_INET6) != free_tcp_port_factory()
            assert free_tcp_port_factory.kind == socket.SOCK_STREAM
            assert free_udp_port_factory.kind == socket.SOCK_DGRAM
            assert isinstance(unused_tcp_port_factory(), int)
        """)
    pytest_run(pytester, passed=1)


def test_named_ports_are_those_of_the_project(pytester, run):
    root = pytester.path
    pytester.makeini("[pytest]")
    (root / ".git").mkdir()
    (root / "tests").mkdir()
    (root / "tests/test_it.py").write_text(
        "def test(named_port, monkeypatch):\n"
        "    monkeypatch.chdir('/')\n"
        "    print('web is', named_port('web'), named_port('web'))\n")
    port = run([sys.executable, "-m", "portpicker", "name", "web"], cwd=root).strip()
    for folder in root, root / "tests", root.parent:
        result = run([sys.executable, "-m", "pytest", "-sq", root / "tests"], cwd=folder)
        assert f"web is {port} {port}\n" in result


# The private server

SERVED = """
    import os, subprocess, sys
    import portpicker, pytest

    @pytest.mark.parametrize("number", range(8))
    def test(number, unused_tcp_port):
        address = os.environ["PORTSERVER_ADDRESS"]
        with open("addresses", "a") as file:
            file.write(address + "\\n")
        assert portpicker.get_port_from_port_server(address)
        assert int(subprocess.run(
            [sys.executable, "-m", "portpicker", "--require-server"],
            capture_output=True, check=True).stdout)
    """


@pytest.mark.parametrize("workers", [[], ["-n3"]])
def test_a_private_server_for_the_run(pytester, workers):
    pytester.makeini("[pytest]\nportpicker_server = true")
    pytester.makepyfile(SERVED)
    result = pytest_run(pytester, *workers, passed=8)
    result.stdout.fnmatch_lines(["portpicker: private port server at *"])
    addresses = set((pytester.path / "addresses").read_text().split())
    assert len(addresses) == 1
    address = addresses.pop()
    assert not os.path.exists(os.path.dirname(address))
    assert not holders(address)


def test_a_server_that_is_named_is_used(pytester, server, monkeypatch):
    monkeypatch.setenv("PORTSERVER_ADDRESS", server.address)
    pytester.makeini("[pytest]\nportpicker_server = true")
    pytester.makepyfile(SERVED.replace("range(8)", "range(2)"))
    result = pytest_run(pytester, passed=2)
    assert "private port server" not in result.stdout.str()
    assert (pytester.path / "addresses").read_text() == f"{server.address}\n" * 2


def test_a_private_server_that_cannot_start(pytester, tmp_path, monkeypatch):
    monkeypatch.setenv("PORTPICKER_LEDGER", "/proc/nowhere/ledger")
    pytester.makeini("[pytest]\nportpicker_server = true")
    pytester.makepyfile("def test(): pass")
    result = pytest_run(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*portpicker_server: *"])


def test_two_private_servers_have_different_ports(monkeypatch):
    from portpicker._private_server import PrivateServer

    servers = []
    try:
        for _ in range(2):
            monkeypatch.delenv("PORTSERVER_ADDRESS", raising=False)
            servers.append(PrivateServer.start())
        first, second = (set(server._ports) for server in servers)
        assert len(first) == len(second) == 500
        assert first.isdisjoint(second)
        for server, ports in zip(servers, (first, second)):
            assert portpicker.get_port_from_port_server(server.address) in ports
    finally:
        for server in servers:
            server.stop()
    assert len(portpicker.pick_unused_ports(1200)) == 1200


@pytest.mark.parametrize("workers", [[], ["-n2"]])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_with_a_killed_pytest(pytester, workers, number):
    pytester.makeini("[pytest]\nportpicker_server = true")
    pytester.makepyfile("""
        import os, time

        def test():
            # A child of the test that lives on must not keep the server alive.
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            with open("address.new", "w") as file:
                file.write(os.environ["PORTSERVER_ADDRESS"])
            os.rename("address.new", "address")
            time.sleep(60)
        """)
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *workers], cwd=pytester.path,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        path = pytester.path / "address"
        until(path.exists)
        address = path.read_text()
        (server,) = holders(address)
        run.send_signal(number)
        run.wait(60)
        until(lambda: not holders(address))
        assert not os.path.exists(f"/proc/{server}") or zombie(server)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def holders(address):
    """The processes that have an address in their command line: the server."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                if address in file.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def zombie(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return ") Z" in file.read()
    except OSError:
        return True
