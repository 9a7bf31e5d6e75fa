"""Entropy, cross-entropy, divergences and information, for finite sets of outcomes.

Every function takes probabilities (never logits), checks them, and returns nats unless
`base` says otherwise. Conventions: 0·log 0 = 0; P(x) > 0 where Q(x) = 0 gives inf.
Inputs in float16 and float32 are summed in float64 and returned in their own dtype.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.typing import ArrayLike, NDArray
from scipy.special import rel_entr

from xentlib._blocks import for_each_block
from xentlib._numeric import rounded, total
from xentlib._validate import as_floats, distribution, log_base, result_dtype, same_shape

__all__ = [
    "conditional_entropy",
    "cross_entropy",
    "entropy",
    "information_gain",
    "js_divergence",
    "kl_divergence",
    "mutual_information",
    "perplexity",
]


def entropy(p: ArrayLike, *, axis: int = -1, base: float | None = None) -> NDArray | np.floating:
    r"""Entropy of a distribution: the mean surprisal of an outcome.

    .. math:: H(P) = -\sum_x P(x) \log P(x)

    Parameters
    ----------
    p : array_like, shape (..., K, ...)
        Probabilities; they sum to 1 along `axis`.
    axis : int, default -1
        The axis that runs over the K outcomes.
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits.

    Returns
    -------
    ndarray or scalar, shape of `p` without `axis`
        Between 0 (one outcome is certain) and log K (all are equally likely).

    Raises
    ------
    ValueError
        If a row of `p` is not a probability distribution, or `base` is not a base.
    TypeError
        If `p` does not hold real numbers.

    References
    ----------
    Shannon (1948), *A Mathematical Theory of Communication*, §6.

    Examples
    --------
    >>> print(entropy([0.5, 0.5]))
    0.6931471805599453
    >>> print(entropy([[0.5, 0.5], [1.0, 0.0]], base=2))
    [1. 0.]
    """
    nats, dtype = _over_rows(_entropy, axis, p=p)
    return _finish(nats, base, dtype)


def cross_entropy(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None
) -> NDArray | np.floating:
    r"""Cross-entropy: the mean surprisal of a model Q at outcomes drawn from P.

    .. math:: H(P, Q) = -\sum_x P(x) \log Q(x) = H(P) + \mathrm{KL}(P \,\|\, Q)

    Parameters
    ----------
    p : array_like, shape (..., K, ...)
        The distribution that outcomes are drawn from; sums to 1 along `axis`.
    q : array_like, same shape as `p`
        The model's probabilities; sum to 1 along `axis`.
    axis : int, default -1
        The axis that runs over the K outcomes.
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits.

    Returns
    -------
    ndarray or scalar, shape of `p` without `axis`
        At least H(P); inf where Q rules out something that happens under P.

    Raises
    ------
    ValueError
        If a row of `p` or `q` is not a probability distribution, if their shapes differ,
        or if `base` is not a base.
    TypeError
        If `p` or `q` does not hold real numbers.

    References
    ----------
    Cover & Thomas (2006), *Elements of Information Theory*, theorem 5.4.3
    (the price of the wrong code).

    Examples
    --------
    >>> print(cross_entropy([0.5, 0.5], [0.9, 0.1]).round(6))
    1.203973
    >>> print(cross_entropy([0.5, 0.5], [1.0, 0.0]))
    inf
    """
    nats, dtype = _over_rows(_cross_entropy, axis, p=p, q=q)
    return _finish(nats, base, dtype)


def kl_divergence(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None
) -> NDArray | np.floating:
    r"""Kullback–Leibler divergence: what using the model Q instead of P costs on average.

    .. math:: \mathrm{KL}(P \,\|\, Q) = \sum_x P(x) \log \frac{P(x)}{Q(x)}

    Never negative, and 0 exactly when P = Q; a rounding error below 0 is returned as 0.

    Parameters
    ----------
    p : array_like, shape (..., K, ...)
        The distribution that outcomes are drawn from; sums to 1 along `axis`.
    q : array_like, same shape as `p`
        The distribution that is compared with it; sums to 1 along `axis`.
    axis : int, default -1
        The axis that runs over the K outcomes.
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits.

    Returns
    -------
    ndarray or scalar, shape of `p` without `axis`
        At least 0; inf where Q rules out something that happens under P.

    Raises
    ------
    ValueError
        If a row of `p` or `q` is not a probability distribution, if their shapes differ,
        or if `base` is not a base.
    TypeError
        If `p` or `q` does not hold real numbers.

    References
    ----------
    Kullback & Leibler (1951), *On Information and Sufficiency*.

    Examples
    --------
    >>> print(kl_divergence([0.5, 0.5], [0.9, 0.1]).round(6))
    0.510826
    >>> print(kl_divergence([0.9, 0.1], [0.5, 0.5]).round(6))
    0.368064
    """
    nats, dtype = _over_rows(_kl_divergence, axis, p=p, q=q)
    return _finish(nats, base, dtype)


def js_divergence(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None
) -> NDArray | np.floating:
    r"""Jensen–Shannon divergence: the mean KL of two distributions to their average.

    .. math::
        \mathrm{JSD}(P, Q) = \tfrac12 \mathrm{KL}(P \,\|\, M) + \tfrac12 \mathrm{KL}(Q \,\|\, M),
        \qquad M = \tfrac12 (P + Q)

    Symmetric and always finite; its square root is a metric. For nearly equal distributions
    the error is about the spacing of floats at 1, not at the result.

    Parameters
    ----------
    p, q : array_like, shape (..., K, ...)
        Probabilities of the same shape; they sum to 1 along `axis`.
    axis : int, default -1
        The axis that runs over the K outcomes.
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits.

    Returns
    -------
    ndarray or scalar, shape of `p` without `axis`
        Between 0 (P = Q) and log 2 (no outcome in common).

    Raises
    ------
    ValueError
        If a row of `p` or `q` is not a probability distribution, if their shapes differ,
        or if `base` is not a base.
    TypeError
        If `p` or `q` does not hold real numbers.

    References
    ----------
    Lin (1991), *Divergence Measures Based on the Shannon Entropy*.

    Examples
    --------
    >>> print(js_divergence([1.0, 0.0], [0.0, 1.0], base=2))
    1.0
    """
    nats, dtype = _over_rows(_js_divergence, axis, p=p, q=q)
    return _finish(nats, base, dtype)


def conditional_entropy(joint: ArrayLike, *, base: float | None = None) -> np.floating:
    r"""Conditional entropy H(Y|X): what stays unknown about Y once X is known.

    .. math:: H(Y \mid X) = -\sum_{x, y} P(x, y) \log P(y \mid x) = H(X, Y) - H(X)

    Parameters
    ----------
    joint : array_like, shape (A, B)
        `joint[x, y]` is P(X = x, Y = y); the whole table sums to 1.
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits.

    Returns
    -------
    scalar
        Between 0 (Y is a function of X) and H(Y) (X and Y are independent).

    Raises
    ------
    ValueError
        If `joint` is not a two-dimensional probability table, or `base` is not a base.
    TypeError
        If `joint` does not hold real numbers.

    References
    ----------
    Cover & Thomas (2006), *Elements of Information Theory*, §2.2.

    Examples
    --------
    >>> print(conditional_entropy([[0.45, 0.05], [0.05, 0.45]]).round(6))
    0.325083
    """
    joint, dtype = table(joint)
    return _finish(conditional_entropy_of(joint), base, dtype)


def mutual_information(joint: ArrayLike, *, base: float | None = None) -> np.floating:
    r"""Mutual information I(X;Y): what knowing X tells about Y, and Y about X.

    .. math::
        I(X; Y) = \sum_{x, y} P(x, y) \log \frac{P(x, y)}{P(x) P(y)} = H(Y) - H(Y \mid X)

    Parameters
    ----------
    joint : array_like, shape (A, B)
        `joint[x, y]` is P(X = x, Y = y); the whole table sums to 1.
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits.

    Returns
    -------
    scalar
        At least 0; 0 exactly when X and Y are independent. A rounding error below 0 is
        returned as 0.

    Raises
    ------
    ValueError
        If `joint` is not a two-dimensional probability table, or `base` is not a base.
    TypeError
        If `joint` does not hold real numbers.

    References
    ----------
    Cover & Thomas (2006), *Elements of Information Theory*, §2.3.

    Examples
    --------
    >>> print(mutual_information([[0.45, 0.05], [0.05, 0.45]]).round(6))
    0.368064
    """
    joint, dtype = table(joint)
    return _finish(_mutual_information(joint), base, dtype)


def information_gain(
    labels: ArrayLike, feature: ArrayLike, *, base: float | None = None
) -> np.floating:
    r"""Information gain of a feature: how much splitting by it lowers the labels' entropy.

    .. math:: \mathrm{IG}(Y, A) = H(Y) - \sum_a \frac{n_a}{n} H(Y \mid A = a)

    It is the mutual information of the observed frequencies, so on a finite sample it is
    positive even for a feature that has nothing to do with the labels.

    Parameters
    ----------
    labels : array_like, shape (n,)
        The class of each example: integers, strings or booleans.
    feature : array_like, shape (n,)
        The value of the feature for each example, likewise discrete.
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits.

    Returns
    -------
    scalar
        Between 0 and the entropy of the labels.

    Raises
    ------
    ValueError
        If the two do not have the same length, are empty, are not one-dimensional, or
        `base` is not a base.
    TypeError
        If an argument holds floats: a continuous feature has to be binned first.

    References
    ----------
    Quinlan (1986), *Induction of Decision Trees*.

    Examples
    --------
    >>> print(information_gain(["yes", "yes", "no", "no"], [1, 1, 0, 0], base=2))
    1.0
    """
    labels, feature = _discrete(labels, "labels"), _discrete(feature, "feature")
    if labels.shape != feature.shape:
        raise ValueError(
            f"labels has {labels.size} entries but feature has {feature.size}; "
            "each example needs one of both"
        )
    _, row = np.unique(feature, return_inverse=True)
    _, column = np.unique(labels, return_inverse=True)
    counts = np.zeros((row.max() + 1, column.max() + 1))
    np.add.at(counts, (row, column), 1)
    return _finish(_mutual_information(counts / labels.size), base, None)


def perplexity(
    p: ArrayLike, q: ArrayLike | None = None, *, axis: int = -1
) -> NDArray | np.floating:
    r"""Perplexity: the number of equally likely outcomes that would be as surprising.

    .. math:: \mathrm{PP}(P) = e^{H(P)}, \qquad \mathrm{PP}(P, Q) = e^{H(P, Q)}

    Parameters
    ----------
    p : array_like, shape (..., K, ...)
        The distribution that outcomes are drawn from; sums to 1 along `axis`.
    q : array_like, same shape as `p`, optional
        A model's probabilities; without it the perplexity is that of `p` itself.
    axis : int, default -1
        The axis that runs over the K outcomes.

    Returns
    -------
    ndarray or scalar, shape of `p` without `axis`
        A pure number: from 1 to K without `q`; up to inf with it.

    Raises
    ------
    ValueError
        If a row of `p` or `q` is not a probability distribution, or if their shapes differ.
    TypeError
        If `p` or `q` does not hold real numbers.

    References
    ----------
    Jelinek, Mercer, Bahl & Baker (1977), *Perplexity—a Measure of the Difficulty of Speech
    Recognition Tasks*.

    Examples
    --------
    >>> print(perplexity([0.25, 0.25, 0.25, 0.25]).round(6))
    4.0
    """
    if q is None:
        nats, dtype = _over_rows(_entropy, axis, p=p)
    else:
        nats, dtype = _over_rows(_cross_entropy, axis, p=p, q=q)
    with np.errstate(over="ignore"):  # e^744 is beyond float64: inf is its rounded value
        return _finish(np.exp(nats), None, dtype)


def _over_rows(
    formula: Callable[..., NDArray], axis: int, **given: ArrayLike
) -> tuple[NDArray | np.float64, np.dtype]:
    """Apply a formula to distributions, in float64 and with the outcomes on the last axis.

    Returns its values and the common dtype of the distributions. They are checked and computed
    in blocks of rows.
    """
    arrays = {name: np.asarray(x) for name, x in given.items()}
    (first_name, first), *others = arrays.items()
    dtypes = [as_floats(np.empty(0, x.dtype), name)[1] for name, x in arrays.items()]
    try:
        for name, x in others:
            same_shape(first, x, first_name, name)
        axis = normalize_axis_index(axis, first.ndim)
        rows = {n: np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis]) for n, x in arrays.items()}
        result = np.empty(len(rows[first_name]))

        def work(block: slice) -> None:
            checked = (distribution(x[block], name, copy=False)[0] for name, x in rows.items())
            result[block] = formula(*map(np.ascontiguousarray, checked))

        for_each_block(work, len(result), 8 * first.shape[axis])
    except ValueError:
        for name, x in arrays.items():
            distribution(x, name, axis)  # says where in the whole array the fault is
        raise
    return result.reshape(np.delete(first.shape, axis)), result_dtype(*dtypes)


def table(joint: ArrayLike) -> tuple[NDArray[np.float64], np.dtype | None]:
    """Check that `joint` is a two-dimensional table of probabilities; return it as float64."""
    shape = np.shape(joint)
    if len(shape) != 2:
        raise ValueError(
            f"joint has shape {shape}; expected a table with one row per value of X and one "
            "column per value of Y"
        )
    return distribution(joint, "joint", whole=True)


def _discrete(values: ArrayLike, name: str) -> NDArray:
    values = np.asarray(values)
    if values.ndim != 1 or not values.size:
        raise ValueError(
            f"{name} has shape {values.shape}; expected one value per example, shape (n,), n ≥ 1"
        )
    if values.dtype.kind not in "biuUSO":
        raise TypeError(
            f"{name} has dtype {values.dtype}; expected integers, strings or booleans: bin a "
            "continuous variable first, e.g. with np.digitize"
        )
    return values


def _entropy(p: NDArray) -> NDArray:
    return -_p_log(p, p).sum(axis=-1)


def _cross_entropy(p: NDArray, q: NDArray) -> NDArray:
    nats = -_p_log(p, q).sum(axis=-1)
    if q.min() == 0:
        nats[((p > 0) & (q == 0)).any(axis=-1)] = np.inf
    return nats


def _kl_divergence(p: NDArray, q: NDArray) -> NDArray:
    tiny = np.finfo(np.float64).tiny
    if q.min() < tiny and ((q > 0) & (q < tiny)).any():  # p / q could overflow
        return _not_negative(rel_entr(p, q).sum(axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):  # p / 0 is inf, as it should be
        kl = _p_log(p, p / q).sum(axis=-1)
    # Where the divergence is small, the rounding of p / q is felt: rel_entr avoids it.
    close = kl < 0.5
    if close.any():
        kl[close] = rel_entr(p[close], q[close]).sum(axis=-1)
    return _not_negative(kl)


def _js_divergence(p: NDArray, q: NDArray) -> NDArray:
    # rel_entr(2p, p + q) is 2 p log(p / m): halving a subnormal p to form m would lose it.
    terms = (rel_entr(2 * p, p + q) + rel_entr(2 * q, p + q)) / 4
    return _not_negative(terms.sum(axis=-1))


def _p_log(p: NDArray, x: NDArray) -> NDArray:
    """p · log x, with 0 where p = 0. NumPy's logarithm outruns SciPy's xlogy."""
    # The smallest number of all in place of 0 (and of 0/0), whose logarithm is finite.
    x = np.fmax(x, 5e-324)
    np.log(x, out=x)
    x *= p
    return x


def conditional_entropy_of(joint: NDArray[np.float64]) -> np.float64:
    """H(Y|X) in nats of a table that has been checked."""
    p_x = joint.sum(axis=1, keepdims=True)
    return -total(rel_entr(joint, np.broadcast_to(p_x, joint.shape)), None)


def _mutual_information(joint: NDArray[np.float64]) -> np.float64:
    # The mean of KL(P(Y|x) ‖ P(Y)) over X: unlike P(x)·P(y), no factor of it underflows.
    p_x, p_y = joint.sum(axis=1), joint.sum(axis=0)
    happens = p_x > 0
    p_y_given_x = joint[happens] / p_x[happens, None]
    kl = total(rel_entr(p_y_given_x, np.broadcast_to(p_y, p_y_given_x.shape)), -1)
    return _not_negative(total(p_x[happens] * kl, None))


def _not_negative(divergence: NDArray | np.float64) -> NDArray | np.float64:
    # Gibbs' inequality holds for the exact sum; the rounded one may miss it by an ulp of 1.
    return np.maximum(divergence, 0.0)


def _finish(
    nats: NDArray | np.float64, base: float | None, dtype: np.dtype | None
) -> NDArray | np.floating:
    # Adding 0.0 turns the -0.0 of a certain outcome into 0.0.
    return rounded(nats / log_base(base) + 0.0, dtype)
