"""The wheel: its contents, and how it can be installed."""

import os
import pathlib
import subprocess
import sys
import zipfile

import pytest

import portpicker

WHEEL = pathlib.Path(os.environ["PORTPICKER_TEST_WHEEL"])
ROOT = pathlib.Path(__file__).parent.parent.parent


@pytest.fixture
def pip(run):
    def pip(*arguments, python=sys.executable):
        return run([python, "-m", "pip", "--disable-pip-version-check", *arguments])

    return pip


@pytest.fixture
def venv(tmp_path, run):
    run([sys.executable, "-m", "venv", tmp_path / "venv"])
    return tmp_path / "venv"


def test_what_it_is_called_and_contains():
    version = portpicker.__version__
    assert WHEEL.name == (
        f"portpicker_swift-{version}-py3-none-manylinux_2_34_x86_64.whl")
    with zipfile.ZipFile(WHEEL) as wheel:
        names = wheel.namelist()
        metadata = wheel.read(f"portpicker_swift-{version}.dist-info/METADATA").decode()
        modes = {entry.filename: entry.external_attr >> 16 for entry in wheel.infolist()}
    scripts = f"portpicker_swift-{version}.data/scripts"
    assert sorted(name for name in names if name.startswith(scripts)) == [
        f"{scripts}/portpicker", f"{scripts}/portserver", f"{scripts}/portserver.py"]
    assert all(modes[name] & 0o111 for name in names if name.startswith(scripts))
    licenses = [name for name in names if "/licenses/" in name]
    assert {pathlib.Path(name).parent.name for name in licenses} == {
        "licenses", "swift-argument-parser", "swift-atomics", "swift-collections",
        "swift-log", "swift-nio", "swift-system"}
    assert "@VERSION@" not in metadata
    assert f"portpicker-swift=={version}" in metadata
    assert "portpicker/py.typed" in names
    assert not [name for name in names if "pyc" in name]


def test_auditwheel_accepts_it(run):
    output = " ".join(run([sys.executable, "-m", "auditwheel", "show", WHEEL]).split())
    assert ('is consistent with the following platform tag: "manylinux_2_34_x86_64".'
            in output)


def test_twine_accepts_it(run):
    assert "PASSED" in run([sys.executable, "-m", "twine", "check", "--strict", WHEEL])


def test_the_same_input_makes_the_same_bytes(tmp_path, run):
    with zipfile.ZipFile(WHEEL) as wheel:
        wheel.extractall(tmp_path)
    wheels = []
    for number in range(2):
        out = tmp_path / f"out{number}"
        out.mkdir()
        programs = tmp_path / f"portpicker_swift-{portpicker.__version__}.data/scripts"
        os.utime(programs / "portpicker", (number, number))
        run([sys.executable, ROOT / "packaging/wheel", programs,
             tmp_path / "portpicker/libportpicker.so.0", out],
            env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}, umask=0o077 * number)
        wheels.append((out / WHEEL.name).read_bytes())
    assert wheels[0] == wheels[1]


def test_a_virtual_environment_and_its_removal(venv, pip, run):
    python = venv / "bin/python"
    before = set(venv.rglob("*"))
    pip("install", "--no-index", WHEEL, python=python)
    assert int(run([venv / "bin/portpicker"]))
    assert int(run([python, "-m", "portpicker"]))
    assert "portserver.py" in run(["head", "-c", "999", venv / "bin/portserver.py"])
    assert run([venv / "bin/portserver.py", "--version"])
    pip("uninstall", "-y", "portpicker-swift", python=python)
    assert {path for path in set(venv.rglob("*")) - before
            if "__pycache__" not in str(path)} == set()


def test_a_folder_that_is_read_only(tmp_path, pip, run):
    """pip install --target, for another user who cannot write there."""
    target = tmp_path / "target"
    pip("install", "--no-index", "--no-compile", "--target", target, WHEEL)
    subprocess.run(["chmod", "-R", "a-w", target], check=True)
    environment = {**os.environ, "PYTHONPATH": str(target)}
    assert int(run([sys.executable, "-S", "-c",
                    "import portpicker; print(portpicker.pick_unused_port())"],
                   env=environment))
    assert int(run([sys.executable, "-S", "-m", "portpicker"], env=environment))
    assert run([target / "bin/portserver.py", "--version"])
    found = run([sys.executable, "-c", "from portpicker._programs import program;"
                 "print(program('portpicker'))"], env=environment)
    assert found == f"{target}/bin/portpicker\n"
    subprocess.run(["chmod", "-R", "u+w", target], check=True)


def test_in_the_place_of_the_original(venv, pip, run):
    """An environment that has the original, and then the changed requirements."""
    python = venv / "bin/python"
    site = next(venv.glob("lib/python3*/site-packages"))
    original = pathlib.Path(os.environ["PORTPICKER_TEST_ORIGINAL"])
    (found,) = original.glob("lib/python3*/site-packages/portpicker.py")
    (site / "portpicker.py").write_bytes(found.read_bytes())
    code = "import portpicker; print(portpicker.__file__)"
    assert run([python, "-c", code]).endswith("/portpicker.py\n")
    pip("install", "--no-index", WHEEL, python=python)
    assert run([python, "-c", code]).endswith("/portpicker/__init__.py\n")
