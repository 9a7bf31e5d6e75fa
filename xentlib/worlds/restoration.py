"""Worlds of damaged pictures: what was each pixel before the noise, or before the shrinking?"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xentlib._numeric import draw, draw_rows, means_and_errors
from xentlib._validate import at_least_one, distribution, generator, indices
from xentlib.information import entropy
from xentlib.worlds.sequences import forward_backward, possible, viterbi


class DamagedPictures:
    r"""Pictures made of upright strips, seen through a known channel.

    A clean picture y is a row of T strips, each one of M patterns of grey levels 0 … K − 1; the
    patterns z form a Markov chain. The picture may be shrunk: each block of `shrink` × `shrink`
    pixels is replaced by the sum of its levels. What is left goes through the channel, each
    place on its own. With :math:`s_i(m)` the places of the shrunk pattern m,

    .. math:: p(x, z) = \pi_{z_1} \prod_{t=2}^{T} A_{z_{t-1} z_t}
              \prod_{t=1}^{T} \prod_i B_{s_i(z_t)\, x_{ti}}

    is a hidden Markov model whose "words" are damaged strips.

    Parameters
    ----------
    strips : array_like of int, shape (M, H, w)
        The patterns, all of height H and width w, no two of them alike.
    initial : array_like, shape (M,)
        π, the distribution of the leftmost pattern.
    transition : array_like, shape (M, M)
        A; rows sum to 1.
    length : int
        T ≥ 1, the number of strips in a picture.
    channel : array_like, shape (S, V)
        B; `channel[s, v]` is the probability that s is seen as v. It has a row for each possible
        sum, S = (K − 1) shrink² + 1; without shrinking that is one for each level.
    shrink : int, default 1
        Side of the blocks, a divisor of H and w.

    Attributes
    ----------
    strips : ndarray of int, shape (M, H, w)
    initial, transition, channel : ndarray
    length, shrink, levels : int
        `levels` is K, as the channel has it.
    floor : float
        The mean over the pixels p of H(Y_p | X), in nats per pixel: no restorer that gives each
        pixel a distribution of its own can do better. Estimated from 2000 damaged pictures, by
        the entropy of the exact posterior.
    floor_se : float
        Standard error of `floor`.
    joint_floor : float
        H(Y | X) divided by the number of pixels, in nats per pixel: the floor of a model of
        whole pictures. Never above `floor`. From the same sample.
    joint_floor_se : float
        Standard error of `joint_floor`.

    Raises
    ------
    ValueError
        If a table is not one of distributions, if sizes do not match, if a level is not one of
        the channel's, if two strips are alike, or if `shrink` does not divide their sides.
    TypeError
        If levels, `length` or `shrink` are not integers.

    Examples
    --------
    Shrunk by two, a pair of stripes looks the same whichever of them is bright:

    >>> stripes = np.array([[[0, 4], [0, 4]], [[4, 0], [4, 0]]])
    >>> half = np.full((2, 2), 0.5)
    >>> world = DamagedPictures(stripes, half[0], half, 3, np.eye(17), shrink=2)
    >>> x, y = world.sample(1, np.random.default_rng(0))
    >>> print(x[0], world.posterior(x)[0, 0, 0], round(world.floor, 6))
    [[8 8 8]] [0.5 0.  0.  0.  0.5] 0.693147
    """

    def __init__(
        self,
        strips: ArrayLike,
        initial: ArrayLike,
        transition: ArrayLike,
        length: int,
        channel: ArrayLike,
        shrink: int = 1,
    ) -> None:
        self.length, self.shrink = at_least_one(length, "length"), at_least_one(shrink, "shrink")
        self.channel, _ = distribution(channel, "channel")
        if self.channel.ndim != 2 or (len(self.channel) - 1) % self.shrink**2:
            raise ValueError(
                f"channel has shape {self.channel.shape}; expected (S, V) with a row for each sum "
                f"of a block, S = (K - 1) * {self.shrink**2} + 1"
            )
        self.levels = (len(self.channel) - 1) // self.shrink**2 + 1
        self.strips = indices(strips, "strips", self.levels)
        if self.strips.ndim != 3 or not self.strips.size:
            raise ValueError(f"strips has shape {self.strips.shape}; expected (M, H, w)")
        m, h, w = self.strips.shape
        if h % self.shrink or w % self.shrink:
            raise ValueError(f"shrink is {shrink}; it has to divide the sides {h} and {w}")
        if len(np.unique(self.strips.reshape(m, -1), axis=0)) < m:
            raise ValueError("strips holds two that are alike: the posterior could not tell them")
        self.initial, _ = distribution(initial, "initial")
        self.transition, _ = distribution(transition, "transition")
        for name, table, shape in (
            ("initial", self.initial, (m,)),
            ("transition", self.transition, (m, m)),
        ):
            if table.shape != shape:
                raise ValueError(
                    f"{name} has shape {table.shape}; expected {shape}, as there are {m} strips"
                )
        blocks = self.strips.reshape(m, h // self.shrink, self.shrink, w // self.shrink, -1)
        self._sums = blocks.sum(axis=(2, 4))

    def sample(self, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Draw damaged pictures x, shape (n, H / shrink, T w / shrink), and clean ones (n, H, T w).

        Both are integers: what the channel puts out, and grey levels.
        """
        z = self._patterns(n, generator(rng))
        return self._damaged(z, rng), _joined(self.strips[z])

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return the exact p(y_p = k | x), shape (n, H, T w, K), for damaged pictures `x`."""
        return self._pixels(self._read(x)[0])

    def most_probable(self, x: ArrayLike) -> NDArray:
        """Return the most probable clean picture for each of `x`, shape (n, H, T w)."""
        log_emission = self._log_emission(x)
        z = viterbi(self.initial, self.transition, log_emission)
        possible(self._log_prior(z) + _picked(log_emission, z))
        return _joined(self.strips[z])

    def posterior_sample(self, x: ArrayLike, rng: np.random.Generator) -> NDArray:
        """Draw one clean picture from p(y | x) for each of `x`, shape (n, H, T w)."""
        log_emission = self._log_emission(x)
        possible(log_emission.max(axis=2).sum(axis=1))
        uniform = generator(rng).random((self.length, len(log_emission)))
        # Filter from the right, then draw from the left by p(z_t | z_{t-1}, x_t … x_T).
        ahead = np.exp(log_emission - log_emission.max(axis=2, keepdims=True))
        for t in range(self.length - 2, -1, -1):
            ahead[:, t] *= ahead[:, t + 1] @ self.transition.T
            scale = ahead[:, t].max(axis=1, keepdims=True)
            ahead[:, t] /= np.where(scale > 0, scale, 1)
        first = self.initial * ahead[:, 0]
        possible(np.where(first.any(axis=1), 0.0, -np.inf))
        z = np.empty(log_emission.shape[:2], dtype=np.int64)
        z[:, 0] = draw_rows(first.cumsum(axis=1), uniform[0])
        for t in range(1, self.length):
            next_one = self.transition[z[:, t - 1]] * ahead[:, t]
            z[:, t] = draw_rows(next_one.cumsum(axis=1), uniform[t])
        return _joined(self.strips[z])

    def log_likelihood(self, x: ArrayLike) -> NDArray:
        """Return log p(x) in nats, shape (n,), for damaged pictures `x`."""
        return self._read(x)[1]

    @property
    def floor(self) -> float:
        """Mean entropy of a pixel, given the damaged picture, in nats."""
        return self._floors[0]

    @property
    def floor_se(self) -> float:
        """Standard error of `floor`."""
        return self._floors[1]

    @property
    def joint_floor(self) -> float:
        """Entropy of the clean picture, given the damaged one, in nats per pixel."""
        return self._floors[2]

    @property
    def joint_floor_se(self) -> float:
        """Standard error of `joint_floor`."""
        return self._floors[3]

    def _patterns(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw the Markov chain z, shape (n, T)."""
        z = np.empty((n, self.length), dtype=np.int64)
        z[:, 0] = draw(self.initial.cumsum(), rng.random(n))
        rows = self.transition.cumsum(axis=1)
        for t in range(1, self.length):
            z[:, t] = draw_rows(rows[z[:, t - 1]], rng.random(n))
        return z

    def _damaged(self, z: NDArray, rng: np.random.Generator) -> NDArray:
        sums = _joined(self._sums[z])
        seen = draw_rows(self.channel.cumsum(axis=1)[sums.ravel()], rng.random(sums.size))
        return seen.reshape(sums.shape)

    def _log_prior(self, z: NDArray) -> NDArray:
        with np.errstate(divide="ignore"):
            steps = np.log(self.transition)[z[:, :-1], z[:, 1:]]
            return np.log(self.initial)[z[:, 0]] + steps.sum(axis=1)

    def _log_emission(self, x: ArrayLike) -> NDArray:
        x = indices(x, "x", self.channel.shape[1])
        m, h, w = self._sums.shape
        if x.shape[1:] != (h, w * self.length):
            raise ValueError(
                f"x has shape {x.shape}; expected (n, {h}, {w * self.length}): for one picture "
                "pass x[None]"
            )
        with np.errstate(divide="ignore"):
            log_channel = np.log(self.channel.T)
        places = _cut(x, self.length).reshape(len(x), self.length, -1)
        total = np.zeros((len(x), self.length, m))
        for i, sums in enumerate(self._sums.reshape(m, -1).T):
            total += log_channel[:, sums][places[:, :, i]]
        return total

    def _read(self, x: ArrayLike) -> tuple[NDArray, NDArray]:
        log_emission = self._log_emission(x)
        with np.errstate(invalid="ignore"):  # −inf − (−inf), reported below
            found = forward_backward(self.initial, self.transition, log_emission)
        possible(found[1])
        return found

    def _pixels(self, patterns: NDArray) -> NDArray:
        """From p(z_t | x), shape (n, T, M), to p(y_p | x)."""
        m, h, w = self.strips.shape
        one_hot = np.eye(self.levels)[self.strips].reshape(m, -1)
        pixels = (patterns @ one_hot).reshape(-1, self.length, h, w, self.levels)
        pixels = pixels.transpose(0, 2, 1, 3, 4).reshape(-1, h, self.length * w, self.levels)
        return pixels / pixels.sum(axis=-1, keepdims=True)

    @cached_property
    def _floors(self) -> tuple[float, ...]:
        rng = np.random.default_rng(0)
        z = self._patterns(2000, rng)
        x = self._damaged(z, rng)
        patterns, log_likelihood = self._read(x)
        single = entropy(self._pixels(patterns)).mean(axis=(1, 2))
        joint = self._log_prior(z) + _picked(self._log_emission(x), z)
        whole = (log_likelihood - joint) / (self.strips[0].size * self.length)
        return means_and_errors(single, whole)


def _joined(strips: NDArray) -> NDArray:
    """Put strips side by side: from (n, T, h, w) to (n, h, T w)."""
    n, length, h, w = strips.shape
    return strips.transpose(0, 2, 1, 3).reshape(n, h, length * w)


def _cut(pictures: NDArray, length: int) -> NDArray:
    """Undo `_joined`: from (n, h, T w) to (n, T, h, w)."""
    n, h, width = pictures.shape
    return pictures.reshape(n, h, length, width // length).transpose(0, 2, 1, 3)


def _picked(log_emission: NDArray, z: NDArray) -> NDArray:
    """log p(x | z), shape (n,)."""
    return np.take_along_axis(log_emission, z[:, :, None], axis=2).sum(axis=(1, 2))
