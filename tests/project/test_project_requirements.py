"""One file of exact pins: complete, consistent with the package, and what is installed."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = (ROOT / "requirements.txt").read_text().splitlines()
PINS = [line for line in LINES if line and not line.startswith("#")]
PINNED = {canonicalize_name(pin.partition("==")[0]): pin.partition("==")[2] for pin in PINS}
# The distribution that a module comes from, where the two have different names.
DISTRIBUTIONS = {
    module: canonicalize_name(names[0])
    for module, names in metadata.packages_distributions().items()
    if module not in names
}
# What `import NAME` finds here: a module of the repository, or one beside a test or a tool.
OURS = {path.stem for path in ROOT.glob("tests/**/*.py")} | {"xentlib", "tools", "coursebook"}


def imported(source: str) -> set[str]:
    """Return the top-level modules that `source` imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def third_party(source: str) -> set[str]:
    """Return the distributions that `source` imports, by the names that pip knows."""
    modules = imported(source) - set(sys.stdlib_module_names) - OURS
    return {DISTRIBUTIONS.get(name, canonicalize_name(name)) for name in modules}


def installed_by(names: set[str]) -> set[str]:
    """Return the distributions that installing `names` installs."""
    found, new = set(), {canonicalize_name(name) for name in names}
    while new:
        found |= new
        lines = [line for name in new for line in metadata.requires(name) or []]
        needed = [r for r in map(Requirement, lines) if not r.marker or r.marker.evaluate()]
        new = {canonicalize_name(r.name) for r in needed} - found
    return found


def code_of(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def test_every_line_is_one_exact_version():
    for pin in PINS:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", pin), pin
    assert len(PINNED) == len(PINS), "a package is listed twice"


@pytest.mark.parametrize("name", PINNED)
def test_the_installed_version_is_the_pinned_one(name):
    installed = Version(metadata.version(name))  # torch may carry a local part: 2.13.0+cpu
    assert installed.public == PINNED[name], "the environment is old: run make test"


@pytest.mark.parametrize(
    "line",
    sum(PROJECT["optional-dependencies"].values(), start=PROJECT["dependencies"]),
)
def test_the_packages_lower_bounds_allow_the_pins(line):
    requirement = Requirement(line)
    assert {clause.operator for clause in requirement.specifier} == {">="}
    assert PINNED[canonicalize_name(requirement.name)] in requirement.specifier


def test_every_import_is_declared():
    files = [ROOT / "conftest.py", *ROOT.glob("tests/**/*.py"), *ROOT.glob("tools/**/*.py")]
    sources = {path: path.read_text(encoding="utf-8") for path in files}
    sources |= {path: code_of(path) for path in ROOT.glob("chapters/*/*.ipynb")}
    undeclared = {
        str(path.relative_to(ROOT)): names
        for path, source in sources.items()
        if (names := third_party(source) - PINNED.keys())
    }
    assert undeclared == {}


def test_the_library_imports_what_it_depends_on():
    needed = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    optional = {
        canonicalize_name(Requirement(line).name)
        for extra in PROJECT["optional-dependencies"].values()
        for line in extra
    }
    used = set()
    for path in ROOT.glob("xentlib/**/*.py"):
        used |= third_party(path.read_text(encoding="utf-8"))
    assert needed <= used, "a dependency that nothing imports"
    in_a_notebook = {"matplotlib-inline"}  # there wherever a notebook's kernel is
    assert used <= needed | optional | in_a_notebook, "an import that nothing declares"


def test_the_book_is_built_with_what_make_book_installs():
    makefile = (ROOT / "Makefile").read_text()
    (names,) = re.findall(r"^BOOK_PACKAGES = (.*)$", makefile, flags=re.MULTILINE)
    used = set()
    for path in ROOT.glob("tools/book/**/*.py"):
        used |= third_party(path.read_text(encoding="utf-8"))
    assert used <= installed_by(names.split())
    assert {"keras", "torch", "tensorflow"}.isdisjoint(installed_by(names.split()))


def test_the_foundations_need_no_framework():
    """The README says so, and that the others name what they miss."""
    sources = [code_of(path) for path in ROOT.glob("chapters/foundations/*.ipynb")]
    assert sources
    assert all({"torch", "tensorflow", "keras"}.isdisjoint(third_party(s)) for s in sources)


def test_what_the_readme_installs_for_the_notebooks_is_pinned_or_an_extra():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    line = re.search(r"\.venv-lab/bin/pip install -c requirements.txt (.*)", readme)[1]
    names = line.partition(" -e ")[0].split()
    assert "jupyterlab" in names
    assert set(names) <= PINNED.keys()
    extras = {name for text in re.findall(r"\.\[([a-z,]+)\]", line) for name in text.split(",")}
    assert extras == PROJECT["optional-dependencies"].keys()


def test_pip_prefers_pytorchs_cpu_build_when_it_sees_both(tmp_path):
    """The README's PIP_EXTRA_INDEX_URL relies on it."""
    version, info = PINNED["torch"], "Metadata-Version: 2.1\nName: torch\nVersion: "
    for index, build in (("pypi", version), ("cpu", f"{version}+cpu")):
        page = tmp_path / index / "torch" / "index.html"
        page.parent.mkdir(parents=True)
        name = f"torch-{build}-py3-none-any.whl"
        page.write_text(f'<a href="{name}">{name}</a>')
        with zipfile.ZipFile(page.with_name(name), "w") as wheel:
            wheel.writestr(f"torch-{build}.dist-info/METADATA", f"{info}{build}\n")
            wheel.writestr(f"torch-{build}.dist-info/WHEEL", "Wheel-Version: 1.0\n")
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    environment = {
        "PATH": os.environ["PATH"],
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": (tmp_path / "pypi").as_uri(),
        "PIP_EXTRA_INDEX_URL": (tmp_path / "cpu").as_uri(),
    }
    done = subprocess.run(
        [*command, f"torch=={version}"], env=environment, capture_output=True, text=True
    )
    assert f"Would install torch-{version}+cpu" in done.stdout, done.stderr
