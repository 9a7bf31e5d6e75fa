"""xentlib as it is installed elsewhere: light, pure Python, and nothing else in the wheel."""

import doctest
import email
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_project_requirements import installed_by

import xentlib

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "tensorflow", "keras", "jax", "sklearn", "pandas", "matplotlib", "IPython"}


@pytest.fixture(scope="module")
def about(wheel):
    """Return the wheel's metadata."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def run(code, **options):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


def test_the_wheel_is_pure_python_and_holds_the_library_alone(wheel):
    assert wheel.name == f"xentlib-{xentlib.__version__}-py3-none-any.whl"
    info = f"xentlib-{xentlib.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert archive.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert {name.split("/")[0] for name in names} == {"xentlib", info}
    sources = {str(path.relative_to(ROOT)) for path in ROOT.glob("xentlib/**/*.py")}
    assert {name for name in names if name.startswith("xentlib/")} == sources


def test_the_wheel_moves_no_version_that_a_learner_has(about):
    always = [r for line in about.get_all("Requires-Dist") if not (r := Requirement(line)).marker]
    assert {r.name for r in always} == {"numpy", "scipy", "matplotlib"}
    assert all(clause.operator == ">=" for r in always for clause in r.specifier)
    assert about["Requires-Python"] == ">=3.11"
    assert about["License-Expression"] == "MIT"


def test_the_sdist_holds_the_library_its_tests_and_no_more(packages):
    (path,) = packages.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    folders = [ROOT / "xentlib", ROOT / "tests/xentlib"]
    sources = {str(p.relative_to(ROOT)) for folder in folders for p in folder.rglob("*.py")}
    others = {"LICENSE", "PKG-INFO", "pyproject.toml", ".gitignore", "xentlib/README.md"}
    assert names == sources | others


def test_the_package_index_would_take_the_packages(packages):
    paths = map(str, packages.iterdir())
    command = [sys.executable, "-m", "twine", "check", "--strict", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.count("PASSED") == 2, done.stdout + done.stderr
    assert done.returncode == 0


def test_the_description_stands_on_its_own(about):
    """An index shows it without the repository around it, and its code runs."""
    assert about["Description-Content-Type"] == "text/markdown"
    text = about.get_payload()
    assert "# xentlib" in text
    assert re.findall(r"\]\((?!https://)|<img|<a ", text) == []
    failed, tried = doctest.testfile(str(ROOT / "xentlib/README.md"), module_relative=False)
    assert tried > 2
    assert failed == 0
    extras = re.search(r"\.\[([a-z,]+)\]", text)[1].split(",")
    assert set(extras) == set(about.get_all("Provides-Extra"))


def test_a_clean_environment_gets_what_numpy_scipy_and_matplotlib_need(wheel):
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    command = [*pip, "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    command += ["--constraint", str(ROOT / "requirements.txt"), str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        index = [*pip, "--retries", "0", "index", "versions", "numpy"]
        if subprocess.run(index, capture_output=True, check=False).returncode:
            pytest.skip("pip reaches no package index: the install was not tried")
    assert done.returncode == 0, done.stderr
    names = {p["metadata"]["name"] for p in json.loads(done.stdout)["install"]}
    light = installed_by({"numpy", "scipy", "matplotlib"})
    assert set(map(canonicalize_name, names)) == {"xentlib"} | light
    assert len(light) < 15


def test_the_library_works_from_the_wheel(wheel, tmp_path):
    code = "import xentlib; print(xentlib.__file__); print(xentlib.entropy([0.5, 0.5], base=2))"
    path, bits = run(code, cwd=tmp_path, env={"PYTHONPATH": str(wheel)}).splitlines()
    assert path.startswith(str(wheel))
    assert bits == "1.0"


def test_importing_the_library_imports_nothing_heavy():
    loaded = run("import sys, xentlib; print(*sys.modules)", cwd=ROOT).split()
    assert "xentlib.information" in loaded
    assert HEAVY.isdisjoint(loaded)


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    book = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == xentlib.__version__
    assert citation["title"] == book["title"]
    assert citation["authors"] == [{"name": book["author"]}]
    assert citation["license"] == ["CC-BY-4.0", "MIT"]


def test_both_licences_are_there_in_full():
    code, prose = (ROOT / name for name in ("LICENSE", "LICENSE-CC-BY-4.0.txt"))
    assert code.read_text().startswith("MIT License\n\nCopyright (c) 2026 The cross-entropy course")
    text = prose.read_text(encoding="utf-8")
    assert text.startswith("Attribution 4.0 International\n")
    assert [f"Section {n} --" in text for n in range(1, 9)] == [True] * 8
