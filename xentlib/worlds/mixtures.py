"""Worlds of forgery: is a point a draw from one mixture of normal clouds or from another?"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, expit, logsumexp

from xentlib._numeric import draw
from xentlib._validate import distribution, generator
from xentlib.worlds.points import _finite, _points


class GaussianMixture:
    r"""A density on the line, in the plane or in space: round normal clouds with weights.

    .. math:: p(x) = \sum_k w_k \, \mathcal N(x \mid \mu_k, \sigma_k^2 I_d)

    It has draws and a density, but no labels: of two of them `RealOrFake` makes a world.

    Parameters
    ----------
    weights : array_like, shape (K,)
        w, a probability distribution.
    means : array_like, shape (K, d)
        The centres μ.
    scale : float or array_like, shape (K,), default 1.0
        The standard deviations σ: one for all clouds, or one for each.

    Attributes
    ----------
    weights : ndarray, shape (K,)
    means : ndarray, shape (K, d)
    scale : ndarray, shape (K,)

    Raises
    ------
    ValueError
        If shapes do not match, `weights` is not a probability distribution, or a scale is not
        above 0.
    TypeError
        If an argument does not hold real numbers.

    References
    ----------
    Bishop (2006), *Pattern Recognition and Machine Learning*, §2.3.9.

    Examples
    --------
    >>> two = GaussianMixture([0.5, 0.5], [[-2.0], [2.0]], 0.5)
    >>> print(two.density([[1.0], [2.0]]).round(6), two.sample(3, np.random.default_rng(0)).shape)
    [0.053991 0.398942] (3, 1)
    """

    def __init__(self, weights: ArrayLike, means: ArrayLike, scale: ArrayLike = 1.0) -> None:
        self.means = _finite(means, "means")
        if self.means.ndim != 2 or self.means.size == 0:
            raise ValueError(
                f"means has shape {self.means.shape}; expected (K, d), one centre per cloud"
            )
        k = len(self.means)
        self.weights, _ = distribution(weights, "weights")
        if self.weights.shape != (k,):
            raise ValueError(
                f"weights has shape {self.weights.shape}; expected {(k,)}, one per centre"
            )
        scale = _finite(scale, "scale")
        if scale.shape not in {(), (k,)}:
            raise ValueError(
                f"scale has shape {scale.shape}; expected a single number or {(k,)}, one per centre"
            )
        if (scale <= 0).any():
            raise ValueError(f"scale holds {scale[scale <= 0].flat[0]}; expected numbers above 0")
        self.scale = np.broadcast_to(scale, (k,)).copy()

    def sample(self, n: int, rng: np.random.Generator) -> NDArray:
        """Draw points, shape (n, d)."""
        k = draw(self.weights.cumsum(), generator(rng).random(n))
        noise = rng.standard_normal((n, self.means.shape[1]))
        return self.means[k] + self.scale[k, None] * noise

    def log_density(self, x: ArrayLike) -> NDArray:
        """Return log p(x), shape (n,), for points `x` (n, d)."""
        x = _points(x, self.means.shape[1])
        # |x − μ|² one cloud at a time: an array (n, K, d) would be mostly waiting for memory.
        z = np.stack([((x - m) ** 2).sum(axis=1) for m in self.means], axis=1) / self.scale**2
        with np.errstate(divide="ignore"):  # log 0 = −inf is right for a cloud without weight
            scores = np.log(self.weights) - x.shape[1] * np.log(self.scale * np.sqrt(2 * np.pi))
        return logsumexp(scores - z / 2, axis=1)

    def density(self, x: ArrayLike) -> NDArray:
        """Return p(x), shape (n,), for points `x` (n, d)."""
        return np.exp(self.log_density(x))


class RealOrFake:
    r"""The discriminator's world: half of the points are draws from p, half from q; which are they?

    .. math:: P(y = 1) = \tfrac12, \quad x \mid y = 1 \sim p, \quad x \mid y = 0 \sim q, \qquad
        P(y = 1 \mid x) = \frac{p(x)}{p(x) + q(x)}

    Label 1 is "real" and 0 is "generated".

    Parameters
    ----------
    p, q : GaussianMixture
        Where real and where generated points come from, on the line or in the plane.

    Attributes
    ----------
    p, q : GaussianMixture
    floor : float
        H(Y | X) = log 2 − JSD(p, q) in nats per point, by quadrature (error below 1e-8 on the
        line, 1e-6 in the plane). The losses on real and on generated points, added and not
        averaged, have the floor twice as high. Computed when it is first asked for.
    jsd : float
        The Jensen–Shannon divergence of p and q in nats.

    Raises
    ------
    ValueError
        If the two do not lie in the same space, or it has more than two dimensions; by `floor`,
        if the clouds are too different in size for a grid of 2²⁰ points: in the plane, if the
        widest is more than about fifteen times as wide as the narrowest.
    TypeError
        If they are not Gaussian mixtures.

    References
    ----------
    Goodfellow et al. (2014), *Generative Adversarial Nets*, §4.1.

    Examples
    --------
    >>> p, q = (GaussianMixture([1.0], [[mean]]) for mean in (3.0, 0.0))
    >>> world = RealOrFake(p, q)
    >>> print(world.posterior([[1.5], [3.0]]).round(4)[:, 1], round(world.floor, 6))
    [0.5   0.989] 0.16637
    """

    def __init__(self, p: GaussianMixture, q: GaussianMixture) -> None:
        for name, mixture in (("p", p), ("q", q)):
            if not isinstance(mixture, GaussianMixture):
                raise TypeError(f"{name} is {mixture!r}; expected a GaussianMixture")
        d = p.means.shape[1]
        if d != q.means.shape[1] or d > 2:
            raise ValueError(
                f"p has points of {d} coordinates and q of {q.means.shape[1]}; expected both to "
                "have one, or both two"
            )
        self.p, self.q = p, q

    def sample(self, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Draw points x, shape (n, d), and labels y of 0 and 1 (integers), shape (n,)."""
        y = generator(rng).integers(2, size=n)
        real, fake = self.p.sample(n, rng), self.q.sample(n, rng)
        return np.where(y[:, None] == 1, real, fake), y

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return the exact p(y | x) as an array of shape (n, 2), for points `x` (n, d)."""
        z = self.p.log_density(x) - self.q.log_density(x)
        return np.stack([expit(-z), expit(z)], axis=1)

    @cached_property
    def floor(self) -> float:
        """H(Y | X) in nats."""
        scales = np.concatenate([self.p.scale, self.q.scale])
        d = self.p.means.shape[1]
        fineness, last = 1, np.inf  # steps in the narrowest cloud's standard deviation
        while (17 * fineness * scales.max() / scales.min()) ** d <= 2**20:
            floor = sum(
                w / 2 * self._mean_entropy(m, s, int(np.ceil(17 * fineness * s / scales.min())))
                for half in (self.p, self.q)
                for w, m, s in zip(half.weights, half.means, half.scale, strict=True)
            )
            if abs(floor - last) < (1e-9 if d == 1 else 1e-6):
                return float(floor)
            fineness, last = 2 * fineness, floor
        raise ValueError(
            f"p and q have clouds of the scales {scales.min():.3g} and {scales.max():.3g}: too far "
            "apart for a grid; estimate the floor by the mean entropy of the posterior of a sample"
        )

    def _mean_entropy(self, mean: NDArray, scale: float, n: int) -> float:
        """Mean entropy of the posterior over one cloud, by the trapezoidal rule with n points."""
        t = np.linspace(-8.5, 8.5, n)  # beyond lie 2e-17 of a normal distribution
        share = np.exp(-t * t / 2) / np.exp(-t * t / 2).sum()
        if len(mean) == 1:
            return share @ entr(self.posterior(mean + scale * t[:, None])).sum(axis=1)
        plane = np.stack(np.meshgrid(t, t, indexing="ij"), axis=-1).reshape(-1, 2)
        entropies = entr(self.posterior(mean + scale * plane)).sum(axis=1)
        return np.outer(share, share).ravel() @ entropies

    @property
    def jsd(self) -> float:
        """The Jensen–Shannon divergence of p and q in nats."""
        return float(np.log(2) - self.floor)
