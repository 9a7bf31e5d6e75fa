"""Worlds of hidden states in a row: tags under words, speech sounds under frames."""

from __future__ import annotations

from functools import cached_property
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, softmax

from xentlib._numeric import draw, draw_rows, means_and_errors
from xentlib._validate import distribution, generator, indices
from xentlib.information import entropy


def forward_backward(
    initial: NDArray, transition: NDArray, log_emission: NDArray
) -> tuple[NDArray, NDArray]:
    r"""Compute the posterior of each hidden state of a Markov chain, given all observations.

    .. math::
        \alpha_t(k) = p(x_1 \dots x_t, y_t = k), \quad
        \beta_t(k) = p(x_{t+1} \dots x_T \mid y_t = k), \quad
        p(y_t = k \mid x) = \frac{\alpha_t(k)\, \beta_t(k)}{p(x)}

    Parameters
    ----------
    initial : ndarray, shape (K,)
        Distribution of the first state.
    transition : ndarray, shape (K, K)
        `transition[a, b]` is the probability that state b follows state a.
    log_emission : ndarray, shape (n, T, K)
        log p(x_t | y_t = k) for each of n sequences; −inf where it cannot be.

    Returns
    -------
    posterior : ndarray, shape (n, T, K)
        p(y_t = k | x_1 … x_T).
    log_likelihood : ndarray, shape (n,)
        log p(x_1 … x_T), in nats.

    References
    ----------
    Rabiner (1989), *A Tutorial on Hidden Markov Models and Selected Applications in Speech
    Recognition*, §III.

    Examples
    --------
    >>> table = np.log([[[0.9, 0.2], [0.9, 0.2]]])
    >>> posterior, _ = forward_backward(np.array([0.5, 0.5]), np.eye(2), table)
    >>> print(posterior.round(4)[0, 0])
    [0.9529 0.0471]
    """
    with np.errstate(divide="ignore"):
        start, step = np.log(initial), np.log(transition)
    length = log_emission.shape[1]
    alpha = np.empty_like(log_emission)
    beta = np.zeros_like(log_emission)
    alpha[:, 0] = start + log_emission[:, 0]
    for t in range(1, length):
        reached = logsumexp(alpha[:, t - 1, :, None] + step, axis=1)
        alpha[:, t] = reached + log_emission[:, t]
    for t in range(length - 2, -1, -1):
        ahead = log_emission[:, t + 1] + beta[:, t + 1]
        beta[:, t] = logsumexp(step + ahead[:, None, :], axis=2)
    log_likelihood = logsumexp(alpha[:, -1], axis=1)
    # Of a long sequence α and β are large and rounded: the sum over k is made 1 here.
    return softmax(alpha + beta, axis=2), log_likelihood


def viterbi(initial: NDArray, transition: NDArray, log_emission: NDArray) -> NDArray[np.int64]:
    r"""Find the most probable sequence of hidden states of a Markov chain, as a whole.

    Not the sequence of the most probable states: that one may even be impossible.

    Parameters
    ----------
    initial, transition, log_emission
        As for `forward_backward`.

    Returns
    -------
    ndarray of int64, shape (n, T)
        :math:`\arg\max_y p(y \mid x)`; of equals the one with the lower numbers from the end.

    References
    ----------
    Viterbi (1967), *Error Bounds for Convolutional Codes and an Asymptotically Optimum Decoding
    Algorithm*.

    Examples
    --------
    >>> table = np.log([[[0.9, 0.2], [0.4, 0.6], [0.9, 0.2]]])
    >>> sticky = np.array([[0.9, 0.1], [0.1, 0.9]])
    >>> print(viterbi(np.array([0.5, 0.5]), sticky, table))
    [[0 0 0]]
    """
    with np.errstate(divide="ignore"):
        start, step = np.log(initial), np.log(transition)
    n, length, _ = log_emission.shape
    best = start + log_emission[:, 0]
    came_from = np.empty(log_emission.shape, dtype=np.int64)
    for t in range(1, length):
        paths = best[:, :, None] + step
        came_from[:, t] = paths.argmax(axis=1)
        best = paths.max(axis=1) + log_emission[:, t]
    states = np.empty((n, length), dtype=np.int64)
    states[:, -1] = best.argmax(axis=1)
    for t in range(length - 1, 0, -1):
        states[:, t - 1] = came_from[np.arange(n), t, states[:, t]]
    return states


def possible(log_p: NDArray) -> None:
    """Raise ValueError for the first of the observations x whose log-probability is −inf."""
    if np.isneginf(log_p).any():
        row = int(np.isneginf(log_p).argmax())
        raise ValueError(f"x[{row}] has probability 0 in this world: it has no posterior")


class HiddenMarkov:
    r"""Sequences of words, each under a hidden tag; the tags form a Markov chain.

    .. math:: p(x, y) = \pi_{y_1} \prod_{t=2}^{T} A_{y_{t-1} y_t} \prod_{t=1}^{T} B_{y_t x_t}

    Parameters
    ----------
    initial : array_like, shape (K,)
        π, the distribution of the first tag.
    transition : array_like, shape (K, K)
        A; rows sum to 1.
    emission : array_like, shape (K, V)
        B; `emission[k, v]` is the probability of word v under tag k.
    length : int
        T ≥ 1, the same for all sequences.

    Attributes
    ----------
    initial, transition, emission : ndarray
    length : int
    floor : float
        The mean over t of H(Y_t | X_1 … X_T), in nats per tag: no tagger that gives each tag a
        distribution of its own can do better, however it reads the sentence. Estimated from
        20,000 sequences, by the entropy of the exact posterior.
    floor_se : float
        Standard error of `floor`.
    joint_floor : float
        H(Y_1 … Y_T | X_1 … X_T) / T, in nats per tag: the floor of a model of whole tag
        sequences, such as a conditional random field. Never above `floor`. From the same sample.
    joint_floor_se : float
        Standard error of `joint_floor`.

    Raises
    ------
    ValueError
        If a table is not one of distributions, their sizes do not match, or `length` is below 1.
    TypeError
        If `length` is not an integer.

    References
    ----------
    Rabiner (1989), *A Tutorial on Hidden Markov Models and Selected Applications in Speech
    Recognition*.

    Examples
    --------
    >>> world = HiddenMarkov([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.2, 0.8]], 6)
    >>> x, y = world.sample(3, np.random.default_rng(0))
    >>> print(x.shape, y.shape, world.posterior(x).shape)
    (3, 6) (3, 6) (3, 6, 2)
    """

    def __init__(
        self, initial: ArrayLike, transition: ArrayLike, emission: ArrayLike, length: int
    ) -> None:
        self.initial, _ = distribution(initial, "initial")
        self.transition, _ = distribution(transition, "transition")
        self.emission, _ = distribution(emission, "emission")
        k = self.initial.size
        if self.initial.ndim != 1:
            raise ValueError(f"initial has shape {self.initial.shape}; expected (K,)")
        if self.transition.shape != (k, k):
            raise ValueError(
                f"transition has shape {self.transition.shape}; expected ({k}, {k}), as initial "
                f"has {k} tags"
            )
        if self.emission.ndim != 2 or len(self.emission) != k:
            raise ValueError(
                f"emission has shape {self.emission.shape}; expected ({k}, V): one row per tag"
            )
        if not isinstance(length, Integral) or isinstance(length, bool):
            raise TypeError(f"length is {length!r}; expected an integer of at least 1")
        if length < 1:
            raise ValueError(f"length is {length}; a sequence has at least one word")
        self.length = int(length)

    def sample(self, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Draw words x and tags y, both integers of shape (n, length)."""
        x = np.empty((n, self.length), dtype=np.int64)
        y = np.empty_like(x)
        uniform = generator(rng).random((2, n, self.length))
        tags, words = self.transition.cumsum(axis=1), self.emission.cumsum(axis=1)
        for t in range(self.length):
            if t == 0:
                y[:, 0] = draw(self.initial.cumsum(), uniform[0, :, 0])
            else:
                y[:, t] = draw_rows(tags[y[:, t - 1]], uniform[0, :, t])
            x[:, t] = draw_rows(words[y[:, t]], uniform[1, :, t])
        return x, y

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return the exact p(y_t | x_1 … x_T), shape (n, length, K), for words `x` (n, length)."""
        return self._read(x)[0]

    def log_likelihood(self, x: ArrayLike) -> NDArray:
        """Return log p(x_1 … x_T) in nats, shape (n,), for words `x` (n, length)."""
        return self._read(x)[1]

    def viterbi(self, x: ArrayLike) -> NDArray:
        """Return the most probable tag sequence of each sentence, shape (n, length)."""
        return viterbi(self.initial, self.transition, self._log_emission(x))

    @property
    def floor(self) -> float:
        """Mean entropy of a tag, given the whole sentence, in nats."""
        return self._floors[0]

    @property
    def floor_se(self) -> float:
        """Standard error of `floor`."""
        return self._floors[1]

    @property
    def joint_floor(self) -> float:
        """Entropy of the tag sequence, given the sentence, in nats per tag."""
        return self._floors[2]

    @property
    def joint_floor_se(self) -> float:
        """Standard error of `joint_floor`."""
        return self._floors[3]

    def _log_emission(self, x: ArrayLike) -> NDArray:
        words = indices(x, "x", self.emission.shape[1])
        if words.ndim != 2 or words.shape[1] != self.length:
            raise ValueError(
                f"x has shape {words.shape}; expected (n, {self.length}): for one sentence pass "
                "x[None]"
            )
        with np.errstate(divide="ignore"):
            return np.log(self.emission.T)[words]

    def _read(self, x: ArrayLike) -> tuple[NDArray, NDArray]:
        log_emission = self._log_emission(x)
        with np.errstate(invalid="ignore"):  # −inf − (−inf), reported below
            posterior, log_likelihood = forward_backward(
                self.initial, self.transition, log_emission
            )
        possible(log_likelihood)
        return posterior, log_likelihood

    @cached_property
    def _floors(self) -> tuple[float, ...]:
        x, y = self.sample(20_000, np.random.default_rng(0))
        posterior, log_likelihood = self._read(x)
        marginal = entropy(posterior).mean(axis=1)
        with np.errstate(divide="ignore"):
            joint = np.log(self.initial)[y[:, 0]] + np.log(self.emission)[y, x].sum(axis=1)
            joint += np.log(self.transition)[y[:, :-1], y[:, 1:]].sum(axis=1)
        whole = (log_likelihood - joint) / self.length
        return means_and_errors(marginal, whole)
