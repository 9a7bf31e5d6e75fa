"""Worlds of symbols in a row: sources whose entropy rate is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xentlib._validate import distribution, generator, indices
from xentlib.information import conditional_entropy


class MarkovSource:
    r"""A stationary first-order Markov chain: each symbol depends on the one before it.

    Parameters
    ----------
    transition : array_like, shape (K, K)
        `transition[a, b]` is the probability that symbol b follows symbol a; rows sum to 1.
        The chain must have a single stationary distribution.

    Attributes
    ----------
    transition : ndarray, shape (K, K)
    stationary : ndarray, shape (K,)
        The distribution π with π = π · transition.
    floor : float
        The entropy rate in nats per symbol,
        :math:`-\sum_a \pi_a \sum_b T_{ab} \log T_{ab}`: no predictor of the next symbol can
        do better on average, however much of the past it sees.

    Raises
    ------
    ValueError
        If `transition` is not a square table of distributions, or has several stationary
        distributions.

    References
    ----------
    Cover & Thomas (2006), *Elements of Information Theory*, theorem 4.2.4.

    Examples
    --------
    >>> source = MarkovSource([[0.9, 0.1], [0.5, 0.5]])
    >>> print(source.stationary.round(6), round(source.floor, 6))
    [0.833333 0.166667] 0.386427
    """

    def __init__(self, transition: ArrayLike) -> None:
        if len(shape := np.shape(transition)) != 2 or shape[0] != shape[1]:
            raise ValueError(
                f"transition has shape {shape}; expected a square table, one row per symbol"
            )
        self.transition, _ = distribution(transition, "transition")
        balance = self.transition.T - np.eye(len(self.transition))  # balance · π = 0
        free = len(balance) - np.linalg.matrix_rank(balance)
        if free != 1:
            raise ValueError(
                f"transition has {free} closed classes of symbols, so its entropy rate depends "
                "on where it starts: connect them, or use one of them"
            )
        # The last right singular vector spans the null space; its sign is arbitrary.
        null = abs(np.linalg.svd(balance)[2][-1])
        self.stationary = null / null.sum()
        self.floor = float(conditional_entropy(self.stationary[:, None] * self.transition))

    def sample(self, n: int, rng: np.random.Generator) -> NDArray:
        """Draw a sequence of `n` symbols that starts from the stationary distribution."""
        uniform = generator(rng).random(n)
        # One inverse-CDF table per symbol; the last column is +inf because rounding can
        # leave a cumulative sum a hair below the largest uniform draw.
        cumulative = np.cumsum(np.vstack([self.transition, self.stationary]), axis=1)
        cumulative[:, -1] = np.inf
        symbols = np.empty(n, dtype=np.int64)
        state = -1  # the row below the table: the stationary distribution
        for t, u in enumerate(uniform):
            state = symbols[t] = np.searchsorted(cumulative[state], u, side="right")
        return symbols

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return p(next symbol | current symbol) for symbols `x` (n,), shape (n, K)."""
        return self.transition[indices(x, "x", len(self.transition))]
