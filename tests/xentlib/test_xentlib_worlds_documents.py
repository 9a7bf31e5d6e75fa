"""Worlds of documents: everything against a list of all texts, written out word by word."""

import itertools

import numpy as np
import pytest
from scipy.special import entr

from xentlib.worlds import BagOfWords, Reviews

PRIOR = np.array([0.5, 0.3, 0.2])
WORDS = np.array(
    [[0.4, 0.2, 0.1, 0.2, 0.1], [0.1, 0.5, 0.1, 0.05, 0.25], [0.3, 0.15, 0.1, 0.45, 0]]
)
LENGTH = 4


def by_brute_force(prior, words, length):
    """Sum over all ordered texts: H(Y | counts), and the posterior of each count vector."""
    joint = {}
    for text in itertools.product(range(words.shape[1]), repeat=length):
        counts = tuple(np.bincount(text, minlength=words.shape[1]))
        p = prior * words[:, text].prod(axis=1)
        joint[counts] = joint.get(counts, 0) + p
    table = np.array(list(joint.values()))
    p_x = table.sum(axis=1)
    table, x = table[p_x > 0], np.array(list(joint))[p_x > 0]
    p_x = p_x[p_x > 0]
    return x, table / p_x[:, None], p_x @ entr(table / p_x[:, None]).sum(axis=1)


@pytest.fixture(scope="module")
def world():
    return BagOfWords(PRIOR, WORDS, LENGTH)


def test_posterior_and_floor_are_those_of_all_texts(world):
    x, posterior, floor = by_brute_force(PRIOR, WORDS, LENGTH)
    np.testing.assert_allclose(world.posterior(x), posterior, atol=1e-12)
    assert world.floor == pytest.approx(floor, rel=1e-12)
    assert world.floor_se == 0


def test_words_of_one_kind_do_not_change_the_floor(world):
    """Split each word into synonyms of unequal shares: the texts are others, the floor is not."""
    split = np.concatenate([0.7 * WORDS, 0.2 * WORDS, 0.1 * WORDS], axis=1)
    assert BagOfWords(PRIOR, split, LENGTH).floor == pytest.approx(world.floor, rel=1e-12)
    assert len(world._kinds().T) == len(BagOfWords(PRIOR, split, LENGTH)._kinds().T) == 5


def test_words_that_are_never_said_and_topics_that_never_come():
    prior = np.array([0.6, 0.4, 0.0])
    words = np.array([[0.7, 0.3, 0, 0], [0.2, 0.8, 0, 0], [0, 0, 0, 1]])
    world = BagOfWords(prior, words, 3)
    x, posterior, floor = by_brute_force(prior, words, 3)
    np.testing.assert_allclose(world.posterior(x), posterior, atol=1e-12)
    assert world.floor == pytest.approx(floor, rel=1e-12)
    assert (world.sample(1000, np.random.default_rng(0))[0][:, 2:] == 0).all()


def test_one_kind_of_word_says_nothing():
    world = BagOfWords([0.9, 0.1], [[0.3, 0.7], [0.3, 0.7]], 5)
    assert world.floor == pytest.approx(entr([0.9, 0.1]).sum())
    np.testing.assert_allclose(world.posterior([[2, 3]]), [[0.9, 0.1]])


def test_a_floor_that_cannot_be_listed_comes_with_its_error():
    rng = np.random.default_rng(3)
    prior, words = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(40), 3)
    world = BagOfWords(prior, words, 10)
    assert 0 < world.floor_se < 0.005
    # An independent estimate: the bill of the truth on other documents.
    x, y = world.sample(40_000, np.random.default_rng(4))
    bill = -np.log(world.posterior(x)[np.arange(len(y)), y])
    error = np.hypot(world.floor_se, bill.std() / np.sqrt(len(y)))
    assert abs(world.floor - bill.mean()) < 4 * error


def test_the_sampled_floor_agrees_with_the_listed_one(world):
    sampled = entr(world.posterior(world.sample(60_000, np.random.default_rng(5))[0])).sum(axis=1)
    assert abs(sampled.mean() - world.floor) < 4 * sampled.std() / np.sqrt(60_000)


def test_samples_follow_the_tables(world):
    x, y = world.sample(40_000, np.random.default_rng(6))
    assert x.shape == (40_000, 5)
    assert (x.sum(axis=1) == LENGTH).all()
    np.testing.assert_allclose(np.bincount(y) / len(y), PRIOR, atol=0.01)
    for k in range(3):
        shares = x[y == k].sum(axis=0) / x[y == k].sum()
        np.testing.assert_allclose(shares, WORDS[k], atol=0.01)
    # words are independent given the topic: the counts of two are negatively correlated by
    # −L·θ_a·θ_b, and by nothing else
    covariance = np.cov(x[y == 0].T)[0, 1]
    assert covariance == pytest.approx(-LENGTH * WORDS[0, 0] * WORDS[0, 1], abs=0.02)


def test_documents_of_any_length_have_a_posterior(world):
    np.testing.assert_allclose(world.posterior(np.zeros((1, 5)))[0], PRIOR)
    long = world.posterior([[400, 200, 100, 200, 100]])[0]
    assert long[0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([0.5, 0.6], [[1.0], [1.0]], 2), ValueError, "prior sums to 1.1"),
        (([[0.5, 0.5]], [[1.0], [1.0]], 2), ValueError, "prior has shape"),
        (([0.5, 0.5], [[1.0]], 2), ValueError, "one row per topic"),
        (([0.5, 0.5], [0.5, 0.5], 2), ValueError, "one row per topic"),
        (([0.5, 0.5], [[0.5, 0.4], [0.5, 0.5]], 2), ValueError, "words"),
        (([0.5, 0.5], [[1.0], [1.0]], 0), ValueError, "length is 0"),
        (([0.5, 0.5], [[1.0], [1.0]], 2.0), TypeError, "length is 2.0"),
        (([0.5, 0.5], [[1.0], [1.0]], True), TypeError, "length is True"),
    ],
)
def test_wrong_tables_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        BagOfWords(*arguments)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([1, 1, 1, 1, 0], r"x has shape \(5,\)"),
        ([[1, 1, 1, 1]], r"expected \(n, 5\)"),
        ([[-1, 1, 1, 1, 0]], "x holds -1"),
        ([[0.5, 1, 1, 1, 0]], "x holds 0.5"),
        ([[np.nan, 1, 1, 1, 0]], "x holds nan"),
        ([[np.inf, 1, 1, 1, 0]], "x holds inf"),
    ],
)
def test_wrong_counts_are_refused(world, x, words):
    with pytest.raises(ValueError, match=words):
        world.posterior(x)


def test_an_impossible_document_is_named():
    world = BagOfWords([0.5, 0.5], [[0.5, 0.5, 0], [0, 0.5, 0.5]], 2)
    with pytest.raises(ValueError, match=r"x\[1\] has probability 0"):
        world.posterior([[1, 1, 0], [1, 0, 1]])


def all_reviews(agree, negate, phrases):
    """List each review with its probabilities P(x, y), by the story that the docstring tells."""
    texts, joint = [], []
    for x in itertools.product(range(10), repeat=2 * phrases):
        if any(first > 1 for first in x[::2]) or any(second < 2 for second in x[1::2]):
            continue
        p = np.array([0.5, 0.5])
        for first, second in zip(x[::2], x[1::2], strict=True):
            good = (second >= 6) != (first == 1)
            means = np.array([1 - agree, agree]) if good else np.array([agree, 1 - agree])
            p = p * means * (negate if first else 1 - negate) / 4
        texts.append(x)
        joint.append(p)
    return np.array(texts), np.array(joint)


@pytest.mark.parametrize(("agree", "negate"), [(0.8, 0.4), (0.3, 0.5), (0.9, 0.0), (0.6, 1.0)])
def test_reviews_against_all_texts(agree, negate):
    world = Reviews(agree, negate, phrases=2)
    x, joint = all_reviews(agree, negate, 2)
    p_x = joint.sum(axis=1)
    assert p_x.sum() == pytest.approx(1)
    x, joint, p_x = x[p_x > 0], joint[p_x > 0], p_x[p_x > 0]
    posterior = joint / p_x[:, None]
    np.testing.assert_allclose(world.posterior(x), posterior, atol=1e-12)
    assert world.floor == pytest.approx(p_x @ entr(posterior).sum(axis=1), rel=1e-12)
    bags = {}
    for words, p in zip(x, joint, strict=True):
        bag = tuple(sorted(words))
        bags[bag] = bags.get(bag, 0) + p
    table = np.array(list(bags.values()))
    bag_floor = table.sum(axis=1) @ entr(table / table.sum(axis=1, keepdims=True)).sum(axis=1)
    assert world.bag_floor == pytest.approx(bag_floor, rel=1e-12)
    assert world.bag_floor >= world.floor - 1e-12
    given = np.array([bags[tuple(sorted(words))] for words in x])
    given /= given.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(world.bag_posterior(x), given, atol=1e-12)


def test_the_order_costs_nothing_if_nothing_is_negated():
    world = Reviews(0.8, 0.0, phrases=6)
    assert world.bag_floor == pytest.approx(world.floor, rel=1e-12)
    with pytest.raises(ValueError, match=r"x\[0\] has probability 0"):
        world.bag_posterior([[1, 2] * 6])


def test_samples_of_reviews_pay_the_floors():
    world = Reviews()
    x, y = world.sample(60_000, np.random.default_rng(7))
    assert x.shape == (60_000, 10)
    assert y.mean() == pytest.approx(0.5, abs=0.01)
    assert (x[:, ::2] == 1).mean() == pytest.approx(world.negate, abs=0.01)
    for posterior, floor in [
        (world.posterior(x), world.floor),
        (world.bag_posterior(x), world.bag_floor),
    ]:
        bill = -np.log(posterior[np.arange(len(y)), y])
        assert abs(bill.mean() - floor) < 4 * bill.std() / np.sqrt(len(y))
    assert world.floor < world.bag_floor - 0.1


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"agree": 0.0}, ValueError, "agree is 0.0"),
        ({"agree": 1.0}, ValueError, "agree is 1.0"),
        ({"agree": "0.5"}, ValueError, "agree is '0.5'"),
        ({"negate": -0.1}, ValueError, "negate is -0.1"),
        ({"negate": np.nan}, ValueError, "negate is nan"),
        ({"phrases": 0}, ValueError, "phrases is 0"),
        ({"phrases": 1.5}, TypeError, "phrases is 1.5"),
    ],
)
def test_wrong_reviews_are_refused(change, error, words):
    with pytest.raises(error, match=words):
        Reviews(**change)


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        ([0, 2], ValueError, r"x has shape \(2,\)"),
        ([[0, 2, 1]], ValueError, r"expected \(n, 4\)"),
        ([[0, 2, 1, 10]], ValueError, "x holds 10"),
        ([[0, 2, 2, 1]], ValueError, "x holds a phrase"),
        ([[0, 1, 0, 2]], ValueError, "x holds a phrase"),
        ([[0.0, 2.0, 1.0, 2.0]], TypeError, "integers"),
    ],
)
def test_wrong_words_are_refused(x, error, words):
    world = Reviews(phrases=2)
    for read in (world.posterior, world.bag_posterior):
        with pytest.raises(error, match=words):
            read(x)


@pytest.mark.parametrize("world", [Reviews(), BagOfWords([1.0], [[1.0]], 1)])
def test_sampling_needs_a_generator(world):
    with pytest.raises(TypeError, match="Generator"):
        world.sample(3, 0)
