"""What the workflow `pages` publishes for a fork, without an edit: book, notebooks, buttons.

Its steps are run here as they stand, in a copy of the repository, for someone/fork; only GitHub
and the package index are stand-ins, and the book is cut down to one chapter.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/pages.yml").read_text())
BRANCH = WORKFLOW["env"]["COLAB_BRANCH"]
GITHUB = {"github.repository": "someone/fork", "env.COLAB_BRANCH": BRANCH, "github.token": "TOKEN"}
NOT_TRACKED = shutil.ignore_patterns(".*", "_build", "build", "dist", "__pycache__")
PAGE = "chapters/foundations/why-cross-entropy"
CHAPTERS = {str(path.relative_to(ROOT)) for path in ROOT.glob("chapters/*/*.ipynb")}

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs git")


def steps(job):
    """Return the commands of a job, each with its environment and its folder."""
    for step in WORKFLOW["jobs"][job]["steps"]:
        if "run" in step:
            environment = {
                name: re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda match: GITHUB[match[1]], str(value))
                for name, value in step.get("env", {}).items()
            }
            yield step["run"], environment, step.get("working-directory", ".")


@pytest.fixture(scope="module")
def fork(tmp_path_factory):
    """Run the jobs; return where the book, the pushed branch and pip's arguments are."""
    folder = tmp_path_factory.mktemp("fork")
    commands, branch, asked = folder / "bin", folder / "github/someone/fork", folder / "pip.txt"
    commands.mkdir()
    scripts = {
        "python": f"exec '{sys.executable}' \"$@\"",
        "pip": f"echo \"$@\" >>'{asked}'",
        "make": 'test "$1" = book && '
        "python -c 'from jupyter_book.cli.main import main; main()' build .",
    }
    for name, script in scripts.items():
        (commands / name).write_text(f"#!/bin/sh\n{script}\n")
        (commands / name).chmod(0o755)
    subprocess.run(["git", "init", "--quiet", "--bare", str(branch)], check=True)
    github = f"{(folder / 'github').as_uri()}/"
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_REPOSITORY": GITHUB["github.repository"],
        "GITHUB_SHA": "0" * 40,
        "COLAB_BRANCH": BRANCH,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{github}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://x-access-token:TOKEN@github.com/",
    }
    for job in ("book", "notebooks"):
        checkout = Path(shutil.copytree(ROOT, folder / job, ignore=NOT_TRACKED))
        shutil.copytree(ROOT / ".github", checkout / ".github")
        toc = {"format": "jb-book", "root": "chapters/index", "chapters": [{"file": PAGE}]}
        (checkout / "_toc.yml").write_text(yaml.safe_dump(toc))
        for command, own, where in steps(job):
            done = subprocess.run(
                ["bash", "-e", "-c", command],
                cwd=checkout / where,
                env=environment | own,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    git = ["git", "--git-dir", str(branch)]
    listed = subprocess.run(
        [*git, "ls-tree", "-r", "--name-only", BRANCH], capture_output=True, text=True, check=True
    )
    return SimpleNamespace(
        html=folder / "book/_build/html",
        files=set(listed.stdout.splitlines()),
        read=lambda name: subprocess.check_output([*git, "show", f"{BRANCH}:{name}"]),
        asked=asked.read_text().split(),
    )


def test_the_branch_holds_every_chapter_the_wheel_and_the_licences(fork):
    (wheel,) = (name for name in fork.files if name.endswith(".whl"))
    assert fork.files == CHAPTERS | {wheel, "LICENSE", "LICENSE-CC-BY-4.0.txt"}


@pytest.mark.parametrize("chapter", sorted(CHAPTERS))
def test_a_chapter_fetches_the_wheel_beside_it(fork, chapter):
    text = fork.read(chapter).decode()
    (source,) = re.findall(r'XENTLIB_SOURCE = \\"(.*?)\\"', text)
    beside = source.removeprefix(f"https://raw.githubusercontent.com/someone/fork/{BRANCH}/")
    assert beside in fork.files


def buttons(html, name):
    page = BeautifulSoup((html / f"{name}.html").read_text("utf-8"), "html.parser")
    links = page.select(".article-header-buttons a[href]")
    return {link["title"]: link for link in links}


def test_the_buttons_of_a_chapter(fork):
    found = buttons(fork.html, PAGE)
    assert set(found) == {"Launch on Colab", "Open an issue", "Download this notebook"}
    colab = found["Launch on Colab"]["href"]
    start = f"https://colab.research.google.com/github/someone/fork/blob/{BRANCH}/"
    assert colab.removeprefix(start) == f"{PAGE}.ipynb"
    assert f"{PAGE}.ipynb" in fork.files
    issue = found["Open an issue"]
    assert issue["href"].startswith("https://github.com/someone/fork/issues/new?")
    assert not issue.has_attr("download")
    copy = (fork.html / PAGE).parent / found["Download this notebook"]["href"]
    assert copy.read_bytes() == fork.read(f"{PAGE}.ipynb")


def test_a_page_that_is_no_notebook_has_no_button_for_one(fork):
    assert set(buttons(fork.html, "chapters/index")) == {"Open an issue"}


def test_what_the_workflow_installs_is_pinned(fork):
    assert fork.asked[:4] == ["install", "--quiet", "-c", "requirements.txt"]
    pins = (ROOT / "requirements.txt").read_text()
    names = [word for word in fork.asked if word not in fork.asked[:4]]
    assert "build" in names
    assert all(re.search(rf"^{name}==", pins, flags=re.MULTILINE) for name in names)
