"""A pytest plugin: nbval's one execution of a notebook also compares its figures.

nbval compares what cells print and skips images. Here every image/png output of a cell is
compared with the stored one: as many, in the same order, of the same size in pixels, and alike
up to what another CPU or another build of the font library may do to a drawing. A figure that
differs fails its cell; what was stored, what was drawn and where they differ are written to
build/figures. The tag `nbval-ignore-output` excuses the text of a cell and not its figures; the
tag `figure-varies` excuses how they look, and not their number and size.
"""

import base64
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from nbformat import NotebookNode
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter, uniform_filter

from tools.notebooks import kernel_environment

# The difference of two figures, as `difference` defines it, between versions of three figures in
# the course's style (lines over a floor; bars; scatter plot, heat map and formula), 1280 × 680
# pixels. tests/notebooks/test_figures.py draws them again and asks for a margin on both sides.
#   must pass                                         must fail
#   0.00  data changed by one ulp                     0.46  a shaded area a quarter darker
#   0.00  Matplotlib 3.11.0 instead of 3.11.2         0.46  one cell of a heat map changed
#   0.00  everything moved by a pixel                 0.57  #D55E00 changed to #C55A00
#   0.08  noise of one level on each pixel            0.61  a line moved by 0.4 % of the axis
#   0.06  text not antialiased: lines, bars           0.62  a pale grid left out
#   0.18  text not antialiased: formula               0.70  one digit of a label in 8 points
#   0.18  text and axes moved by half a pixel         0.88  a bar lower by 0.7 %
# Text with another hinting changes the layout and differs by 0.36 to 0.96: it fails, as does
# Matplotlib 3.10 (0.92), which has another font library; the pinned environment rules out both.
TOLERANCE = 0.33
# Differences of less than a few levels in 256 are noise even on an empty background.
NOISE = 12.0


def decode(png: str) -> np.ndarray:
    """Return the pixels of an image output, on white, as an array of shape (height, width, 3)."""
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    page = Image.new("RGBA", image.size, "white")
    page.alpha_composite(image)
    return np.asarray(page.convert("RGB"), dtype=np.float32)


def difference_map(stored: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return for each pixel how far the figures differ there: 0 alike, almost 1 unlike.

    A pixel counts as alike if its value lies within the range of the other figure's 3 × 3
    pixels around it: an edge may be a pixel off, or smoothed in another way. What it lies
    outside of that range is divided by the local contrast, so that a pale grid weighs as much
    as black text, and averaged over 3 × 3 pixels, so that a lone speck weighs little.
    """
    window = (3, 3, 1)
    low = minimum_filter(stored, window), minimum_filter(drawn, window)
    high = maximum_filter(stored, window), maximum_filter(drawn, window)
    outside = np.maximum.reduce(
        [drawn - high[0], low[0] - drawn, stored - high[1], low[1] - stored, 0 * stored]
    )
    contrast = np.maximum(*high) - np.minimum(*low)
    return uniform_filter(outside / (contrast + NOISE), window).max(axis=-1)


def difference(stored: np.ndarray, drawn: np.ndarray) -> float:
    """Return how far two figures of the same size differ where they differ most."""
    return float(difference_map(stored, drawn).max())


def figures(outputs: list[NotebookNode]) -> list[str]:
    """Return the image/png data among the outputs of a cell."""
    return [out["data"]["image/png"] for out in outputs if "image/png" in out.get("data", {})]


def problems(
    stored: list[str], drawn: list[str], *, varies: bool, folder: Path, stem: str
) -> Iterator[str]:
    """Say what differs between the stored and the drawn figures of a cell."""
    if len(stored) != len(drawn):
        yield f"{len(stored)} figures are stored, {len(drawn)} are drawn"
        return
    for number, pair in enumerate(zip(stored, drawn, strict=True), start=1):
        if pair[0] == pair[1]:
            continue
        old, new = map(decode, pair)
        name = f"{stem}-{number}"
        if old.shape != new.shape:
            sizes = [f"{width} × {height}" for height, width, _ in (old.shape, new.shape)]
            yield f"figure {number}: {sizes[0]} pixels are stored, {sizes[1]} are drawn"
        elif varies or (worst := difference(old, new)) <= TOLERANCE:
            continue
        else:
            where = difference_map(old, new)
            row, column = np.unravel_index(where.argmax(), where.shape)
            share = (where > TOLERANCE).mean()
            yield (
                f"figure {number} is not the one that the code draws: difference {worst:.2f} "
                f"(tolerance {TOLERANCE}) at pixel ({column}, {row}), too large in {share:.2%} "
                "of the figure"
            )
            save(folder / f"{name}-difference.png", 255 * (1 - where))
        save(folder / f"{name}-stored.png", old)
        save(folder / f"{name}-drawn.png", new)


def save(path: Path, pixels: np.ndarray) -> None:
    """Write an array of pixels as an image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let nbval execute the notebooks as `python -m tools.notebooks run` does."""
    if config.option.nbval or config.option.nbval_lax:
        if not config.option.nbval_kernel_name:
            config.option.nbval_current_env = True
        os.environ.pop("MPLBACKEND", None)
        os.environ.update(kernel_environment())
        RunningKernel.execute_cell_input = execute_with_history


def execute_with_history(kernel: RunningKernel, source: str, allow_stdin: bool | None) -> str:
    """Execute a cell as Jupyter does; nbval keeps no history, and IPython finds a `;` there."""
    return kernel.kc.execute(source, allow_stdin=allow_stdin, stop_on_error=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Compare the figures of a cell once nbval has run it and compared its text."""
    yield
    if not isinstance(item, IPyNbCell) or not item.config.option.nbval:
        return
    folder = item.config.rootpath / "build" / "figures"
    notebook = re.sub(r"\W+", "-", str(item.path.relative_to(item.config.rootpath).with_suffix("")))
    found = list(
        problems(
            figures(item.cell.outputs),
            figures(item.test_outputs or []),
            varies="figure-varies" in item.cell.metadata.get("tags", []),
            folder=folder,
            stem=f"{notebook}-{item.cell.get('id', item.name)}",
        )
    )
    if found:
        hint = f"Look at {folder}; if the drawn figure is right: python -m tools.notebooks run NB"
        cell = f"{item.path.name}, cell {item.cell.get('id', item.name)}"
        item.raise_cell_error("Figures differ", "\n".join([cell, *found, hint]))
