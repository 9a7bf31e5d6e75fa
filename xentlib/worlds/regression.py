"""Worlds of numbers: y is continuous, its density given x is known, the floor is h(Y | X)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from xentlib._validate import as_floats, distribution, generator

# 80 Gauss–Legendre points in each half of the path, and the trapezoidal rule across it.
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(80)
_Z = np.linspace(-8.5, 8.5, 201)  # beyond lie 2e-17 of a normal distribution
_Z_SHARE = np.exp(-_Z * _Z / 2) / np.exp(-_Z * _Z / 2).sum()


class ForkedPath:
    r"""Where on the path is the next cyclist? First one stream that narrows, then two that part.

    At x, in hundreds of metres from a square, a cyclist rides y metres to the left of the middle:

    .. math:: x \sim \mathcal U(0, 2), \qquad
        p(y \mid x) = \sum_{k=1}^{2} w_k \, \mathcal N\bigl(y \mid \mu_k(x), \sigma(x)^2\bigr)

    with :math:`\mu_1(x) = d(x)`, :math:`\mu_2(x) = -d(x)`,
    :math:`d(x) = \text{opening} \cdot \max(0, x - 1)`, and :math:`\sigma(x)` falling as a parabola
    from `wide` at x = 0 to `narrow` at the fork, x = 1, and staying there.

    Parameters
    ----------
    left : float, default 0.3
        The share w₁ of those who take the left branch.
    wide, narrow : float, default 1.0 and 0.25
        The standard deviations σ in metres at x = 0 and from the fork on.
    opening : float, default 2.0
        How far each branch is from the middle at the end, x = 2, in metres.

    Attributes
    ----------
    weights : ndarray, shape (2,)
        The shares of the left and the right branch.
    wide, narrow, opening : float
    floor : float
        h(Y | X), the differential entropy of y in metres, in nats, by quadrature (error below
        1e-7). It may be negative; for y in millimetres add log 1000.

    Raises
    ------
    ValueError
        If `left` is not between 0 and 1, a standard deviation is not above 0, `opening` is
        negative or more than 60 times `narrow`, or a number is not finite.
    TypeError
        If they are not real numbers.

    References
    ----------
    Bishop (1994), *Mixture Density Networks*, has an inverse problem of this kind.

    Examples
    --------
    >>> world = ForkedPath()
    >>> weights, means, scales = world.posterior([0.0, 2.0])
    >>> print(weights[1], means[1], scales[1], round(world.floor, 5))
    [0.3 0.7] [ 2. -2.] [0.25 0.25] 0.59317
    """

    def __init__(
        self, left: float = 0.3, wide: float = 1.0, narrow: float = 0.25, opening: float = 2.0
    ) -> None:
        left = _number(left, "left")
        if not 0 <= left <= 1:
            raise ValueError(f"left is {left}; expected a share between 0 and 1")
        self.weights, _ = distribution([left, 1 - left], "weights")
        self.wide, self.narrow = _number(wide, "wide"), _number(narrow, "narrow")
        for name, sd in (("wide", self.wide), ("narrow", self.narrow)):
            if sd <= 0:
                raise ValueError(f"{name} is {sd}; expected a standard deviation above 0")
        self.opening = _number(opening, "opening")
        if not 0 <= self.opening <= 60 * self.narrow:
            raise ValueError(
                f"opening is {self.opening}; expected metres from 0 to 60 times narrow, "
                f"{60 * self.narrow:g}: beyond, the branches are long separate"
            )
        x = 1 + np.concatenate([_NODES - 1, _NODES + 1]) / 2
        self.floor = float(np.tile(_NODE_WEIGHTS / 4, 2) @ self.entropy(x))

    def sample(self, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Draw positions x along the path and y across it, both of shape (n,)."""
        x = generator(rng).uniform(0, 2, size=n)
        _, means, scales = self.posterior(x)
        branch = (rng.random(n) >= self.weights[0]).astype(int)
        rows = np.arange(n)
        return x, means[rows, branch] + scales[rows, branch] * rng.standard_normal(n)

    def posterior(self, x: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
        """Return p(y | x) as weights, means and scales of its two normals.

        Three arrays of shape (n, 2), for `x` of shape (n,) between 0 and 2; in each, the left
        branch comes first. Before the fork the two normals are the same.
        """
        x = _along(x)
        d = self.opening * np.maximum(x - 1, 0)
        sd = self.narrow + (self.wide - self.narrow) * np.minimum(x - 1, 0) ** 2
        weights = np.broadcast_to(self.weights, (len(x), 2)).copy()
        return weights, np.stack([d, -d], axis=1), np.stack([sd, sd], axis=1)

    def log_density(self, x: ArrayLike, y: ArrayLike) -> NDArray:
        """Return log p(y | x) in nats, for `x` of shape (n,) and `y` of shape (n,) or (n, m)."""
        weights, means, scales = self.posterior(x)
        y = _finite(y, "y")
        if y.ndim not in (1, 2) or len(y) != len(weights):
            raise ValueError(
                f"y has shape {y.shape}; expected {(len(weights),)} or ({len(weights)}, m), "
                "one row for each x"
            )
        weights, means, scales = (
            a.reshape(len(y), *(y.ndim - 1) * (1,), 2) for a in (weights, means, scales)
        )
        z = (y[..., None] - means) / scales
        with np.errstate(divide="ignore"):  # log 0 = −inf is right for a branch that nobody takes
            scores = np.log(weights) - np.log(scales * np.sqrt(2 * np.pi)) - z * z / 2
        return logsumexp(scores, axis=-1)

    def entropy(self, x: ArrayLike) -> NDArray:
        """Return h(Y | X = x) in nats for y in metres, shape (n,), for `x` of shape (n,)."""
        weights, means, scales = self.posterior(x)
        streams = zip(weights.T, means.T, scales.T, strict=True)
        return -sum(
            w * (self.log_density(x, m[:, None] + s[:, None] * _Z) @ _Z_SHARE)
            for w, m, s in streams
        )


def _along(x: ArrayLike) -> NDArray:
    x = _finite(x, "x")
    if x.ndim != 1:
        raise ValueError(f"x has shape {x.shape}; expected (n,), one position for each cyclist")
    if ((x < 0) | (x > 2)).any():
        raise ValueError(f"x holds {x[(x < 0) | (x > 2)][0]}; the path goes from 0 to 2")
    return x


def _number(value: float, name: str) -> float:
    value = _finite(value, name)
    if value.ndim:
        raise ValueError(f"{name} has shape {value.shape}; expected a single number")
    return float(value)


def _finite(x: ArrayLike, name: str) -> NDArray:
    x, _ = as_floats(x, name)
    if not np.isfinite(x).all():
        raise ValueError(f"{name} holds {x[~np.isfinite(x)].flat[0]}; expected finite numbers")
    return x
