"""Noisy glyphs: the floor by other routes, samples against probabilities, errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, xlogy
from scipy.stats import binom

from xentlib import cross_entropy
from xentlib.worlds import NoisyGlyphs

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def likelihoods(world: NoisyGlyphs, x: np.ndarray) -> np.ndarray:
    """P(x | y), pixel by pixel as the definition has it."""
    ink = np.where(world.templates == 1, 1 - world.flip, world.flip)
    return np.where(x[:, None] == 1, ink, 1 - ink).prod(axis=(2, 3))


@pytest.mark.parametrize("n_classes", [2, 5, 10])
@pytest.mark.parametrize("flip", [0.02, 0.1, 0.45])
def test_the_posterior_is_bayes_rule(flip, n_classes):
    world = NoisyGlyphs(flip, n_classes)
    x, _ = world.sample(200, rng())
    by_hand = likelihoods(world, x)
    by_hand /= by_hand.sum(axis=1, keepdims=True)
    assert_allclose(world.posterior(x), by_hand, rtol=1e-9)


@pytest.mark.parametrize("flip", [0.01, 0.1, 0.3, 0.49])
def test_the_floor_of_two_digits_is_a_binomial_sum(flip):
    world = NoisyGlyphs(flip, 2)
    zero, one = world.templates
    differ = int((zero != one).sum())  # elsewhere the two say the same
    flips = np.arange(differ + 1)
    right = expit((differ - 2 * flips) * np.log((1 - flip) / flip))
    entropies = -xlogy(right, right) - xlogy(1 - right, 1 - right)
    weights = binom(differ, flip).pmf(flips)
    assert world.floor == pytest.approx(weights @ entropies, rel=1e-7)
    best = np.minimum(right, 1 - right)
    assert world.bayes_error == pytest.approx(weights @ best, rel=1e-7)


@pytest.mark.parametrize("n_classes", [3, 7, 10])
@pytest.mark.parametrize("flip", [0.1, 0.2, 0.4])
def test_the_floor_is_the_mean_loss_of_the_posterior_on_samples(flip, n_classes):
    world, n = NoisyGlyphs(flip, n_classes), 40_000
    x, y = world.sample(n, rng(1))
    right = likelihoods(world, x)
    right /= right.sum(axis=1, keepdims=True)
    losses = -np.log(right[np.arange(n), y])
    assert abs(losses.mean() - world.floor) < 4 * losses.std() / np.sqrt(n)
    wrong = right.argmax(axis=1) != y
    assert abs(wrong.mean() - world.bayes_error) < 4 * wrong.std() / np.sqrt(n)


def test_the_floor_by_all_pictures_of_a_crop():
    """On 12 pixels that tell 0, 5 and 6 apart, every one of the 4096 pictures can be listed."""
    world = NoisyGlyphs(0.15)
    world.templates = world.templates[[0, 5, 6], 1:5][:, :, [0, 2, 4]]
    joint = world._joint_of_counts()
    every = (np.arange(4096)[:, None] >> np.arange(12) & 1).reshape(-1, 4, 3)
    full = likelihoods(world, every) / 3
    assert full.sum() == pytest.approx(1)

    def conditional_entropy(table):
        return -(table * np.log(table / table.sum(axis=1, keepdims=True))).sum()

    assert joint.sum() == pytest.approx(1, abs=1e-12)
    assert conditional_entropy(joint) == pytest.approx(conditional_entropy(full), rel=1e-12)


def test_more_noise_and_more_digits_cost_more():
    floors = [NoisyGlyphs(flip).floor for flip in (0.001, 0.05, 0.1, 0.2, 0.3, 0.4, 0.499)]
    assert (np.diff(floors) > 0).all()
    assert floors[0] < 0.002
    assert np.log(10) - 0.001 < floors[-1] < np.log(10)
    floors = [NoisyGlyphs(0.2, k).floor for k in range(2, 11)]
    assert (np.diff(floors) > 0).all()


def test_no_prediction_beats_the_floor():
    world = NoisyGlyphs(0.25)
    x, _ = world.sample(2000, rng(2))
    best = world.posterior(x)
    worse = 0.9 * best + 0.1 / 10
    assert (cross_entropy(best, worse) >= cross_entropy(best, best)).all()


def test_the_templates_are_ten_different_black_and_white_digits():
    templates = NoisyGlyphs().templates
    assert templates.shape == (10, 7, 5)
    assert set(np.unique(templates)) == {0.0, 1.0}
    assert len(np.unique(templates.reshape(10, -1), axis=0)) == 10
    assert_array_equal(NoisyGlyphs(n_classes=4).templates, templates[:4])
    zero = ["#####", "#...#", "#...#", "#...#", "#...#", "#...#", "#####"]
    assert ["".join(".#"[int(c)] for c in row) for row in templates[0]] == zero


def test_samples_are_flipped_templates():
    n, flip = 20_000, 0.1
    world = NoisyGlyphs(flip)
    x, y = world.sample(n, rng(3))
    assert x.shape == (n, 7, 5)
    assert x.dtype == np.float64
    assert set(np.unique(x)) == {0.0, 1.0}
    assert y.shape == (n,)
    assert np.issubdtype(y.dtype, np.integer)
    flipped = x != world.templates[y]
    spread = 5 * np.sqrt(flip * (1 - flip) / n)
    assert abs(flipped.mean(axis=0) - flip).max() < spread  # every pixel
    assert abs(np.corrcoef(flipped.reshape(n, -1).T) - np.eye(35)).max() < 0.05
    assert abs(np.bincount(y) / n - 0.1).max() < 5 * np.sqrt(0.09 / n)


def test_a_sample_can_be_drawn_again_and_needs_a_generator():
    world = NoisyGlyphs()
    for first, again in zip(world.sample(50, rng(5)), world.sample(50, rng(5)), strict=True):
        assert_array_equal(first, again)
    assert not np.array_equal(world.sample(50, rng(5))[0], world.sample(50, rng(6))[0])
    assert [a.shape for a in world.sample(0, rng())] == [(0, 7, 5), (0,)]
    with pytest.raises(TypeError, match=r"^rng is None; expected a Generator"):
        world.sample(10, None)


@pytest.mark.parametrize("flip", [0, 0.5, 0.7, -0.1, np.nan, "0.1", None, True, False])
def test_the_noise_is_above_0_and_below_a_half(flip):
    with pytest.raises(ValueError, match=r"^flip is .*above 0 and below 0\.5"):
        NoisyGlyphs(flip)


@pytest.mark.parametrize(
    ("n_classes", "error"), [(1, ValueError), (11, ValueError), (2.0, TypeError), (True, TypeError)]
)
def test_there_are_two_to_ten_digits(n_classes, error):
    with pytest.raises(error, match=r"^n_classes is .*2 to 10"):
        NoisyGlyphs(n_classes=n_classes)


def test_pictures_that_cannot_be():
    world = NoisyGlyphs()
    with pytest.raises(ValueError, match=r"^x has shape \(7, 5\); expected \(n, 7, 5\)"):
        world.posterior(np.zeros((7, 5)))
    with pytest.raises(ValueError, match=r"^x has shape \(2, 35\)"):
        world.posterior(np.zeros((2, 35)))
    with pytest.raises(ValueError, match=r"^x holds 0.5; the pixels"):
        world.posterior(np.full((1, 7, 5), 0.5))
    with pytest.raises(ValueError, match=r"^x holds nan"):
        world.posterior(np.full((1, 7, 5), np.nan))
    with pytest.raises(TypeError, match=r"^x has dtype"):
        world.posterior(np.full((1, 7, 5), "#"))
