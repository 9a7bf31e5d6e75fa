"""Say what this machine lacks for `make book` and `make test`, and what to do about it.

``doctor.py`` checks the Python that runs it, ``doctor.py pip`` explains a failed install, and
``doctor.py chromium`` installs the browser of the browser tests where it can.

Standard library only, and no syntax that an old Python, Python 2 included, cannot parse: it must
get far enough to be told that it is too old.
"""

import os
import shutil
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
# The first package manager on the PATH is the one that is asked.
INSTALLERS = [
    ["apt-get", "install", "--yes", "--no-install-recommends", "chromium", "fonts-liberation"],
    ["dnf", "install", "--assumeyes", "chromium"],
    ["pacman", "-S", "--noconfirm", "chromium"],
    ["zypper", "--non-interactive", "install", "chromium"],
    ["brew", "install", "--cask", "chromium"],
]

WRONG_PYTHON = """\
This is Python {version} ({path}), and the course needs Python 3.11, 3.12 or 3.13.
Install one of them:
  Debian, Ubuntu   sudo apt-get install python3 python3-venv
  Fedora           sudo dnf install python3.13
  macOS            brew install python@3.13
  anywhere         https://www.python.org/downloads/
If you have one that was not found, name it:  make book PYTHON=/path/to/python3.13"""

NO_VENV = """\
Python {version} ({path}) cannot make a virtual environment: it lacks the module '{module}'.
On Debian and Ubuntu that is a package of its own:
  sudo apt-get install python3-venv    (for a Python beside the system's: python3.13-venv)"""

NO_INDEX = """\
pip cannot reach a package index, so nothing could be installed. Its last words:
  {words}
Check the network: behind a proxy set HTTPS_PROXY, with an index of your own set PIP_INDEX_URL.
Settings of pip in this shell: {settings}.
Then run the same command again."""

REFUSED = """\
pip reaches a package index but could not install the pinned versions; its message is above.
  - 'No space left on device': the book needs 0.5 GB, the tests 4 GB and, with
    CUDA, several more. Free here: {free} GB.
  - 'No matching distribution': PyTorch and TensorFlow have wheels for Linux (glibc) and macOS on
    Apple silicon; on an Intel Mac, on Alpine and on Windows use Colab, a container or WSL.
  - 'Read timed out', 'Connection reset': run the same command again."""

NO_BROWSER = """\
No Chromium, and it could not be installed: {reason}.
The browser tests will be SKIPPED; everything else runs. To run them too, install Chromium or
Chrome by hand and run the same command again."""


def check_python():
    """Return what is wrong with the running Python, or None."""
    about = {"version": ".".join(map(str, sys.version_info[:3])), "path": sys.executable}
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return WRONG_PYTHON.format(**about)
    for module in ("venv", "ensurepip"):
        try:
            __import__(module)
        except ImportError:
            return NO_VENV.format(module=module, **about)
    return None


def explain_pip():
    """Return why a pip install failed, as far as it can be told from here."""
    command = [sys.executable, "-m", "pip", "--retries", "0", "--timeout", "15"]
    command += ["index", "versions", "jupyter-book"]
    probe = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True
    )
    words = probe.communicate()[0].strip().splitlines() or ["(nothing)"]
    if probe.returncode:
        # Names only: an index's address may hold a password.
        settings = ", ".join(sorted(name for name in os.environ if name.startswith("PIP_")))
        return NO_INDEX.format(words=words[-1], settings=settings or "none")
    return REFUSED.format(free=shutil.disk_usage(".").free // 10**9)


def find_browser():
    """Return the path of a Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def install_browser():
    """Install Chromium through the system's package manager; return why not, or None."""
    if find_browser():
        return None
    install = next((i for i in INSTALLERS if shutil.which(i[0])), None)
    if install is None:
        return (
            "no package manager that this script knows ("
            + ", ".join(i[0] for i in INSTALLERS)
            + ")"
        )
    prefix = ["env", "DEBIAN_FRONTEND=noninteractive"]
    if install[0] != "brew" and os.geteuid() != 0:
        sudo = ["sudo", "-n", "true"]
        if not shutil.which("sudo") or subprocess.call(sudo, stderr=subprocess.DEVNULL):
            return "this needs root, and sudo asks for a password: sudo " + " ".join(install)
        prefix = sudo[:2] + prefix
    # An update that fails, for one stale mirror, does not mean that the package cannot be had.
    commands = [["apt-get", "update"], install] if install[0] == "apt-get" else [install]
    for command in commands:
        sys.stdout.write("Chromium is missing: " + " ".join(command) + "\n")
        sys.stdout.flush()
        failed = subprocess.call(prefix + command, stdin=subprocess.DEVNULL)
    if failed or not find_browser():
        return "'{}' failed".format(" ".join(install))
    return None


def main(what):
    """Print the problem, if there is one, and return the exit status."""
    if what == "pip":
        problem = explain_pip()
    elif what == "chromium":
        reason = install_browser()
        problem = reason and NO_BROWSER.format(reason=reason)
    else:
        problem = check_python()
    if problem:
        sys.stderr.write("\n" + problem + "\n\n")
    # Without a browser the tests go on.
    return 1 if problem and what != "chromium" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if sys.argv[1:] else ""))
