"""Optimisers in a few lines each, for watching how a loss goes down.

Every optimiser has `update(params, grads)`, which changes a list of NumPy arrays in place, and an
ordinary attribute `learning_rate`, which a schedule may set before each step. Defaults and
formulas are PyTorch's, step by step.

Keras differs:

- in its defaults: learning_rate 0.01 in SGD and 0.001 in Adagrad and RMSprop, rho (here `alpha`)
  0.9, epsilon 1e-7 everywhere, weight decay 0.004 in AdamW, a sum that starts at 0.1 in Adagrad;
- in the place of epsilon: inside the square root in Adagrad and RMSprop, and added before the
  bias correction in Adam and AdamW;
- in momentum: its velocity holds the learning rate, so a change of the rate acts with a delay;
- in weight decay: decoupled from the gradient in every optimiser, as it is here in AdamW alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray

from xentlib._validate import FLOATS, generator

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "RMSprop", "cosine_schedule", "minibatches"]


class _Optimizer:
    """What the optimisers share: the checks, a state for each array, weight decay."""

    averages: tuple[str, ...] = ()  # arrays of zeros that the state of a parameter starts with
    decoupled = False  # True: weight decay shrinks the parameters and spares the gradient

    def __init__(self, learning_rate: float, weight_decay: float) -> None:
        self.learning_rate = _number(learning_rate, "learning_rate")
        self.weight_decay = _number(weight_decay, "weight_decay")
        self.steps = 0
        self.state: list[dict[str, NDArray]] = []

    def update(self, params: Sequence[NDArray], grads: Sequence[NDArray]) -> None:
        """Take one step: change each array of `params` in place, by its gradient in `grads`.

        Both lists hold floating-point arrays, pairwise of the same shape, in the same order at
        every call. What does not fit raises a ValueError or a TypeError and changes nothing.
        """
        _check(params, grads)
        shapes = [p.shape for p in params]
        if self.steps == 0:
            self._shapes = shapes
            self.state = [{name: np.zeros_like(p) for name in self.averages} for p in params]
        if shapes != self._shapes:
            raise ValueError(
                f"params has the shapes {shapes}, but this optimiser began with {self._shapes}: "
                "make a new optimiser for other parameters"
            )
        rate = _number(self.learning_rate, "learning_rate")
        self.steps += 1
        for p, g, state in zip(params, grads, self.state, strict=True):
            if self.decoupled:
                p *= 1 - rate * self.weight_decay
            else:
                g = g + self.weight_decay * p
            p -= rate * self._direction(g, **state)

    def _direction(self, g: NDArray, **state: NDArray) -> NDArray:
        raise NotImplementedError


class SGD(_Optimizer):
    r"""Gradient descent, with momentum if asked for: a ball that rolls and keeps its speed.

    .. math:: v \leftarrow \mu v + g, \qquad \theta \leftarrow \theta - \eta v

    and :math:`\theta \leftarrow \theta - \eta (g + \mu v)` with Nesterov's look ahead. Whether it
    is stochastic depends on the gradient alone: of all examples, or of a batch.

    Parameters
    ----------
    learning_rate : float, default 0.001
        η ≥ 0.
    momentum : float, default 0.0
        μ in [0, 1).
    nesterov : bool, default False
        Look ahead; needs a momentum.
    weight_decay : float, default 0.0
        λ ≥ 0: the gradient of λ/2 · ‖θ‖² is added to g.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of its range.

    References
    ----------
    Polyak (1964), *Some Methods of Speeding up the Convergence of Iteration Methods*;
    Sutskever et al. (2013), *On the Importance of Initialization and Momentum in Deep Learning*.

    Examples
    --------
    >>> w = np.array([1.0, -2.0])
    >>> SGD(0.1).update([w], [2 * w])  # one step down the slope of w·w
    >>> print(w)
    [ 0.8 -1.6]
    """

    averages = ("v",)

    def __init__(
        self,
        learning_rate: float = 0.001,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.momentum = _number(momentum, "momentum", below=1)
        self.nesterov = nesterov
        if nesterov and momentum == 0:
            raise ValueError("nesterov is True but momentum is 0: give a momentum, such as 0.9")

    def _direction(self, g: NDArray, v: NDArray) -> NDArray:
        v *= self.momentum
        v += g
        return g + self.momentum * v if self.nesterov else v


class Adagrad(_Optimizer):
    r"""A learning rate for each parameter, which shrinks as its gradients add up.

    .. math:: s \leftarrow s + g^2, \qquad
              \theta \leftarrow \theta - \eta \, g / (\sqrt s + \epsilon)

    Parameters
    ----------
    learning_rate : float, default 0.01
        η ≥ 0.
    eps : float, default 1e-10
        ε ≥ 0, against a division by zero.
    weight_decay : float, default 0.0
        λ ≥ 0, as in `SGD`.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of its range.

    References
    ----------
    Duchi, Hazan & Singer (2011), *Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization*.

    Examples
    --------
    >>> w = np.array([1.0, -200.0])
    >>> Adagrad(0.1).update([w], [2 * w])  # the first step is as long for a slope of 400
    >>> print(w)
    [   0.9 -199.9]
    """

    averages = ("s",)

    def __init__(
        self, learning_rate: float = 0.01, eps: float = 1e-10, weight_decay: float = 0.0
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.eps = _number(eps, "eps")

    def _direction(self, g: NDArray, s: NDArray) -> NDArray:
        s += g * g
        return g / (np.sqrt(s) + self.eps)


class RMSprop(_Optimizer):
    r"""Adagrad that forgets: the gradient over the root of a moving mean of its square.

    .. math:: s \leftarrow \alpha s + (1 - \alpha) g^2, \qquad
              v \leftarrow \mu v + g / (\sqrt s + \epsilon), \qquad
              \theta \leftarrow \theta - \eta v

    Parameters
    ----------
    learning_rate : float, default 0.01
        η ≥ 0.
    alpha : float, default 0.99
        α in [0, 1): how much of the past mean is kept at each step.
    eps : float, default 1e-8
        ε ≥ 0, against a division by zero.
    momentum : float, default 0.0
        μ in [0, 1).
    weight_decay : float, default 0.0
        λ ≥ 0, as in `SGD`.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of its range.

    References
    ----------
    Tieleman & Hinton (2012), *Neural Networks for Machine Learning*, lecture 6.5.

    Examples
    --------
    >>> w = np.array([1.0, -200.0])
    >>> RMSprop(0.1).update([w], [2 * w])  # the mean starts at 0: a first step of 0.1 / √0.01
    >>> print(w.round(6))
    [   0. -199.]
    """

    averages = ("s", "v")

    def __init__(
        self,
        learning_rate: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.alpha = _number(alpha, "alpha", below=1)
        self.eps = _number(eps, "eps")
        self.momentum = _number(momentum, "momentum", below=1)

    def _direction(self, g: NDArray, s: NDArray, v: NDArray) -> NDArray:
        s += (1 - self.alpha) * (g * g - s)
        v *= self.momentum
        v += g / (np.sqrt(s) + self.eps)
        return v


class Adam(_Optimizer):
    r"""Moving means of the gradient and of its square, corrected for their start at zero.

    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad
              s \leftarrow \beta_2 s + (1 - \beta_2) g^2

    .. math:: \theta \leftarrow \theta - \eta \,
              \frac{m / (1 - \beta_1^t)}{\sqrt{s / (1 - \beta_2^t)} + \epsilon}
              \quad \text{at step } t = 1, 2, \dots

    Parameters
    ----------
    learning_rate : float, default 0.001
        η ≥ 0.
    betas : (float, float), default (0.9, 0.999)
        β₁ and β₂ in [0, 1): how much of the past means is kept at each step.
    eps : float, default 1e-8
        ε ≥ 0, against a division by zero.
    weight_decay : float, default 0.0
        λ ≥ 0, as in `SGD`: added to g, and so divided by the root like all of it.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of its range.

    References
    ----------
    Kingma & Ba (2015), *Adam: A Method for Stochastic Optimization*.

    Examples
    --------
    >>> w = np.array([1.0, -200.0])
    >>> Adam(0.1).update([w], [2 * w])
    >>> print(w.round(6))
    [   0.9 -199.9]
    """

    averages = ("m", "s")

    def __init__(
        self,
        learning_rate: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.betas = tuple(_number(beta, f"betas[{i}]", below=1) for i, beta in enumerate(betas))
        if len(self.betas) != 2:
            raise ValueError(f"betas is {betas}; expected two numbers, such as (0.9, 0.999)")
        self.eps = _number(eps, "eps")

    def _direction(self, g: NDArray, m: NDArray, s: NDArray) -> NDArray:
        beta1, beta2 = self.betas
        m += (1 - beta1) * (g - m)
        s += (1 - beta2) * (g * g - s)
        mean = m / (1 - beta1**self.steps)
        square = s / (1 - beta2**self.steps)
        return mean / (np.sqrt(square) + self.eps)


class AdamW(Adam):
    r"""Adam with decoupled weight decay: :math:`\theta \leftarrow (1 - \eta \lambda) \, \theta`
    before Adam's step, which does not see λ.

    Parameters
    ----------
    learning_rate : float, default 0.001
        η ≥ 0.
    betas : (float, float), default (0.9, 0.999)
        β₁ and β₂ in [0, 1), as in `Adam`.
    eps : float, default 1e-8
        ε ≥ 0, against a division by zero.
    weight_decay : float, default 0.01
        λ ≥ 0.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of its range.

    References
    ----------
    Loshchilov & Hutter (2019), *Decoupled Weight Decay Regularization*.

    Examples
    --------
    >>> w = np.array([1.0, -200.0])
    >>> AdamW(0.1, weight_decay=0.5).update([w], [0 * w])  # no slope: only the decay of 5 %
    >>> print(w)
    [   0.95 -190.  ]
    """

    decoupled = True

    def __init__(
        self,
        learning_rate: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(learning_rate, betas, eps, weight_decay)


def cosine_schedule(
    step: int, n_steps: int, *, base: float, warmup: int = 0, floor: float = 0.0
) -> float:
    r"""Learning rate that climbs on a straight line, then falls along half a cosine.

    .. math:: \eta_t = \begin{cases}
              \eta_{\text{base}} \, (t + 1) / (w + 1) & t < w \\
              \eta_{\text{floor}} + (\eta_{\text{base}} - \eta_{\text{floor}}) \,
              \tfrac12 \left(1 + \cos \pi \frac{t - w}{n - w}\right) & t \ge w
              \end{cases}

    Parameters
    ----------
    step : int
        t, from 0 to `n_steps`; the last step of a loop over `range(n_steps)` is n − 1.
    n_steps : int
        n ≥ 1: the step at which the floor is reached.
    base : float
        The highest rate, at step `warmup`.
    warmup : int, default 0
        w, from 0 to n − 1: steps of the climb. None of them has the rate 0.
    floor : float, default 0.0
        The lowest rate, from 0 to `base`.

    Returns
    -------
    float
        The rate of this step.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If `step`, `n_steps` or `warmup` is not an integer.

    References
    ----------
    Loshchilov & Hutter (2017), *SGDR: Stochastic Gradient Descent with Warm Restarts*;
    Goyal et al. (2017), *Accurate, Large Minibatch SGD*, for the warm-up.

    Examples
    --------
    >>> print([round(cosine_schedule(t, 6, base=0.3, warmup=2), 3) for t in range(7)])
    [0.1, 0.2, 0.3, 0.256, 0.15, 0.044, 0.0]
    """
    n_steps = _whole(n_steps, "n_steps", 1)
    step = _whole(step, "step", 0, n_steps)
    warmup = _whole(warmup, "warmup", 0, n_steps - 1)
    base = _number(base, "base")
    if _number(floor, "floor") > base:
        raise ValueError(f"floor is {floor} but base is {base}: the rate falls from base to floor")
    if step < warmup:
        return base * (step + 1) / (warmup + 1)
    progress = (step - warmup) / (n_steps - warmup)
    return floor + (base - floor) * (1 + math.cos(math.pi * progress)) / 2


def minibatches(n: int, batch_size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    r"""Indices of one epoch in a new random order, cut into batches.

    .. math:: \lceil n / b \rceil \text{ batches; the last one holds what is left.}

    Parameters
    ----------
    n : int
        Number of examples, at least 1.
    batch_size : int
        b ≥ 1.
    rng : numpy.random.Generator
        Where the order comes from.

    Returns
    -------
    iterator of ndarray, shape (b,)
        Every index from 0 to n − 1 once; the last batch may be shorter. A mean over batches of
        different sizes is not the mean over examples.

    Raises
    ------
    ValueError
        If `n` or `batch_size` is below 1.
    TypeError
        If they are not integers, or `rng` is not a Generator.

    References
    ----------
    Bottou (2012), *Stochastic Gradient Descent Tricks*, on shuffling.

    Examples
    --------
    >>> batches = list(minibatches(5, 2, np.random.default_rng(0)))
    >>> print([len(batch) for batch in batches], np.sort(np.concatenate(batches)))
    [2, 2, 1] [0 1 2 3 4]
    """
    n, batch_size = _whole(n, "n", 1), _whole(batch_size, "batch_size", 1)
    order = generator(rng).permutation(n)
    return (order[start : start + batch_size] for start in range(0, n, batch_size))


def _check(params: Sequence[NDArray], grads: Sequence[NDArray]) -> None:
    for arrays, name in ((params, "params"), (grads, "grads")):
        if isinstance(arrays, np.ndarray) or not isinstance(arrays, Sequence):
            raise TypeError(f"{name} is a {type(arrays).__name__}; expected a list of arrays")
    if len(params) != len(grads):
        raise ValueError(
            f"params holds {len(params)} arrays but grads holds {len(grads)}: "
            "give one gradient for each parameter"
        )
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        for a, name in ((p, f"params[{i}]"), (g, f"grads[{i}]")):
            if not isinstance(a, np.ndarray | np.floating) or a.dtype not in FLOATS:
                kind = getattr(a, "dtype", type(a).__name__)
                raise TypeError(
                    f"{name} is of type {kind}; expected an array of floating-point numbers: "
                    f"np.asarray({name}, dtype=float)"
                )
        if not isinstance(p, np.ndarray) or not p.flags.writeable:
            raise TypeError(f"params[{i}] cannot be changed in place: pass np.array(params[{i}])")
        if p.shape != g.shape:
            raise ValueError(
                f"params[{i}] has shape {p.shape} but grads[{i}] has shape {g.shape}: "
                "a gradient has one number for each parameter"
            )
        if not np.isfinite(g).all():
            bad = g[~np.isfinite(g)].flat[0]
            raise ValueError(
                f"grads[{i}] holds {bad}: look for a logarithm of zero, an overflow or a learning "
                "rate that is too large"
            )


def _number(value: float, name: str, below: float = math.inf) -> float:
    """Check that `value` is a number in [0, below)."""
    valid = isinstance(value, Real | np.number) and not isinstance(value, bool | np.bool_)
    if not valid or not 0 <= value < below:
        raise ValueError(f"{name} is {value!r}; expected a number from 0 to below {below}")
    return float(value)


def _whole(value: int, name: str, lowest: int, highest: float = math.inf) -> int:
    """Check that `value` is an integer from `lowest` to `highest`."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; expected an integer")
    if not lowest <= value <= highest:
        raise ValueError(f"{name} is {value}; expected an integer from {lowest} to {highest}")
    return int(value)
