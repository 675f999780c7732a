"""The same calls to the original and to this module: what differs, differs on purpose."""

import json
import os
import pathlib

import pytest

from conftest import Server

ORIGINAL = pathlib.Path(os.environ["PORTPICKER_TEST_ORIGINAL"]) / "bin/python"
CALLS = pathlib.Path(__file__).with_name("calls.py")

# The original ignores the process unless there is a server; this module leases to it.
ERROR = "a port", "raises NoFreePortFoundError"
PROCESSES = {
    "pid=0": ERROR,
    "pid=-1": ERROR,
    "pid=no process": ERROR,
    "pid=huge": ERROR,
    "pid=text": ("a port", "raises TypeError"),
    # A server's address that no server can have.
    "server=long": ERROR,
}
# The host's init never ends, so nothing can be leased to it; a container's does.
if os.stat("/proc/self/ns/pid").st_ino == 0xEFFFFFFC:
    PROCESSES["pid=1"] = PROCESSES["pid=true"] = ERROR  # True is 1

# The answers of the original and of this module.
DIFFERENCES = {
    **{f"{name}({arguments})": answers for arguments, answers in PROCESSES.items()
       for name in ("pick_unused_port", "PickUnusedPort")},
    # The original hands out whatever is reserved.
    "add_reserved_port(0)": (None, "raises ValueError"),
    "add_reserved_port(-1)": (None, "raises OverflowError"),
    "add_reserved_port(big)": (None, "raises OverflowError"),
    "add_reserved_port(text)": (None, "raises TypeError"),
    "add_reserved_port(none)": (None, "raises TypeError"),
}


@pytest.fixture
def answers(run, tmp_path):
    found = []
    for python in ORIGINAL, "python":
        # Each has a server of its own, as both take ports.
        server = Server(tmp_path / f"socket{len(found)}", "--pool=20000-20999")
        try:
            found.append(json.loads(run([python, CALLS, server.address])))
        finally:
            server.stop()
    return found


def test_the_module(answers):
    original, ours = answers
    assert original.keys() == ours.keys()
    different = {}
    for call in original:
        if original[call] != ours[call]:
            answers = original[call].pop("answer"), ours[call].pop("answer")
            different[call] = answers
            # An error that is raised needs no line on standard error.
            if not str(answers[1]).startswith("raises"):
                assert original[call] == ours[call], call
    assert different == DIFFERENCES
    assert len(original) > 180
