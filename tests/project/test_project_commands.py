"""What the README, the guide and the workflows say is what the Makefile does."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tools import doctor

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, flags=re.MULTILINE))
VARIABLES = dict(re.findall(r"^([A-Z_]+) = (.*)$", MAKEFILE, flags=re.MULTILINE))
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / ".ci/run", *WORKFLOWS]


def run_lines(target: str) -> list[str]:
    """Return the shell lines of a target of the Makefile."""
    rule = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, flags=re.MULTILINE)[1]
    for name, value in VARIABLES.items():
        rule = rule.replace(f"$({name})", value)
    return [line.strip().lstrip("@") for line in rule.splitlines()]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_command_that_is_named_exists(path):
    code = re.findall(r"(?:`|run: |exec |^)make ([^`#\n]*)", path.read_text(), flags=re.MULTILINE)
    named = {word for line in code for word in line.split() if re.fullmatch("[a-z]+", word)}
    assert named <= TARGETS
    if path.name not in ("CONTRIBUTING.md", "pages.yml"):
        assert "test" in named


def test_help_lists_every_command():
    shown = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  ([a-z]+) ", shown, flags=re.MULTILINE)) == TARGETS


def test_every_command_is_phony():
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)
    assert set(phony.split()) == TARGETS


def test_the_plain_commands_are_those_of_the_makefile():
    plain = README.partition("## Without make")[2].partition("\n## ")[0]
    book, _ = run_lines("book")
    assert book in plain
    browser, tests = run_lines("test")
    assert browser in plain
    assert tests.removesuffix("$(ARGS)").rstrip() in plain
    assert f"pip install -c requirements.txt {VARIABLES['BOOK_PACKAGES']}\n" in plain
    assert "pip install -r requirements.txt" in plain
    (lab,) = run_lines("lab")
    assert f"`{lab[lab.index('.venv/') :].removesuffix(' $(ARGS)')}`" in plain
    pin = re.search(r"^torch==.*$", (ROOT / "requirements.txt").read_text(), flags=re.MULTILINE)
    assert f"pip install {pin[0]} --index-url" in plain


def test_continuous_integration_can_run_its_script():
    assert os.access(ROOT / ".ci/run", os.X_OK)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_to_files_of_the_repository(name):
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert local
    assert [link for link in local if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_have_no_more_rights_than_they_need(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert "permissions" in job
        for step in job.get("steps", []):
            if "uses" in step:
                assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])


def test_the_supported_versions_of_python_are_the_tested_ones():
    tests = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    tested = tests["jobs"]["test"]["strategy"]["matrix"]["python"]
    (oldest, newest) = doctor.OLDEST[1], doctor.NEWEST[1]
    assert tested == [f"3.{minor}" for minor in range(oldest, newest + 1)]
    for version in tested:
        assert version in README
        assert version in doctor.WRONG_PYTHON


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_what_the_commands_make_is_ignored_by_git():
    made = [".venv/ready", ".venv-book/ready", "_build/html/index.html", "build/bench.md"]
    command = ["git", "-C", ROOT, "check-ignore", *made]
    ignored = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert ignored.splitlines() == made
