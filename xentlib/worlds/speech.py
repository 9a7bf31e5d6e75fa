"""A world to listen to: words whistled in tones, in the noise of the wind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import i0e, softmax

from xentlib._numeric import draw_rows, means_and_errors
from xentlib._validate import as_floats, distribution, generator, indices, positive
from xentlib.information import entropy

TONES = "abcd"
BOUNDARY = "."  # begins and ends a sentence


class WhistledSpeech:
    r"""Sentences whistled as sequences of tones, each frame heard in Gaussian noise.

    The words of a sentence are drawn from a bigram grammar. A lexicon spells each word in tones.
    There is a pause before, between and after the words. A tone or a pause lasts a geometric
    number of frames. Utterances that are not over after `length` frames are thrown away.

    A frame is 160 samples of sound, 20 ms: a sine of one of four pitches with a random phase, or
    nothing, in white noise. Its features are the magnitudes at the four pitches, scaled so that
    mere noise has a mean square of 2. The feature of the tone that sounds has a Rice
    distribution; they tell as much about the tone as the sound does:

    .. math::
        \frac{p(x_t \mid \text{tone } k)}{p(x_t \mid \text{pause})}
        = e^{-\nu^2/2}\, I_0(\nu\, x_{tk})

    Parameters
    ----------
    lexicon : mapping of str to str
        The tones of each word, e.g. ``{"go": "ac"}``; neighbours differ.
    grammar : mapping of str to mapping of str to float
        The distribution of the next word after each word; "." begins and ends a sentence.
    loudness : float
        ν > 0, the amplitude of the tones in units of the noise in one feature.
    stay : float
        Probability that a tone or a pause lasts one more frame.
    length : int
        T, the number of frames.

    Attributes
    ----------
    words : list of str
    lexicon, grammar, loudness, stay, length
        As passed.
    tone_prior : ndarray, shape (5,)
        How often each tone sounds in an average frame; number 0 is the pause.
    floor : float
        The mean over t of H(Y_t | X), the tone of a frame given the whole utterance, in nats per
        frame. Estimated from 4,000 utterances, by the entropy of the exact posterior.
    frame_floor : float
        H(Y_t | X_t), given this frame alone, in nats per frame. From the same sample.
    sentence_floor : float
        H(W | X), the words of an utterance given its sound, in nats per utterance. From the same
        sample, by the surprisal of the words.
    floor_se, frame_floor_se, sentence_floor_se : float
        Standard errors.

    Raises
    ------
    ValueError
        If a word has no tones, a tone is unknown or follows itself, the grammar has words that
        the lexicon lacks, a row is no distribution, a sentence cannot end or cannot be over in
        time, or a number is out of range.
    TypeError
        If `length` is not an integer.

    References
    ----------
    Rabiner (1989), *A Tutorial on Hidden Markov Models and Selected Applications in Speech
    Recognition*, §III; Kay (1998), *Fundamentals of Statistical Signal Processing: Detection
    Theory*, §7.6 (a sine of unknown phase).

    Examples
    --------
    >>> grammar = {".": {"yes": 0.6, "no": 0.4}, "yes": {".": 1.0}, "no": {".": 1.0}}
    >>> world = WhistledSpeech({"yes": "ab", "no": "da"}, grammar, length=20)
    >>> x, y, sentences = world.sample(2, np.random.default_rng(0))
    >>> print(x.shape, y.shape, sentences)
    (2, 20, 4) (2, 20) [('yes',), ('no',)]
    >>> print(world.posterior(x).shape)
    (2, 20, 5)
    """

    pitches = (800, 1000, 1200, 1600)  # Hz: multiples of 50, so that they are orthogonal
    rate = 8000  # samples a second
    frame = 160  # samples

    def __init__(
        self,
        lexicon: Mapping[str, str],
        grammar: Mapping[str, Mapping[str, float]],
        loudness: float = 2.5,
        stay: float = 0.7,
        length: int = 48,
    ) -> None:
        self.lexicon, self.grammar = dict(lexicon), {k: dict(v) for k, v in grammar.items()}
        self.words = list(self.lexicon)
        self.loudness = positive(loudness, "loudness")
        self.stay = positive(stay, "stay")
        if self.stay >= 1:
            raise ValueError(f"stay is {stay!r}; expected a probability below 1")
        if not isinstance(length, Integral) or isinstance(length, bool):
            raise TypeError(f"length is {length!r}; expected an integer of at least 1")
        if length < 1:
            raise ValueError(f"length is {length}; an utterance has at least one frame")
        self.length = int(length)
        self._check_words()
        self._build()

    def _check_words(self) -> None:
        for word, tones in self.lexicon.items():
            if not tones or set(tones) - set(TONES):
                raise ValueError(f"lexicon[{word!r}] is {tones!r}; expected tones out of {TONES!r}")
            if any(a == b for a, b in pairwise(tones)):
                raise ValueError(
                    f"lexicon[{word!r}] is {tones!r}; a tone that follows itself would sound like "
                    "one long tone"
                )
        if missing := [w for w in [BOUNDARY, *self.words] if w not in self.grammar]:
            raise ValueError(f"grammar says nothing of what follows {missing[0]!r}")
        for word, row in self.grammar.items():
            if unknown := [w for w in [word, *row] if w != BOUNDARY and w not in self.lexicon]:
                raise ValueError(f"grammar has the word {unknown[0]!r}, which lexicon lacks")
            distribution(list(row.values()), f"grammar[{word!r}]")
        if self.grammar[BOUNDARY].get(BOUNDARY, 0) > 0:
            raise ValueError("grammar['.'] allows an empty sentence: leave '.' out of this row")

    def _build(self) -> None:
        """Number the states: the first pause, each word's tones and the pause after it, the end."""
        self._tone, self._first, after = [0], {}, {BOUNDARY: 0}
        for word in self.words:
            self._first[word] = len(self._tone)
            self._tone += [1 + TONES.index(tone) for tone in self.lexicon[word]] + [0]
            after[word] = len(self._tone) - 1
        self._tone = np.array([*self._tone, 0])
        end = len(self._tone) - 1
        self._transition = self.stay * np.eye(end + 1)
        pauses = set(after.values())
        for state in set(range(end)) - pauses:
            self._transition[state, state + 1] = 1 - self.stay
        for word, row in self.grammar.items():
            for following, p in row.items():
                to = end if following == BOUNDARY else self._first[following]
                self._transition[after[word], to] += (1 - self.stay) * p
        self._transition[end, end] = 1
        self._word_at = {self._first[word]: word for word in self.words}
        reach = np.linalg.matrix_power(self._transition, self.length - 1)[0, end]
        if reach < 0.01:
            raise ValueError(
                f"only {reach:.2g} of the utterances are over after length = {self.length} frames: "
                "let sentences end, or give them more time"
            )

    def sample(self, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray, list]:
        """Draw features x, tones y (0 is the pause) and sentences.

        `x` has shape (n, length, 4), `y` has shape (n, length); the sentences are a list of
        n tuples of words.
        """
        generator(rng)
        steps, paths, found = self._transition.cumsum(axis=1), [], 0
        while found < n:
            path = np.zeros((n, self.length), dtype=np.int64)
            for t in range(1, self.length):
                path[:, t] = draw_rows(steps[path[:, t - 1]], rng.random(n))
            path = path[path[:, -1] == len(self._tone) - 1]
            paths.append(path)
            found += len(path)
        path = np.concatenate(paths)[:n] if n else np.zeros((0, self.length), dtype=np.int64)
        y = self._tone[path]
        signal = self.loudness * (y[..., None] == 1 + np.arange(4))
        noise = rng.normal(size=(2, *signal.shape))
        return np.hypot(signal + noise[0], noise[1]), y, [self._sentence(row) for row in path]

    def _sentence(self, path: NDArray) -> tuple[str, ...]:
        entered = path[1:][path[1:] != path[:-1]]
        return tuple(self._word_at[s] for s in entered.tolist() if s in self._word_at)

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return the exact p(tone of frame t | whole utterance), shape (n, length, 5)."""
        return self.smooth(self.log_ratio(x))

    def smooth(self, scores: ArrayLike) -> NDArray:
        """Return p(tone of frame t | utterance) from log p(x_t | tone), shape (n, length, 5).

        The scores may come from any acoustic model. A constant added to all five scores of a
        frame changes nothing.
        """
        return self._read(self._check_scores(scores))[0]

    def frame_posterior(self, x: ArrayLike) -> NDArray:
        """Return p(tone | this frame alone), shape (n, length, 5), for features `x`."""
        return softmax(np.log(self.tone_prior) + self.log_ratio(x), axis=-1)

    def log_ratio(self, x: ArrayLike) -> NDArray:
        """Return log p(x_t | tone) − log p(x_t | pause), shape (n, length, 5)."""
        x, _ = as_floats(x, "x")
        if x.ndim != 3 or x.shape[1:] != (self.length, 4):
            raise ValueError(f"x has shape {x.shape}; expected (n, {self.length}, 4)")
        if not ((x >= 0) & np.isfinite(x)).all():
            raise ValueError("x has negative or infinite features, or NaN; they are magnitudes")
        z = self.loudness * x
        ratio = np.zeros((*x.shape[:2], 5))
        ratio[..., 1:] = np.log(i0e(z)) + z - self.loudness**2 / 2
        return ratio

    def log_likelihood(self, scores: ArrayLike, sentences: Iterable[Sequence[str]]) -> NDArray:
        """Return log p(x, over in time | sentence), shape (n, number of sentences).

        `scores` are log p(x_t | tone) as for `smooth`, e.g. `log_ratio`, and their unit is that
        of the result. All alignments of tones and frames are summed.
        """
        scores = self._check_scores(scores)
        columns = [self._chain(scores, sentence) for sentence in sentences]
        return np.stack(columns, axis=1) if columns else np.empty((len(scores), 0))

    def log_evidence(self, scores: ArrayLike) -> NDArray:
        """Return log p(x, over in time), shape (n,): `log_likelihood` for the whole grammar."""
        return self._read(self._check_scores(scores))[1]

    def log_prior(self, sentences: Iterable[Sequence[str]]) -> NDArray:
        """Return the log-probability of each sentence in the grammar, in nats."""
        followers = [list(zip([BOUNDARY, *s], [*s, BOUNDARY], strict=True)) for s in sentences]
        p = [[self.grammar.get(a, {}).get(b, 0.0) for a, b in pairs] for pairs in followers]
        with np.errstate(divide="ignore"):
            return np.array([np.log(row).sum() for row in p])

    def render(self, y: ArrayLike, rng: np.random.Generator) -> NDArray:
        """Return the sound of tones `y`, shape (length,): samples at 8 kHz, noise of variance 1."""
        y = indices(y, "y", 5)
        if y.ndim != 1:
            raise ValueError(
                f"y has shape {y.shape}; expected the tones of one utterance, (length,)"
            )
        phase = generator(rng).uniform(0, 2 * np.pi, (len(y), 1))
        angle = 2 * np.pi * np.array([0, *self.pitches])[y, None] / self.rate
        tone = np.cos(angle * np.arange(self.frame) + phase) * (y > 0)[:, None]
        amplitude = self.loudness * np.sqrt(2 / self.frame)
        return (amplitude * tone + rng.normal(size=tone.shape)).ravel()

    def features(self, wave: ArrayLike) -> NDArray:
        """Return the magnitudes of a sound at the four pitches, shape (frames, 4)."""
        wave, _ = as_floats(wave, "wave")
        if wave.ndim != 1 or len(wave) % self.frame:
            raise ValueError(f"wave has shape {wave.shape}; expected whole frames of {self.frame}")
        angle = 2 * np.pi * np.outer(np.arange(self.frame), self.pitches) / self.rate
        spectrum = wave.reshape(-1, self.frame) @ np.exp(-1j * angle)
        return np.abs(spectrum) / np.sqrt(self.frame / 2)

    def _check_scores(self, scores: ArrayLike) -> NDArray:
        scores, _ = as_floats(scores, "scores")
        if scores.ndim != 3 or scores.shape[1:] != (self.length, 5):
            raise ValueError(f"scores have shape {scores.shape}; expected (n, {self.length}, 5)")
        if not np.isfinite(scores).all():
            raise ValueError("scores hold infinities or NaN: pass finite log-likelihoods")
        return scores

    @cached_property
    def tone_prior(self) -> NDArray:
        """How often each tone sounds in an average frame, shape (5,)."""
        return self._read(np.zeros((1, self.length, 5)))[0].mean(axis=(0, 1))

    def _read(self, ratio: NDArray) -> tuple[NDArray, NDArray]:
        """Posterior of the tones, and log p(x) relative to all pause."""
        # Products with matrices, not log-sum-exp at each state: many times faster.
        emission = ratio[..., self._tone]
        alpha = np.full(emission.shape, -np.inf)
        beta = np.full(emission.shape, -np.inf)
        alpha[:, 0, 0], beta[:, -1, -1] = emission[:, 0, 0], 0
        for t in range(1, self.length):
            alpha[:, t] = _log_product(alpha[:, t - 1], self._transition) + emission[:, t]
        for t in range(self.length - 2, -1, -1):
            ahead = emission[:, t + 1] + beta[:, t + 1]
            beta[:, t] = _log_product(ahead, self._transition.T)
        if np.isneginf(alpha[:, -1, -1]).any():
            row = int(np.isneginf(alpha[:, -1, -1]).argmax())
            raise ValueError(
                f"utterance {row} is so loud at its end that the probability of a pause there "
                "vanishes in float64: is it scaled as `features` does it?"
            )
        states = softmax(alpha + beta, axis=2)
        posterior = np.stack([states[..., self._tone == k].sum(axis=2) for k in range(5)], axis=2)
        return posterior, alpha[:, -1, -1]

    def _chain(self, ratio: NDArray, sentence: Sequence[str]) -> NDArray:
        """Forward algorithm on the states of one sentence."""
        if not sentence or (unknown := [w for w in sentence if w not in self.lexicon]):
            what = f"has the unknown word {unknown[0]!r}" if sentence else "is empty"
            raise ValueError(f"the sentence {sentence!r} {what}")
        tones = [0]
        for word in sentence:
            tones += [1 + TONES.index(tone) for tone in self.lexicon[word]] + [0]
        emission = ratio[..., [*tones, 0]]
        stay = np.log(np.append(np.full(len(tones), self.stay), 1.0))
        alpha = np.full(emission[:, 0].shape, -np.inf)
        alpha[:, 0] = emission[:, 0, 0]
        for t in range(1, self.length):
            moved = alpha[:, :-1] + np.log(1 - self.stay)
            alpha = alpha + stay
            alpha[:, 1:] = np.logaddexp(alpha[:, 1:], moved)
            alpha += emission[:, t]
        return alpha[:, -1]

    @property
    def floor(self) -> float:
        """H(tone of a frame | utterance), in nats per frame."""
        return self._floors[0]

    @property
    def floor_se(self) -> float:
        """Standard error of `floor`."""
        return self._floors[1]

    @property
    def frame_floor(self) -> float:
        """H(tone of a frame | that frame), in nats per frame."""
        return self._floors[2]

    @property
    def frame_floor_se(self) -> float:
        """Standard error of `frame_floor`."""
        return self._floors[3]

    @property
    def sentence_floor(self) -> float:
        """H(words | utterance), in nats per utterance."""
        return self._floors[4]

    @property
    def sentence_floor_se(self) -> float:
        """Standard error of `sentence_floor`."""
        return self._floors[5]

    @cached_property
    def _floors(self) -> tuple[float, ...]:
        x, _, sentences = self.sample(4_000, np.random.default_rng(0))
        ratio = self.log_ratio(x)
        posterior, evidence = self._read(ratio)
        surprisal = np.empty(len(x))
        spoken = {s: [] for s in sentences}
        for row, sentence in enumerate(sentences):
            spoken[sentence].append(row)
        for sentence, rows in spoken.items():
            joint = self._chain(ratio[rows], sentence) + self.log_prior([sentence])[0]
            surprisal[rows] = evidence[rows] - joint
        return means_and_errors(
            entropy(posterior).mean(axis=1),
            entropy(self.frame_posterior(x)).mean(axis=1),
            surprisal,
        )


def _log_product(log_rows: NDArray, table: NDArray) -> NDArray:
    """Return log(exp(log_rows) @ table), without overflow."""
    top = log_rows.max(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):  # log 0 = −inf: a state that cannot be
        return np.log(np.exp(log_rows - top) @ table) + top
