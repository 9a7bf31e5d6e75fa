"""Worlds of pictures with objects in them, whose masks, boxes and classes can be inferred."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr

from xentlib._numeric import draw
from xentlib._validate import as_floats, generator, indices, positive
from xentlib.information import entropy
from xentlib.logits import softmax

SHAPES = ("block", "plus", "ring")


def _shape(name: str, size: int) -> NDArray:
    """One of `SHAPES` as a picture of 0.0 and 1.0, shape (size, size)."""
    picture = np.zeros((size, size))
    if name == "plus":
        picture[size // 2] = picture[:, size // 2] = 1
    else:
        picture[:] = 1
    if name == "ring":
        picture[1:-1, 1:-1] = 0
    return picture


class Scenes:
    r"""Pictures made of square cells, each of them empty or with one object, seen through noise.

    A cell holds an object with probability `prior`. Its class (block, plus or ring), its size
    and, given the size, its place wholly inside the cell are uniform. An empty cell and all
    objects that there can be are the *layouts* 0 … L − 1 of a cell. To the clean mask of 0 and
    1, normal noise of standard deviation σ is added in each pixel, independently. So with the
    mask m_l of layout l, and x one cell,

    .. math:: P(l \mid x) = \operatorname{softmax}_l \left( \log P(l)
              + \frac{\langle m_l, x \rangle - \tfrac12 |m_l|}{\sigma^2} \right)

    Cells are independent of each other, also given the picture.

    Parameters
    ----------
    prior : float, default 0.5
        Probability that a cell holds an object, above 0 and below 1.
    noise : float, default 0.7
        σ, above 0.
    grid : pair of int, default (3, 3)
        Rows and columns of cells.
    sizes : sequence of int, default (3, 5)
        Sides of the objects in pixels, odd, from 3 to `cell`, each once.
    cell : int, default 8
        Side of a cell in pixels.

    Attributes
    ----------
    prior, noise, grid, sizes, cell
    masks : ndarray, shape (L, cell, cell)
        The clean cell of each layout, 1.0 on the object; `masks[0]` is the empty cell.
    anchors : ndarray of int, shape (A, 4)
        All boxes that an object can have in its cell: top, left, bottom and right edge, the last
        two being the first row and column outside.
    anchor : ndarray of int, shape (L,)
        The row in `anchors` of each layout; −1 for the empty cell.
    kind : ndarray of int, shape (L,)
        Number of the class in ``("block", "plus", "ring")``; −1 for the empty cell.
    layout_prior : ndarray, shape (L,)
        P(l).
    floor : float
        H(layout | picture) in nats per cell. Estimated from 20,000 cells, by the entropy of the
        exact posterior.
    floor_se : float
        Standard error of `floor`.
    floors : dict of (float, float)
        More floors in nats, each with its standard error, from the same sample: "objectness"
        (per cell), "class" and "box" (per object; of the box given the class), "mask" (per pixel)
        and "anchor" (per anchor), where each pixel or anchor is a yes–no question of its own.

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    TypeError
        If `grid`, `sizes` or `cell` are not integers.

    Examples
    --------
    >>> world = Scenes()
    >>> x, y = world.sample(2, np.random.default_rng(0))
    >>> print(x.shape, y.shape, world.posterior(x).shape)
    (2, 24, 24) (2, 3, 3) (2, 3, 3, 157)
    >>> print(world.masks[1].astype(int)[:4, :4])
    [[1 1 1 0]
     [1 1 1 0]
     [1 1 1 0]
     [0 0 0 0]]
    """

    def __init__(
        self,
        prior: float = 0.5,
        noise: float = 0.7,
        grid: Sequence[int] = (3, 3),
        sizes: Sequence[int] = (3, 5),
        cell: int = 8,
    ) -> None:
        if not isinstance(prior, Real | np.number) or not 0 < prior < 1:
            raise ValueError(f"prior is {prior!r}; expected a probability above 0 and below 1")
        self.prior = float(prior)
        self.noise = positive(noise, "noise")
        self.cell = _integers([cell], "cell")[0]
        self.grid = _integers(grid, "grid")
        self.sizes = _integers(sizes, "sizes")
        if len(self.grid) != 2 or min(self.grid) < 1:
            raise ValueError(f"grid is {grid!r}; expected two numbers of cells, each at least 1")
        if not self.sizes or len(set(self.sizes)) < len(self.sizes):
            raise ValueError(f"sizes is {sizes!r}; expected one or more sizes, each once")
        for size in self.sizes:
            if size % 2 == 0 or not 3 <= size <= self.cell:
                raise ValueError(
                    f"sizes holds {size}; expected odd numbers from 3 to the cell's {self.cell}"
                )
        self._list_layouts()

    def _list_layouts(self) -> None:
        anchors, share = [], []
        for size in self.sizes:
            places = self.cell - size + 1
            for top, left in np.ndindex(places, places):
                anchors.append((top, left, top + size, left + size))
                share.append(1 / len(self.sizes) / places**2)
        masks = [np.zeros((self.cell, self.cell))]
        for shape in SHAPES:
            for top, left, bottom, right in anchors:
                mask = np.zeros((self.cell, self.cell))
                mask[top:bottom, left:right] = _shape(shape, bottom - top)
                masks.append(mask)
        objects = np.tile(np.array(share) / len(SHAPES), len(SHAPES))
        self.masks, self.anchors = np.array(masks), np.array(anchors)
        self.anchor = np.append(-1, np.tile(np.arange(len(anchors)), len(SHAPES)))
        self.kind = np.append(-1, np.repeat(np.arange(len(SHAPES)), len(anchors)))
        self.layout_prior = np.append(1 - self.prior, self.prior * objects)

    def sample(self, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Draw pictures x, shape (n, height, width), and layouts y, shape (n, rows, columns)."""
        y = draw(self.layout_prior.cumsum(), generator(rng).random((n, *self.grid)))
        clean = self.assemble(self.masks[y])
        return clean + self.noise * rng.standard_normal(clean.shape), y

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return the exact P(layout | x), shape (n, rows, columns, L), for pictures `x`."""
        tiles = self.tiles(x).reshape(-1, *self.grid, self.cell**2)
        masks = self.masks.reshape(len(self.masks), -1)
        evidence = (tiles @ masks.T - masks.sum(axis=1) / 2) / self.noise**2
        return softmax(np.log(self.layout_prior) + evidence)

    def assemble(self, tiles: ArrayLike) -> NDArray:
        """Put cells, shape (n, rows, columns, cell, cell), together to (n, height, width)."""
        tiles = np.asarray(tiles)
        side = self.cell
        if tiles.ndim != 5 or tiles.shape[1:] != (*self.grid, side, side):
            raise ValueError(
                f"tiles has shape {tiles.shape}; expected (n, {self.grid[0]}, {self.grid[1]}, "
                f"{side}, {side})"
            )
        rows, columns = self.grid
        return tiles.swapaxes(2, 3).reshape(len(tiles), rows * side, columns * side)

    def tiles(self, x: ArrayLike) -> NDArray:
        """Cut pictures, shape (n, height, width), into (n, rows, columns, cell, cell)."""
        x, _ = as_floats(x, "x")
        rows, columns = self.grid
        side = self.cell
        if x.ndim != 3 or x.shape[1:] != (rows * side, columns * side):
            raise ValueError(
                f"x has shape {x.shape}; expected (n, {rows * side}, {columns * side}): for one "
                "picture pass x[None]"
            )
        if not np.isfinite(x).all():
            bad = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
            raise ValueError(
                f"x[{', '.join(map(str, bad))}] is {x[bad]}; pixels are finite numbers"
            )
        return x.reshape(len(x), rows, side, columns, side).swapaxes(2, 3)

    def mask(self, y: ArrayLike) -> NDArray:
        """Return the clean pictures, shape (n, height, width), of layouts `y`."""
        return self.assemble(self.masks[indices(y, "y", len(self.masks))])

    @property
    def floor(self) -> float:
        """Entropy of a cell's layout, given the picture, in nats."""
        return self._estimates["layout"][0]

    @property
    def floor_se(self) -> float:
        """Standard error of `floor`."""
        return self._estimates["layout"][1]

    @property
    def floors(self) -> dict[str, tuple[float, float]]:
        """The other floors in nats, with their standard errors."""
        return {name: value for name, value in self._estimates.items() if name != "layout"}

    @cached_property
    def _estimates(self) -> dict[str, tuple[float, float]]:
        """Means over 20,000 cells, in portions: of one entropy a cell each."""
        one = Scenes(self.prior, self.noise, (1, 1), self.sizes, self.cell)
        rng = np.random.default_rng(0)
        parts = [
            one._entropies(one.posterior(one.sample(2000, rng)[0])[:, 0, 0]) for _ in range(10)
        ]
        found = {}
        for name in parts[0]:
            each = np.concatenate([part[name] for part in parts])
            found[name] = float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))
        return found

    def _entropies(self, p: NDArray) -> dict[str, NDArray]:
        """All conditional entropies of cells with the posteriors `p`, shape (n, L)."""
        there = 1 - p[:, :1]
        objects = p[:, 1:].reshape(len(p), len(SHAPES), len(self.anchors))
        by_class = np.hstack([p[:, :1], objects.sum(axis=2)])
        whole, kind = entropy(p), entropy(by_class)
        objectness = _yes_no(there)[:, 0]
        # By the chain rule H(layout) = H(there) + P(there) (H(class) + H(box | class)).
        return {
            "layout": whole,
            "objectness": objectness,
            "class": (kind - objectness) / self.prior,
            "box": (whole - kind) / self.prior,
            "mask": _yes_no(p @ self.masks.reshape(len(self.masks), -1)).mean(axis=1),
            "anchor": _yes_no(objects.sum(axis=1)).mean(axis=1),
        }


def _yes_no(p: NDArray) -> NDArray:
    """Entropy in nats of each probability of a yes, which rounding may have put beside [0, 1]."""
    return entr(p.clip(0, 1)) + entr((1 - p).clip(0, 1))


def _integers(values: Sequence[int], name: str) -> tuple[int, ...]:
    values = tuple(values) if isinstance(values, Sequence | np.ndarray) else (values,)
    for value in values:
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise TypeError(f"{name} holds {value!r}; expected integers")
    return tuple(int(value) for value in values)
