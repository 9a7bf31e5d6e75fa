"""Cross-entropy as a loss: binary, categorical, sparse and focal, each with its gradient.

The truth comes first and the prediction second, as probabilities or, with ``from_logits=True``,
as logits; losses are in nats. ``<loss>_grad`` takes the same arguments and returns the
derivative of the same number with respect to the prediction (with ``reduction="none"``, of
each loss with respect to its own prediction).

Weighted means follow PyTorch's ``CrossEntropyLoss``: they divide by the sum of the weights. A
mean over nothing (every label ignored, every weight 0) is nan, as there. The result has the
dtype of the prediction.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_expit, xlog1py, xlogy

from xentlib import _validate
from xentlib._blocks import for_each_block
from xentlib._numeric import rounded, total
from xentlib.logits import sigmoid

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
        loss = -_times(w * y, log_expit(p)) - _times(1 - y, log_expit(-p))
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
        grad = (1 - y) * sigmoid(p) - w * y * sigmoid(-p)
    else:
        grad = _ratio(1 - y, 1 - p) - w * _ratio(y, p)
    return rounded(grad * _scale(weight, weight, reduction), dtype)


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
    loss, _, factor, weight, dtype, _ = _categorical(
        y, p, from_logits, axis, label_smoothing, class_weight, sample_weight
    )
    return _reduce(loss, factor, weight, reduction, dtype)


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
    _, grad, factor, weight, dtype, axis = _categorical(
        y, p, from_logits, axis, label_smoothing, class_weight, sample_weight, want_grad=True
    )
    return _finish_grad(grad, factor, weight, reduction, dtype, axis)


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
    loss, _, factor, weight, dtype, _ = _sparse(
        labels, p, from_logits, axis, ignore_index, label_smoothing, class_weight, sample_weight
    )
    return _reduce(loss, factor, weight, reduction, dtype)


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
    _, grad, factor, weight, dtype, axis = _sparse(
        labels,
        p,
        from_logits,
        axis,
        ignore_index,
        label_smoothing,
        class_weight,
        sample_weight,
        want_grad=True,
    )
    return _finish_grad(grad, factor, weight, reduction, dtype, axis)


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
    return _reduce(loss + 0.0, np.ones_like(loss), np.ones_like(loss), reduction, dtype)


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
    return rounded(grad * _scale(np.ones_like(grad), np.ones_like(grad), reduction), dtype)


# -- arguments -----------------------------------------------------------------------------------


def _binary(
    y: ArrayLike,
    p: ArrayLike,
    from_logits: bool,
    label_smoothing: float,
    pos_weight: ArrayLike | None,
    sample_weight: ArrayLike | None,
) -> tuple[NDArray, NDArray, NDArray | float, NDArray, np.dtype | None]:
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
    w = 1.0 if pos_weight is None else _weights(pos_weight, "pos_weight", y.shape)
    weight = _weights(1.0 if sample_weight is None else sample_weight, "sample_weight", y.shape)
    return y, p, w, weight, dtype


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
    want_grad: bool = False,
) -> tuple[NDArray, NDArray | None, NDArray, NDArray, np.dtype, int]:
    """Loss and gradient of each example, its factor, its weight in the mean, dtype, axis."""
    y, _ = _validate.distribution(y, "y", axis)
    p, axis = _prediction(p, from_logits, axis)
    y = np.moveaxis(y, axis, -1)
    if y.shape != p.shape:
        raise ValueError(
            f"y has shape {y.shape} but p has shape {p.shape} (classes last); both need the same "
            "classes: pass integer labels to sparse_categorical_cross_entropy"
        )
    k = y.shape[-1]
    w = _weights(1.0 if class_weight is None else class_weight, "class_weight", (k,))
    factor = _weights(
        1.0 if sample_weight is None else sample_weight, "sample_weight", y.shape[:-1]
    )
    weight = factor * (y @ w)
    loss, grad = _against_targets(p, w * _smooth(y, label_smoothing, k), from_logits, want_grad)
    return loss, grad, factor, weight, p.dtype, axis


def _sparse(
    labels: ArrayLike,
    p: ArrayLike,
    from_logits: bool,
    axis: int,
    ignore_index: int | None,
    label_smoothing: float,
    class_weight: ArrayLike | None,
    sample_weight: ArrayLike | None,
    want_grad: bool = False,
) -> tuple[NDArray, NDArray | None, NDArray, NDArray, np.dtype, int]:
    """Loss and gradient of each example, its factor, its weight in the mean, dtype, axis."""
    p, axis = _prediction(p, from_logits, axis)
    k = p.shape[-1]
    labels = np.asarray(labels)
    if labels.shape != p.shape[:-1]:
        raise ValueError(
            f"labels has shape {labels.shape} but p has examples of shape {p.shape[:-1]} and {k} "
            "classes; give one integer per example, or distributions to categorical_cross_entropy"
        )
    keep = np.ones(labels.shape) if ignore_index is None else (labels != ignore_index) * 1.0
    labels = _validate.indices(np.where(keep, labels, 0) if labels.size else labels, "labels", k)
    w = _weights(1.0 if class_weight is None else class_weight, "class_weight", (k,))
    factor = keep * _weights(
        1.0 if sample_weight is None else sample_weight, "sample_weight", labels.shape
    )
    weight = factor * w[labels]
    if label_smoothing:
        target = w * _smooth(np.eye(k)[labels], label_smoothing, k)
        loss, grad = _against_targets(p, target, from_logits, want_grad)
    else:
        loss, grad = _against_labels(p, labels, from_logits, want_grad)
        factor = weight
    return loss, grad, factor, weight, p.dtype, axis


def _prediction(p: ArrayLike, from_logits: bool, axis: int) -> tuple[NDArray, int]:
    """Check `p` and move its classes to the last axis; logits are checked where they are used."""
    p = np.asarray(p)
    if p.dtype.kind in "biu":
        p = p.astype(np.float64)
    if p.ndim == 0:
        raise ValueError(f"p is the single number {p}; expected one entry per class")
    axis = normalize_axis_index(axis, p.ndim)
    if not from_logits or p.dtype.newbyteorder("=") not in _validate.FLOATS:
        try:
            _validate.distribution(p, "p", axis)
        except ValueError as error:
            raise ValueError(f"{error} If these are logits, pass from_logits=True.") from None
    if p.shape[axis] == 0:
        raise ValueError(f"p has shape {p.shape}: there is no class along axis {axis}")
    return np.moveaxis(p, axis, -1).astype(p.dtype.newbyteorder("="), copy=False), axis


def _smooth(y: NDArray, epsilon: float, k: int) -> NDArray:
    if not isinstance(epsilon, int | float | np.number) or not 0 <= epsilon < 1:
        raise ValueError(f"label_smoothing is {epsilon!r}; expected a number in [0, 1)")
    return (1 - epsilon) * y + epsilon / k if epsilon else y


def _weights(w: ArrayLike, name: str, shape: tuple[int, ...]) -> NDArray:
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
        return y, sigmoid(p), sigmoid(-p), log_expit(p), log_expit(-p), a, b, dtype
    with np.errstate(divide="ignore"):
        return y, p, 1 - p, np.log(p), np.log1p(-p), a, b, dtype


# -- one example at a time -----------------------------------------------------------------------


def _against_labels(
    p: NDArray, labels: NDArray, from_logits: bool, want_grad: bool
) -> tuple[NDArray, NDArray | None]:
    """−log p_y of each example, and its gradient with respect to `p` (classes last)."""
    shape, k = p.shape[:-1], p.shape[-1]
    p, labels = p.reshape(-1, k), labels.reshape(-1)
    loss = np.empty(len(p))
    grad = np.zeros(p.shape, _work(p.dtype)) if want_grad else None

    def from_probabilities(rows: slice) -> None:
        picked = _pick(p[rows], labels[rows]).astype(np.float64)
        with np.errstate(divide="ignore"):
            loss[rows] = -np.log(picked)
            if want_grad:
                np.put_along_axis(grad[rows], labels[rows, None], -1 / picked[:, None], 1)

    def from_scores(rows: slice) -> None:
        top, rest, e = _exponentials(p[rows])
        # (m − z_y) + log Σ e^{z − m}: no term is negative, so nothing cancels.
        loss[rows] = (top - _pick(p[rows], labels[rows]).astype(np.float64)) + np.log1p(rest)
        if want_grad:
            np.divide(e, 1 + rest[:, None], out=grad[rows], casting="same_kind")
            grad[rows][np.arange(len(e)), labels[rows]] -= 1

    for_each_block(from_scores if from_logits else from_probabilities, len(p), k * p.itemsize)
    return loss.reshape(shape), None if grad is None else grad.reshape(*shape, k)


def _against_targets(
    p: NDArray, target: NDArray, from_logits: bool, want_grad: bool
) -> tuple[NDArray, NDArray | None]:
    """−Σ t log p of each example for targets t ≥ 0, and its gradient (classes last)."""
    shape, k = p.shape[:-1], p.shape[-1]
    p, target = p.reshape(-1, k), target.reshape(-1, k)
    loss = np.empty(len(p))
    grad = np.empty(p.shape, _work(p.dtype)) if want_grad else None

    def from_probabilities(rows: slice) -> None:
        q = p[rows].astype(np.float64)
        loss[rows] = -xlogy(target[rows], q).sum(axis=1)
        if want_grad:
            grad[rows] = -_ratio(target[rows], q)

    def from_scores(rows: slice) -> None:
        t, z = target[rows], p[rows].astype(np.float64)
        top, rest, e = _exponentials(z)
        mass = t.sum(axis=1)
        loss[rows] = _times(t, top[:, None] - z).sum(axis=1) + mass * np.log1p(rest)
        if want_grad:
            grad[rows] = e * (mass / (1 + rest))[:, None] - t

    for_each_block(from_scores if from_logits else from_probabilities, len(p), 8 * k)
    return loss.reshape(shape) + 0.0, None if grad is None else grad.reshape(*shape, k)


def _exponentials(z: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Row maximum m, Σ e^{z − m} without the maximum's own 1, and all e^{z − m}.

    Leaving that 1 out is what lets log1p keep a loss of 1e-22.
    """
    z = z.astype(_work(z.dtype), copy=False)
    where = z.argmax(axis=1)
    top = z[np.arange(len(z)), where]
    if not np.isfinite(top).all():
        _validate.logits(z, "p")  # says which and why: NaN, +inf, or nothing but −inf
    e = np.exp(z - top[:, None])
    e[np.arange(len(z)), where] = 0
    rest = e.sum(axis=1, dtype=np.float64)
    e[np.arange(len(z)), where] = 1
    return top.astype(np.float64), rest, e


# -- small pieces --------------------------------------------------------------------------------


def _work(dtype: np.dtype) -> np.dtype:
    """Dtype for elementwise work: float16 has too few digits, the others keep their own."""
    return np.dtype(np.float32 if dtype == np.float16 else dtype)


def _pick(p: NDArray, labels: NDArray) -> NDArray:
    return np.take_along_axis(p, labels[:, None], 1)[:, 0]


def _times(weight: NDArray, x: NDArray) -> NDArray:
    """weight · x with 0 · inf = 0: what cannot happen costs nothing."""
    with np.errstate(invalid="ignore"):
        return np.where(weight == 0, 0.0, weight * x)


def _ratio(y: NDArray, p: NDArray) -> NDArray:
    """y / p with 0 / 0 = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y == 0, 0.0, y / p)


def _focal_slope(p: NDArray, q: NDArray, log_p: NDArray, gamma: float) -> NDArray:
    """d/dp of −q^γ log p, with its limits at p = 0 and p = 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first = gamma * q ** (gamma - 1.0) * log_p if gamma else np.zeros_like(p)
        # At p = 1, log p / q tends to −1: γ q^{γ−1} log p goes to −γ q^γ.
        return np.where(q == 0, -gamma * q**gamma, first) - q**gamma / p


def _scale(factor: NDArray, weight: NDArray, reduction: str) -> NDArray:
    """What each example's loss is multiplied with before it is summed."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'reduction is {reduction!r}; expected "mean", "sum" or "none"')
    if reduction != "mean":
        return factor
    with np.errstate(divide="ignore", invalid="ignore"):
        return factor / total(weight, None)


def _reduce(
    loss: NDArray, factor: NDArray, weight: NDArray, reduction: str, dtype: np.dtype | None
) -> NDArray | np.floating:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'reduction is {reduction!r}; expected "mean", "sum" or "none"')
    if reduction == "none":
        return rounded(_times(factor, loss), dtype)
    if reduction == "mean" and not weight.any():
        return rounded(np.float64(np.nan), dtype)
    # Dividing the sum, and not each summand, costs one rounding instead of many.
    value = total(_times(factor, loss), None)
    return rounded(value / total(weight, None) if reduction == "mean" else value, dtype)


def _finish_grad(
    grad: NDArray, factor: NDArray, weight: NDArray, reduction: str, dtype: np.dtype, axis: int
) -> NDArray:
    grad *= _scale(factor, weight, reduction)[..., None]
    return rounded(np.moveaxis(grad, -1, axis), dtype)
