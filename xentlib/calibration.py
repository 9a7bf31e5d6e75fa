"""Calibration: do things that are said to happen with probability 0.8 happen 8 times in 10?

Predictions come as distributions, shape (N, K), or as probabilities of class 1, shape (N,).
The two forms ask different questions. Of distributions, the measures below take the class with
the largest probability, its probability (the *confidence*), and how often it is right. Of
probabilities of class 1 they take these, and how often class 1 comes.
"""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xentlib import _validate
from xentlib._numeric import rounded, total
from xentlib.logits import softmax

__all__ = ["brier_score", "expected_calibration_error", "fit_temperature", "reliability_curve"]


def expected_calibration_error(
    probs: ArrayLike, labels: ArrayLike, *, n_bins: int = 15, norm: str = "l1"
) -> np.floating:
    r"""Distance between confidence and accuracy, over bins of similar confidence.

    .. math:: \mathrm{ECE} = \sum_b \frac{n_b}{N} \, |\mathrm{acc}_b - \mathrm{conf}_b|

    with n_b examples in bin b, their mean confidence conf_b and the share acc_b that is right.
    `norm="l2"` gives the root of the mean square, :math:`\sqrt{\sum_b \frac{n_b}{N}
    (\mathrm{acc}_b - \mathrm{conf}_b)^2}`, and `norm="max"` the largest difference, which is
    known as the maximum calibration error.

    It depends on the bins, and is above 0 on average even for perfect probabilities, because
    the share of right ones in a bin is a matter of chance. It says nothing about sharpness:
    predicting the class frequencies for every example has an error near 0.

    Parameters
    ----------
    probs : array_like, shape (N, K) or (N,)
        Distributions over K classes (confidence: the largest probability), or probabilities of
        class 1 (confidence: this probability; "right" means label 1).
    labels : array_like of int, shape (N,)
        The true classes, 0 … K − 1.
    n_bins : int, default 15
        Bins of equal width (a, b] from 0 to 1; the first one holds 0 as well.
    norm : {"l1", "l2", "max"}, default "l1"
        How the differences are put together.

    Returns
    -------
    scalar
        Between 0 and 1, a difference of probabilities.

    Raises
    ------
    ValueError
        If `probs` does not hold probabilities, if shapes or labels do not fit, if there is no
        example, or if `n_bins` or `norm` is unknown.
    TypeError
        If `probs` does not hold real numbers, or `labels` or `n_bins` no integers.

    References
    ----------
    Naeini, Cooper & Hauskrecht (2015), *Obtaining Well Calibrated Probabilities Using Bayesian
    Binning*; Guo et al. (2017), *On Calibration of Modern Neural Networks*.

    Examples
    --------
    >>> probs = [[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]]  # said to be right: 3 of 4
    >>> print(expected_calibration_error(probs, [0, 1, 1, 0]).round(6))
    0.25
    """
    if norm not in ("l1", "l2", "max"):
        raise ValueError(f"norm is {norm!r}; expected 'l1', 'l2' or 'max'")
    confidence, accuracy, count, dtype = _bins(probs, labels, n_bins)
    gap, share = abs(accuracy - confidence), count / count.sum()
    if norm == "max":
        return rounded(gap.max(), dtype)
    return rounded(share @ gap if norm == "l1" else np.sqrt(share @ gap**2), dtype)


def reliability_curve(
    probs: ArrayLike, labels: ArrayLike, *, n_bins: int = 15
) -> tuple[NDArray, NDArray, NDArray[np.int64]]:
    r"""Confidence against accuracy, bin by bin: what a reliability diagram draws.

    .. math:: \mathrm{conf}_b = \frac{1}{n_b} \sum_{i \in b} c_i, \qquad
              \mathrm{acc}_b = \frac{1}{n_b} \sum_{i \in b} [\text{prediction } i
              \text{ is right}]

    Parameters
    ----------
    probs : array_like, shape (N, K) or (N,)
        Distributions, or probabilities of class 1, as in `expected_calibration_error`.
    labels : array_like of int, shape (N,)
        The true classes, 0 … K − 1.
    n_bins : int, default 15
        Bins of equal width (a, b] from 0 to 1; the first one holds 0 as well.

    Returns
    -------
    confidence, accuracy, count : ndarray, shape (B,)
        For each of the B bins that are not empty: mean confidence, share that is right
        (for shape (N,): share of class 1), number of examples.

    Raises
    ------
    ValueError
        If `probs` does not hold probabilities, if shapes or labels do not fit, if there is no
        example, or if `n_bins` is below 1.
    TypeError
        If `probs` does not hold real numbers, or `labels` or `n_bins` no integers.

    References
    ----------
    DeGroot & Fienberg (1983), *The Comparison and Evaluation of Forecasters*.

    Examples
    --------
    >>> curve = reliability_curve([0.1, 0.3, 0.8, 0.8], [0, 0, 1, 0], n_bins=2)
    >>> print(*curve)
    [0.2 0.8] [0.  0.5] [2 2]
    """
    confidence, accuracy, count, dtype = _bins(probs, labels, n_bins)
    return rounded(confidence, dtype), rounded(accuracy, dtype), count


def brier_score(probs: ArrayLike, labels: ArrayLike) -> np.floating:
    r"""Mean squared distance of a prediction from what happened.

    .. math:: \mathrm{BS} = \frac{1}{N} \sum_i \sum_k (p_{ik} - [y_i = k])^2
              \quad \text{or} \quad \frac{1}{N} \sum_i (p_i - y_i)^2

    The sum over all classes for distributions, shape (N, K), as Brier had it; one square for
    probabilities of class 1, shape (N,), as scikit-learn has it. For the same binary prediction
    the first is twice the second. Like cross-entropy it is smallest, on average, for the true
    probabilities.

    Parameters
    ----------
    probs : array_like, shape (N, K) or (N,)
        Distributions over K classes, or probabilities of class 1.
    labels : array_like of int, shape (N,)
        The true classes, 0 … K − 1.

    Returns
    -------
    scalar
        From 0 (every outcome was certain and right) to 2 for shape (N, K), to 1 for (N,).

    Raises
    ------
    ValueError
        If `probs` does not hold probabilities, if shapes or labels do not fit, or if there is
        no example.
    TypeError
        If `probs` does not hold real numbers, or `labels` no integers.

    References
    ----------
    Brier (1950), *Verification of Forecasts Expressed in Terms of Probability*.

    Examples
    --------
    >>> print(brier_score([0.8, 0.4], [1, 0]).round(6))
    0.1
    >>> print(brier_score([[0.2, 0.8], [0.6, 0.4]], [1, 0]).round(6))
    0.2
    """
    probs, labels, dtype = _predictions(probs, labels)
    happened = labels if probs.ndim == 1 else np.arange(probs.shape[1]) == labels[:, None]
    return rounded(total((probs - happened) ** 2, None) / len(labels), dtype)


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    r"""Temperature that makes held-out logits fit best: calibration with a single number.

    .. math:: T = \arg\min_{T > 0} \; -\frac{1}{N} \sum_i
              \log \operatorname{softmax}(z_i / T)_{y_i}

    The mean is convex in 1/T. No class changes its rank, so accuracy stays as it is. Use examples
    that the model was not trained on.

    Parameters
    ----------
    logits : array_like, shape (N, K) or (N,)
        Scores of K classes, −inf allowed; or the logit of class 1, whose rival has logit 0.
    labels : array_like of int, shape (N,)
        The true classes, 0 … K − 1.

    Returns
    -------
    float
        T, for `softmax(logits, temperature=T)`. Above 1: the model was too sure of itself.

    Raises
    ------
    ValueError
        If no T is best: every label has the largest logit of its row (T → 0 fits ever better),
        or the labels' logits are on average no higher than the others' (T → ∞). Also if a true
        class has logit −inf, a logit is NaN or +inf, or shapes or labels do not fit.
    TypeError
        If `logits` does not hold real numbers, or `labels` no integers.

    References
    ----------
    Guo et al. (2017), *On Calibration of Modern Neural Networks*, §4.2.

    Examples
    --------
    >>> print(round(fit_temperature([2.0, 2.0, 2.0, 2.0], [1, 1, 1, 0]), 6))  # σ(2 / T) = 3/4
    1.820478
    """
    z, _ = _validate.logits(logits, "logits", elementwise=np.ndim(logits) == 1)
    if z.ndim == 1:
        z = np.stack([np.zeros_like(z), z], axis=1)
    labels = _labels(labels, "logits", z.shape)
    own = np.take_along_axis(z, labels[:, None], axis=1)
    if (own == -np.inf).any():
        row = int(np.argmin(own))
        raise ValueError(
            f"logits[{row}, {labels[row]}] is -inf, but labels[{row}] is {labels[row]}: the loss "
            "is inf at every temperature; look at the mask that ruled this class out"
        )
    z = z - own  # shifts no probability
    possible = z > -np.inf
    finite = np.where(possible, z, 0.0)

    def slope(inverse: float) -> float:
        """Derivative of the mean cross-entropy with respect to 1/T."""
        p = softmax(z * inverse) if inverse else possible / possible.sum(axis=1, keepdims=True)
        return float((p * finite).sum(axis=1).mean())

    # Convex: the slope rises from `slope(0)` to the mean lead of the best class over the label.
    if finite.max() <= 0:
        raise ValueError(
            "labels are the best class of every row of logits: the loss falls for ever as T → 0; "
            "fit the temperature on examples that the model gets wrong now and then"
        )
    if slope(0.0) >= -1e-14 * abs(finite).max():
        raise ValueError(
            "labels have logits no higher than the other classes' on average: the loss falls for "
            "ever as T → ∞; look for labels in another order than the columns of logits"
        )
    from scipy.optimize import brentq  # here: it would add a third to the time of the import

    low = high = 0.0  # of log(1/T)
    while slope(np.exp(low)) >= 0:
        low -= 1
    while slope(np.exp(high)) <= 0:
        high += 1
    return float(np.exp(-brentq(lambda u: slope(np.exp(u)), low, high, xtol=1e-14)))


def _bins(
    probs: ArrayLike, labels: ArrayLike, n_bins: int
) -> tuple[NDArray, NDArray, NDArray[np.int64], np.dtype | None]:
    """Mean confidence, accuracy and count of each bin that is not empty; dtype of `probs`."""
    if not isinstance(n_bins, Integral) or isinstance(n_bins, bool):
        raise TypeError(f"n_bins is {n_bins!r}; expected an integer")
    if n_bins < 1:
        raise ValueError(f"n_bins is {n_bins}; expected at least one bin")
    probs, labels, dtype = _predictions(probs, labels)
    if probs.ndim == 1:
        confidence, right = probs, labels == 1
    else:
        confidence, right = probs.max(axis=1), probs.argmax(axis=1) == labels
    # Edges rounded as `probs` are: 0.3 lies in the bin that ends at 3/10, in float32 too.
    edges = (np.arange(1, n_bins) / n_bins).astype(dtype or np.float64)
    place = np.searchsorted(edges, confidence, side="left")
    count = np.bincount(place)
    seen = count > 0
    sums = (np.bincount(place, weights) for weights in (confidence, right))
    mean_confidence, accuracy = (s[seen] / count[seen] for s in sums)
    return mean_confidence, accuracy, count[seen], dtype


def _predictions(probs: ArrayLike, labels: ArrayLike) -> tuple[NDArray, NDArray, np.dtype | None]:
    """Check predictions of either form and their labels."""
    if np.ndim(probs) == 1:
        probs, dtype = _validate.as_floats(probs, "probs")
        if not ((probs >= 0) & (probs <= 1)).all():
            bad = probs[~((probs >= 0) & (probs <= 1))][0]
            raise ValueError(
                f"probs holds {bad:.6g}; a probability lies between 0 and 1. If these are logits, "
                "pass xentlib.sigmoid(probs)"
            )
    else:
        probs, dtype = _validate.distribution(probs, "probs")
    return probs, _labels(labels, "probs", probs.shape), dtype


def _labels(labels: ArrayLike, name: str, shape: tuple[int, ...]) -> NDArray:
    """Check that there is one label for each row of an array of this shape, and a row at all."""
    if len(shape) > 2 or shape[0] == 0:
        raise ValueError(
            f"{name} has shape {shape}; expected (N, K) or (N,) with at least one example: "
            f"flatten other axes first, e.g. {name}.reshape(-1, K)"
        )
    if np.shape(labels) != shape[:1]:
        raise ValueError(
            f"labels has shape {np.shape(labels)} but {name} has shape {shape}; give one integer "
            "for each example"
        )
    return _validate.indices(labels, "labels", shape[1] if len(shape) == 2 else 2)
