"""Worlds of points in space: features that are normal, classes that overlap."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from xentlib._numeric import draw
from xentlib._validate import as_floats, distribution, generator
from xentlib.information import entropy
from xentlib.logits import log_sigmoid, sigmoid, softmax


class LogisticWorld:
    r"""Two classes whose log-odds are linear in normal features: logistic regression is right.

    .. math:: x \sim \mathcal N(0, I_d), \qquad P(y = 1 \mid x) = \sigma(w \cdot x + b)

    Parameters
    ----------
    weights : array_like, shape (d,)
        w.
    bias : float, default 0.0
        b.

    Attributes
    ----------
    weights : ndarray, shape (d,)
    bias : float
    p_y : ndarray, shape (2,)
        The marginal distribution of Y.
    floor : float
        H(Y | X) in nats, the mean entropy of a coin with log-odds
        :math:`s \sim \mathcal N(b, |w|^2)`, by quadrature.

    Raises
    ------
    ValueError
        If `weights` is not a vector of finite numbers, or `bias` not a finite number.
    TypeError
        If they are not real numbers.

    References
    ----------
    Trefethen & Weideman (2014), *The Exponentially Convergent Trapezoidal Rule*.

    Examples
    --------
    >>> world = LogisticWorld([2.0, -1.0], bias=0.5)
    >>> print(world.posterior([[0.0, 0.5]]), round(world.floor, 6))
    [[0.5 0.5]] 0.428389
    """

    def __init__(self, weights: ArrayLike, bias: float = 0.0) -> None:
        self.weights = _finite(weights, "weights")
        if self.weights.ndim != 1 or self.weights.size == 0:
            raise ValueError(
                f"weights has shape {self.weights.shape}; expected (d,), one weight per feature"
            )
        bias = _finite(bias, "bias")
        if bias.ndim:
            raise ValueError(f"bias has shape {bias.shape}; expected a single number")
        self.bias = float(bias)
        slope = float(np.hypot.reduce(self.weights))  # |w|
        s, share = _normal_grid(self.bias, slope)
        p = sigmoid(s)
        self.floor = float(-share @ (p * log_sigmoid(s) + sigmoid(-s) * log_sigmoid(-s)))
        # σ(s) alone does not fade out; minus a normal distribution function it does, and the
        # mean of Φ(s / c) is known. c = 1.7 makes the two alike.
        centre = ndtr(self.bias / np.hypot(1.7, slope))
        p_1 = float(centre + share @ (p - ndtr(s / 1.7)))
        self.p_y = np.array([1 - p_1, p_1])

    def sample(self, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Draw points x, shape (n, d), and labels y of 0 and 1 (integers), shape (n,)."""
        x = generator(rng).standard_normal((n, len(self.weights)))
        return x, (rng.random(n) < self.posterior(x)[:, 1]).astype(np.int64)

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return the exact p(y | x) as an array of shape (n, 2), for points `x` (n, d)."""
        s = _points(x, len(self.weights)) @ self.weights + self.bias
        return np.stack([sigmoid(-s), sigmoid(s)], axis=1)


class GaussianClasses:
    r"""Classes that are normal clouds of points: linear boundaries if their shapes are the same.

    .. math:: P(y = k) = \pi_k, \qquad x \mid y = k \sim \mathcal N(\mu_k, \Sigma_k)

    Parameters
    ----------
    means : array_like, shape (K, d)
        The centres μ of the K classes.
    covariance : float or array_like, shape (d, d) or (K, d, d)
        One variance for all features and classes, one matrix for all classes, or one for each.
    prior : array_like, shape (K,), optional
        π; equal shares unless given.

    Attributes
    ----------
    means : ndarray, shape (K, d)
    covariance : ndarray, shape (K, d, d)
    prior : ndarray, shape (K,)
    floor : float
        H(Y | X) in nats. By quadrature (error below 1e-9) in one or two dimensions, or where
        the clouds have the same shape and their centres lie on a line or in a plane: across it,
        x says nothing about y. Otherwise a mean over 2¹⁷ random points from a fixed seed.
        Computed when it is first asked for.
    floor_error : float
        The standard error of `floor` in nats; 0.0 where it comes from quadrature.

    Raises
    ------
    ValueError
        If shapes do not match, a covariance is not symmetric with positive eigenvalues, or
        `prior` is not a probability distribution.
    TypeError
        If an argument does not hold real numbers.

    References
    ----------
    Hastie, Tibshirani & Friedman (2009), *The Elements of Statistical Learning*, §4.3.

    Examples
    --------
    >>> world = GaussianClasses([[-1.0, 0.0], [1.0, 0.0]], 1.0)
    >>> print(world.posterior([[0.0, 3.0]]), round(world.floor, 6), world.floor_error)
    [[0.5 0.5]] 0.356316 0.0
    """

    def __init__(
        self, means: ArrayLike, covariance: ArrayLike, prior: ArrayLike | None = None
    ) -> None:
        self.means = _finite(means, "means")
        if self.means.ndim != 2 or self.means.size == 0:
            raise ValueError(
                f"means has shape {self.means.shape}; expected (K, d), one centre per class"
            )
        k, d = self.means.shape
        given = _finite(covariance, "covariance")
        if given.shape not in {(), (d, d), (k, d, d)}:
            raise ValueError(
                f"covariance has shape {given.shape}; expected a single variance, {(d, d)} or "
                f"{(k, d, d)}, as means has shape {(k, d)}"
            )
        self.covariance = np.broadcast_to(given if given.ndim else given * np.eye(d), (k, d, d))
        self._factors = _cholesky(self.covariance)
        self._same_shape = bool((self.covariance == self.covariance[0]).all())
        self.prior = np.full(k, 1 / k) if prior is None else distribution(prior, "prior")[0]
        if self.prior.shape != (k,):
            raise ValueError(
                f"prior has shape {self.prior.shape}; expected {(k,)}, one probability per class"
            )

    def sample(self, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Draw points x, shape (n, d), and labels y (integers), shape (n,)."""
        y = draw(self.prior.cumsum(), generator(rng).random(n))
        noise = rng.standard_normal((n, self.means.shape[1]))
        return self.means[y] + np.einsum("nij,nj->ni", self._factors[y], noise), y

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return the exact p(y | x) as an array of shape (n, K), for points `x` (n, d)."""
        return _posterior(_points(x, self.means.shape[1]), self.means, self._factors, self.prior)

    @property
    def floor(self) -> float:
        """H(Y | X) in nats."""
        return self._floor_and_error[0]

    @property
    def floor_error(self) -> float:
        """The standard error of the floor in nats; 0.0 where it comes from quadrature."""
        return self._floor_and_error[1]

    @cached_property
    def _floor_and_error(self) -> tuple[float, float]:
        means, factors = self.means, self._factors
        if self._same_shape:
            means = _span(np.linalg.solve(factors[0], (means - means[0]).T).T)
            factors = np.broadcast_to(np.eye(means.shape[1]), (*means.shape, means.shape[1]))
        if means.shape[1] <= 2:
            floor = _floor_by_quadrature(means, factors, self.prior)
            if floor is not None:
                return floor, 0.0
        return _floor_by_sampling(means, factors, self.prior)


def _posterior(x: NDArray, means: NDArray, factors: NDArray, prior: NDArray) -> NDArray:
    """p(y | x) from the logarithms of prior times density; Σ = L·Lᵀ with L in `factors`."""
    scores = np.empty((len(x), len(means)))
    with np.errstate(divide="ignore"):  # log 0 = −inf is right for a class that never comes
        scores[:] = np.log(prior)
    for k, (mean, factor) in enumerate(zip(means, factors, strict=True)):
        z = np.linalg.solve(factor, (x - mean).T)
        scores[:, k] -= (z * z).sum(axis=0) / 2 + np.log(np.diag(factor)).sum()
    return softmax(scores)


def _floor_by_quadrature(means: NDArray, factors: NDArray, prior: NDArray) -> float | None:
    """Mean entropy of the posterior by the trapezoidal rule in each cloud's own coordinates.

    The step is halved until the answer stays; None if that takes more than 2¹⁸ points.
    """
    d = means.shape[1]
    if d == 0:  # all centres are the same
        return float(entropy(prior))
    # A cloud that is r times as narrow as another needs a grid that is r times as fine there.
    ratios = np.linalg.solve(factors[:, None], factors[None])
    n = int(np.ceil(2 * 8.5 * np.linalg.norm(ratios, 2, axis=(-2, -1)).max()))
    last = np.inf
    while n**d <= 2**18:
        t = np.linspace(-8.5, 8.5, n)  # beyond lie 2e-17 of a normal distribution
        share = np.exp(-t * t / 2) / np.exp(-t * t / 2).sum()
        points = np.stack(np.meshgrid(*d * [t], indexing="ij"), axis=-1).reshape(-1, d)
        shares = share if d == 1 else np.outer(share, share).ravel()
        floor = sum(
            p * (shares @ entropy(_posterior(m + points @ f.T, means, factors, prior)))
            for p, m, f in zip(prior, means, factors, strict=True)
        )
        if abs(floor - last) < 1e-9:
            return float(floor)
        last, n = floor, 2 * n
    return None


def _floor_by_sampling(means: NDArray, factors: NDArray, prior: NDArray) -> tuple[float, float]:
    """Mean entropy of the posterior at random points, and its standard error."""
    rng = np.random.default_rng(0)
    floor = variance = 0.0
    for p, m, f in zip(prior, means, factors, strict=True):
        x = m + rng.standard_normal((2 + int(p * 2**17), len(m))) @ f.T
        h = entropy(_posterior(x, means, factors, prior))
        floor += p * h.mean()
        variance += p**2 * h.var(ddof=1) / len(h)
    return float(floor), float(np.sqrt(variance))


def _span(x: NDArray) -> NDArray:
    """Coordinates of the vectors `x` (one of them zero) within the space that they span."""
    _, s, axes = np.linalg.svd(x, full_matrices=False)
    return x @ axes[s > 1e-12 * s[0]].T


def _normal_grid(mean: float, sd: float) -> tuple[NDArray, NDArray]:
    """Points and shares of the trapezoidal rule for a mean over N(mean, sd²).

    For functions of log-odds as smooth as the sigmoid, whose nearest poles are at ±iπ: the error
    is below 1e-14. Points where |s| > 750 are left out; there the entropy is 0 in float64.
    """
    scale = max(sd, 1.0)
    low, high = np.clip((np.array([-750, 750]) - mean) / scale, -38, 38)
    step = min(1 / 3, 0.5 / scale)
    t = np.arange(low, high, step)
    return mean + sd * t, step * np.exp(-t * t / 2) / np.sqrt(2 * np.pi)


def _cholesky(covariance: NDArray) -> NDArray:
    if not np.allclose(covariance, np.swapaxes(covariance, -1, -2), rtol=1e-9, atol=0):
        raise ValueError("covariance is not symmetric: Σ[i, j] and Σ[j, i] are the same number")
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        lowest = np.linalg.eigvalsh(covariance).min()
        raise ValueError(
            f"covariance has the eigenvalue {lowest:.6g}; all must be above 0: "
            "give every direction some spread"
        ) from None


def _points(x: ArrayLike, d: int) -> NDArray:
    x = _finite(x, "x")
    if x.ndim != 2 or x.shape[1] != d:
        raise ValueError(f"x has shape {x.shape}; expected (n, {d}), one row for each point")
    return x


def _finite(x: ArrayLike, name: str) -> NDArray:
    x, _ = as_floats(x, name)
    if not np.isfinite(x).all():
        raise ValueError(f"{name} holds {x[~np.isfinite(x)].flat[0]}; expected finite numbers")
    return x
