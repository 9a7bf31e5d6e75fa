"""Stored figures are compared with redrawn ones: another machine passes, a stale figure fails."""

import base64
import io
import os
import subprocess
import sys
from functools import cache

import matplotlib as mpl
import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from tools import notebooks
from tools.nbval_figures import TOLERANCE, decode, difference, problems
from tools.notebooks import ROOT
from xentlib import plots

ULP = 1 + 2**-52


@cache
def lines(case: str = "") -> str:
    """A loss over its floor, as PNG; `case` says how it differs from the first one."""
    return drawn(case, draw_lines)


@cache
def bars(case: str = "") -> str:
    """Two distributions as labelled bars, as PNG."""
    return drawn(case, draw_bars)


@cache
def panels(case: str = "") -> str:
    """A scatter plot with a grid and a heat map under a formula, as PNG."""
    return drawn(case, draw_panels)


def drawn(case: str, draw) -> str:
    style = {
        "no antialiasing": {"text.antialiased": False},
        "half a pixel": {"axes.titlepad": 8.18, "axes.labelpad": 4.18},
    }
    with mpl.rc_context(plots.STYLE | style.get(case, {})):
        figure = Figure()
        draw(case, figure)
        file = io.BytesIO()
        figure.savefig(file, dpi=200)
    return base64.b64encode(file.getvalue()).decode()


def draw_lines(case, figure):
    ax = figure.add_subplot()
    steps = np.linspace(0.5, 100, 200)
    noise = np.random.default_rng(0).normal(scale=0.03, size=200)
    loss = (0.7 + 2 * np.exp(-steps / 20) + noise) * (ULP if case == "ulp" else 1)
    loss += 0.02 if case == "loss" else 0
    plots.loss_over_floor(steps, loss, 0.70 if case == "floor" else 0.69, ax=ax)
    ax.lines[0].set_color("#C55A00" if case == "colour" else plots.MODEL)
    ax.lines[1].set_linestyle("-" if case == "dashes" else (0, (5, 3)))
    ax.collections[0].set_alpha(0.24 if case == "shade" else 0.18)
    ax.set_title("The loss stays above its " + ("flood" if case == "title" else "floor"))
    ax.set_xlabel("update" if case == "xlabel" else "updates")
    if case == "unit":
        ax.set_ylabel("bits per outcome")


def draw_bars(case, figure):
    ax = figure.add_subplot()
    p = np.array([0.695 if case == "bar" else 0.7, 0.2, 0.1]) * (ULP if case == "ulp" else 1)
    plots.distribution_bars(p, [0.5, 0.3, 0.2], names=["cat", "dog", "bird"], ax=ax)
    ax.set_title("H(P, Q) = 1.0348 nats" if case == "digit" else "H(P, Q) = 1.0346 nats")
    for x, height in enumerate([0.7, 0.2, 0.1]):
        label = "0.201" if case == "label" and x == 1 else f"{height:.3f}"
        ax.text(x - 0.2, height + 0.01, label, ha="center", fontsize=8)
    if case == "legend":
        ax.legend_.remove()


def draw_panels(case, figure):
    left, right = figure.subplots(1, 2)
    rng = np.random.default_rng(0)
    points, grid = rng.normal(size=(200, 2)), rng.random((8, 8))
    points[0] += 0.5 if case == "point" else 0
    grid[3, 3] = 1 - grid[3, 3] if case == "pixel" else grid[3, 3]
    left.scatter(*points.T * (ULP if case == "ulp" else 1), s=8, color=plots.TRUTH)
    left.set(xlim=(-4, 4), ylim=(-4, 4), xlabel=r"$\log p(x)$", ylabel="y (nats)")
    left.grid(case != "grid")
    right.imshow(grid, cmap="plasma" if case == "map" else "viridis")
    last = "q_i$" if case == "formula" else "p_i$"
    right.set_title(r"$H(P)=-\sum_i p_i\log " + last)


def measured(draw, case: str) -> float:
    return difference(decode(draw()), decode(draw(case)))


SAME = [(draw, case) for draw in (lines, bars, panels) for case in ("ulp", "no antialiasing")]
SAME += [(draw, "half a pixel") for draw in (lines, bars, panels)]
STALE = [(lines, case) for case in ("loss", "floor", "colour", "dashes", "shade", "title")]
STALE += [(lines, "xlabel"), (lines, "unit"), (bars, "bar"), (bars, "digit"), (bars, "label")]
STALE += [(bars, "legend"), *((panels, case) for case in ("point", "pixel", "grid"))]
STALE += [(panels, "map"), (panels, "formula")]


@pytest.mark.parametrize(("draw", "case"), SAME)
def test_another_machine_passes_with_a_margin(draw, case):
    assert measured(draw, case) < TOLERANCE / 1.5


@pytest.mark.parametrize(("draw", "case"), STALE)
def test_a_stale_figure_fails_with_a_margin(draw, case):
    assert measured(draw, case) > TOLERANCE * 1.25


@pytest.mark.parametrize("draw", [lines, bars, panels])
def test_a_shift_by_a_pixel_and_noise_of_a_level_pass(draw):
    stored = decode(draw())
    assert difference(stored, np.roll(stored, 1, axis=0)) < TOLERANCE / 1.5
    noise = np.random.default_rng(0).integers(-1, 2, size=stored.shape)
    assert difference(stored, np.clip(stored + noise, 0, 255)) < TOLERANCE / 1.5
    assert difference(stored, np.roll(stored, 4, axis=0)) > TOLERANCE


def test_the_difference_is_symmetric():
    a, b = decode(bars()), decode(bars("bar"))
    assert difference(a, b) == difference(b, a)
    assert difference(a, a) == 0


def test_transparent_pixels_lie_on_white():
    file = io.BytesIO()
    Image.new("RGBA", (2, 1), (255, 0, 0, 0)).save(file, format="png")
    assert (decode(base64.b64encode(file.getvalue()).decode()) == 255).all()


def found(stored, drawn, tmp_path, varies=False):
    return list(problems(stored, drawn, varies=varies, folder=tmp_path, stem="x"))


def test_number_order_and_size_of_the_figures_count(tmp_path):
    small = Image.new("L", (20, 10), 255)
    file = io.BytesIO()
    small.save(file, format="png")
    small = base64.b64encode(file.getvalue()).decode()
    for varies in (False, True):
        assert found([lines()], [], tmp_path, varies) == ["1 figures are stored, 0 are drawn"]
        (message,) = found([lines()], [small], tmp_path, varies)
        assert message == "figure 1: 1280 × 680 pixels are stored, 20 × 10 are drawn"
    assert found([lines(), bars()], [lines(), bars()], tmp_path) == []
    assert len(found([lines(), bars()], [bars(), lines()], tmp_path)) == 2
    assert found([lines(), bars()], [bars(), lines()], tmp_path, varies=True) == []


# -- with nbval, as `pytest --nbval chapters` runs -----------------------------------------------

DRAW = """
import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(3, 2))
ax.plot([1, 2, {end}])
ax.set_title("{title}");
"""


@pytest.fixture
def stored(tmp_path):
    """A notebook that prints and draws, executed and stored; and a function that runs nbval."""
    path = tmp_path / "chapter.ipynb"
    drawing = DRAW.format(end=3, title="Entropy")
    cells = [new_code_cell(source) for source in ("print(1 + 1)", drawing, "3 * 3;")]
    nbformat.write(new_notebook(cells=cells), path)
    notebooks.run(path)
    return path


def edit(path, cell: int, old: str, new: str, *tags: str):
    """Change the code of a cell and not its stored outputs."""
    notebook = notebooks.read(path)
    assert old in notebook.cells[cell].source
    notebook.cells[cell].source = notebook.cells[cell].source.replace(old, new)
    notebook.cells[cell].metadata["tags"] = list(tags)
    notebooks.write(notebook, path)


def nbval(path, option: str = "--nbval") -> tuple[int, str]:
    """Run nbval over a notebook; the backend that the caller's environment names must not count."""
    options = [option, "--color=no", "-p", "tools.nbval_figures", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, path.name],
        cwd=path.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


def test_nbval_passes_what_is_stored(stored):
    status, out = nbval(stored)
    assert (status, "3 passed" in out) == (0, True), out
    assert not (stored.parent / "build").exists()


@pytest.mark.parametrize("tags", [(), ("nbval-ignore-output",)])
def test_nbval_fails_a_stale_figure(stored, tags):
    edit(stored, 1, '"Entropy"', '"Enthalpy"', *tags)
    status, out = nbval(stored)
    assert status == 1
    assert "1 failed, 2 passed" in out
    assert "Cell 1: Figures differ" in out
    cell = notebooks.read(stored).cells[1].id
    assert f"chapter.ipynb, cell {cell}\n" in out
    assert "figure 1 is not the one that the code draws: difference 0." in out
    files = sorted(file.name for file in (stored.parent / "build" / "figures").iterdir())
    kinds = ("difference", "drawn", "stored")
    assert files == [f"chapter-{cell}-1-{kind}.png" for kind in kinds]


def test_nbval_lets_a_figure_vary_where_it_is_tagged(stored):
    edit(stored, 1, '"Entropy"', '"Enthalpy"', "figure-varies")
    status, out = nbval(stored)
    assert status == 0, out


def test_nbval_fails_another_number_of_figures(stored):
    edit(stored, 1, 'ax.set_title("Entropy");', "plt.close()", "nbval-ignore-output")
    status, out = nbval(stored)
    assert status == 1
    assert "1 figures are stored, 0 are drawn" in out


def test_nbval_fails_other_text(stored):
    edit(stored, 0, "1 + 1", "1 + 2")
    status, out = nbval(stored)
    assert status == 1
    assert "Cell 0: Cell outputs differ" in out
    assert "1 failed, 2 passed" in out


def test_nbval_fails_a_cell_that_raises(stored):
    edit(stored, 2, "3 * 3;", "1 / 0")
    status, out = nbval(stored)
    assert status == 1
    assert "ZeroDivisionError" in out


def test_nbval_compares_nothing_more_when_it_is_lax(stored):
    edit(stored, 1, '"Entropy"', '"Enthalpy"')
    status, out = nbval(stored, "--nbval-lax")
    assert status == 0, out
