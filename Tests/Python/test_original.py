"""The original's own tests, unchanged, with this module in its place."""

import json
import os
import pathlib
import shutil
import sys

import pytest

from conftest import PROGRAMS

ORIGINAL = pathlib.Path(os.environ["PORTPICKER_TEST_ORIGINAL"])
SOURCE = ORIGINAL / "portpicker-1.6.0/src"

# Tests of the inside of the original, and of what is different on purpose.
LEFT_OUT = {
    "portpicker_test": {
        "PickUnusedPortTest.testSendsPidToPortServer":
            "replaces socket.socket, which the library does not use",
        "PickUnusedPortTest.testPidDefaultsToOwnPid":
            "replaces os.getpid and socket.socket, which the library does not use",
        "PickUnusedPortTest.testReusesPortServerPorts":
            "replaces socket.socket, which the library does not use",
        "PickUnusedPortTest.testIsPortFreeException":
            "replaces socket.socket, which the library does not use",
        "PortpickerCommandLineTests.test_command_line_help":
            "wants the original's help text, and that asking for help fails",
        "PortpickerCommandLineTests.test_command_line_help_text_dedented":
            "wants the original's help text, and that asking for help fails",
        "PortpickerCommandLineTests."
        "test_command_line_interface_no_portserver_bind_timeout":
            "wants the held port to be listening; it is bound, but not listening, so "
            "that the caller's server can bind it",
    },
}

RUNNER = """
    import json, logging, sys, unittest
    import portpicker

    # The private names that the tests touch.
    for name in "_owned_ports", "_free_ports", "_random_ports":
        setattr(portpicker, name, set())
    portpicker._winapi = None

    def pick():
        import os
        address = os.environ.pop("PORTSERVER_ADDRESS", None)
        try:
            return portpicker.pick_unused_port()
        finally:
            if address is not None:
                os.environ["PORTSERVER_ADDRESS"] = address

    portpicker._pick_unused_port_without_server = pick

    def tests(suite):
        for test in suite:
            if isinstance(test, unittest.TestSuite):
                yield from tests(test)
            else:
                yield test

    left_out = json.loads(sys.argv[2])
    suite = unittest.TestSuite()
    for test in tests(unittest.defaultTestLoader.loadTestsFromName(sys.argv[1])):
        name = test.id().partition(".")[2]
        if left_out.pop(name, None) is None:
            suite.addTest(test)
    assert not left_out, f"no such tests: {left_out}"
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    print(json.dumps({"run": result.testsRun, "passed": result.wasSuccessful(),
                      "skipped": [f"{test}: {why}" for test, why in result.skipped]}))
    """

NETSTAT = """\
#!{python}
# Prints listening sockets as netstat -lnt does.
for table in "tcp", "tcp6":
    with open("/proc/net/" + table) as file:
        for line in list(file)[1:]:
            fields = line.split()
            if fields[3] == "0A":
                port = int(fields[1].rpartition(":")[2], 16)
                print(table, 0, 0, "address:%d" % port, "*:*", "LISTEN")
"""


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Some of the tests call netstat, which not every machine has."""
    (tmp_path / "netstat").write_text(NETSTAT.format(python=sys.executable))
    (tmp_path / "netstat").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{PROGRAMS}:{os.environ['PATH']}")


def test_of_the_module(run, path, tmp_path):
    left_out = LEFT_OUT["portpicker_test"]
    output = run(RUNNER, "portpicker_test", json.dumps(left_out),
                 env={**os.environ, "PYTHONPATH": str(SOURCE / "tests")})
    assert json.loads(output.splitlines()[-1]) == {
        "run": 14, "passed": True, "skipped": []}


def test_of_the_server(run, tmp_path):
    """``portserver.py`` of the wheel, with the original as its client.

    All other tests of the file call functions of the original's server. With this module
    as the client, one check of the test would fail: that the server has counted a
    refusal for a process that has ended. This module does not ask for such a process.
    """
    (tmp_path / "tests").mkdir()
    shutil.copy(SOURCE / "tests/portserver_test.py", tmp_path / "tests")
    # The test starts portserver.py of the folder above its own.
    for name in "portserver.py", "portserver":
        shutil.copy(PROGRAMS / name, tmp_path)
    run([sys.executable, "-m", "unittest",
         "portserver_test.PortserverFunctionsTest.test_portserver_binary"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}/tests:{SOURCE}:{psutil()}"})


def psutil():
    (path,) = ORIGINAL.glob("lib/python3*/site-packages")
    return path
