"""Worlds of recommendation: who was shown what, where on the page, and did they click?"""

from __future__ import annotations

import copy
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xentlib._numeric import draw
from xentlib._validate import as_floats, distribution, generator, indices
from xentlib.information import entropy
from xentlib.logits import sigmoid, softmax


class ClickLog:
    r"""The log of a recommender whose users, items and places on the page are known exactly.

    User u, shown item i in slot k of the page (0 is the top), clicks with probability

    .. math:: P(y = 1 \mid u, i, k) = \sigma(b + a_u + c_i + t_u \cdot v_i + s_k)

    Users and slots are equally frequent. What is shown was decided by an old recommender that
    knows popularity and taste, and trusts itself most at the top of the page:

    .. math:: P(i \mid u, k) = \operatorname{softmax}_i \left(
              \frac{\beta}{k + 1} (c_i + t_u \cdot v_i) \right)

    Parameters
    ----------
    n_users, n_items : int, default 60 and 40
        At least 1.
    rank : int, default 2
        Length of the vectors of taste t and v; 0 leaves taste out.
    bias : float, default -3.0
        b.
    taste : float, default 1.0
        Standard deviation of :math:`t_u \cdot v_i` over users and items.
    slots : array_like, shape (K,), default (0.0, -0.5, -1.0)
        s, the effect of each place on the page.
    greed : float, default 0.5
        β; 0 shows every item equally often.
    seed : int, default 0
        Users and items are drawn with it: :math:`a_u \sim \mathcal N(0, 0.5^2)`,
        :math:`c_i \sim \mathcal N(0, 0.8^2)`, t and v normal.

    Attributes
    ----------
    user_bias, item_bias : ndarray, shape (n_users,) and (n_items,)
        a and c.
    user_vectors, item_vectors : ndarray, shape (n_users, rank) and (n_items, rank)
        t and v.
    logits : ndarray, shape (n_users, n_items, K)
        Log-odds of a click.
    exposure : ndarray, shape (n_users, n_items, K)
        P(u, i, k), how often each is shown to each, and where.
    click_rate : float
        P(y = 1) under this exposure.
    floor : float
        H(Y | U, I, K) in nats per view, exactly: the mean entropy of the n_users · n_items · K
        coins, weighted with the exposure.

    Raises
    ------
    ValueError
        If a size or the rank is too small, or a number is not finite.
    TypeError
        If a size, the rank or the seed is not an integer, or a number not a real number.

    References
    ----------
    Rendle (2010), *Factorization Machines*; Schnabel et al. (2016), *Recommendations as
    Treatments*.

    Examples
    --------
    >>> world = ClickLog()
    >>> x, y = world.sample(5, np.random.default_rng(0))
    >>> print(x.T.tolist(), round(world.click_rate, 6), round(world.floor, 6))
    [[38, 16, 2, 0, 48], [8, 6, 16, 39, 32], [2, 2, 0, 1, 0]] 0.126723 0.265385
    """

    def __init__(
        self,
        n_users: int = 60,
        n_items: int = 40,
        rank: int = 2,
        bias: float = -3.0,
        taste: float = 1.0,
        slots: ArrayLike = (0.0, -0.5, -1.0),
        greed: float = 0.5,
        seed: int = 0,
    ) -> None:
        _whole(n_users, "n_users", 1)
        _whole(n_items, "n_items", 1)
        _whole(rank, "rank", 0)
        slots = _finite(slots, "slots", 1)
        if not slots.size:
            raise ValueError("slots is empty: a page has at least one place")
        rng = np.random.default_rng(_whole(seed, "seed", 0))
        self.user_bias = 0.5 * rng.standard_normal(n_users)
        self.item_bias = 0.8 * rng.standard_normal(n_items)
        self.user_vectors = rng.standard_normal((n_users, rank))
        # Each product of two standard normal numbers has variance 1: rank of them, rank.
        scale = _finite(taste, "taste", 0) / np.sqrt(max(rank, 1))
        self.item_vectors = scale * rng.standard_normal((n_items, rank))
        appeal = self.item_bias + self.user_vectors @ self.item_vectors.T
        rows = _finite(bias, "bias", 0) + self.user_bias[:, None] + appeal
        self.logits = rows[:, :, None] + slots
        trust = _finite(greed, "greed", 0) / np.arange(1, slots.size + 1)
        shown = softmax(appeal[:, :, None] * trust, axis=1)
        self._expose(shown / (n_users * slots.size))

    def _expose(self, exposure: NDArray) -> None:
        p = sigmoid(self.logits)
        self.exposure = exposure
        self.click_rate = float((exposure * p).sum())
        self.floor = float((exposure * entropy(np.stack([1 - p, p], axis=-1))).sum())

    def under(self, exposure: ArrayLike) -> ClickLog:
        """Return the world in which the same users see what another recommender shows them.

        `exposure` is its P(u, i, k), shape (n_users, n_items, K). Clicks have the same
        probabilities; how often each is asked for changes, and with it rate and floor.
        """
        exposure, _ = distribution(exposure, "exposure", whole=True)
        if exposure.shape != self.logits.shape:
            raise ValueError(
                f"exposure has shape {exposure.shape}; expected {self.logits.shape}: "
                "one probability for each user, item and slot"
            )
        other = copy.copy(self)
        other._expose(exposure)
        return other

    def sample(self, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Draw views x, rows of user, item and slot, shape (n, 3), and clicks y, shape (n,)."""
        cell = draw(self.exposure.cumsum(), generator(rng).random(n))
        x = np.stack(np.unravel_index(cell, self.exposure.shape), axis=1)
        return x, (rng.random(n) < self.posterior(x)[:, 1]).astype(np.int64)

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return the exact p(y | x) as an array of shape (n, 2), for views `x` (n, 3)."""
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != 3:
            raise ValueError(f"x has shape {x.shape}; expected (n, 3): user, item and slot")
        columns = zip(x.T, ("x[:, 0]", "x[:, 1]", "x[:, 2]"), self.logits.shape, strict=True)
        z = self.logits[tuple(indices(*column) for column in columns)]
        return np.stack([sigmoid(-z), sigmoid(z)], axis=1)


def _whole(value: int, name: str, least: int) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; expected an integer of at least {least}")
    if value < least:
        raise ValueError(f"{name} is {value}; expected an integer of at least {least}")
    return int(value)


def _finite(x: ArrayLike, name: str, ndim: int) -> NDArray:
    x, _ = as_floats(x, name)
    if x.ndim != ndim:
        expected = "a vector" if ndim else "a single number"
        raise ValueError(f"{name} has shape {x.shape}; expected {expected}")
    if not np.isfinite(x).all():
        raise ValueError(f"{name} holds {x[~np.isfinite(x)].flat[0]}; expected finite numbers")
    return x
