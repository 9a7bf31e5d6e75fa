"""`make bench` and its parts."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools import bench

ROOT = Path(__file__).resolve().parents[2]


def test_each_notebook_gets_its_seconds_and_its_memory(tmp_path):
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    for name, code in (("good", "x = bytearray(300_000_000)"), ("bad", "1 / 0")):
        path = tmp_path / "chapters" / "part" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(new_notebook(cells=[new_code_cell(code)]), path)
    _, _, bad, good, total, *_ = bench.notebooks(tmp_path)
    assert bad.startswith("| chapters/part/bad.ipynb | failed: ZeroDivisionError")
    name, seconds, memory = good.strip("| ").split(" | ")
    assert name == "chapters/part/good.ipynb"
    assert 0 < float(seconds) < 60
    assert memory.startswith("unknown") or 300 < float(memory) < 2000
    assert total == f"| all | {seconds} | |"


def test_a_part_can_be_measured_alone(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "ROOT", tmp_path)

    def imports(folder):
        yield "imported"

    def pages(folder):
        raise AssertionError

    monkeypatch.setattr(bench, "PARTS", {imports: "Imports", pages: "Pages"})
    assert bench.main(["imports"]) == 0
    assert "## Imports\n\nimported" in capsys.readouterr().out
    assert "## Imports\n\nimported" in (tmp_path / "build" / "bench.md").read_text()


def test_an_unknown_part_is_refused(capsys):
    with pytest.raises(SystemExit):
        bench.main(["note books"])
    assert "there are imports, losses, builds, pages, notebooks" in capsys.readouterr().err
