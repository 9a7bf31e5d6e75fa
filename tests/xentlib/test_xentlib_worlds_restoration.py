"""Damaged pictures: everything against all clean and all damaged pictures, listed one by one."""

import itertools

import numpy as np
import pytest
from scipy.special import entr

from xentlib.worlds import DamagedPictures

K, T = 3, 2


def tables(shrink, noise):
    """Return three strips of 2 x 2 pixels, and a channel that may see three things."""
    rng = np.random.default_rng(3)
    strips = np.array([[[0, 2], [0, 2]], [[2, 0], [2, 0]], [[1, 1], [0, 1]]])
    channel = rng.dirichlet(np.full(3, 0.6), (K - 1) * shrink**2 + 1)
    if not noise:
        channel = np.eye(3)[np.arange(len(channel)) % 3]
    transition = rng.dirichlet(np.ones(3), 3)
    transition[0] = [0.4, 0.6, 0]
    return strips, rng.dirichlet(np.ones(3)), transition, T, channel, shrink


@pytest.fixture(scope="module", params=[(1, True), (2, True), (2, False)], ids=str)
def world(request):
    return DamagedPictures(*tables(*request.param))


@pytest.fixture(scope="module")
def listed(world):
    """Return all damaged pictures, all clean ones, and the table of joint probabilities."""
    s = world.shrink
    h, w = 2 // s, 2 * T // s
    x = np.array(list(itertools.product(range(3), repeat=h * w))).reshape(-1, h, w)
    y, joint = [], []
    for z in itertools.product(range(3), repeat=T):
        p = world.initial[z[0]] * world.transition[z[0], z[1]]
        if p == 0:
            continue
        picture = np.hstack([world.strips[k] for k in z])
        y.append(picture)
        seen = np.full(len(x), p)
        for i, j in np.ndindex(h, w):
            total = picture[s * i : s * i + s, s * j : s * j + s].sum()
            seen = seen * world.channel[total, x[:, i, j]]
        joint.append(seen)
    joint = np.array(joint).T
    possible = joint.sum(axis=1) > 0
    return x[possible], np.array(y), joint[possible]


def test_the_posterior_is_that_of_enumeration(world, listed):
    x, y, joint = listed
    assert joint.sum() == pytest.approx(1)
    given = joint / joint.sum(axis=1, keepdims=True)
    expected = np.stack([np.tensordot(given, y == k, axes=1) for k in range(K)], axis=-1)
    np.testing.assert_allclose(world.posterior(x), expected, atol=1e-12)
    np.testing.assert_allclose(world.log_likelihood(x), np.log(joint.sum(axis=1)), atol=1e-9)


def test_the_floors_are_those_of_enumeration(world, listed):
    x, y, joint = listed
    p_x = joint.sum(axis=1)
    single = p_x @ entr(world.posterior(x)).sum(axis=-1).mean(axis=(1, 2))
    whole = p_x @ entr(joint / p_x[:, None]).sum(axis=1) / y[0].size
    assert 0 < whole < single
    assert abs(world.floor - single) < 4 * world.floor_se + 1e-12
    assert abs(world.joint_floor - whole) < 4 * world.joint_floor_se + 1e-12
    assert world.joint_floor_se < 0.01


def test_samples_follow_the_joint_table(world, listed):
    x, y, joint = listed
    seen, clean = world.sample(20_000, np.random.default_rng(4))
    for i in np.argsort(joint.ravel())[-5:]:
        a, b = np.unravel_index(i, joint.shape)
        share = ((seen == x[a]).all(axis=(1, 2)) & (clean == y[b]).all(axis=(1, 2))).mean()
        assert abs(share - joint[a, b]) < 4 * np.sqrt(joint[a, b] / 20_000)


def test_samples_of_the_posterior_follow_it(world, listed):
    x, y, joint = listed
    a = joint.sum(axis=1).argmax()
    drawn = world.posterior_sample(
        np.repeat(x[a : a + 1], 20_000, axis=0), np.random.default_rng(5)
    )
    shares = [(drawn == picture).all(axis=(1, 2)).mean() for picture in y]
    np.testing.assert_allclose(shares, joint[a] / joint[a].sum(), atol=0.015)


def test_the_most_probable_picture_has_the_highest_probability(world, listed):
    x, y, joint = listed
    found = world.most_probable(x)
    index = (found[:, None] == y).all(axis=(2, 3)).argmax(axis=1)
    np.testing.assert_allclose(joint[np.arange(len(x)), index], joint.max(axis=1), rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"strips": [[[0, 1], [1, 3]]]}, ValueError, "strips holds 3"),
        ({"strips": [[0, 1]]}, ValueError, "expected \\(M, H, w\\)"),
        ({"strips": np.zeros((2, 2, 2), int)}, ValueError, "two that are alike"),
        ({"strips": np.zeros((2, 2, 2))}, TypeError, "integers"),
        ({"strips": [[[0, 1, 2], [0, 0, 0]]]}, ValueError, "divide the sides 2 and 3"),
        ({"initial": [0.5, 0.5]}, ValueError, "as there are 3 strips"),
        ({"transition": np.eye(2)}, ValueError, "transition has shape"),
        ({"channel": np.eye(8)}, ValueError, r"S = \(K - 1\) \* 4 \+ 1"),
        ({"channel": np.ones((9, 2))}, ValueError, "channel"),
        ({"length": 0}, ValueError, "length is 0"),
        ({"length": 1.0}, TypeError, "length is 1.0"),
        ({"shrink": True}, TypeError, "shrink is True"),
    ],
)
def test_wrong_tables_are_refused(change, error, words):
    names = ("strips", "initial", "transition", "length", "channel", "shrink")
    with pytest.raises(error, match=words):
        DamagedPictures(**dict(zip(names, tables(2, True), strict=True)) | change)


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        ([[0, 1]], ValueError, r"x has shape \(1, 2\); expected \(n, 1, 2\)"),
        ([[[0, 3]]], ValueError, "x holds 3"),
        ([[[0.0, 1.0]]], TypeError, "integers"),
    ],
)
def test_wrong_pictures_are_refused(x, error, words):
    world = DamagedPictures(*tables(2, True))
    for method in (world.posterior, world.most_probable):
        with pytest.raises(error, match=words):
            method(x)


def test_an_impossible_picture_is_named():
    strips, initial, transition, length, _, _ = tables(1, True)
    world = DamagedPictures(strips, initial, transition, length, np.eye(K))
    y = np.hstack([strips[0], strips[1]])
    never = np.hstack([strips[0], strips[2]])
    for x in ([y, never], [y, np.zeros_like(y)]):
        for method in (world.posterior, world.most_probable, world.log_likelihood):
            with pytest.raises(ValueError, match=r"x\[1\] has probability 0"):
                method(x)
        with pytest.raises(ValueError, match=r"x\[1\] has probability 0"):
            world.posterior_sample(x, np.random.default_rng(0))


def test_sampling_needs_a_generator():
    world = DamagedPictures(*tables(2, True))
    with pytest.raises(TypeError, match="Generator"):
        world.sample(2, 0)
    with pytest.raises(TypeError, match="Generator"):
        world.posterior_sample([[[0, 1]]], 0)
