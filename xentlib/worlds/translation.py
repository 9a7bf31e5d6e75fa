"""A world of two languages: every translation of a sentence has a known probability."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import product
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xentlib._numeric import draw_rows
from xentlib._validate import generator, indices
from xentlib.information import entropy

# What each word may become, with its probability in an ornate translation; a plain one takes
# the first form. The words are made up, in the manner of Esperanto.
NOUNS = {
    "cat": {"kato": 1.0},
    "dog": {"hundo": 1.0},
    "bird": {"birdo": 1.0},
    "fox": {"vulpo": 1.0},
    "king": {"rego": 0.7, "monarko": 0.3},
    "child": {"infano": 0.6, "bubo": 0.4},
}
VERBS = {
    "sees": {"vidas": 0.6, "rigardas": 0.4},
    "hears": {"audas": 0.6, "perceptas": 0.4},
    "loves": {"amas": 0.5, "adoras": 0.3, "karesas": 0.2},
    "follows": {"sekvas": 0.6, "postiras": 0.4},
    "finds": {"trovas": 0.5, "renkontas": 0.3, "malkovras": 0.2},
}
ADJECTIVES = {
    "small": {"eta": 0.6, "malgranda": 0.4},
    "old": {"olda": 0.5, "antikva": 0.3, "griza": 0.2},
    "red": {"ruga": 1.0},
    "happy": {"gaja": 0.7, "felica": 0.3},
    "quiet": {"kvieta": 0.6, "silenta": 0.4},
}
ADVERBS = {
    "today": {"hodiau": 1.0},
    "often": {"ofte": 0.7, "multfoje": 0.3},
    "never": {"neniam": 1.0},
}
LEXICON = NOUNS | VERBS | ADJECTIVES | ADVERBS
OPENER = "nu"
PAD, END = 0, 1


class ToyTranslation:
    r"""Short English sentences and their translations into an invented language.

    A source sentence is *the (adjective) noun verb the (adjective) noun (adverb)*. The words of
    each class are equally probable; what stands in brackets may be missing. The target language
    has another order, *(adverb) noun (adjective) noun (adjective) verb*, and no article. With
    probability p a translation is **ornate**: it opens with the word *nu*, and each source word
    w takes one of its forms f with probability `lexicon[w][f]`. Otherwise it is **plain**: each
    word takes its first form.

    .. math::
        P(y \mid x) = \begin{cases} p \prod_i P(f_i \mid w_i) & \text{if } y \text{ is ornate,} \\
        1 - p & \text{if } y \text{ is the plain translation.} \end{cases}

    Sentences are rows of integers. In both languages 0 pads a row after its last word; in the
    target language 1 ends a sentence and counts as a token.

    Parameters
    ----------
    p_ornate : float, default 0.55
        p, strictly between 0 and 1.
    p_adjective : float, default 0.5
        Probability that a noun has an adjective, from 0 to 1.
    p_adverb : float, default 0.5
        Probability that a sentence has an adverb, from 0 to 1.

    Attributes
    ----------
    p_ornate, p_adjective, p_adverb : float
    lexicon : dict
        For each source word its forms and their probabilities.
    source_words, target_words : tuple of str
        The words by number.
    length : int
        8, the columns of a sample: no sentence is longer, the end counted.
    mean_length : float
        Expected number of tokens of a translation, the end counted.
    sentence_floor : float
        H(Y | X) in nats per sentence, in closed form.
    floor : float
        `sentence_floor` / `mean_length`, in nats per target token: what the summed surprisal of
        many translations, divided by the number of their tokens, tends to under the truth. No
        model can do better.

    Raises
    ------
    ValueError
        If a probability is out of its range.
    TypeError
        If a probability is not a real number.

    References
    ----------
    Ott et al. (2018), *Analyzing Uncertainty in Neural Machine Translation*, on what it means
    that a sentence has many good translations.

    Examples
    --------
    >>> world = ToyTranslation()
    >>> source, target = world.sample(2, np.random.default_rng(2))
    >>> for x, y in zip(source, target):
    ...     print(world.source_text(x), "->", world.target_text(y))
    the child loves the dog never -> nu neniam infano hundo karesas
    the red dog sees the fox -> nu hundo ruga vulpo rigardas
    >>> print(world.posterior((source, target)).shape, round(world.sentence_floor, 6))
    (2, 8, 37) 1.756649
    """

    length = 8

    def __init__(
        self, p_ornate: float = 0.55, p_adjective: float = 0.5, p_adverb: float = 0.5
    ) -> None:
        self.p_ornate = _chance(p_ornate, "p_ornate")
        if self.p_ornate in (0.0, 1.0):
            raise ValueError(f"p_ornate is {p_ornate}; both styles must be possible")
        self.p_adjective = _chance(p_adjective, "p_adjective")
        self.p_adverb = _chance(p_adverb, "p_adverb")
        self.lexicon = {word: dict(forms) for word, forms in LEXICON.items()}
        self.source_words = ("", "the", *LEXICON)
        self.target_words = ("", ".", OPENER, *(f for forms in LEXICON.values() for f in forms))
        number = {form: i for i, form in enumerate(self.target_words)}
        self._opener = number[OPENER]
        # forms[w, f] is the probability of target word f for source word w; plain[w] its first.
        self._forms = np.zeros((len(self.source_words), len(self.target_words)))
        self._plain = np.zeros(len(self.source_words), dtype=np.int64)
        for w, word in enumerate(self.source_words[2:], start=2):
            columns = [number[form] for form in LEXICON[word]]
            self._forms[w, columns] = list(LEXICON[word].values())
            self._plain[w] = columns[0]

    def sample(self, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Draw n sentences and one translation of each: integers of shapes (n, 8) and (n, 8)."""
        generator(rng)

        def pick(words: dict, probability: float = 1.0) -> NDArray:
            chosen = rng.choice([self.source_words.index(w) for w in words], size=n)
            return np.where(rng.random(n) < probability, chosen, PAD)

        adverb, verb = pick(ADVERBS, self.p_adverb), pick(VERBS)
        noun_1, noun_2 = pick(NOUNS), pick(NOUNS)
        adjective_1, adjective_2 = (pick(ADJECTIVES, self.p_adjective) for _ in range(2))
        the, end = np.ones((2, n), dtype=np.int64)
        source = _pack(the, adjective_1, noun_1, verb, the, adjective_2, noun_2, adverb)

        order = np.stack([adverb, noun_1, adjective_1, noun_2, adjective_2, verb], axis=1)
        ornate = rng.random(n) < self.p_ornate
        drawn = draw_rows(self._forms[order.ravel()].cumsum(axis=1), rng.random(order.size))
        drawn = np.where(order == PAD, PAD, drawn.reshape(order.shape))
        words = np.where(ornate[:, None], drawn, self._plain[order])
        target = _pack(np.where(ornate, self._opener, PAD), *words.T, end)
        return source, target

    def posterior(self, x: tuple[ArrayLike, ArrayLike]) -> NDArray:
        """Return p(y_t | source, y_1 … y_{t−1}) for x = (source, target), shape (n, L, V).

        `source` has shape (n, S) and `target` (n, L), padded with 0; V is the number of
        `target_words`. Row t is the best prediction of `target[:, t]` from the whole source and
        from the target words before it. After the end of a sentence it gives 0 the probability 1.
        """
        source, target = (np.asarray(part) for part in x)
        for part, name in ((source, "source"), (target, "target")):
            if part.ndim != 2:
                raise ValueError(
                    f"{name} has shape {part.shape}; expected (n, L): for one sentence pass x[None]"
                )
        if target.shape[1] > self.length:
            raise ValueError(
                f"target has {target.shape[1]} columns; no translation has more than {self.length}"
            )
        if len(source) != len(target):
            raise ValueError(f"{len(source)} sources but {len(target)} targets; one for each")
        target = indices(target, "target", len(self.target_words))
        predictions = np.zeros((*target.shape, len(self.target_words)))
        for row, (words, y) in enumerate(zip(source, target, strict=True)):
            rules = self._rules(words)
            for t, token in enumerate(y):
                # The first token says which of the two styles it is.
                p = self._mixed(rules) if t == 0 else rules[int(y[0] == self._opener), t]
                predictions[row, t] = p
                if p[token] == 0:
                    raise ValueError(
                        f"target[{row}] is no translation of {self.source_text(words)!r}: after "
                        f"{self.target_text(y[:t])!r} there is no {self.target_words[token]!r}"
                    )
        return predictions

    def translations(self, source: ArrayLike) -> tuple[NDArray, NDArray]:
        """Return all m translations of one sentence, the most probable first.

        `source` has shape (S,); the results are the target words, shape (m, 8), and P(y | x),
        shape (m,).
        """
        found = []
        for ornate, share in enumerate((1 - self.p_ornate, self.p_ornate)):
            rows = self._rules(source)[ornate]
            for y in product(*(np.flatnonzero(p) for p in rows)):
                found.append((share * rows[np.arange(self.length), y].prod(), y))
        found.sort(key=lambda pair: -pair[0])
        probs, targets = zip(*found, strict=True)
        return np.array(targets), np.array(probs)

    def source_text(self, x: ArrayLike) -> str:
        """Write a source sentence of shape (S,) in words."""
        x = indices(x, "source", len(self.source_words))
        return " ".join(self.source_words[w] for w in x if w != PAD)

    def target_text(self, y: ArrayLike) -> str:
        """Write a target sentence of shape (L,) in words, without its end."""
        y = indices(y, "target", len(self.target_words))
        return " ".join(self.target_words[w] for w in y if w not in (PAD, END))

    @cached_property
    def mean_length(self) -> float:
        """Expected number of tokens of a translation, the end counted."""
        return 4 + self.p_ornate + 2 * self.p_adjective + self.p_adverb

    @cached_property
    def sentence_floor(self) -> float:
        """H(Y | X) in nats per sentence: the style, and in the ornate one each word's form."""

        def of_forms(words: dict) -> float:
            return float(np.mean([entropy(list(forms.values())) for forms in words.values()]))

        words = 2 * of_forms(NOUNS) + of_forms(VERBS)
        words += 2 * self.p_adjective * of_forms(ADJECTIVES) + self.p_adverb * of_forms(ADVERBS)
        return float(entropy([self.p_ornate, 1 - self.p_ornate])) + self.p_ornate * words

    @property
    def floor(self) -> float:
        """H(Y | X) in nats per target token, the end counted."""
        return self.sentence_floor / self.mean_length

    def _rules(self, source: ArrayLike) -> NDArray:
        """Distribution of each token of a plain (0) and of an ornate (1) translation."""
        order = self._target_order(source)
        k = len(order)
        rules = np.zeros((2, self.length, len(self.target_words)))
        rules[0, np.arange(k), self._plain[order]] = 1
        rules[1, 0, self._opener] = 1
        rules[1, 1 : k + 1] = self._forms[order]
        for style in (0, 1):
            rules[style, k + style, END] = 1
            rules[style, k + style + 1 :, PAD] = 1
        return rules

    def _mixed(self, rules: NDArray) -> NDArray:
        """Distribution of the first token, while the style is open."""
        return (1 - self.p_ornate) * rules[0, 0] + self.p_ornate * rules[1, 0]

    def _target_order(self, source: ArrayLike) -> list[int]:
        """Check a source sentence; return its words, without articles, in target order."""
        x = indices(source, "source", len(self.source_words))
        words = [self.source_words[w] for w in x]
        kinds = "".join(_KIND.get(word, " ") for word in words).rstrip(" ")
        match = re.fullmatch("t(a?)(n)(v)t(a?)(n)(r?)", kinds)
        if not match:
            raise ValueError(
                f"{self.source_text(x)!r} is no sentence of this world; expected "
                "the (adjective) noun verb the (adjective) noun (adverb)"
            )
        groups = (6, 2, 1, 5, 4, 3)  # adverb, noun, adjective, noun, adjective, verb
        return [int(x[match.start(g)]) for g in groups if match[g]]


_KIND = {"the": "t"}
_KIND |= dict.fromkeys(NOUNS, "n") | dict.fromkeys(VERBS, "v")
_KIND |= dict.fromkeys(ADJECTIVES, "a") | dict.fromkeys(ADVERBS, "r")


def _pack(*columns: NDArray) -> NDArray[np.int64]:
    """Stack columns into rows and move the zeros of each row to its end."""
    rows = np.stack(columns, axis=1).astype(np.int64)
    order = np.argsort(rows == PAD, axis=1, kind="stable")
    return np.take_along_axis(rows, order, axis=1)


def _chance(value: float, name: str) -> float:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; expected a number from 0 to 1")
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}; expected a number from 0 to 1")
    return float(value)
