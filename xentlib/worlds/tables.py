"""Worlds of a finite table: discrete X, discrete Y, every probability written down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xentlib._numeric import draw
from xentlib._validate import generator, indices
from xentlib.information import conditional_entropy_of, table


class JointTable:
    r"""A world given by its joint distribution P(X, Y).

    Parameters
    ----------
    joint : array_like, shape (A, K)
        `joint[x, y]` is P(X = x, Y = y); the whole table sums to 1.
    x_names, y_names : sequence of str, optional
        Names of the rows and columns, for figures and tables.

    Attributes
    ----------
    joint : ndarray, shape (A, K)
    p_x : ndarray, shape (A,)
        The marginal distribution of X.
    p_y : ndarray, shape (K,)
        The marginal distribution of Y.
    floor : float
        H(Y | X) in nats, in closed form: no prediction of Y from X can have a smaller
        expected cross-entropy.

    Raises
    ------
    ValueError
        If `joint` is not a two-dimensional probability table, or the names do not match it.

    Examples
    --------
    >>> rain = JointTable([[0.35, 0.05], [0.15, 0.45]], ["blue", "grey"], ["dry", "wet"])
    >>> print(rain.posterior([1]).round(6), round(rain.floor, 6))
    [[0.25 0.75]] 0.488109
    """

    def __init__(
        self,
        joint: ArrayLike,
        x_names: Sequence[str] | None = None,
        y_names: Sequence[str] | None = None,
    ) -> None:
        self.joint, _ = table(joint)
        self.floor = float(conditional_entropy_of(self.joint))
        self.p_x = self.joint.sum(axis=1)
        self.p_y = self.joint.sum(axis=0)
        self.x_names = _names(x_names, len(self.p_x), "x_names")
        self.y_names = _names(y_names, len(self.p_y), "y_names")

    def sample(self, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Draw `n` independent pairs; return integer arrays x and y of shape (n,)."""
        cell = draw(self.joint.cumsum(), generator(rng).random(n))
        return np.divmod(cell, self.joint.shape[1])

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return the exact p(y | x) as an array of shape (n, K), for row numbers `x` (n,)."""
        x = indices(x, "x", len(self.p_x))
        if (self.p_x[x] == 0).any():
            raise ValueError(
                f"x holds {int(x[self.p_x[x] == 0][0])}, which has probability 0 in this world: "
                "p(y | x) is not defined there"
            )
        return self.joint[x] / self.p_x[x, None]


def _names(names: Sequence[str] | None, n: int, argument: str) -> list[str]:
    names = [str(i) for i in range(n)] if names is None else list(names)
    if len(names) != n:
        raise ValueError(f"{argument} holds {len(names)} names for {n} outcomes: give one for each")
    return names
