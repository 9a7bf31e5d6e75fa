"""Worlds of documents: bags of words about a topic, and reviews in which the order matters."""

from __future__ import annotations

from functools import cached_property
from itertools import combinations
from math import comb
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlogy

from xentlib._numeric import draw
from xentlib._validate import as_floats, distribution, generator, indices
from xentlib.information import conditional_entropy_of, entropy
from xentlib.logits import softmax


class BagOfWords:
    r"""Documents of a given length on one of K topics; a topic draws each word independently.

    Only the counts of the words are kept. With x_v the count of word v,

    .. math:: P(y = k) = \pi_k, \qquad
              P(y = k \mid x) = \operatorname{softmax}_k \left(
              \log \pi_k + \sum_v x_v \log \theta_{kv} \right)

    Parameters
    ----------
    prior : array_like, shape (K,)
        π, the shares of the topics.
    words : array_like, shape (K, V)
        θ; `words[k, v]` is the probability of word v in topic k. Rows sum to 1.
    length : int
        Words in a document, at least 1.

    Attributes
    ----------
    prior, words : ndarray
    length : int
    floor : float
        H(Y | X) in nats. Words that speak for the topics in the same proportions count as one
        kind; if there are at most 200,000 ways to fill a document with the kinds, they are
        listed and the floor is exact. Otherwise it is the mean entropy of the exact posterior of
        2¹⁶ documents from a fixed seed. Computed when it is first asked for.
    floor_se : float
        Standard error of `floor` in nats; 0.0 where it is exact.

    Raises
    ------
    ValueError
        If a table is not one of distributions, their sizes do not match, or `length` is below 1.
    TypeError
        If `length` is not an integer.

    References
    ----------
    McCallum & Nigam (1998), *A Comparison of Event Models for Naive Bayes Text Classification*.

    Examples
    --------
    >>> world = BagOfWords([0.5, 0.5], [[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]], length=2)
    >>> print(world.posterior([[2, 0, 0], [0, 2, 0]]), round(world.floor, 6))
    [[0.9 0.1]
     [0.5 0.5]] 0.470504
    """

    def __init__(self, prior: ArrayLike, words: ArrayLike, length: int) -> None:
        self.prior, _ = distribution(prior, "prior")
        self.words, _ = distribution(words, "words")
        if self.prior.ndim != 1:
            raise ValueError(f"prior has shape {self.prior.shape}; expected (K,)")
        k = self.prior.size
        if self.words.ndim != 2 or len(self.words) != k:
            raise ValueError(
                f"words has shape {self.words.shape}; expected ({k}, V): one row per topic, as "
                f"prior has {k} topics"
            )
        self.length = _count(length, "length", "a document has at least one word")

    def sample(self, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Draw word counts x, shape (n, V), and topics y, shape (n,), both integers."""
        y = draw(self.prior.cumsum(), generator(rng).random(n))
        uniform = rng.random((n, self.length))
        x = np.zeros((n, self.words.shape[1]), dtype=np.int64)
        for k, cumulative in enumerate(self.words.cumsum(axis=1)):
            rows = np.flatnonzero(y == k)
            np.add.at(x, (rows[:, None], draw(cumulative, uniform[rows])), 1)
        return x, y

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return the exact p(y | x), shape (n, K), for word counts `x` (n, V).

        The documents may have any length: how many words there are says nothing about the topic.
        """
        x, _ = as_floats(x, "x")
        v = self.words.shape[1]
        if x.ndim != 2 or x.shape[1] != v:
            raise ValueError(
                f"x has shape {x.shape}; expected (n, {v}): for one document pass x[None]"
            )
        if not ((x >= 0) & (x == np.round(x)) & (x < np.inf)).all():
            bad = x[~((x >= 0) & (x == np.round(x)) & (x < np.inf))][0]
            raise ValueError(f"x holds {bad:.6g}; expected counts of words: 0, 1, 2, …")
        used = self.words > 0
        scores = x @ np.log(self.words, out=np.zeros_like(self.words), where=used).T
        with np.errstate(divide="ignore"):  # log 0 = −inf is right for a topic that never comes
            scores += np.log(self.prior)
        scores[x @ ~used.T > 0] = -np.inf
        if (impossible := np.isneginf(scores).all(axis=1)).any():
            row = int(impossible.argmax())
            raise ValueError(f"x[{row}] has probability 0 in this world: it has no posterior")
        return softmax(scores)

    @property
    def floor(self) -> float:
        """H(Y | X) in nats."""
        return self._floor_and_error[0]

    @property
    def floor_se(self) -> float:
        """Standard error of `floor` in nats; 0.0 where it is exact."""
        return self._floor_and_error[1]

    @cached_property
    def _floor_and_error(self) -> tuple[float, float]:
        kinds = self._kinds()
        if comb(self.length + kinds.shape[1] - 1, kinds.shape[1] - 1) <= 200_000:
            return float(conditional_entropy_of(self._joint(kinds))), 0.0
        h = entropy(self.posterior(self.sample(2**16, np.random.default_rng(0))[0]))
        return float(h.mean()), float(h.std(ddof=1) / np.sqrt(len(h)))

    def _kinds(self) -> NDArray:
        """Probability of each kind of word in each topic, shape (K, G)."""
        joint = self.prior[:, None] * self.words
        said = joint.sum(axis=0) > 0
        meaning = joint[:, said] / joint[:, said].sum(axis=0)  # p(y | one word)
        _, kind = np.unique(meaning.round(12), axis=1, return_inverse=True)
        kinds = np.zeros((len(self.prior), kind.max() + 1))
        np.add.at(kinds.T, kind.ravel(), self.words[:, said].T)
        return kinds

    def _joint(self, kinds: NDArray) -> NDArray:
        """P(counts, y): one row for each way to fill a document with the kinds of words."""
        places = self.length + kinds.shape[1] - 1  # the words in a row, with bars between kinds
        bars = list(combinations(range(places), kinds.shape[1] - 1))
        bars = np.array(bars, dtype=np.int64).reshape(len(bars), -1)
        counts = np.diff(bars, prepend=-1, append=places) - 1
        ways = gammaln(self.length + 1) - gammaln(counts + 1).sum(axis=1)
        log_p = ways[:, None] + xlogy(counts[:, None], kinds).sum(axis=2)
        return self.prior * np.exp(log_p)


class Reviews:
    r"""Reviews in which "not bad" is praise: the order of the words says more than their counts.

    A review is good (1) or bad (0), equally often. It has m phrases of two words. A phrase means
    what the review means with probability `agree`, and the opposite otherwise. With probability
    `negate` it says so by "not" and a word of the opposite meaning, otherwise by "very" and a
    word of its own. With a(x) the number of phrases that mean something good,

    .. math:: P(y = 1 \mid x) = \sigma \left( (2 a(x) - m) \log \frac{r}{1 - r} \right),
              \qquad r = \text{agree}

    Parameters
    ----------
    agree : float, default 0.75
        r, above 0 and below 1.
    negate : float, default 0.4
        Share of phrases with "not", from 0 to 1.
    phrases : int, default 5
        m, at least 1.

    Attributes
    ----------
    agree, negate : float
    phrases : int
    vocabulary : tuple of str
        The words, in the order of their numbers: "very", "not", four bad ones, four good ones.
    floor : float
        H(Y | X) in nats for somebody who reads the words in their order; exact.
    bag_floor : float
        H(Y | counts of X) in nats for somebody who sees only how often each word occurs; exact.
        Never below `floor`.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        If `phrases` is not an integer.

    References
    ----------
    Pang, Lee & Vaithyanathan (2002), *Thumbs up? Sentiment Classification using Machine Learning
    Techniques*.

    Examples
    --------
    >>> world = Reviews(agree=0.8, negate=0.5, phrases=3)
    >>> x = [[1, 2, 0, 7, 1, 6]]
    >>> print(" ".join(world.vocabulary[word] for word in x[0]))
    not bad very funny not good
    >>> print(world.posterior(x)[0].round(6), world.bag_posterior(x)[0].round(6))
    [0.2 0.8] [0.685714 0.314286]
    >>> print(round(world.floor, 6), round(world.bag_floor, 6))
    0.281526 0.522597
    """

    vocabulary = ("very", "not", "bad", "dull", "slow", "silly", "good", "funny", "witty", "clever")

    def __init__(self, agree: float = 0.75, negate: float = 0.4, phrases: int = 5) -> None:
        if not isinstance(agree, Real | np.number) or not 0 < agree < 1:
            raise ValueError(f"agree is {agree!r}; expected a probability above 0 and below 1")
        if not isinstance(negate, Real | np.number) or not 0 <= negate <= 1:
            raise ValueError(f"negate is {negate!r}; expected a probability from 0 to 1")
        self.agree, self.negate = float(agree), float(negate)
        self.phrases = _count(phrases, "phrases", "a review has at least one phrase")
        m, p = self.phrases, np.array([1 - self.agree, self.agree])  # P(phrase is good | y)
        a = np.arange(m + 1)[:, None]
        ways = np.array([comb(m, i) for i in range(m + 1)], dtype=float)[:, None]
        self.floor = float(conditional_entropy_of(ways * p**a * (1 - p) ** (m - a) / 2))
        self._bags = self._joint_of_counts()
        self.bag_floor = float(conditional_entropy_of(self._bags.reshape(-1, 2)))

    def sample(self, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Draw words x, shape (n, 2·phrases), and labels y, shape (n,), both integers."""
        y = generator(rng).integers(2, size=n)
        means_good = (rng.random((n, self.phrases)) < self.agree) == y[:, None].astype(bool)
        negated = rng.random((n, self.phrases)) < self.negate
        words = 2 + 4 * (means_good ^ negated) + rng.integers(4, size=(n, self.phrases))
        return np.stack([negated, words], axis=2).reshape(n, -1).astype(np.int64), y

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return the exact p(y | x), shape (n, 2), for words `x` (n, 2·phrases) in their order."""
        negated, good = self._read(x)
        meant = (negated ^ good).sum(axis=1)
        log_odds = (2 * meant - self.phrases) * np.log(self.agree / (1 - self.agree))
        return softmax(np.stack([np.zeros(len(meant)), log_odds], axis=1))

    def bag_posterior(self, x: ArrayLike) -> NDArray:
        """Return the exact p(y | counts of x), shape (n, 2): the same words in any order."""
        negated, good = self._read(x)
        joint = self._bags[good.sum(axis=1), negated.sum(axis=1)]
        if (impossible := joint.sum(axis=1) == 0).any():
            row = int(impossible.argmax())
            raise ValueError(f"x[{row}] has probability 0 in this world: it has no posterior")
        return joint / joint.sum(axis=1, keepdims=True)

    def _read(self, x: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """For each phrase: is it negated, and is its second word a good one?"""
        x = indices(x, "x", len(self.vocabulary))
        if x.ndim != 2 or x.shape[1] != 2 * self.phrases:
            raise ValueError(
                f"x has shape {x.shape}; expected (n, {2 * self.phrases}): for one review pass "
                "x[None]"
            )
        first, second = x[:, ::2], x[:, 1::2]
        if (first > 1).any() or (second < 2).any():
            raise ValueError('x holds a phrase that is not "very" or "not" and then another word')
        return first == 1, second >= 6

    def _joint_of_counts(self) -> NDArray:
        """P(good words, "not"s, y), by adding one phrase after the other."""
        good, s = np.array([1 - self.agree, self.agree]), self.negate
        step = [[(1 - s) * (1 - good), s * good], [(1 - s) * good, s * (1 - good)]]
        table = np.zeros((self.phrases + 1, self.phrases + 1, 2))
        table[0, 0] = 0.5
        for _ in range(self.phrases):
            longer = step[0][0] * table  # a bad word without "not"
            longer[:, 1:] += step[0][1] * table[:, :-1]
            longer[1:] += step[1][0] * table[:-1]
            longer[1:, 1:] += step[1][1] * table[:-1, :-1]
            table = longer
        return table


def _count(value: int, name: str, why: str) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; expected an integer of at least 1")
    if value < 1:
        raise ValueError(f"{name} is {value}; {why}")
    return int(value)
