"""``python3 -m portpicker`` and the programs of the wheel."""

import os
import signal
import subprocess
import sys
import sysconfig

import portpicker
from conftest import PROGRAMS

COMMAND = [sys.executable, "-m", "portpicker"]


def test_the_process_is_the_parent_by_default(run):
    run([*COMMAND])
    status = run([*COMMAND, "status"])
    assert str(os.getpid()) in status


def test_it_is_the_named_process(run):
    port = run(["sh", "-c", 'exec "$@" $$', "-", *COMMAND])
    assert 0 < int(port) < 65536 and port == f"{int(port)}\n"
    output = run(["sh", "-c",
                  'port=$("$@" $$); "$@" status | grep "$port" | grep -c "$$"',
                  "-", *COMMAND])
    assert output == "1\n"


def test_the_original_readmes_lines(run):
    assert run([sys.executable, "-c",
                "import portpicker; print(portpicker.pick_unused_port())"])
    assert int(run(["bash", "-c", "python3 -m portpicker $$"]))


def test_errors_and_statuses(run):
    result = run([*COMMAND, "nonsense"], check=False)
    assert (result.returncode, result.stdout) == (64, "")
    assert "portpicker" in result.stderr
    assert run([*COMMAND, "2147483647"], check=False).returncode == 64
    assert "USAGE" in run([*COMMAND, "--help"])


def test_signals_have_their_default_action(run):
    lines = run([*COMMAND, "run", "--", "grep", "SigIgn", "/proc/self/status"])
    assert int(lines.split()[1], 16) & (
        1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1) == 0


def test_the_programs(run):
    version = portpicker.__version__
    for name in "portpicker", "portserver", "portserver.py":
        assert run([PROGRAMS / name, "--version"]).split()[-1] == version
    # As recipes start it.
    assert run([sys.executable, PROGRAMS / "portserver.py", "--version"])
    # Nothing in this folder may be taken for the module.
    assert not (PROGRAMS / "portpicker.py").exists()


def test_portserver_py_is_the_server(tmp_path, run):
    address = str(tmp_path / "socket")
    server = subprocess.Popen(
        ["portserver.py", f"--portserver_address={address}",
         "--portserver_static_pool=20000-20001"], stderr=subprocess.PIPE, text=True)
    try:
        for line in server.stderr:
            if address in line:
                break
        assert portpicker.get_port_from_port_server(address) in (20000, 20001)
        with open(f"/proc/{server.pid}/cmdline") as file:
            assert "portserver.py" in file.read()
    finally:
        server.send_signal(signal.SIGINT)
        _, log = server.communicate(timeout=30)
    assert server.returncode == 0
    assert "total-allocations 1" in log


def test_programs_are_found_through_a_link(tmp_path, run):
    (tmp_path / "portserver.py").symlink_to(PROGRAMS / "portserver.py")
    assert run([tmp_path / "portserver.py", "--version"])


def test_a_missing_program_is_an_error_that_says_so(tmp_path, run):
    import shutil
    import pathlib

    package = tmp_path / "a/b/c/d/e/portpicker"
    shutil.copytree(pathlib.Path(portpicker.__file__).parent, package)
    result = run(
        [sys.executable, "-c",
         "import sysconfig; sysconfig.get_path = lambda name: '/nowhere';"
         "import runpy; runpy.run_module('portpicker', run_name='__main__')"],
        cwd=package.parent, check=False)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "install portpicker-swift" in result.stderr
