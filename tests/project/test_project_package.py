"""xentlib as it is installed elsewhere: light, pure Python, and nothing else in the wheel."""

import email
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import xentlib

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "tensorflow", "keras", "jax", "sklearn", "pandas", "matplotlib", "IPython"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target)]
    build = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, check=False)
    assert build.returncode == 0, build.stdout + build.stderr
    (path,) = target.glob("*.whl")
    return path


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
