"""The command that runs, normalises, edits and stamps the chapters."""

import json
import os
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import notebooks
from tools.notebooks import ROOT, main


@pytest.fixture
def write(tmp_path):
    """Write a notebook of some cells; code by default, markdown if it begins with `#`."""

    def write(*sources: str, name: str = "chapter.ipynb"):
        cells = [
            (new_markdown_cell if source.startswith("# ") else new_code_cell)(source)
            for source in sources
        ]
        path = tmp_path / name
        nbformat.write(new_notebook(cells=cells), path)
        return path

    return write


def run(path, capsys):
    status = main(["run", str(path)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def read(path):
    return nbformat.read(path, as_version=4)


def test_run_stores_the_outputs_in_the_one_form(write, capsys):
    path = write("# Title", "print(1)\nprint(2)", "1 + 1", "import sys\nsys.executable")
    status, out, _ = run(path, capsys)
    assert status == 0
    assert "chapter.ipynb: " in out
    assert " s, peak memory of the kernel " in out
    text = path.read_text(encoding="utf-8")
    notebook = read(path)
    assert text == notebooks.stored_text(read(path))
    assert text.startswith('{\n "cells": [\n  {')
    assert text.endswith("}\n")
    code = notebook.cells[1:]
    assert [cell.execution_count for cell in code] == [1, 2, 3]
    assert code[0].outputs == [{"name": "stdout", "output_type": "stream", "text": "1\n2\n"}], (
        "one stream, no timing"
    )
    assert code[1].outputs[0].execution_count == 2
    assert code[2].outputs[0].data["text/plain"] == repr(sys.executable)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(cell.metadata == {} for cell in notebook.cells)


def test_run_twice_changes_nothing(write, capsys):
    path = write("# Ä title — in Unicode", "print('é')")
    run(path, capsys)
    before = path.read_bytes()
    assert "é".encode() in before
    run(path, capsys)
    assert path.read_bytes() == before


def test_run_leaves_no_kernel_behind(write, capsys):
    path = write("import os\nprint(os.getpid())")
    assert run(path, capsys)[0] == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(read(path).cells[0].outputs[0].text), 0)


def test_run_finds_xentlib_and_works_in_the_folder_of_the_notebook(write, capsys):
    path = write("import os, xentlib\nprint(os.getcwd(), xentlib.__file__)")
    assert run(path, capsys)[0] == 0
    text = read(path).cells[0].outputs[0].text
    assert text.split() == [str(path.parent), str(ROOT / "xentlib" / "__init__.py")]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("\n# divide\n1 / 0", "ZeroDivisionError"),
        ("x = (", "SyntaxError"),
        ("import os\nos._exit(3)", "the kernel died"),
    ],
)
def test_a_failure_names_the_cell_and_leaves_the_file(write, capsys, bad, reason):
    path = write("# Title", "print(1)", bad, "print(2)")
    before = path.read_bytes()
    status, out, err = run(path, capsys)
    assert status == 1
    assert out == ""
    first = bad.strip().splitlines()[0]
    assert "chapter.ipynb, cell 3 (id " in err.splitlines()[0]
    assert err.splitlines()[0].endswith(f": {first}")
    assert reason in err
    assert "\x1b" not in err
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["chapter.ipynb"]


def test_run_stores_no_progress_bar(write, capsys):
    path = write("from tqdm import tqdm\nprint(sum(tqdm(range(5))))")
    assert run(path, capsys)[0] == 0
    assert [output.name for output in read(path).cells[0].outputs] == ["stdout"]


def test_a_person_sees_the_progress_bar():
    code = "from tqdm import tqdm\nsum(tqdm(range(5), leave=False))"
    without = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    done = subprocess.run([sys.executable, "-c", code], env=without, capture_output=True, text=True)
    assert "0/5" in done.stderr


def test_a_slow_cell_is_stopped_and_named(write, capsys, monkeypatch):
    monkeypatch.setattr(notebooks, "CELL_TIMEOUT", 1)
    path = write("import time\ntime.sleep(60)")
    status, _, err = run(path, capsys)
    assert status == 1
    assert "cell 1 " in err
    assert "more than 1 s" in err


def test_one_failure_does_not_stop_the_others(write, capsys):
    bad, good = write("1 / 0", name="bad.ipynb"), write("print(1)", name="good.ipynb")
    assert main(["run", str(bad), str(good)]) == 1
    assert "good.ipynb" in capsys.readouterr().out
    assert read(good).cells[0].execution_count == 1


@pytest.mark.parametrize("content", [None, "", "{}", "[1]", "no notebook"])
def test_what_is_no_notebook_is_refused(tmp_path, capsys, content):
    path = tmp_path / "x.ipynb"
    if content is not None:
        path.write_text(content)
    assert main(["run", str(path)]) == 1
    assert "x.ipynb: n" in capsys.readouterr().err  # no such notebook, not a notebook


def test_normalise_keeps_ids_tags_and_sizes_only(tmp_path):
    image = new_output(
        "display_data",
        data={"image/png": "AAAA"},
        metadata={"image/png": {"width": 3, "height": 2, "x": 1}, "needs_background": "light"},
    )
    streams = [
        new_output("stream", name=name, text=name) for name in ("stdout", "stdout", "stderr")
    ]
    cells = [
        new_markdown_cell("# A Title", id="kept", metadata={"editable": True}),
        new_code_cell(
            "f()",
            id="x",
            execution_count=7,
            metadata={
                "execution": {"iopub.status.idle": "2026"},
                "tags": ["check"],
                "collapsed": False,
            },
            outputs=[image, *streams],
        ),
        new_markdown_cell(":::{prf:theorem} T\n:label: thm-t\n:::", id="y"),
        new_code_cell("g()", id="z", metadata={"tags": ["check"]}),
        new_code_cell("g()", id="w", metadata={"tags": ["check"]}),
    ]
    notebook = new_notebook(cells=cells, metadata={"widgets": {"a": 1}, "myst": {"b": 2}})
    text = json.loads(nbformat.writes(notebook))
    for cell in text["cells"][1:]:
        del cell["id"]
    path = tmp_path / "chapter.ipynb"
    path.write_text(json.dumps(text))
    assert main(["normalise", str(path)]) == 0
    stored = read(path)
    assert [cell.id for cell in stored.cells] == [
        "kept",
        "check-f",
        "thm-t",
        "check-g",
        "check-g-2",
    ]
    assert set(stored.metadata) == {"kernelspec", "language_info", "myst"}
    assert stored.cells[0].metadata == {}
    code = stored.cells[1]
    assert code.metadata == {"tags": ["check"]}
    assert code.execution_count == 7, "only a run may number the cells"
    assert [out.get("text") for out in code.outputs] == [None, "stdoutstdout", "stderr"]
    assert code.outputs[0].metadata == {"image/png": {"width": 3, "height": 2}}


def test_the_text_of_a_chapter_goes_there_and_back(tmp_path, capsys):
    path, text = tmp_path / "chapter.ipynb", tmp_path / "chapter.md"
    text.write_text(
        "# Title\n\nWords.\n\n```{code-cell}\nprint(1)\n```\n\nMore.\n\n+++\n\nAnd more.\n\n"
        "```{code-cell}\n---\nmystnb:\n  figure:\n    caption: A line.\n    name: fig-line\n"
        "  image:\n    alt: A line that rises.\ntags: [hide-input, check]\n---\nassert 2 > 1\n```\n"
    )
    assert main(["import", str(text), str(path)]) == 0
    assert main(["setup", str(path)]) == 0
    assert main(["run", str(path)]) == 0
    stored = path.read_bytes()
    ids = [cell.id for cell in read(path).cells]
    assert ids == ["title", "setup", "code-print-1", "more", "and-more", "fig-line"]
    assert read(path).cells[1].metadata.tags == notebooks.SETUP_TAGS
    assert read(path).cells[5].metadata.mystnb.image.alt == "A line that rises."

    for _ in range(2):  # back and forth: nothing changes, outputs included
        assert main(["export", str(path), str(text)]) == 0
        assert main(["import", str(text), str(path)]) == 0
        assert path.read_bytes() == stored

    edited = text.read_text().replace("print(1)", "print(3)").replace("Words.", "Other words.")
    text.write_text(edited)
    assert main(["import", str(text), str(path)]) == 0
    cells = read(path).cells
    assert [cell.id for cell in cells] == ids
    assert cells[0].source.endswith("Other words.")
    assert cells[2].outputs == [], "the output of other code"
    assert cells[5].execution_count is not None


def test_import_of_a_missing_text_says_so(tmp_path, capsys):
    assert main(["import", str(tmp_path / "no.md"), str(tmp_path / "x.ipynb")]) == 1
    assert "no.md: no such file" in capsys.readouterr().err


def test_setup_replaces_an_old_set_up_cell(write):
    path = write("# Title", "old = 1", "print(1)")
    notebook = read(path)
    notebook.cells[1].metadata["tags"] = ["setup"]
    notebook.cells.insert(0, notebook.cells.pop())
    nbformat.write(notebook, path)
    for _ in range(2):
        assert main(["setup", str(path)]) == 0
        cells = read(path).cells
        assert [cell.source for cell in cells] == ["print(1)", notebooks.SETUP_CELL, "# Title"]


# -- stamping ------------------------------------------------------------------------------------

SOURCE = "git+https://example.org/someone/course@main"


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book" / "chapters" / "part" / "chapter.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Title")]), path)
    main(["setup", str(path)])
    return path


def test_stamp_writes_copies_that_know_their_source(book, tmp_path):
    before = book.read_bytes()
    written = notebooks.stamp(SOURCE, tmp_path / "out", chapters=tmp_path / "book" / "chapters")
    assert written == [tmp_path / "out" / "chapters" / "part" / "chapter.ipynb"]
    assert book.read_bytes() == before
    old, new = read(book), read(written[0])
    assert f'XENTLIB_SOURCE = "{SOURCE}"' in new.cells[1].source
    new.cells[1].source = new.cells[1].source.replace(SOURCE, "")
    assert new == old


def test_stamp_is_never_in_place(book):
    chapters = book.parents[1]
    for target in (chapters, chapters / "part", chapters.parent):
        with pytest.raises(notebooks.NotebookError, match="never stamped in place"):
            notebooks.stamp(SOURCE, target, chapters=chapters)


@pytest.mark.parametrize("source", ["", " ", 'a"b', "a b", "a\\b", "a\nb"])
def test_stamp_refuses_what_would_break_the_cell(book, tmp_path, source):
    with pytest.raises(notebooks.NotebookError, match="--source"):
        notebooks.stamp(source, tmp_path / "out", chapters=book.parents[1])


def test_stamp_refuses_a_chapter_without_set_up_cell_and_an_empty_book(book, tmp_path):
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Title")]), book)
    with pytest.raises(notebooks.NotebookError, match=r"chapter\.ipynb: no set-up cell"):
        notebooks.stamp(SOURCE, tmp_path / "out", chapters=book.parents[1])
    with pytest.raises(notebooks.NotebookError, match="holds no notebook"):
        notebooks.stamp(SOURCE, tmp_path / "out", chapters=tmp_path / "empty")


# -- the set-up cell -----------------------------------------------------------------------------


def execute_setup(folder, source: str = "") -> subprocess.CompletedProcess:
    """Execute the set-up cell in `folder` where nothing but the standard library is found."""
    cell = notebooks.SETUP_CELL.replace(notebooks.SOURCE_LINE, f'XENTLIB_SOURCE = "{source}"')
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"{cell}\nprint(xentlib.__file__)"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def clone(tmp_path):
    """A clone whose xentlib needs no dependency."""
    package = tmp_path / "clone" / "xentlib"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from xentlib import plots\n")
    (package / "plots.py").write_text("def use_style():\n    print('style')\n")
    (tmp_path / "clone" / "chapters" / "part").mkdir(parents=True)
    return tmp_path / "clone"


def test_setup_finds_the_clone_above(clone):
    done = execute_setup(clone / "chapters" / "part")
    assert done.stdout.split() == ["style", str(clone / "xentlib" / "__init__.py")], done.stderr


def test_setup_alone_and_not_stamped_asks_for_a_clone(clone):
    (clone / "xentlib" / "__init__.py").unlink()
    done = execute_setup(clone / "chapters" / "part")
    assert done.returncode == 1
    message = "no xentlib: open this notebook inside a clone of the course"
    assert done.stderr.splitlines()[-1] == f"ImportError: {message}"


def test_setup_says_what_fails_and_not_what_pip_says(tmp_path):
    done = execute_setup(tmp_path, source="/no/such/folder")
    assert done.returncode == 1
    message = "is there a network? Failed: pip install /no/such/folder"
    assert done.stderr.splitlines()[-1] == f"ImportError: {message}"
    assert len(done.stderr.splitlines()) < 8
    assert done.stdout == ""


def test_setup_cell_is_short():
    lines = notebooks.SETUP_CELL.splitlines()
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 88
    assert notebooks.SETUP_CELL.count(notebooks.SOURCE_LINE) == 1
