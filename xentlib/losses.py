"""Cross-entropy as a loss: binary, categorical, sparse and focal, each with its gradient.

The truth comes first and the prediction second, as probabilities or, with ``from_logits=True``,
as logits; losses are in nats. ``<loss>_grad`` takes the same arguments and returns the
derivative of the same number with respect to the prediction (with ``reduction="none"``, of
each loss with respect to its own prediction).

Weighted means follow PyTorch's ``CrossEntropyLoss``: they divide by the sum of the weights. A
mean over nothing (every label ignored, every weight 0) is nan, as there, and its gradient 0.
The result has the dtype of the prediction.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_expit, xlog1py, xlogy

from xentlib import _validate
from xentlib._blocks import for_each_block
from xentlib._numeric import rounded, total

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_grad",
    "binary_focal_loss",
    "binary_focal_loss_grad",
    "categorical_cross_entropy",
    "categorical_cross_entropy_grad",
    "sparse_categorical_cross_entropy",
    "sparse_categorical_cross_entropy_grad",
]


def binary_cross_entropy(
    y: ArrayLike,
    p: ArrayLike,
    *,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    pos_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> NDArray | np.floating:
    r"""Binary cross-entropy: the loss of yes–no questions, one or many per example.

    .. math:: \ell = -w_+ \, y \log p - (1 - y) \log(1 - p), \qquad p = \sigma(z)

    Parameters
    ----------
    y : array_like, any shape
        Labels 0 or 1, or probabilities of 1 in between (soft labels).
    p : array_like, same shape as `y`
        Predicted probabilities of 1, or logits.
    from_logits : bool, default False
        Whether `p` holds logits.
    label_smoothing : float in [0, 1), default 0
        ε: replaces y by (1 − ε) y + ε/2, as Keras does.
    pos_weight : float or array_like, optional
        w₊ > 0: factor on the term of the label 1, broadcast against `y` (one per column for
        several labels). It is a part of the loss and not of the mean's denominator, as in
        PyTorch's ``BCEWithLogitsLoss``.
    sample_weight : array_like, optional
        Weights ≥ 0, broadcast against `y`.
    reduction : {"mean", "sum", "none"}
        Weighted mean over all entries, weighted sum, or the weighted losses themselves.

    Returns
    -------
    scalar, or ndarray of the shape of `y` with ``reduction="none"``
        Loss in nats; inf where p says never and it happened.

    Raises
    ------
    ValueError
        If the shapes differ, a label or probability is outside [0, 1], a logit is NaN or
        +inf, or an option has a value that it cannot have.
    TypeError
        If an argument does not hold real numbers.

    References
    ----------
    Cox (1958), *The Regression Analysis of Binary Sequences*.

    Examples
    --------
    >>> print(binary_cross_entropy([1, 0], [0.8, 0.2]).round(6))
    0.223144
    >>> print(binary_cross_entropy([1], [1e4], from_logits=True))
    0.0
    """
    y, p, w, weight, dtype = _binary(y, p, from_logits, label_smoothing, pos_weight, sample_weight)
    if from_logits:
        tail = np.log1p(np.exp(-abs(p)))  # −log σ(z) is max(−z, 0) plus this
        loss = _times(w * y, np.maximum(-p, 0) + tail) + _times(1 - y, np.maximum(p, 0) + tail)
    else:
        loss = -w * xlogy(y, p) - xlog1py(1 - y, -p)
    return _reduce(loss + 0.0, weight, weight, reduction, dtype)


def binary_cross_entropy_grad(
    y: ArrayLike,
    p: ArrayLike,
    *,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    pos_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> NDArray | np.floating:
    r"""Gradient of `binary_cross_entropy` with respect to `p`, with the same arguments.

    .. math::
        \frac{\partial \ell}{\partial z} = (1 - y)\, p - w_+\, y\, (1 - p),
        \qquad
        \frac{\partial \ell}{\partial p} = \frac{1 - y}{1 - p} - w_+ \frac{y}{p}

    Without weights the first is :math:`p - y`.

    Returns
    -------
    ndarray of the shape of `p`
        Derivative with respect to logits with ``from_logits=True``, else to probabilities
        (inf where a label meets a probability of 0).

    Examples
    --------
    >>> print(binary_cross_entropy_grad([1, 0], [0.0, 0.0], from_logits=True, reduction="none"))
    [-0.5  0.5]
    """
    y, p, w, weight, dtype = _binary(y, p, from_logits, label_smoothing, pos_weight, sample_weight)
    if from_logits:
        ones, zeros = _sigmoids(p)
        grad = (1 - y) * ones - w * y * zeros
    else:
        grad = _ratio(1 - y, 1 - p) - w * _ratio(y, p)
    return rounded(_times(_scale(weight, weight, reduction, grad.shape), grad), dtype)


def categorical_cross_entropy(
    y: ArrayLike,
    p: ArrayLike,
    *,
    from_logits: bool = False,
    axis: int = -1,
    label_smoothing: float = 0.0,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> NDArray | np.floating:
    r"""Cross-entropy of label distributions, one-hot or soft, with predicted ones.

    .. math:: \ell = -\sum_k w_k \, y_k \log p_k, \qquad p = \operatorname{softmax}(z)

    Parameters
    ----------
    y : array_like, shape (..., K, ...)
        Label distributions: one-hot or soft, summing to 1 along `axis`.
    p : array_like, same shape as `y`
        Predicted distributions, or logits.
    from_logits : bool, default False
        Whether `p` holds logits.
    axis : int, default -1
        The axis that runs over the K classes.
    label_smoothing : float in [0, 1), default 0
        ε: replaces y by (1 − ε) y + ε/K.
    class_weight : array_like, shape (K,), optional
        Weights ≥ 0 of the classes.
    sample_weight : array_like, optional
        Weights ≥ 0, broadcast against the shape of `y` without `axis`.
    reduction : {"mean", "sum", "none"}
        Weighted mean, weighted sum, or the weighted loss of each example. The mean divides
        by the sum of sample weight × Σ w_k y_k (of the labels before smoothing), so that
        one-hot labels give what integer labels give. PyTorch does so for integer labels, but
        divides by the number of examples for label distributions.

    Returns
    -------
    scalar, or ndarray of the shape of `y` without `axis` with ``reduction="none"``
        Loss in nats.

    Raises
    ------
    ValueError
        If the shapes differ, a row is not a distribution, a logit is NaN or +inf, or an
        option has a value that it cannot have.
    TypeError
        If an argument does not hold real numbers.

    References
    ----------
    Szegedy et al. (2016), *Rethinking the Inception Architecture for Computer Vision*
    (label smoothing).

    Examples
    --------
    >>> print(categorical_cross_entropy([[1, 0, 0]], [[0.2, 0.7, 0.1]]).round(6))
    1.609438
    """
    return _categorical(
        y, p, from_logits, axis, label_smoothing, class_weight, sample_weight, reduction
    )


def categorical_cross_entropy_grad(
    y: ArrayLike,
    p: ArrayLike,
    *,
    from_logits: bool = False,
    axis: int = -1,
    label_smoothing: float = 0.0,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> NDArray:
    r"""Gradient of `categorical_cross_entropy` with respect to `p`, with the same arguments.

    .. math::
        \frac{\partial \ell}{\partial z_k} = \Bigl(\sum_j w_j y_j\Bigr) p_k - w_k y_k,
        \qquad
        \frac{\partial \ell}{\partial p_k} = -\frac{w_k y_k}{p_k}

    Without weights the first is :math:`p - y`. The second treats the :math:`p_k` as free
    numbers, which probabilities are not: they have to keep their sum.

    Returns
    -------
    ndarray of the shape of `p`
        Derivative with respect to logits with ``from_logits=True``, else to probabilities.

    Examples
    --------
    >>> grad = categorical_cross_entropy_grad([[1, 0]], [[0.0, 0.0]], from_logits=True)
    >>> print(grad)
    [[-0.5  0.5]]
    """
    return _categorical(
        y,
        p,
        from_logits,
        axis,
        label_smoothing,
        class_weight,
        sample_weight,
        reduction,
        want_grad=True,
    )


def sparse_categorical_cross_entropy(
    labels: ArrayLike,
    p: ArrayLike,
    *,
    from_logits: bool = False,
    axis: int = -1,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> NDArray | np.floating:
    r"""Cross-entropy of integer labels with predicted distributions.

    .. math:: \ell = -w_y \log p_y, \qquad p = \operatorname{softmax}(z)

    The same number as `categorical_cross_entropy` of the one-hot labels, without the memory.

    Parameters
    ----------
    labels : array_like of int, shape of `p` without `axis`
        Class numbers from 0 to K − 1, or `ignore_index`.
    p : array_like, shape (..., K, ...)
        Predicted distributions, or logits.
    from_logits : bool, default False
        Whether `p` holds logits.
    axis : int, default -1
        The axis that runs over the K classes.
    ignore_index : int, optional
        Examples with this label, padding for instance, count neither in the sum nor in the
        mean's denominator; with ``reduction="none"`` their loss is 0.
    label_smoothing : float in [0, 1), default 0
        ε: the label becomes the distribution (1 − ε) one-hot + ε/K.
    class_weight : array_like, shape (K,), optional
        Weights ≥ 0 of the classes.
    sample_weight : array_like, optional
        Weights ≥ 0, broadcast against `labels`.
    reduction : {"mean", "sum", "none"}
        Weighted mean, weighted sum, or the weighted loss of each example. The mean divides
        by the sum of sample weight × w_y over the examples that are not ignored, as
        PyTorch's ``CrossEntropyLoss`` does.

    Returns
    -------
    scalar, or ndarray of the shape of `labels` with ``reduction="none"``
        Loss in nats.

    Raises
    ------
    ValueError
        If a label is out of range, the shapes do not match, a row is not a distribution, a
        logit is NaN or +inf, or an option has a value that it cannot have.
    TypeError
        If `labels` does not hold integers or `p` no real numbers.

    References
    ----------
    Bridle (1990), *Training Stochastic Model Recognition Algorithms as Networks can Lead to
    Maximum Mutual Information Estimation of Parameters*.

    Examples
    --------
    >>> logits = [[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]]
    >>> print(sparse_categorical_cross_entropy([0, 1], logits, from_logits=True).round(6))
    0.360645
    """
    return _sparse(
        labels,
        p,
        from_logits,
        axis,
        ignore_index,
        label_smoothing,
        class_weight,
        sample_weight,
        reduction,
    )


def sparse_categorical_cross_entropy_grad(
    labels: ArrayLike,
    p: ArrayLike,
    *,
    from_logits: bool = False,
    axis: int = -1,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> NDArray:
    r"""Gradient of `sparse_categorical_cross_entropy` with respect to `p`, same arguments.

    .. math::
        \frac{\partial \ell}{\partial z_k} = w_y (p_k - [k = y]),
        \qquad
        \frac{\partial \ell}{\partial p_k} = -\frac{w_y}{p_y} [k = y]

    Returns
    -------
    ndarray of the shape of `p`
        Derivative with respect to logits with ``from_logits=True``, else to probabilities;
        0 for examples that are ignored.

    Examples
    --------
    >>> print(sparse_categorical_cross_entropy_grad([0], [[0.0, 0.0]], from_logits=True))
    [[-0.5  0.5]]
    """
    return _sparse(
        labels,
        p,
        from_logits,
        axis,
        ignore_index,
        label_smoothing,
        class_weight,
        sample_weight,
        reduction,
        want_grad=True,
    )


def binary_focal_loss(
    y: ArrayLike,
    p: ArrayLike,
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    from_logits: bool = False,
    reduction: str = "mean",
) -> NDArray | np.floating:
    r"""Focal loss: binary cross-entropy that counts easy examples less.

    .. math::
        \ell = -\alpha \, y \, (1 - p)^\gamma \log p
               - (1 - \alpha)(1 - y) \, p^\gamma \log(1 - p)

    With γ = 0 and no α it is the binary cross-entropy. For γ > 0 it is not a proper score:
    the p that minimises its expectation is not the probability of the label 1.

    Parameters
    ----------
    y : array_like, any shape
        Labels 0 or 1 (soft labels weigh the two terms).
    p : array_like, same shape as `y`
        Predicted probabilities of 1, or logits.
    gamma : float ≥ 0, default 2
        How strongly easy examples are played down.
    alpha : float in (0, 1), optional
        Weight of the label 1, against 1 − α of the label 0; without it both weigh 1.
    from_logits : bool, default False
        Whether `p` holds logits.
    reduction : {"mean", "sum", "none"}
        Mean over all entries, sum, or the losses themselves.

    Returns
    -------
    scalar, or ndarray of the shape of `y` with ``reduction="none"``
        Loss in nats.

    Raises
    ------
    ValueError
        If the shapes differ, a label or probability is outside [0, 1], a logit is NaN or
        +inf, or an option has a value that it cannot have.
    TypeError
        If an argument does not hold real numbers.

    References
    ----------
    Lin, Goyal, Girshick, He & Dollár (2017), *Focal Loss for Dense Object Detection*.

    Examples
    --------
    >>> print(binary_focal_loss([1], [0.9]).round(6))
    0.001054
    """
    y, p, q, log_p, log_q, a, b, dtype = _focal(y, p, gamma, alpha, from_logits)
    loss = -_times(a * y * q**gamma, log_p) - _times(b * (1 - y) * p**gamma, log_q)
    return _reduce(loss + 0.0, ONE, ONE, reduction, dtype)


def binary_focal_loss_grad(
    y: ArrayLike,
    p: ArrayLike,
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    from_logits: bool = False,
    reduction: str = "mean",
) -> NDArray | np.floating:
    r"""Gradient of `binary_focal_loss` with respect to `p`, with the same arguments.

    For a label 1, with :math:`q = 1 - p`,

    .. math::
        \frac{\partial \ell}{\partial z} = \alpha\, q^\gamma (\gamma p \log p - q),
        \qquad
        \frac{\partial \ell}{\partial p} = \alpha \Bigl(
            \gamma q^{\gamma - 1} \log p - \frac{q^\gamma}{p} \Bigr)

    and for a label 0 the same with p and q exchanged and the sign turned.

    Returns
    -------
    ndarray of the shape of `p`
        Derivative with respect to logits with ``from_logits=True``, else to probabilities.

    Examples
    --------
    >>> print(binary_focal_loss_grad([1], [0.0], gamma=0, from_logits=True))
    [-0.5]
    """
    y, p, q, log_p, log_q, a, b, dtype = _focal(y, p, gamma, alpha, from_logits)
    if from_logits:
        grad = _times(a * y * q**gamma, gamma * _times(p, log_p) - q)
        grad -= _times(b * (1 - y) * p**gamma, gamma * _times(q, log_q) - p)
    else:
        grad = _times(a * y, _focal_slope(p, q, log_p, gamma))
        grad -= _times(b * (1 - y), _focal_slope(q, p, log_q, gamma))
    return rounded(grad * _scale(ONE, ONE, reduction, grad.shape), dtype)


# -- arguments -----------------------------------------------------------------------------------


def _binary(
    y: ArrayLike,
    p: ArrayLike,
    from_logits: bool,
    label_smoothing: float,
    pos_weight: ArrayLike | None,
    sample_weight: ArrayLike | None,
) -> tuple[NDArray, NDArray, NDArray, NDArray, np.dtype | None]:
    """Check the arguments of a binary loss: labels, prediction, w₊, sample weights, dtype."""
    y, _ = _unit_interval(y, "y", "a label")
    if from_logits:
        p, dtype = _validate.logits(p, "p", elementwise=True)
    else:
        p, dtype = _unit_interval(p, "p", "a probability")
    if y.shape != p.shape:
        raise ValueError(
            f"y has shape {y.shape} but p has shape {p.shape}; each prediction needs one label: "
            "add or drop an axis, e.g. y[:, None] or p[:, 0]"
        )
    y = _smooth(y, label_smoothing, 2)
    w = _weights(pos_weight, "pos_weight", y.shape)
    return y, p, w, _weights(sample_weight, "sample_weight", y.shape), dtype


def _unit_interval(x: ArrayLike, name: str, what: str) -> tuple[NDArray, np.dtype | None]:
    x, dtype = _validate.as_floats(x, name)
    if not ((x >= 0) & (x <= 1)).all():
        bad = x[~((x >= 0) & (x <= 1))].flat[0]
        remedy = " If these are logits, pass from_logits=True." if name == "p" else ""
        raise ValueError(f"{name} holds {bad:.6g}; {what} lies between 0 and 1.{remedy}")
    return x, dtype


def _categorical(
    y: ArrayLike,
    p: ArrayLike,
    from_logits: bool,
    axis: int,
    label_smoothing: float,
    class_weight: ArrayLike | None,
    sample_weight: ArrayLike | None,
    reduction: str,
    want_grad: bool = False,
) -> NDArray | np.floating:
    """Check the arguments of `categorical_cross_entropy`; return the loss or its gradient."""
    p = _Prediction(p, from_logits, axis)
    y = np.asarray(y)
    if y.shape != p.given.shape:
        raise ValueError(
            f"y has shape {y.shape} but p has shape {p.given.shape}; both need the same shape: "
            "pass integer labels to sparse_categorical_cross_entropy"
        )
    y, _ = _validate.distribution(y, "y", axis)
    y = np.moveaxis(y, p.axis, -1)
    w = _weights(class_weight, "class_weight", (p.k,))
    factor = _weights(sample_weight, "sample_weight", p.shape)
    weight = factor if class_weight is None else factor * (y @ w)
    flat = y.reshape(-1, p.k)
    _smooth(flat[:0], label_smoothing, p.k)  # refuses an ε that is none, even for an empty batch

    def targets(rows: slice) -> NDArray:
        return w * _smooth(flat[rows], label_smoothing, p.k)

    if want_grad:
        scale = _scale(factor, weight, reduction, p.shape)
        return _targets_grad(p, targets, scale)
    return _reduce(_targets_loss(p, targets), factor, weight, reduction, p.dtype)


def _sparse(
    labels: ArrayLike,
    p: ArrayLike,
    from_logits: bool,
    axis: int,
    ignore_index: int | None,
    label_smoothing: float,
    class_weight: ArrayLike | None,
    sample_weight: ArrayLike | None,
    reduction: str,
    want_grad: bool = False,
) -> NDArray | np.floating:
    """Check the arguments of `sparse_categorical_cross_entropy`; return loss or gradient."""
    p = _Prediction(p, from_logits, axis)
    labels = np.asarray(labels)
    if labels.shape != p.shape:
        raise ValueError(
            f"labels has shape {labels.shape} but p has examples of shape {p.shape} and {p.k} "
            "classes; give one integer per example, or distributions to categorical_cross_entropy"
        )
    w = _weights(class_weight, "class_weight", (p.k,))
    factor = _weights(sample_weight, "sample_weight", p.shape)
    if ignore_index is not None:
        keep = labels != ignore_index
        labels, factor = np.where(keep, labels, 0), factor * keep
    labels = _validate.indices(labels, "labels", p.k) if labels.size else labels.astype(int)
    weight = factor if class_weight is None else factor * w[labels]
    flat = labels.reshape(-1)
    _smooth(np.empty(0), label_smoothing, p.k)

    def targets(rows: slice) -> NDArray:
        return w * _smooth(flat[rows, None] == np.arange(p.k), label_smoothing, p.k)

    if want_grad:
        scale = _scale(factor if label_smoothing else weight, weight, reduction, p.shape)
        if label_smoothing:
            return _targets_grad(p, targets, scale)
        return _labels_grad(p, flat, scale)
    if label_smoothing:
        return _reduce(_targets_loss(p, targets), factor, weight, reduction, p.dtype)
    return _reduce(_labels_loss(p, flat), weight, weight, reduction, p.dtype)


def _smooth(y: NDArray, epsilon: float, k: int) -> NDArray:
    if not isinstance(epsilon, int | float | np.number) or not 0 <= epsilon < 1:
        raise ValueError(f"label_smoothing is {epsilon!r}; expected a number in [0, 1)")
    return (1 - epsilon) * y + epsilon / k if epsilon else y


def _weights(w: ArrayLike | None, name: str, shape: tuple[int, ...]) -> NDArray:
    """Check weights and give them `shape`; `ONE` where none are given."""
    if w is None:
        return ONE
    w, _ = _validate.as_floats(w, name)
    if not (np.isfinite(w) & (w >= 0)).all():
        bad = w[~(np.isfinite(w) & (w >= 0))].flat[0]
        raise ValueError(f"{name} holds {bad:.6g}; weights are finite and not negative")
    try:
        return np.broadcast_to(w, shape)
    except ValueError:
        raise ValueError(
            f"{name} has shape {w.shape}, which does not fit {shape}: give one weight for each, "
            "or add axes of length 1"
        ) from None


def _focal(
    y: ArrayLike, p: ArrayLike, gamma: float, alpha: float | None, from_logits: bool
) -> tuple:
    """Check the arguments of the focal loss: y, p, 1 − p, their logarithms, weights, dtype."""
    y, p, _, _, dtype = _binary(y, p, from_logits, 0.0, None, None)
    if not isinstance(gamma, int | float | np.number) or not 0 <= gamma < np.inf:
        raise ValueError(f"gamma is {gamma!r}; expected a finite number of at least 0")
    if alpha is not None and not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha!r}; expected a number between 0 and 1, or None")
    a, b = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    if from_logits:
        return y, *_sigmoids(p), log_expit(p), log_expit(-p), a, b, dtype
    with np.errstate(divide="ignore"):
        return y, p, 1 - p, np.log(p), np.log1p(-p), a, b, dtype


# -- block by block ------------------------------------------------------------------------------


class _Prediction:
    """Probabilities or logits, one row per example; checked where they are used, in blocks."""

    def __init__(self, p: ArrayLike, from_logits: bool, axis: int) -> None:
        p = np.asarray(p)
        if p.dtype.newbyteorder("=") not in _validate.FLOATS:
            p, _ = _validate.as_floats(p, "p")
        if p.ndim == 0:
            raise ValueError(f"p is the single number {p}; expected one entry per class")
        self.given, self.from_logits = p, from_logits
        self.axis = normalize_axis_index(axis, p.ndim)
        self.dtype = p.dtype.newbyteorder("=")
        classes_last = np.moveaxis(p, self.axis, -1)
        self.shape, self.k = classes_last.shape[:-1], classes_last.shape[-1]
        if self.k == 0:
            raise ValueError(f"p has shape {p.shape}: there is no class along axis {axis}")
        self.rows = classes_last.reshape(-1, self.k).astype(self.dtype, copy=False)

    def for_each_block(self, work: Callable[[slice, NDArray], None], itemsize: int = 8) -> None:
        """Call `work` on slices that cover all rows, and on these rows, checked if probabilities.

        `itemsize` is the size of the numbers that `work` computes with.
        """

        def checked(rows: slice) -> None:
            block = self.rows[rows]
            work(
                rows,
                block if self.from_logits else _validate.distribution(block, "p", copy=False)[0],
            )

        try:
            for_each_block(checked, len(self.rows), self.k * itemsize)
        except ValueError:
            self._refuse()  # says where in the whole array the fault is
            raise

    def _refuse(self) -> None:
        if self.from_logits:
            _validate.logits(self.given, "p", self.axis)
            return
        try:
            _validate.distribution(self.given, "p", self.axis)
        except ValueError as error:
            raise ValueError(f"{error} If these are logits, pass from_logits=True.") from None

    def grad(self, values: NDArray) -> NDArray:
        """Give a gradient, one row per example, the shape of the prediction."""
        return np.moveaxis(values.reshape(*self.shape, self.k), -1, self.axis)


def _labels_loss(p: _Prediction, labels: NDArray) -> NDArray:
    """−log p_y of each example."""
    loss = np.empty(len(p.rows))

    def from_probabilities(rows: slice, q: NDArray) -> None:
        with np.errstate(divide="ignore"):
            loss[rows] = -np.log(_pick(q, labels[rows])) + 0.0

    def from_logits(rows: slice, z: NDArray) -> None:
        y = labels[rows]
        loss[rows] = _surprisal(z, y)
        if z.dtype == np.float32 and p.k > 2:
            # Rounding z − m to 24 bits is felt where the loss is small: these rows once more.
            small = np.flatnonzero(loss[rows] < 1)
            if small.size:
                loss[rows][small] = _surprisal(z[small].astype(np.float64), y[small])

    work, size = (from_logits, p.dtype.itemsize) if p.from_logits else (from_probabilities, 8)
    p.for_each_block(work, size)
    return loss.reshape(p.shape)


def _surprisal(z: NDArray, y: NDArray) -> NDArray:
    """−log softmax(z)_y of each row."""
    if z.shape[1] == 2:
        gap = _gap(z, y)
        return np.maximum(gap, 0) + np.log1p(np.exp(-abs(gap)))
    top, rest, _ = _exponentials(z)
    # (m − z_y) + log Σ e^{z − m}: no term is negative, so nothing cancels.
    with np.errstate(over="ignore"):
        return (top - _pick(z, y)) + np.log1p(rest)


def _labels_grad(p: _Prediction, labels: NDArray, scale: NDArray) -> NDArray:
    """`scale` times the gradient of −log p_y of each example."""
    grad = np.empty(p.rows.shape, p.dtype)
    scale = np.broadcast_to(scale, p.shape).reshape(-1)

    def from_probabilities(rows: slice, q: NDArray) -> None:
        y = labels[rows]
        grad[rows] = 0
        with np.errstate(divide="ignore", over="ignore"):
            grad[rows][np.arange(len(y)), y] = _times(-scale[rows], 1 / _pick(q, y))

    def from_two_logits(rows: slice, z: NDArray) -> None:
        y, gap = labels[rows], _gap(z, labels[rows])
        e = np.exp(-abs(gap))
        other = scale[rows] * np.where(gap > 0, 1.0, e) / (1 + e)  # σ(gap): the other's share
        with np.errstate(over="ignore"):
            grad[rows, 0] = np.where(y == 0, -other, other)
        grad[rows, 1] = -grad[rows, 0]

    def from_logits(rows: slice, z: NDArray) -> None:
        y, at = labels[rows], np.arange(len(z))
        top, rest, e = _exponentials(z, out=grad[rows])
        # For the label that is the maximum, p − 1 is minus what the others have.
        own = np.where(_pick(z, y) == top, -rest, _pick(e, y) - (1 + rest))
        factor = scale[rows] / (1 + rest)
        with np.errstate(over="ignore"):
            np.multiply(e, factor[:, None], out=grad[rows], casting="same_kind")
            grad[rows][at, y] = own * factor

    if not p.from_logits:
        p.for_each_block(from_probabilities)
    else:
        p.for_each_block(from_two_logits if p.k == 2 else from_logits, p.dtype.itemsize)
    return p.grad(grad)


def _targets_loss(p: _Prediction, targets: Callable[[slice], NDArray]) -> NDArray:
    """−Σ t log p of each example, for `targets` t ≥ 0 of a slice of the examples."""
    loss = np.empty(len(p.rows))

    def from_probabilities(rows: slice, q: NDArray) -> None:
        loss[rows] = -xlogy(targets(rows), q).sum(axis=1)

    def from_logits(rows: slice, z: NDArray) -> None:
        t, z = targets(rows), z.astype(np.float64)
        top, rest, _ = _exponentials(z)
        with np.errstate(over="ignore"):
            loss[rows] = _times(t, top[:, None] - z).sum(axis=1) + t.sum(axis=1) * np.log1p(rest)

    p.for_each_block(from_logits if p.from_logits else from_probabilities)
    return loss.reshape(p.shape) + 0.0


def _targets_grad(p: _Prediction, targets: Callable[[slice], NDArray], scale: NDArray) -> NDArray:
    """`scale` times the gradient of −Σ t log p of each example."""
    grad = np.empty(p.rows.shape, p.dtype)
    scale = np.broadcast_to(scale, p.shape).reshape(-1, 1)

    def from_probabilities(rows: slice, q: NDArray) -> None:
        with np.errstate(over="ignore"):
            grad[rows] = _times(-scale[rows], _ratio(targets(rows), q))

    def from_logits(rows: slice, z: NDArray) -> None:
        t = targets(rows)
        _, rest, e = _exponentials(z.astype(np.float64))
        mass = t.sum(axis=1)
        with np.errstate(over="ignore"):
            grad[rows] = scale[rows] * (e * (mass / (1 + rest))[:, None] - t)

    p.for_each_block(from_logits if p.from_logits else from_probabilities)
    return p.grad(grad)


def _exponentials(z: NDArray, out: NDArray | None = None) -> tuple[NDArray, NDArray, NDArray]:
    """Row maximum m, Σ e^{z − m} without the maximum's own 1, and all e^{z − m}.

    Leaving that 1 out is what lets log1p keep a loss of 1e-22. The exponentials are written to
    `out` if its dtype has digits enough.
    """
    z = z.astype(_work(z.dtype), copy=False)
    if out is not None and out.dtype != z.dtype:
        out = None
    at, where = np.arange(len(z)), z.argmax(axis=1)
    top = z[at, where]
    _finite(top)
    with np.errstate(over="ignore"):  # a difference beyond the largest float is −inf, and e is 0
        e = np.subtract(z, top[:, None], out=out)
    np.exp(e, out=e)
    e[at, where] = 0
    rest = e.sum(axis=1).astype(np.float64)
    e[at, where] = 1
    return top.astype(np.float64), rest, e


def _gap(z: NDArray, y: NDArray) -> NDArray:
    """Of two logits a row, the other's minus the label's."""
    _finite(np.maximum(z[:, 0], z[:, 1]))
    with np.errstate(over="ignore"):
        gap = np.subtract(z[:, 1], z[:, 0], dtype=np.float64)
    return np.where(y == 0, gap, -gap)


def _finite(top: NDArray) -> None:
    """Check logits by the maximum of each row: a NaN or a +inf is one, and so is a lone −inf."""
    if not np.isfinite(top).all():
        raise ValueError("these are no logits")  # the caller says which and why


# -- small pieces --------------------------------------------------------------------------------

ONE = np.ones(())  # the weight of everything where none is given


def _work(dtype: np.dtype) -> np.dtype:
    """Dtype for elementwise work: float16 has too few digits, the others keep their own."""
    return np.dtype(np.float32 if dtype == np.float16 else dtype)


def _pick(x: NDArray, labels: NDArray) -> NDArray:
    """x_y of each row, in float64."""
    return x[np.arange(len(x)), labels].astype(np.float64)


def _sigmoids(z: NDArray) -> tuple[NDArray, NDArray]:
    """σ(z) and σ(−z), neither as 1 minus the other."""
    e = np.exp(-abs(z))
    likely, unlikely = 1 / (1 + e), e / (1 + e)
    return np.where(z < 0, unlikely, likely), np.where(z < 0, likely, unlikely)


def _times(weight: NDArray, x: NDArray) -> NDArray:
    """weight · x with 0 · inf = 0: what cannot happen costs nothing."""
    if weight is ONE:
        return x
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(weight == 0, 0.0, weight * x)


def _ratio(y: NDArray, p: NDArray) -> NDArray:
    """y / p with 0 / 0 = 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(y == 0, 0.0, y / p)


def _focal_slope(p: NDArray, q: NDArray, log_p: NDArray, gamma: float) -> NDArray:
    """d/dp of −q^γ log p, with its limits at p = 0 and p = 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first = gamma * q ** (gamma - 1.0) * log_p if gamma else np.zeros_like(p)
        # At p = 1, log p / q tends to −1: γ q^{γ−1} log p goes to −γ q^γ.
        return np.where(q == 0, -gamma * q**gamma, first) - q**gamma / p


def _mass(weight: NDArray, shape: tuple[int, ...]) -> np.float64:
    """Sum of the weights, which `weight` may give once for all."""
    return weight * float(math.prod(shape)) if weight is ONE else total(weight, None)


def _scale(
    factor: NDArray, weight: NDArray, reduction: str, shape: tuple[int, ...]
) -> NDArray | np.float64:
    """What the gradient of each example's loss is multiplied with."""
    _check_reduction(reduction)
    if reduction != "mean":
        return factor
    # What weighs nothing has no gradient, even where the mean itself is 0 / 0.
    with np.errstate(divide="ignore"):
        return np.divide(factor, _mass(weight, shape), out=np.zeros(factor.shape), where=factor > 0)


def _reduce(
    loss: NDArray, factor: NDArray, weight: NDArray, reduction: str, dtype: np.dtype | None
) -> NDArray | np.floating:
    _check_reduction(reduction)
    if reduction == "none":
        return rounded(_times(factor, loss), dtype)
    value = total(_times(factor, loss), None)
    # Dividing the sum, and not each summand, costs one rounding instead of many.
    with np.errstate(divide="ignore", invalid="ignore"):
        return rounded(value / _mass(weight, loss.shape) if reduction == "mean" else value, dtype)


def _check_reduction(reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'reduction is {reduction!r}; expected "mean", "sum" or "none"')
