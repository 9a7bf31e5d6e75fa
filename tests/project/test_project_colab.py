"""A chapter on its own in Colab: the set-up cell fetches xentlib and touches nothing else.

The environment is a stand-in: it has the packages of the one that runs the tests, but not xentlib,
a module `google.colab`, and one notebook in an empty folder. With COLAB_PYTHON, an environment that
has Colab's versions (`make colab`), its packages are taken instead and every chapter is run.
"""

import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tools import notebooks

ROOT = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("COLAB_PYTHON", sys.executable)
COLAB_VERSIONS = "COLAB_PYTHON" in os.environ
PINS = (ROOT / "tests/project/colab.txt").read_text().splitlines()
COLAB_PINS = {pin for pin in PINS if COLAB_VERSIONS and not pin.startswith("#")}
CHAPTERS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("chapters/*/*.ipynb"))
CHAPTER = "chapters/foundations/why-cross-entropy.ipynb"
NOWHERE = "http://127.0.0.1:9/xentlib-0.1.0-py3-none-any.whl"
KERNEL = '{"argv": [%s, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": ""}'


def run(*command, **options):
    """Run a command; return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Colab:
    """A fresh virtual machine: an environment without xentlib, and an empty folder."""

    def __init__(self, folder):
        venv, layer = folder / "venv", folder / "layer"
        run(PYTHON, "-m", "venv", "--without-pip", str(venv))
        self.python = str(venv / "bin" / "python")
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        # Outside the new environment: pip may use these packages and cannot remove them.
        layer.mkdir()
        for path in Path(run(PYTHON, "-c", where).strip()).iterdir():
            if "xentlib" not in path.name and path.suffix != ".pth":
                (layer / path.name).symlink_to(path)
        own = Path(run(self.python, "-c", where).strip())
        (own / "layer.pth").write_text(f"{layer}\nimport google.colab\n")
        (own / "google" / "colab").mkdir(parents=True)
        (own / "google" / "colab" / "__init__.py").touch()
        run(self.python, "-c", "import sys; sys.modules['google.colab']")
        (folder / "kernels" / "colab").mkdir(parents=True)
        kernel = KERNEL.replace("%s", f'"{self.python}"')
        (folder / "kernels" / "colab" / "kernel.json").write_text(kernel)
        self.kernels = KernelSpecManager(kernel_dirs=[str(folder / "kernels")])
        self.content = folder / "content"
        self.content.mkdir()
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "IPYTHONDIR": str(folder / "ipython"),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PIP_NO_INDEX": "1",  # all that xentlib needs is there
            "PIP_RETRIES": "0",
            "TQDM_DISABLE": "1",  # a progress bar is no error
        }

    def packages(self):
        """Return the packages that are installed, with their versions."""
        freeze = run(self.python, "-m", "pip", "freeze", "--all", env=self.environment)
        return set(freeze.splitlines())

    def open(self, chapter, source):
        """Put a chapter that was stamped with a source into the empty folder."""
        only = self.content.with_name("only") / chapter
        only.parent.mkdir(parents=True)
        shutil.copy(ROOT / chapter, only)
        stamped = self.content.with_name("stamped")
        (path,) = notebooks.stamp(source, stamped, only.parents[1])
        return Path(shutil.copy(path, self.content))

    def run_all(self, path):
        """Execute all cells; return the notebook."""
        notebook = nbformat.read(path, as_version=4)
        kernel = AsyncKernelManager(kernel_name="colab", kernel_spec_manager=self.kernels)
        client = NotebookClient(notebook, km=kernel, timeout=notebooks.CELL_TIMEOUT)
        client.execute(cwd=str(path.parent), env=self.environment, cleanup_kc=True)
        return notebook


@pytest.fixture
def colab(tmp_path):
    return Colab(tmp_path)


@pytest.fixture(scope="module")
def address(wheel):
    """Serve the wheel as the branch of the published notebooks does; return its URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=wheel.parent)) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/{wheel.name}"
        server.shutdown()


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    """Make a git repository of what the package is built from; return what pip calls it."""
    folder = tmp_path_factory.mktemp("remote")
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "xentlib", folder / "xentlib")
    who = ["-c", "user.name=someone", "-c", "user.email=someone@example.org"]
    nobodys = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}  # no signatures, no hooks
    for command in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "-m", "x"]):
        run("git", "-C", str(folder), *command, env=nobodys)
    return f"git+{folder.as_uri()}"


def check(colab, chapter, source):
    """Run a chapter from a source; nothing but xentlib may come or go."""
    before = colab.packages()
    assert not any("xentlib" in line for line in before)
    versions = {line.partition("+")[0] for line in before}  # torch==2.11.0+cpu
    assert versions >= COLAB_PINS
    notebook = colab.run_all(colab.open(chapter, source))
    (new,) = colab.packages() ^ before
    assert new.startswith("xentlib @ ")
    errors = [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr"
    ]
    assert errors == []


@pytest.mark.parametrize("chapter", CHAPTERS if COLAB_VERSIONS else [CHAPTER])
def test_a_chapter_installs_the_wheel_and_runs(colab, address, chapter):
    check(colab, chapter, address)


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_a_chapter_installs_from_a_repository_and_runs(colab, remote):
    if COLAB_VERSIONS:
        del colab.environment["PIP_NO_INDEX"]  # pip fetches what builds the package
    else:
        colab.environment["PIP_NO_BUILD_ISOLATION"] = "0"  # which means yes: hatchling is there
    check(colab, CHAPTER, remote)


def test_without_a_network_the_set_up_cell_says_what_is_missing(colab):
    before = colab.packages()
    with pytest.raises(CellExecutionError) as caught:
        colab.run_all(colab.open(CHAPTER, NOWHERE))
    assert caught.value.ename == "ImportError"
    assert caught.value.evalue == f"is there a network? Failed: pip install {NOWHERE}"
    assert "pip/_" not in caught.value.traceback
    assert colab.packages() == before


def test_without_a_clone_the_set_up_cell_asks_for_one(colab):
    with pytest.raises(CellExecutionError) as caught:
        colab.run_all(Path(shutil.copy(ROOT / CHAPTER, colab.content)))
    assert caught.value.evalue == "no xentlib: open this notebook inside a clone of the course"
