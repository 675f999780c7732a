#!python
"""Runs portserver under the name of the original, in place of this process."""

import os
import signal
import sys

programs = os.path.dirname(os.path.realpath(__file__))
# The interpreter ignores these, and a program inherits that.
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
try:
    os.execv(os.path.join(programs, "portserver"), ["portserver.py", *sys.argv[1:]])
except OSError as error:
    sys.exit(f"portserver.py: cannot run the program portserver: {error}")
