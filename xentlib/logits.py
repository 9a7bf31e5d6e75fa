"""From scores to probabilities and back to the logarithm, without overflow.

A *logit* is a real score; −inf marks an impossible outcome. Every function here works at
logits of ±1e4 and beyond: it subtracts the largest one before it takes an exponential.
Inputs in float16 and float32 are computed in float64 and returned in their own dtype.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_expit

from xentlib._numeric import rounded, total
from xentlib._validate import logits, positive

__all__ = ["log_sigmoid", "log_softmax", "logsumexp", "sigmoid", "softmax"]


def logsumexp(z: ArrayLike, *, axis: int = -1) -> NDArray | np.floating:
    r"""Logarithm of a sum of exponentials: a smooth maximum.

    .. math:: \mathrm{LSE}(z) = \log \sum_k e^{z_k}
              = m + \log \sum_k e^{z_k - m}, \qquad m = \max_k z_k

    Parameters
    ----------
    z : array_like, shape (..., K, ...)
        Real scores, −inf allowed.
    axis : int, default -1
        The axis that runs over the K scores.

    Returns
    -------
    ndarray or scalar, shape of `z` without `axis`
        Between max z and max z + log K.

    Raises
    ------
    ValueError
        If a score is NaN or +inf, or if a whole row is −inf.
    TypeError
        If `z` does not hold real numbers.

    References
    ----------
    Blanchard, Higham & Higham (2021), *Accurately Computing the Log-Sum-Exp and Softmax
    Functions*.

    Examples
    --------
    >>> print(logsumexp([1000.0, 1000.0]).round(6))
    1000.693147
    """
    z, dtype = logits(z, "z", axis)
    top, _, rest = _split_off_maximum(z, axis)
    return rounded(np.squeeze(top + np.log1p(rest), axis=axis), dtype)


def softmax(z: ArrayLike, *, axis: int = -1, temperature: float = 1.0) -> NDArray:
    r"""Probabilities from scores.

    .. math:: \operatorname{softmax}(z)_k = \frac{e^{z_k / T}}{\sum_j e^{z_j / T}}

    Parameters
    ----------
    z : array_like, shape (..., K, ...)
        Logits, −inf allowed (probability 0).
    axis : int, default -1
        The axis that runs over the K classes.
    temperature : float, default 1.0
        T > 0. Below 1 the distribution gets sharper, above 1 flatter.

    Returns
    -------
    ndarray, shape of `z`
        Positive where z > −inf (unless it underflows) and summing to 1 along `axis`.

    Raises
    ------
    ValueError
        If a logit is NaN or +inf, if a whole row is −inf, or if `temperature` is not a
        finite number above 0.
    TypeError
        If `z` does not hold real numbers.

    References
    ----------
    Bridle (1990), *Probabilistic Interpretation of Feedforward Classification Network
    Outputs*, which gave it its name.

    Examples
    --------
    >>> print(softmax([0.0, np.log(3.0)]).round(6))
    [0.25 0.75]
    >>> print(softmax([1e4, 0.0, -np.inf]))
    [1. 0. 0.]
    """
    z, dtype = logits(z, "z", axis)
    _, shifted, _ = _split_off_maximum(z, axis, positive(temperature, "temperature"))
    e = np.exp(shifted)
    return rounded(e / np.expand_dims(total(e, axis), axis), dtype)


def log_softmax(z: ArrayLike, *, axis: int = -1, temperature: float = 1.0) -> NDArray:
    r"""Logarithms of softmax probabilities, accurate where the probabilities underflow.

    .. math:: \log \operatorname{softmax}(z)_k = z_k / T - \mathrm{LSE}(z / T)

    Parameters
    ----------
    z : array_like, shape (..., K, ...)
        Logits, −inf allowed (log-probability −inf).
    axis : int, default -1
        The axis that runs over the K classes.
    temperature : float, default 1.0
        T > 0, as in `softmax`.

    Returns
    -------
    ndarray, shape of `z`
        Log-probabilities in nats, never above 0.

    Raises
    ------
    ValueError
        If a logit is NaN or +inf, if a whole row is −inf, or if `temperature` is not a
        finite number above 0.
    TypeError
        If `z` does not hold real numbers.

    References
    ----------
    Blanchard, Higham & Higham (2021), *Accurately Computing the Log-Sum-Exp and Softmax
    Functions*.

    Examples
    --------
    >>> print(log_softmax([0.0, -1e4]))
    [     0. -10000.]
    """
    z, dtype = logits(z, "z", axis)
    _, shifted, rest = _split_off_maximum(z, axis, positive(temperature, "temperature"))
    return rounded(shifted - np.log1p(rest), dtype)


def sigmoid(z: ArrayLike, *, temperature: float = 1.0) -> NDArray | np.floating:
    r"""Probability of class 1 from one logit: the softmax of (0, z).

    .. math:: \sigma(z) = \frac{1}{1 + e^{-z / T}}

    Parameters
    ----------
    z : array_like, any shape
        Logits; −inf is allowed and gives 0.
    temperature : float, default 1.0
        T > 0, as in `softmax`.

    Returns
    -------
    ndarray or scalar, shape of `z`
        Between 0 and 1.

    Raises
    ------
    ValueError
        If a logit is NaN or +inf, or if `temperature` is not a finite number above 0.
    TypeError
        If `z` does not hold real numbers.

    References
    ----------
    Cox (1958), *The Regression Analysis of Binary Sequences*.

    Examples
    --------
    >>> print(sigmoid([-1e4, 0.0, np.log(4.0)]).round(6))
    [0.  0.5 0.8]
    """
    z, dtype = logits(z, "z", elementwise=True)
    z = _divide(z, positive(temperature, "temperature"))
    # e^{-|z|} cannot overflow, and keeps probabilities that are too small for 1 / (1 + e^{-z}).
    e = np.exp(-abs(z))
    return rounded(np.where(z < 0, e, 1.0) / (1.0 + e), dtype)


def log_sigmoid(z: ArrayLike, *, temperature: float = 1.0) -> NDArray | np.floating:
    r"""Logarithm of the sigmoid; the log-probability of class 0 is `log_sigmoid(-z)`.

    .. math:: \log \sigma(z) = -\log(1 + e^{-z / T})

    Parameters
    ----------
    z : array_like, any shape
        Logits; −inf is allowed and gives −inf.
    temperature : float, default 1.0
        T > 0, as in `softmax`.

    Returns
    -------
    ndarray or scalar, shape of `z`
        Log-probabilities in nats, never above 0.

    Raises
    ------
    ValueError
        If a logit is NaN or +inf, or if `temperature` is not a finite number above 0.
    TypeError
        If `z` does not hold real numbers.

    References
    ----------
    Mächler (2012), *Accurately Computing log(1 − exp(−|a|))*.

    Examples
    --------
    >>> print(log_sigmoid([-1e4, 0.0]).round(6))
    [-1.00000e+04 -6.93147e-01]
    """
    z, dtype = logits(z, "z", elementwise=True)
    return rounded(log_expit(_divide(z, positive(temperature, "temperature"))), dtype)


def _split_off_maximum(
    z: NDArray, axis: int, temperature: float = 1.0
) -> tuple[NDArray, NDArray, NDArray]:
    """Return the maximum m, the shifted scores (z − m)/T, and Σ e^{(z − m)/T} without m's own 1.

    Leaving that 1 out is what lets log1p keep a log-probability of −1e-22.
    """
    where = np.expand_dims(z.argmax(axis=axis), axis)
    top = np.take_along_axis(z, where, axis)
    # z − m before the division: z / T alone could overflow. −1e308 − 1e308 = −inf is right.
    with np.errstate(over="ignore"):
        shifted = (z - top) / temperature
    e = np.exp(shifted)
    np.put_along_axis(e, where, 0.0, axis)
    return top, shifted, np.expand_dims(total(e, axis), axis)


def _divide(z: NDArray, temperature: float) -> NDArray:
    with np.errstate(over="ignore"):  # a sigmoid of ±inf is its limit, 0 or 1
        return z / temperature
