"""Worlds of symbols in a row: sources whose entropy rate is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr

from xentlib._numeric import draw
from xentlib._validate import distribution, generator, indices


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
        closed = _closed_classes(self.transition > 0)
        if len(closed) != 1:
            raise ValueError(
                f"transition has {len(closed)} closed classes of symbols, so its entropy rate "
                "depends on where it starts: connect them, or use one of them"
            )
        self.stationary = _stationary(self.transition, closed[0])
        self.floor = float(self.stationary @ entr(self.transition).sum(axis=1))

    def sample(self, n: int, rng: np.random.Generator) -> NDArray:
        """Draw a sequence of shape (n,) that starts from the stationary distribution."""
        uniform = generator(rng).random(n)
        symbols = np.empty(n, dtype=np.int64)
        cumulative = self.transition.cumsum(axis=1)
        row = self.stationary.cumsum()
        for t, u in enumerate(uniform):
            symbols[t] = draw(row, u)
            row = cumulative[symbols[t]]
        return symbols

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return p(next symbol | current symbol) for symbols `x` (n,), shape (n, K)."""
        return self.transition[indices(x, "x", len(self.transition))]


def _closed_classes(possible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find the sets of states that, once entered, are never left, one a row.

    `possible[a, b]` says whether b can follow a.
    """
    reach = possible | np.eye(len(possible), dtype=bool)
    for _ in range(len(possible).bit_length()):  # paths of up to 2, 4, 8, … steps
        reach = reach @ reach
    recurrent = (reach.T | ~reach).all(axis=1)  # all that can be reached leads back
    return np.unique(reach[recurrent], axis=0)


def _stationary(transition: NDArray, states: NDArray[np.bool_]) -> NDArray:
    """Solve π·T = π on one closed class, by the elimination of Grassmann, Taksar and Heyman.

    It uses the probabilities of leaving a state only and never subtracts, so that nearly
    frozen chains and rows that were rounded keep their accuracy.
    """
    t = transition[np.ix_(states, states)].copy()
    for i in range(len(t) - 1, 0, -1):  # take state i out of the chain
        t[:i, i] /= t[i, :i].sum()
        t[:i, :i] += np.outer(t[:i, i], t[i, :i])
    pi = np.ones(len(t))
    for i in range(1, len(t)):  # and put the states back, one by one
        pi[i] = pi[:i] @ t[:i, i]
    stationary = np.zeros(len(transition))
    stationary[states] = pi / pi.sum()
    return stationary
