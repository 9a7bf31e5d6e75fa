"""`make` on a machine that lacks something says what is missing and what to do."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import doctor

ROOT = Path(__file__).resolve().parents[2]
MAKE = shutil.which("make")
OFFLINE = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
OLD_PYTHON = """\
import runpy, sys
sys.version_info = (3, 8, 10, "final", 0)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
NO_ENSUREPIP = """\
import runpy, sys
sys.modules["ensurepip"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Machine:
    """A folder with what the Makefile needs, and a PATH that holds only what a test puts there."""

    def __init__(self, folder):
        self.root, self.bin = folder / "course", folder / "bin"
        self.bin.mkdir()
        (self.root / "tools").mkdir(parents=True)
        for name in ("Makefile", "requirements.txt", "tools/doctor.py"):
            shutil.copy(ROOT / name, self.root / name)
        for name in ("env", "sh", "touch"):
            (self.bin / name).symlink_to(shutil.which(name))

    def has(self, name, script):
        """Put a command on the PATH."""
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def has_python(self, name="python3", pretending=None):
        """Put this Python on the PATH, or one that pretends to be another."""
        options = ""
        if pretending:
            (self.bin / f"{name}.txt").write_text(pretending)
            options = f"'{self.bin}/{name}.txt'"
        self.has(name, f"exec '{sys.executable}' {options} \"$@\"")

    def run(self, *command, **variables):
        """Run a command there; return its exit status and all that it printed."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env={"PATH": str(self.bin), "HOME": str(self.root), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stdout
        return done.returncode, done.stdout

    def make_book(self, *arguments, **variables):
        """Run `make book`, which gets no further than its environment."""
        status, text = self.run(MAKE, "book", *arguments, **variables)
        assert status == 2
        return text


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_no_python(machine):
    text = machine.make_book()
    assert "No Python found" in text
    assert "3.11, 3.12 or 3.13" in text


def test_python_too_old(machine):
    machine.has_python(pretending=OLD_PYTHON)
    text = machine.make_book()
    assert "This is Python 3.8.10" in text
    assert "sudo apt-get install python3" in text
    assert "PYTHON=/path/to/" in text
    assert not (machine.root / ".venv-book").exists()


def test_python_named_by_hand_is_checked_too(machine):
    machine.has_python()
    machine.has_python("ancient", pretending=OLD_PYTHON)
    assert "This is Python 3.8.10" in machine.make_book("PYTHON=ancient")


def test_python_without_venv(machine):
    machine.has_python(pretending=NO_ENSUREPIP)
    text = machine.make_book()
    assert "lacks the module 'ensurepip'" in text
    assert "apt-get install python3-venv" in text


def test_no_network_and_a_python3_that_does_not_start(machine):
    machine.has("python3", "echo 'python3: not installed in this shim' >&2; exit 127")
    machine.has_python("python3.12", pretending=OLD_PYTHON)
    machine.has_python("python3.11")
    text = machine.make_book(**OFFLINE, PIP_RETRIES="0")
    assert "Making .venv-book with python3.11" in text
    assert "pip cannot reach a package index" in text
    assert "Settings of pip in this shell: PIP_CONFIG_FILE, PIP_INDEX_URL, PIP_RETRIES." in text
    assert not (machine.root / ".venv-book/ready").exists()


def test_an_index_that_answers_is_not_blamed(monkeypatch, tmp_path):
    index = tmp_path / "jupyter-book"
    index.mkdir()
    (index / "index.html").write_text('<a href="jupyter_book-1.0.tar.gz">jupyter_book-1.0</a>')
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", tmp_path.as_uri())
    assert "could not install the pinned versions" in doctor.explain_pip()


def test_an_index_address_is_not_printed(monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret@127.0.0.1:9/simple")
    text = doctor.explain_pip()
    assert "PIP_NO_INDEX" in text
    assert "secret" not in text


def test_an_old_python_can_read_the_doctor():
    source = (ROOT / "tools/doctor.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 4))
    source.encode("ascii")  # Python 2 would ask for a declaration


def install(machine):
    return machine.run(sys.executable, "tools/doctor.py", "chromium")


def test_no_chromium_and_no_package_manager(machine):
    status, text = install(machine)
    assert status == 0
    assert "will be SKIPPED" in text
    assert "no package manager" in text


def test_chromium_from_the_package_manager(machine):
    machine.has("sudo", 'shift; exec "$@"')
    machine.has("true", "exit 0")
    machine.has(
        "apt-get",
        f"case \"$*\" in *'install --yes'*) >{machine.bin}/chromium;"
        f" /bin/chmod +x {machine.bin}/chromium;; esac",
    )
    status, text = install(machine)
    assert status == 0
    assert "update" in text
    assert "SKIPPED" not in text
    assert install(machine) == (0, "")


def test_chromium_that_the_package_manager_does_not_have(machine):
    machine.has("sudo", 'shift; exec "$@"')
    machine.has("true", "exit 0")
    machine.has("dnf", "echo no such package; exit 1")
    status, text = install(machine)
    assert status == 0
    assert "'dnf install --assumeyes chromium' failed" in text
    assert "SKIPPED" in text


def test_chromium_without_the_right_to_install(machine, monkeypatch):
    machine.has("sudo", "exit 1")
    machine.has("dnf", "exit 0")
    monkeypatch.setenv("PATH", str(machine.bin))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "sudo asks for a password: sudo dnf install" in doctor.install_browser()
