"""The two languages: everything against rules written out anew, in words instead of numbers."""

import itertools

import numpy as np
import pytest
from scipy.special import entr

from xentlib.worlds import ToyTranslation

NOUNS = ["cat", "dog", "bird", "fox", "king", "child"]
VERBS = ["sees", "hears", "loves", "follows", "finds"]
ADJECTIVES = ["small", "old", "red", "happy", "quiet"]
ADVERBS = ["today", "often", "never"]
SETTINGS = [
    {},
    {"p_ornate": 0.2, "p_adjective": 0.7, "p_adverb": 0.1},
    {"p_ornate": 0.9, "p_adjective": 0.0, "p_adverb": 1.0},
]


def reordered(words: list[str]) -> list[str]:
    """Put the words of a source sentence in target order, by what kind of word each is."""
    words = [w for w in words if w != "the"]
    adverb = [words.pop()] if words[-1] in ADVERBS else []
    verb = next(i for i, w in enumerate(words) if w in VERBS)
    phrases = [phrase[::-1] for phrase in (words[:verb], words[verb + 1 :])]
    return [*adverb, *phrases[0], *phrases[1], words[verb]]


def listed(sentence: str, world: ToyTranslation) -> dict[str, float]:
    """Write out all translations of a sentence with their probabilities."""
    forms = [world.lexicon[w] for w in reordered(sentence.split())]
    out = {" ".join(next(iter(f)) for f in forms): 1 - world.p_ornate}
    for choice in itertools.product(*forms):
        p = np.prod([f[word] for f, word in zip(forms, choice, strict=True)])
        out[" ".join(["nu", *choice])] = world.p_ornate * p
    return out


def all_sources(world: ToyTranslation) -> dict[str, float]:
    """Write out all source sentences with their probabilities."""
    maybe = [("", 1 - world.p_adjective)]
    maybe += [(a, world.p_adjective / len(ADJECTIVES)) for a in ADJECTIVES]
    end = [("", 1 - world.p_adverb)] + [(a, world.p_adverb / len(ADVERBS)) for a in ADVERBS]
    nouns, verbs = ([(w, 1 / len(ws)) for w in ws] for ws in (NOUNS, VERBS))
    out = {}
    for parts in itertools.product(maybe, nouns, verbs, maybe, nouns, end):
        (a, n, v, b, m, r), probs = zip(*parts, strict=True)
        if np.prod(probs):
            out[" ".join(f"the {a} {n} {v} the {b} {m} {r}".split())] = np.prod(probs)
    return out


@pytest.fixture(scope="module", params=SETTINGS, ids=["default", "plain", "ornate"])
def world(request):
    return ToyTranslation(**request.param)


@pytest.fixture(scope="module")
def drawn(world):
    return world.sample(4000, np.random.default_rng(0))


def test_the_floor_is_the_entropy_of_the_list(world):
    sources = all_sources(world)
    assert sum(sources.values()) == pytest.approx(1)
    floor = length = 0.0
    for sentence, share in sources.items():
        probs = listed(sentence, world)
        floor += share * entr(list(probs.values())).sum()
        length += share * sum(p * (len(y.split()) + 1) for y, p in probs.items())
    assert world.sentence_floor == pytest.approx(floor, rel=1e-12)
    assert world.mean_length == pytest.approx(length, rel=1e-12)
    assert world.floor == pytest.approx(floor / length, rel=1e-12)


def test_translations_are_the_list(world, drawn):
    for x in drawn[0][:50]:
        targets, probs = world.translations(x)
        assert (np.diff(probs) <= 1e-15).all()
        found = {world.target_text(y): p for y, p in zip(targets, probs, strict=True)}
        assert found == pytest.approx(listed(world.source_text(x), world))
        assert len(found) == len(probs)


def test_the_posterior_is_the_share_of_the_list_that_goes_on_so(world, drawn):
    source, target = (part[:60] for part in drawn)
    posterior = world.posterior((source, target))
    np.testing.assert_allclose(posterior.sum(axis=-1), 1)
    for x, y, rows in zip(source, target, posterior, strict=True):
        targets, probs = world.translations(x)
        for t in range(len(y)):
            alike = (targets[:, :t] == y[:t]).all(axis=1)
            share = np.bincount(targets[alike, t], probs[alike], minlength=len(rows[t]))
            np.testing.assert_allclose(rows[t], share / probs[alike].sum(), atol=1e-12)


def test_samples_follow_the_lists(world, drawn):
    source, target = drawn
    assert source.shape == target.shape == (4000, world.length)
    sources = all_sources(world)
    surprisals = []
    for x, y in zip(source, target, strict=True):
        sentence = world.source_text(x)
        surprisals.append(-np.log(listed(sentence, world)[world.target_text(y)]))
        assert sentence in sources
        words = np.count_nonzero(y)
        assert y[words - 1] == 1
        assert (y[: words - 1] > 1).all()
    error = np.std(surprisals) / np.sqrt(len(surprisals))
    assert abs(np.mean(surprisals) - world.sentence_floor) < 4 * error
    share = np.mean(target[:, 0] == world.target_words.index("nu"))
    assert abs(share - world.p_ornate) < 4 * np.sqrt(share * (1 - share) / 4000)
    lengths = np.count_nonzero(target, axis=1)
    assert abs(lengths.mean() - world.mean_length) < 4 * lengths.std() / np.sqrt(4000)


def test_all_words_of_a_class_are_equally_frequent():
    source, _ = ToyTranslation().sample(20_000, np.random.default_rng(1))
    world = ToyTranslation()
    for words, expected in [(VERBS, 20_000), (NOUNS, 40_000), (ADJECTIVES, 20_000)]:
        counts = [np.count_nonzero(source == world.source_words.index(w)) for w in words]
        share = expected / len(words)
        assert abs(np.array(counts) - share).max() < 5 * np.sqrt(share)


def test_a_sentence_by_hand():
    world = ToyTranslation()
    sentence = "the old dog loves the king often"
    x = [world.source_words.index(word) for word in sentence.split()]
    targets, probs = world.translations(x)
    assert world.target_text(targets[0]) == "ofte hundo olda rego amas"
    assert probs[0] == pytest.approx(0.45)
    assert world.target_text(targets[1]) == "nu ofte hundo olda rego amas"
    assert probs[1] == pytest.approx(0.55 * 0.7 * 0.5 * 0.7 * 0.5)
    assert len(probs) == 1 + 2 * 3 * 2 * 3
    assert world.source_text(x) == sentence


def test_every_form_is_a_word_of_its_own():
    world = ToyTranslation()
    assert len(set(world.target_words)) == len(world.target_words)
    assert len(set(world.source_words)) == len(world.source_words)
    for forms in world.lexicon.values():
        assert sum(forms.values()) == pytest.approx(1)
        assert next(iter(forms.values())) == max(forms.values())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"p_ornate": 0}, ValueError, "p_ornate is 0; both styles"),
        ({"p_ornate": 1.0}, ValueError, "p_ornate is 1.0; both styles"),
        ({"p_ornate": 1.5}, ValueError, "p_ornate is 1.5; expected a number from 0 to 1"),
        ({"p_adjective": -0.1}, ValueError, "p_adjective is -0.1"),
        ({"p_adverb": float("nan")}, ValueError, "p_adverb is nan"),
        ({"p_adverb": "0.1"}, TypeError, "p_adverb is '0.1'"),
        ({"p_adjective": True}, TypeError, "p_adjective is True"),
    ],
)
def test_what_is_no_world(arguments, error, message):
    with pytest.raises(error, match=message):
        ToyTranslation(**arguments)


def test_what_is_no_sentence():
    world = ToyTranslation()
    source, target = world.sample(3, np.random.default_rng(2))
    with pytest.raises(TypeError, match="rng is None"):
        world.sample(1, None)
    with pytest.raises(ValueError, match=r"source has shape \(8,\)"):
        world.posterior((source[0], target))
    with pytest.raises(ValueError, match="3 sources but 2 targets"):
        world.posterior((source, target[:2]))
    with pytest.raises(ValueError, match="target has 9 columns"):
        world.posterior((source, np.pad(target, ((0, 0), (0, 1)))))
    with pytest.raises(ValueError, match="source holds 21"):
        world.translations([21])
    with pytest.raises(ValueError, match="'the the' is no sentence of this world"):
        world.translations([1, 1])
    wrong = target.copy()
    wrong[1, 1] = 1
    with pytest.raises(ValueError, match=r"target\[1\] is no translation of .* there is no '\.'"):
        world.posterior((source, wrong))
