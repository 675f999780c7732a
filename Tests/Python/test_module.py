"""The module: results, errors and warnings of its functions."""

import ast
import os
import pathlib
import socket
import subprocess
import sys

import pytest

import portpicker

TCP = socket.SOCK_STREAM, socket.IPPROTO_TCP
UDP = socket.SOCK_DGRAM, socket.IPPROTO_UDP


def listener(port=0):
    server = socket.socket(socket.AF_INET6)
    server.bind(("::", port))
    server.listen()
    return server


def test_a_port_can_be_bound_on_tcp_and_udp():
    port = portpicker.pick_unused_port()
    for kind in TCP, UDP:
        with socket.socket(socket.AF_INET6, *kind) as bound:
            bound.bind(("::", port))


def test_a_port_is_leased_in_the_ledger_of_the_command(run):
    port = portpicker.pick_unused_port()
    leases = run([sys.executable, "-m", "portpicker", "status"])
    assert f"{port}" in leases
    assert f"{os.getpid()}" in leases


def test_a_process_keeps_its_port(run):
    holder = subprocess.Popen(["sleep", "60"])
    try:
        port = portpicker.pick_unused_port(pid=holder.pid)
        status = run([sys.executable, "-m", "portpicker", "status"])
        assert any(str(port) in line and str(holder.pid) in line
                   for line in status.splitlines())
    finally:
        holder.kill()
        holder.wait()


@pytest.mark.parametrize("pid", [0, -1, 2 ** 22 + 1, 2 ** 31, 2 ** 64])
def test_an_invalid_process_is_an_error_that_says_so(pid):
    with pytest.raises(portpicker.NoFreePortFoundError, match="process") as caught:
        portpicker.pick_unused_port(pid=pid)
    assert f"{pid}" in str(caught.value)
    assert caught.value.code < 0


def test_several_ports():
    assert len(set(portpicker.pick_unused_ports(5))) == 5
    row = portpicker.pick_unused_ports(4, contiguous=True)
    assert row == list(range(row[0], row[0] + 4))
    with pytest.raises(portpicker.NoFreePortFoundError, match="count is 0"):
        portpicker.pick_unused_ports(0)


def test_an_exhausted_pool_is_an_error_that_says_what_to_do():
    assert sorted(portpicker.pick_unused_ports(2, pool="24000-24001")) == [24000, 24001]
    with pytest.raises(portpicker.NoFreePortFoundError, match="24000-24001") as caught:
        portpicker.pick_unused_ports(1, pool="24000-24001")
    assert "\n" not in str(caught.value)
    assert "use a larger pool" in str(caught.value)
    with pytest.raises(portpicker.NoFreePortFoundError, match="pool is 'x'"):
        portpicker.pick_unused_ports(1, pool="x")


def test_a_returned_port_can_be_picked_by_another_process(server, run, monkeypatch):
    monkeypatch.setenv("PORTSERVER_ADDRESS", server.address)
    ports = portpicker.pick_unused_ports(10)
    picks = "import portpicker; print(portpicker.pick_unused_port())"
    portpicker.return_port(ports[3])
    assert int(run(picks)) == ports[3]


def test_a_port_that_was_not_picked_is_logged(caplog):
    caplog.set_level("INFO")
    for port in 1, 0, -1, 70000, "80", None:
        caplog.clear()
        assert portpicker.return_port(port) is None
        assert f"port {port} " in caplog.text


def test_a_reserved_port_is_picked_first_if_it_is_free():
    port = portpicker.pick_unused_port()
    portpicker.return_port(port)
    portpicker.add_reserved_port(port)
    with listener(port):
        assert portpicker.pick_unused_port() != port
    assert portpicker.pick_unused_port() == port
    portpicker.return_port(port)
    assert portpicker.pick_unused_port() == port


@pytest.mark.parametrize("port, error", [
    (0, ValueError), (-1, OverflowError), (65536, OverflowError), ("80", TypeError)])
def test_only_a_port_can_be_reserved(port, error):
    with pytest.raises(error):
        portpicker.add_reserved_port(port)


def test_free_and_used_ports():
    port = portpicker.pick_unused_port()
    assert portpicker.is_port_free(port) is True
    assert portpicker.bind(port, *TCP) == portpicker.bind(port, *UDP) == port
    with listener(port):
        assert portpicker.is_port_free(port) is False
        assert portpicker.bind(port, *TCP) is None
        assert portpicker.bind(port, *UDP) == port
    with socket.socket(socket.AF_INET, *UDP) as bound:
        bound.bind(("127.0.0.1", port))
        assert portpicker.is_port_free(port) is False
        assert portpicker.bind(port, *UDP) is None


def test_the_kernel_chooses_a_port_for_0():
    assert portpicker.bind(0, *TCP) > 0
    assert portpicker.bind(0, *UDP) > 0
    assert portpicker.is_port_free(0) is True


def test_only_tcp_and_udp_have_ports():
    assert portpicker.bind(0, socket.SOCK_STREAM, socket.IPPROTO_UDP) is None
    assert portpicker.bind(0, socket.SOCK_SEQPACKET, 0) is None
    assert portpicker.bind(0, socket.SOCK_STREAM, 0) > 0


@pytest.mark.parametrize("function", [
    portpicker.is_port_free, lambda port: portpicker.bind(port, *TCP),
    lambda port: portpicker.bind(port, socket.SOCK_SEQPACKET, 0)])
def test_what_is_not_a_port(function):
    for port in -1, 65536, 2 ** 70:
        with pytest.raises(OverflowError):
            function(port)
    for port in "80", None, 80.0:
        with pytest.raises(TypeError):
            function(port)


# Servers


def test_a_port_of_a_server(server, monkeypatch):
    assert portpicker.get_port_from_port_server(server.address) in range(20000, 20010)
    assert portpicker.pick_unused_port(portserver_address=server.address) < 20010
    monkeypatch.setenv("PORTSERVER_ADDRESS", server.address)
    assert portpicker.pick_unused_port() < 20010
    assert server.statistics()["total-allocations"] == 3


@pytest.mark.parametrize("convert", [
    str, os.fsencode, pathlib.Path, lambda path: os.path.relpath(path)])
def test_forms_of_an_address(server, convert):
    address = convert(server.address)
    assert portpicker.get_port_from_port_server(address) in range(20000, 20010)


@pytest.mark.parametrize("form", ["@{}", "\0{}"])
def test_abstract_addresses(form):
    from conftest import Server

    name = f"portpicker-test-{os.getpid()}"
    server = Server(f"@{name}", "--pool=20000-20009")
    try:
        assert portpicker.get_port_from_port_server(form.format(name)) >= 20000
    finally:
        server.stop()


def test_a_server_that_does_not_answer(capfd, monkeypatch):
    assert portpicker.get_port_from_port_server("/nowhere") is None
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("portpicker: warning: ") and "/nowhere" in err
    assert err.count("\n") == 1
    assert portpicker.get_port_from_port_server("") is None
    assert portpicker.get_port_from_port_server(None) is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("pid", [-1, 0, 2 ** 100])
def test_a_server_is_not_asked_for_no_process(server, capfd, pid):
    assert portpicker.get_port_from_port_server(server.address, pid=pid) is None
    assert capfd.readouterr().err.count("\n") == 1


def test_the_ledger_takes_the_place_of_a_server_with_a_warning(run, monkeypatch):
    code = """
        import portpicker
        print(portpicker.pick_unused_port(), portpicker.pick_unused_port())
        """
    monkeypatch.setenv("PORTSERVER_ADDRESS", "/nowhere")
    result = run(code, check=False)
    assert result.returncode == 0
    assert result.stderr.startswith("portpicker: warning: ")
    assert "/nowhere" in result.stderr and "ledger" in result.stderr
    assert result.stderr.count("\n") == 1  # once in a process
    monkeypatch.setenv("PORTPICKER_REQUIRE_SERVER", "1")
    result = run(code, check=False)
    assert result.returncode == 1
    assert "NoFreePortFoundError: " in result.stderr and "/nowhere" in result.stderr


# Names


def test_a_named_port_is_that_of_the_command(tmp_path, run, monkeypatch):
    (tmp_path / ".git").mkdir()
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    port = portpicker.named_port("web")
    assert port == portpicker.named_port("web", at=tmp_path)
    assert port != portpicker.named_port("web", at=tmp_path / "src")
    assert int(run([sys.executable, "-m", "portpicker", "name", "web"])) == port


def test_a_named_block(tmp_path):
    ports = portpicker.named_ports("workers", 3, at=tmp_path)
    assert ports == list(range(ports[0], ports[0] + 3))
    assert portpicker.named_ports("workers", 3, at=str(tmp_path)) == ports
    assert portpicker.named_port("workers", at=tmp_path) == ports[0]
    with pytest.raises(portpicker.PortPickerError):
        portpicker.named_ports("workers", 4, at=tmp_path)


@pytest.mark.parametrize("name", ["", "Web", "a b", "0"])
def test_an_invalid_name(name, tmp_path):
    with pytest.raises(portpicker.PortPickerError, match="name") as caught:
        portpicker.named_port(name, at=tmp_path)
    assert not isinstance(caught.value, portpicker.NoFreePortFoundError)


def test_a_place_that_does_not_exist(tmp_path):
    with pytest.raises(portpicker.PortPickerError, match="does not exist"):
        portpicker.named_port("web", at=tmp_path / "nowhere")
    with pytest.raises(TypeError):
        portpicker.named_port(b"web", at=tmp_path)
    with pytest.raises(ValueError, match="null"):
        portpicker.named_port("web", at=b"a\0b")


# The package


def test_importing_loads_nothing_that_is_not_loaded_anyway(run):
    code = "import sys; before = set(sys.modules); {}; print(*set(sys.modules) - before)"
    loaded = run(code.format("import portpicker")).split()
    assert set(loaded) <= {"portpicker", "operator", "_operator", "__future__"}


def test_the_version(run):
    assert run([sys.executable, "-m", "portpicker", "--version"]).split()[-1] == (
        portpicker.__version__)
    from portpicker import _native

    assert _native.version() == portpicker.__version__


def test_every_source_is_python_3_9():
    package = pathlib.Path(portpicker.__file__).parent
    for path in package.glob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 9))


def test_types(tmp_path):
    mypy = pytest.importorskip("mypy.api")
    user = tmp_path / "user.py"
    user.write_text(
        "import portpicker\n"
        "reveal_type(portpicker.pick_unused_port(1, 'x'))\n"
        "reveal_type(portpicker.get_port_from_port_server('x'))\n"
        "reveal_type(portpicker.named_ports('x', 3))\n"
        "portpicker.PickUnusedPort('x')\n")
    out, err, _ = mypy.run(["--strict", "--cache-dir", str(tmp_path / "cache"),
                            str(user)])
    assert 'Revealed type is "int"' in out.replace("builtins.", "")
    assert 'Revealed type is "int | None"' in out.replace("builtins.", "").replace(
        "Union[int, None]", "int | None")
    assert 'list[int]' in out.replace("builtins.", "")
    assert out.count("error:") == 1 and 'has incompatible type "str"' in out
