"""Finds ports that two processes have at the same time."""

import fcntl
import os


class Marks:
    """A byte of a file for each port, which the process that has the port locks."""

    def __init__(self, path):
        self._file = os.open(path, os.O_RDWR)

    def take(self, port):
        """Returns whether no other process has the port."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            return True
        except OSError:
            return False

    def give(self, port):
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, port)
