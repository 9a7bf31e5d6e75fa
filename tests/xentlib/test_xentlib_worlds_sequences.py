"""Hidden Markov worlds: everything against all sequences, listed one by one."""

import itertools

import numpy as np
import pytest
from scipy.special import entr

from xentlib.worlds import HiddenMarkov
from xentlib.worlds.sequences import forward_backward, viterbi

K, V, T = 3, 4, 5


@pytest.fixture(scope="module", params=["dense", "with zeros"])
def world(request):
    rng = np.random.default_rng(1)
    transition, emission = rng.dirichlet(np.ones(K), K), rng.dirichlet(np.ones(V), K)
    if request.param == "with zeros":
        transition[0] = [0, 1, 0]
        emission[1] = [0.5, 0, 0.5, 0]
    return HiddenMarkov(rng.dirichlet(np.ones(K)), transition, emission, T)


@pytest.fixture(scope="module")
def listed(world):
    """Return all word and tag sequences, and the table of their joint probabilities."""
    x = np.array(list(itertools.product(range(V), repeat=T)))
    y = np.array(list(itertools.product(range(K), repeat=T)))
    joint = np.empty((len(x), len(y)))
    for j, tags in enumerate(y):
        p = world.initial[tags[0]] * world.transition[tags[:-1], tags[1:]].prod()
        joint[:, j] = p * world.emission[tags, x].prod(axis=1)
    possible = joint.sum(axis=1) > 0
    return x[possible], y, joint[possible]


def marginals(listed):
    _, y, joint = listed
    given = joint / joint.sum(axis=1, keepdims=True)
    return np.stack([[given @ (y[:, t] == k) for k in range(K)] for t in range(T)]).transpose(
        2, 0, 1
    )


def test_the_posterior_is_that_of_enumeration(world, listed):
    x, _, joint = listed
    assert joint.sum() == pytest.approx(1)
    np.testing.assert_allclose(world.posterior(x), marginals(listed), atol=1e-12)
    np.testing.assert_allclose(world.log_likelihood(x), np.log(joint.sum(axis=1)), rtol=1e-12)


def test_viterbi_finds_a_most_probable_sequence(world, listed):
    x, _, joint = listed
    found = world.viterbi(x) @ K ** np.arange(T)[::-1]  # product() counts in base K
    np.testing.assert_allclose(joint[np.arange(len(x)), found], joint.max(axis=1), rtol=1e-12)


def test_the_floors_are_those_of_enumeration(world, listed):
    _, _, joint = listed
    p_x = joint.sum(axis=1)
    post = marginals(listed)
    marginal = p_x @ entr(post).sum(axis=2).mean(axis=1)
    given = joint / p_x[:, None]
    whole = p_x @ entr(given).sum(axis=1) / T
    assert 0 < world.floor_se < 0.01
    assert 0 < world.joint_floor_se < 0.01
    assert abs(world.floor - marginal) < 4 * world.floor_se
    assert abs(world.joint_floor - whole) < 4 * world.joint_floor_se
    assert whole < marginal


def test_samples_follow_the_tables(world):
    x, y = world.sample(40_000, np.random.default_rng(2))
    assert x.shape == y.shape == (40_000, T)
    se = 0.5 / np.sqrt(40_000 * world.initial.min())
    np.testing.assert_allclose(np.bincount(y[:, 0], minlength=K) / len(y), world.initial, atol=0.01)
    for k in range(K):
        here = y[:, 1] == k
        shares = np.bincount(x[here, 1], minlength=V) / here.sum()
        np.testing.assert_allclose(shares, world.emission[k], atol=5 * se)
        assert (shares[world.emission[k] == 0] == 0).all()
        follow = np.bincount(y[here, 2], minlength=K) / here.sum()
        np.testing.assert_allclose(follow, world.transition[k], atol=5 * se)


def test_a_sentence_of_one_word_is_bayes_rule():
    world = HiddenMarkov([0.6, 0.4], np.eye(2), [[0.9, 0.1], [0.2, 0.8]], 1)
    np.testing.assert_allclose(world.posterior([[0]])[0, 0], [0.54 / 0.62, 0.08 / 0.62])
    assert abs(world.floor - world.joint_floor) < 4 * world.joint_floor_se


def test_long_sequences_do_not_underflow():
    rng = np.random.default_rng(0)
    log_emission = rng.normal(size=(1, 5000, 2)) - 50
    start, step = np.array([0.5, 0.5]), np.array([[0.9, 0.1], [0.1, 0.9]])
    posterior, log_likelihood = forward_backward(start, step, log_emission)
    np.testing.assert_allclose(posterior.sum(axis=2), 1, rtol=1e-9)
    assert log_likelihood[0] < -200_000
    assert viterbi(start, step, log_emission).shape == (1, 5000)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"initial": [0.5, 0.6]}, ValueError, "initial"),
        ({"initial": [[0.5, 0.5]]}, ValueError, "initial has shape"),
        ({"transition": np.ones((3, 3)) / 3}, ValueError, r"transition has shape \(3, 3\)"),
        ({"transition": [[0.9, 0.2], [0.5, 0.5]]}, ValueError, "transition"),
        ({"emission": np.ones((3, 2)) / 2}, ValueError, "one row per tag"),
        ({"length": 0}, ValueError, "length is 0"),
        ({"length": 2.0}, TypeError, "length is 2.0"),
        ({"length": True}, TypeError, "length is True"),
    ],
)
def test_wrong_tables_are_refused(change, error, words):
    right = {
        "initial": [0.5, 0.5],
        "transition": [[0.9, 0.1], [0.1, 0.9]],
        "emission": [[0.8, 0.2], [0.2, 0.8]],
        "length": 3,
    }
    with pytest.raises(error, match=words):
        HiddenMarkov(**right | change)


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        ([0, 1, 0], ValueError, r"x has shape \(3,\)"),
        ([[0, 1]], ValueError, r"expected \(n, 3\)"),
        ([[0, 1, 2]], ValueError, "x holds 2"),
        ([[0.0, 1.0, 1.0]], TypeError, "integers"),
    ],
)
def test_wrong_sentences_are_refused(x, error, words):
    world = HiddenMarkov([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.2, 0.8]], 3)
    with pytest.raises(error, match=words):
        world.posterior(x)


def test_sampling_needs_a_generator():
    world = HiddenMarkov([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.2, 0.8]], 3)
    with pytest.raises(TypeError, match="Generator"):
        world.sample(3, 0)


def test_an_impossible_sentence_is_named():
    world = HiddenMarkov([1.0, 0.0], np.eye(2), [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]], 2)
    with pytest.raises(ValueError, match=r"x\[1\] has probability 0"):
        world.posterior([[0, 1], [0, 2]])
