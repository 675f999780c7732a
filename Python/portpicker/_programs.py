"""Where the programs of this package are installed."""

from __future__ import annotations

import os


def program(name: str) -> str:
    """The path of a program of this package: ``portpicker`` or ``portserver``.

    Installers put programs into a folder of their own: in a virtual environment, for
    example, ``bin`` beside ``lib/python3.11/site-packages/portpicker``; with
    ``pip install --target``, ``bin`` beside ``portpicker``.

    Raises ``FileNotFoundError``.
    """
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    tried = []
    for _ in range(4):
        tried.append(os.path.join(folder, "bin", name))
        folder = os.path.dirname(folder)
    import sysconfig

    tried.append(os.path.join(sysconfig.get_path("scripts"), name))
    for path in tried:
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(
        f"the program {name} is in none of {', '.join(tried)}; "
        "install portpicker-swift again"
    )
