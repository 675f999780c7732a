"""``python3 -m portpicker [PID [BIND_TIMEOUT]]``: the command ``portpicker``."""

from __future__ import annotations

import os
import signal
import sys

from portpicker._programs import program


def main() -> None:
    # The interpreter ignores these, and a program inherits that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        # In place of this process, so that the command's parent is this one's.
        os.execv(program("portpicker"), ["portpicker", *sys.argv[1:]])
    except OSError as error:
        sys.exit(f"portpicker: cannot run the command: {error}")


if __name__ == "__main__":
    main()
