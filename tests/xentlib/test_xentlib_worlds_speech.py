"""The whistled world: its posteriors against all paths listed, its sound against its features."""

import itertools

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import rice

from xentlib import cross_entropy
from xentlib.worlds import WhistledSpeech
from xentlib.worlds.sequences import forward_backward

LEXICON = {"yes": "ab", "no": "da", "o": "c"}
GRAMMAR = {
    ".": {"yes": 0.5, "o": 0.5},
    "o": {"yes": 0.3, "no": 0.6, ".": 0.1},
    "yes": {".": 1.0},
    "no": {"o": 0.25, ".": 0.75},
}
WORLD = WhistledSpeech(LEXICON, GRAMMAR, loudness=2.0, stay=0.6, length=24)
T = 8
SMALL = WhistledSpeech(LEXICON, GRAMMAR, loudness=2.0, stay=0.6, length=T)
ALL = [("yes",), ("o",), ("o", "yes"), ("o", "no")]  # what fits into 8 frames


def listed():
    """All utterances of 8 frames: their tones, words and probabilities, built from runs."""
    found = []
    for sentence in ALL:
        tones = [0]
        for word in sentence:
            tones += [1 + "abcd".index(tone) for tone in LEXICON[word]] + [0]
        p_words = np.exp(SMALL.log_prior([sentence])[0])
        for ends in itertools.combinations(range(1, T), len(tones)):
            runs = np.diff([0, *ends, T])
            y = np.repeat([*tones, 0], runs)
            # all runs but the last one: stay, stay, ..., leave; the end is never left
            p = np.prod(0.6 ** (runs[:-1] - 1) * 0.4)
            found.append((y, sentence, p_words * p))
    return found


def test_the_posteriors_are_those_of_enumeration():
    paths = listed()
    y = np.array([path for path, _, _ in paths])
    p = np.array([p for _, _, p in paths])
    x = np.random.default_rng(0).gamma(2, 1, (5, T, 4))
    ratio = SMALL.log_ratio(x)
    joint = np.log(p) + ratio[:, np.arange(T), y].sum(axis=2)
    np.testing.assert_allclose(SMALL.log_evidence(ratio), logsumexp(joint, axis=1), rtol=1e-10)
    given = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    by_tone = np.stack([given @ (y == k) for k in range(5)], axis=2)
    np.testing.assert_allclose(SMALL.posterior(x), by_tone, atol=1e-10)
    table = SMALL.log_likelihood(ratio, ALL) + SMALL.log_prior(ALL)
    for column, sentence in enumerate(ALL):
        mine = np.array([s == sentence for _, s, _ in paths])
        np.testing.assert_allclose(table[:, column], logsumexp(joint[:, mine], axis=1), rtol=1e-10)


def test_the_tone_prior_is_that_of_enumeration():
    paths = listed()
    p = np.array([p for _, _, p in paths])
    shares = [
        np.mean([p @ [path[t] == k for path, _, _ in paths] for t in range(T)]) for k in range(5)
    ]
    np.testing.assert_allclose(SMALL.tone_prior, np.array(shares) / p.sum(), rtol=1e-10)


def test_the_posterior_agrees_with_the_forward_backward_of_the_hidden_markov_world():
    x, _, _ = WORLD.sample(4, np.random.default_rng(1))
    emission = WORLD.log_ratio(x)[..., WORLD._tone]
    emission[:, -1, :-1] = -np.inf  # over in time
    start = np.zeros(len(WORLD._tone))
    start[0] = 1
    with np.errstate(invalid="ignore"):
        states, evidence = forward_backward(start, WORLD._transition, emission)
    by_tone = np.stack([states[..., WORLD._tone == k].sum(axis=2) for k in range(5)], axis=2)
    np.testing.assert_allclose(WORLD.posterior(x), by_tone, atol=1e-9)
    np.testing.assert_allclose(WORLD.log_evidence(WORLD.log_ratio(x)), evidence, rtol=1e-9)


def test_the_floors_are_the_losses_of_the_truth_on_another_sample():
    x, y, sentences = WORLD.sample(4000, np.random.default_rng(2))
    one_hot = np.eye(5)[y]
    for posterior, floor, se in [
        (WORLD.posterior(x), WORLD.floor, WORLD.floor_se),
        (WORLD.frame_posterior(x), WORLD.frame_floor, WORLD.frame_floor_se),
    ]:
        each = cross_entropy(one_hot, posterior).mean(axis=1)
        spread = np.hypot(se, each.std() / np.sqrt(len(x)))
        assert 0 < se < 0.01
        assert abs(each.mean() - floor) < 4 * spread
    kinds = sorted(set(sentences))
    table = WORLD.log_likelihood(WORLD.log_ratio(x), kinds) + WORLD.log_prior(kinds)
    table -= logsumexp(table, axis=1, keepdims=True)  # the sample leaves out hardly any
    each = -table[np.arange(len(x)), [kinds.index(s) for s in sentences]]
    spread = np.hypot(WORLD.sentence_floor_se, each.std() / np.sqrt(len(x)))
    assert 0 < WORLD.sentence_floor_se < 0.03
    assert abs(each.mean() - WORLD.sentence_floor) < 4 * spread
    assert WORLD.floor < WORLD.frame_floor


def test_samples_follow_the_grammar_and_the_lexicon():
    x, y, sentences = WORLD.sample(5000, np.random.default_rng(3))
    assert x.shape == (5000, 24, 4)
    assert y.shape == (5000, 24)
    for tones, sentence in zip(y[:200], sentences[:200], strict=True):
        runs = [k for k, _ in itertools.groupby(tones.tolist())]
        spelt = "".join("-abcd"[k] for k in runs)
        assert spelt == "-" + "".join(LEXICON[word] + "-" for word in sentence)
    first = np.mean([s[0] == "yes" for s in sentences])
    assert abs(first - 0.5) < 0.05  # a little more: short sentences are over in time
    assert abs((y == 0).mean() - WORLD.tone_prior[0]) < 0.01
    assert not set(sentences) - {s for s in sentences if np.isfinite(WORLD.log_prior([s])[0])}


def test_features_have_a_rice_distribution():
    x, y, _ = WORLD.sample(4000, np.random.default_rng(4))
    heard, noise = x[y == 1][:, 0], x[y == 0][:, 0]
    for sample, law in [(heard, rice(2.0)), (noise, rice(0))]:
        error = 5 * law.std() / np.sqrt(len(sample))
        assert abs(sample.mean() - law.mean()) < error
        assert abs(np.mean(sample < 1.5) - law.cdf(1.5)) < 5 * 0.5 / np.sqrt(len(sample))
    z = np.linspace(0.1, 6, 7)
    ratio = WORLD.log_ratio(np.broadcast_to(z[:, None, None], (7, 24, 4)))
    expected = rice(2.0).logpdf(z) - rice(0).logpdf(z)
    np.testing.assert_allclose(ratio[:, 0, 1], expected, rtol=1e-9)
    assert (ratio[..., 0] == 0).all()


def test_the_features_of_the_sound_tell_as_much_as_the_sound():
    y = np.array([0, 1, 2, 3, 4, 0])
    wave = WORLD.render(y, np.random.default_rng(5))
    assert wave.shape == (6 * 160,)
    # p(sound | tone): the mean over the phase, by the trapezoid rule on a circle
    phase = np.linspace(0, 2 * np.pi, 400, endpoint=False)[:, None, None]
    m, amplitude = np.arange(160), 2.0 * np.sqrt(2 / 160)
    frames = wave.reshape(6, 160)
    features = np.zeros((1, 24, 4))
    features[0, :6] = WORLD.features(wave)
    ratio = WORLD.log_ratio(features)[0, :6]
    for k, pitch in enumerate(WORLD.pitches, start=1):
        tone = amplitude * np.cos(2 * np.pi * pitch * m / 8000 + phase)
        exponent = (tone * frames - tone**2 / 2).sum(axis=2)
        direct = logsumexp(exponent, axis=0) - np.log(400)
        np.testing.assert_allclose(ratio[:, k], direct, rtol=1e-8)


def test_the_features_of_sounds_are_distributed_like_samples():
    rng = np.random.default_rng(6)
    heard = WORLD.features(WORLD.render(np.full(4000, 2), rng))
    for k, nu in enumerate([0.0, 2.0, 0.0, 0.0]):
        assert abs((heard[:, k] ** 2).mean() - (2 + nu**2)) < 0.3
    assert abs(np.corrcoef(heard[:, 0], heard[:, 1])[0, 1]) < 0.06


def test_features_out_of_proportion_are_refused():
    x = np.zeros((2, 24, 4))
    np.testing.assert_allclose(WORLD.posterior(x).sum(axis=2), 1)
    x[1] = 400.0
    with pytest.raises(ValueError, match="utterance 1 is so loud"):
        WORLD.posterior(x)


def test_nothing_can_be_drawn():
    x, y, sentences = WORLD.sample(0, np.random.default_rng(0))
    assert x.shape == (0, 24, 4)
    assert y.shape == (0, 24)
    assert sentences == []


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"lexicon": LEXICON | {"o": ""}}, ValueError, r"lexicon\['o'\] is ''"),
        ({"lexicon": LEXICON | {"o": "ax"}}, ValueError, "tones out of 'abcd'"),
        ({"lexicon": LEXICON | {"o": "cc"}}, ValueError, "one long tone"),
        ({"lexicon": LEXICON | {"hm": "b"}}, ValueError, "follows 'hm'"),
        ({"grammar": GRAMMAR | {"hm": {".": 1.0}}}, ValueError, "the word 'hm'"),
        ({"grammar": GRAMMAR | {"no": {"hm": 1.0}}}, ValueError, "the word 'hm'"),
        ({"grammar": GRAMMAR | {"no": {".": 0.5}}}, ValueError, r"grammar\['no'\] sums to 0.5"),
        ({"grammar": GRAMMAR | {".": {".": 1.0}}}, ValueError, "empty sentence"),
        (
            {"grammar": GRAMMAR | {"no": {"no": 1.0}, "yes": {"no": 1.0}, "o": {"no": 1.0}}},
            ValueError,
            "let sentences end",
        ),
        ({"loudness": 0.0}, ValueError, "loudness is 0.0"),
        ({"stay": 1.0}, ValueError, "stay is 1.0"),
        ({"length": 0}, ValueError, "length is 0"),
        ({"length": 3}, ValueError, "length = 3"),
        ({"length": 20.0}, TypeError, "length is 20.0"),
    ],
)
def test_wrong_worlds_are_refused(change, error, words):
    with pytest.raises(error, match=words):
        WhistledSpeech(**{"lexicon": LEXICON, "grammar": GRAMMAR} | change)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: WORLD.posterior(np.ones((2, 24))), r"expected \(n, 24, 4\)"),
        (lambda: WORLD.posterior(np.ones((2, 23, 4))), r"x has shape \(2, 23, 4\)"),
        (lambda: WORLD.posterior(-np.ones((2, 24, 4))), "magnitudes"),
        (lambda: WORLD.log_ratio(np.full((2, 24, 4), np.nan)), "magnitudes"),
        (lambda: WORLD.smooth(np.ones((2, 24, 4))), r"expected \(n, 24, 5\)"),
        (lambda: WORLD.smooth(np.full((2, 24, 5), -np.inf)), "finite"),
        (lambda: WORLD.log_likelihood(np.ones((1, 24, 5)), [("hm",)]), "unknown word 'hm'"),
        (lambda: WORLD.log_likelihood(np.ones((1, 24, 5)), [()]), "is empty"),
        (lambda: WORLD.render([[0, 1]], np.random.default_rng(0)), "one utterance"),
        (lambda: WORLD.render([0, 7], np.random.default_rng(0)), "y holds 7"),
        (lambda: WORLD.features(np.ones(100)), "whole frames of 160"),
    ],
)
def test_wrong_arguments_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_sampling_needs_a_generator():
    with pytest.raises(TypeError, match="Generator"):
        WORLD.sample(3, 0)
