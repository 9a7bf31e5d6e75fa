"""Worlds of small pictures: digits seen through noise."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import comb

from xentlib._validate import as_floats, generator
from xentlib.information import conditional_entropy_of
from xentlib.logits import softmax

# The digits of a pocket calculator, 7 rows of 5 pixels each.
DIGITS = """
##### ....# ##### ##### #...# ##### ##### ##### ##### #####
#...# ....# ....# ....# #...# #.... #.... ....# #...# #...#
#...# ....# ....# ....# #...# #.... #.... ....# #...# #...#
#...# ....# ##### ##### ##### ##### ##### ....# ##### #####
#...# ....# #.... ....# ....# ....# #...# ....# #...# ....#
#...# ....# #.... ....# ....# ....# #...# ....# #...# ....#
##### ....# ##### ##### ....# ##### ##### ....# ##### #####
"""


class NoisyGlyphs:
    r"""Pictures of the digits of a pocket calculator, with pixels flipped at random.

    All digits are equally likely, and each pixel is flipped with probability f, independently
    of the others. With d(x, k) the number of pixels in which x differs from the clean digit k,

    .. math:: P(y = k \mid x) = \operatorname{softmax}_k \left(
              -d(x, k) \log \frac{1 - f}{f} \right)

    Parameters
    ----------
    flip : float, default 0.1
        f, above 0 and below 0.5.
    n_classes : int, default 10
        The digits 0 … n_classes − 1, from 2 to 10 of them.

    Attributes
    ----------
    flip : float
    templates : ndarray, shape (n_classes, 7, 5)
        The clean digits, 1.0 where there is ink.
    floor : float
        H(Y | X) in nats, exactly: pixels that light up for the same digits are alike, so how
        many of each kind are lit says all that x says about y, and these counts can be listed.
    bayes_error : float
        The share of pictures that even the best classifier gets wrong, from the same list.

    Raises
    ------
    ValueError
        If `flip` or `n_classes` is out of its range.
    TypeError
        If `n_classes` is not an integer.

    References
    ----------
    Breiman et al. (1984), *Classification and Regression Trees*, §2.6.1: the same noise on the
    seven segments of the display.

    Examples
    --------
    >>> world = NoisyGlyphs(flip=0.1)
    >>> print(round(world.floor, 6), round(world.bayes_error, 6))
    0.253102 0.121078
    >>> print("\n".join("".join(".#"[int(pixel)] for pixel in row) for row in world.templates[4]))
    #...#
    #...#
    #...#
    #####
    ....#
    ....#
    ....#
    """

    def __init__(self, flip: float = 0.1, n_classes: int = 10) -> None:
        if not isinstance(flip, Real | np.number) or not 0 < flip < 0.5:
            raise ValueError(
                f"flip is {flip!r}; expected a number above 0 and below 0.5: without noise the "
                "picture shows the digit for certain, and at 0.5 nothing of it is left"
            )
        if not isinstance(n_classes, Integral) or isinstance(n_classes, bool):
            raise TypeError(f"n_classes is {n_classes!r}; expected an integer from 2 to 10")
        if not 2 <= n_classes <= 10:
            raise ValueError(f"n_classes is {n_classes}; expected 2 to 10: these are digits")
        self.flip = float(flip)
        rows = [row.split()[:n_classes] for row in DIGITS.split("\n")[1:-1]]
        pixels = np.array([[list(row[k]) for row in rows] for k in range(n_classes)])
        self.templates = (pixels == "#").astype(np.float64)
        joint = self._joint_of_counts()
        self.floor = float(conditional_entropy_of(joint))
        self.bayes_error = float((joint.sum(axis=1) - joint.max(axis=1)).sum())

    def sample(self, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Draw pictures x of 0.0 and 1.0, shape (n, 7, 5), and labels y (integers), shape (n,)."""
        y = generator(rng).integers(len(self.templates), size=n)
        flipped = rng.random((n, *self.templates.shape[1:])) < self.flip
        return abs(self.templates[y] - flipped), y

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return the exact p(y | x), shape (n, n_classes), for black-and-white `x` (n, 7, 5)."""
        x, _ = as_floats(x, "x")
        shape = self.templates.shape[1:]
        if x.shape[1:] != shape:
            raise ValueError(
                f"x has shape {x.shape}; expected (n, {shape[0]}, {shape[1]}): for one picture "
                "pass x[None]"
            )
        if ((x != 0) & (x != 1)).any():
            bad = x[(x != 0) & (x != 1)][0]
            raise ValueError(f"x holds {bad:.6g}; the pixels of this world are 0 or 1")
        differ = abs(x[:, None] - self.templates).sum(axis=(2, 3))
        return softmax(-differ * np.log((1 - self.flip) / self.flip))

    def _joint_of_counts(self) -> NDArray:
        """P(counts, y): one row for each way to light 0 … n_g pixels of each kind g."""
        kinds, sizes = np.unique(
            self.templates.reshape(len(self.templates), -1), axis=1, return_counts=True
        )
        telling = kinds.min(axis=0) < kinds.max(axis=0)  # the same for all digits: says nothing
        kinds, sizes = kinds[:, telling], sizes[telling]
        counts = np.indices(sizes + 1).reshape(len(sizes), -1).T
        ways = comb(sizes, counts).prod(axis=1)
        flips = abs(counts[:, None] - kinds * sizes).sum(axis=2)
        kept = sizes.sum() - flips
        return ways[:, None] * self.flip**flips * (1 - self.flip) ** kept / len(kinds)
