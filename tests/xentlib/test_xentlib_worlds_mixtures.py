"""Mixtures and forgeries: densities and floors by SciPy's routes, samples, errors."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.stats import kstest, multivariate_normal, norm

from xentlib import entropy, js_divergence
from xentlib.worlds import GaussianClasses, RealOrFake
from xentlib.worlds.mixtures import GaussianMixture

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

LINE = GaussianMixture([0.3, 0.7], [[-2.0], [1.0]], [0.5, 1.2])
OTHER = GaussianMixture([0.2, 0.3, 0.5], [[-3.0], [0.5], [2.0]], [1.0, 0.4, 0.8])
PLANE = GaussianMixture([0.2, 0.5, 0.3], [[0.0, 0.0], [2.0, -1.0], [1.0, 3.0]], [0.5, 1.0, 0.8])
BESIDE = GaussianMixture([0.6, 0.4], [[0.5, 0.0], [2.0, 2.0]], 1.1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def scipy_density(mixture: GaussianMixture, x: np.ndarray) -> np.ndarray:
    clouds = zip(mixture.weights, mixture.means, mixture.scale, strict=True)
    return sum(w * multivariate_normal.pdf(x, m, s**2) for w, m, s in clouds)


# Mixtures


@pytest.mark.parametrize("mixture", [LINE, PLANE])
def test_the_density_is_the_weighted_sum_of_scipy_s(mixture):
    x = 3 * rng().standard_normal((100, mixture.means.shape[1]))
    assert_allclose(mixture.density(x), scipy_density(mixture, x), rtol=1e-12)
    assert_allclose(mixture.log_density(x), np.log(scipy_density(mixture, x)), rtol=1e-12)


def test_far_away_the_log_density_is_finite():
    assert LINE.log_density([[1e3]])[0] == pytest.approx(
        np.log(0.7) + norm.logpdf(1e3, 1.0, 1.2), rel=1e-12
    )


def test_a_cloud_without_weight_changes_nothing():
    x = np.linspace(-5, 5, 50)[:, None]
    mute = GaussianMixture([1.0, 0.0], [[0.0], [3.0]], [1.0, 0.1])
    assert_allclose(mute.log_density(x), norm.logpdf(x[:, 0]), rtol=1e-12)
    assert abs(mute.sample(1000, rng())).max() < 5


def test_a_mixture_is_sampled_in_proportion():
    x = LINE.sample(20_000, rng(3))

    def cdf(t):
        return 0.3 * norm.cdf(t, -2.0, 0.5) + 0.7 * norm.cdf(t, 1.0, 1.2)

    assert x.shape == (20_000, 1)
    assert kstest(x[:, 0], cdf).pvalue > 1e-3
    x = PLANE.sample(40_000, rng(4))
    spread = PLANE.means.T @ np.diag(PLANE.weights) @ PLANE.means
    spread += (PLANE.weights @ PLANE.scale**2) * np.eye(2)
    assert_allclose(x.mean(axis=0), PLANE.weights @ PLANE.means, atol=0.04)
    assert_allclose(x.T @ x / len(x), spread, atol=0.1)


# Real or fake


def floor_on_a_line(p: GaussianMixture, q: GaussianMixture) -> float:
    """−½ ∫ p log p/(p+q) + q log q/(p+q) dx by SciPy's adaptive quadrature."""

    def integrand(x):
        a, b = scipy_density(p, [x]), scipy_density(q, [x])
        return -sum(t * np.log(t / (a + b)) for t in (a, b) if t > 0) / 2

    centres = np.concatenate([p.means[:, 0], q.means[:, 0]])
    sds = np.concatenate([p.scale, q.scale])
    marks = np.unique(np.add.outer(centres, np.outer([-10, -5, -2, -1, 0, 1, 2, 5, 10], sds)))
    return sum(quad(integrand, *ab, epsabs=1e-12)[0] for ab in pairwise(marks))


@settings(max_examples=8)
@given(
    shift=st.floats(-3, 3), narrow=st.floats(0.1, 2), weight=st.floats(0.05, 1), gap=st.floats(0, 6)
)
def test_the_floor_on_a_line_is_scipy_s_quadrature(shift, narrow, weight, gap):
    q = GaussianMixture([weight, 1 - weight], [[shift], [shift + gap]], [1.0, narrow])
    assert RealOrFake(LINE, q).floor == pytest.approx(floor_on_a_line(LINE, q), abs=1e-8)


def test_the_floor_in_the_plane_is_a_sum_over_squares():
    step = 0.03
    axis = np.arange(-9, 12, step)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    joint = np.stack([scipy_density(BESIDE, x), scipy_density(PLANE, x)], axis=-1) / 2
    floor = step**2 * np.sum(joint.sum(axis=-1) * entropy(joint / joint.sum(-1, keepdims=True)))
    assert RealOrFake(PLANE, BESIDE).floor == pytest.approx(floor, abs=1e-6)


@pytest.mark.parametrize(("p", "q"), [(LINE, OTHER), (PLANE, BESIDE)])
def test_the_floor_is_the_mean_loss_of_the_posterior_on_samples(p, q):
    world, n = RealOrFake(p, q), 40_000
    x, y = world.sample(n, rng(1))
    losses = -np.log(world.posterior(x)[np.arange(n), y])
    assert abs(losses.mean() - world.floor) < 4 * losses.std() / np.sqrt(n)
    assert world.floor + world.jsd == pytest.approx(np.log(2), rel=1e-15)
    assert world.floor == pytest.approx(RealOrFake(q, p).floor, abs=1e-9)


@pytest.mark.parametrize("d", [1, 2])
def test_two_single_clouds_are_two_gaussian_classes(d):
    a, b = np.zeros((1, d)), np.full((1, d), 0.8)
    world = RealOrFake(GaussianMixture([1.0], b, 0.7), GaussianMixture([1.0], a, 1.3))
    twin = GaussianClasses(np.concatenate([a, b]), [1.3**2 * np.eye(d), 0.7**2 * np.eye(d)])
    assert world.floor == pytest.approx(twin.floor, abs=1e-8)
    x = 2 * rng().standard_normal((20, d))
    assert_allclose(world.posterior(x), twin.posterior(x), rtol=1e-10)


def test_far_apart_clouds_are_a_table_of_outcomes():
    """A generator that has only k of eight clouds: JSD of the weights."""
    angles = np.arange(8) * np.pi / 4
    ring = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    p = GaussianMixture(np.full(8, 1 / 8), ring, 0.05)
    for k in (1, 3, 8):
        weights = np.where(np.arange(8) < k, 1 / k, 0)
        expected = js_divergence(np.full(8, 1 / 8), weights)
        assert RealOrFake(p, GaussianMixture(weights, ring, 0.05)).jsd == pytest.approx(
            expected, abs=1e-7
        )


def test_a_ring_against_one_wide_cloud():
    """Ten times as wide, as a generator is at its start: the plane's grid must still settle."""
    angles = np.arange(8) * np.pi / 4
    ring = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    p = GaussianMixture(np.full(8, 1 / 8), ring, 0.15)
    q = GaussianMixture([1.0], [[0.0, 0.0]], np.sqrt(2 + 0.15**2))
    step = 0.02
    axis = np.arange(-9, 9, step)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    joint = np.stack([scipy_density(p, x), scipy_density(q, x)], axis=-1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = joint * np.log(joint / joint.sum(axis=-1, keepdims=True))
    assert RealOrFake(p, q).floor == pytest.approx(-np.nansum(terms) * step**2, abs=2e-6)


def test_limits_of_real_or_fake():
    assert RealOrFake(LINE, LINE).floor == pytest.approx(np.log(2), rel=1e-12)
    far = GaussianMixture([1.0], [[500.0]])
    assert RealOrFake(LINE, far).floor == 0
    assert_array_equal(RealOrFake(LINE, far).posterior([[500.0], [0.0]]), [[1, 0], [0, 1]])


def test_points_and_labels():
    world, n = RealOrFake(LINE, OTHER), 40_000
    x, y = world.sample(n, rng(2))
    assert x.shape == (n, 1)
    assert y.shape == (n,)
    assert np.issubdtype(y.dtype, np.integer)
    assert abs(y.mean() - 0.5) < 4 * 0.5 / np.sqrt(n)
    assert x[y == 1].mean() == pytest.approx(LINE.weights @ LINE.means[:, 0], abs=0.05)
    assert x[y == 0].mean() == pytest.approx(OTHER.weights @ OTHER.means[:, 0], abs=0.05)
    assert_allclose(world.posterior(x).sum(axis=1), 1, rtol=1e-14)
    assert [a.shape for a in world.sample(0, rng())] == [(0, 1), (0,)]


@pytest.mark.parametrize("source", [LINE, PLANE, RealOrFake(PLANE, BESIDE)])
def test_a_sample_can_be_drawn_again_and_needs_a_generator(source):
    for first, again in zip(source.sample(50, rng(5)), source.sample(50, rng(5)), strict=True):
        assert_array_equal(first, again)
    with pytest.raises(TypeError, match=r"^rng is 0; expected a Generator"):
        source.sample(10, 0)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (([1.0], [0.0]), ValueError, r"^means has shape \(1,\); expected \(K, d\)"),
        (([1.0], [[np.nan]]), ValueError, r"^means holds nan"),
        (([0.5, 0.5], [[0.0]]), ValueError, r"^weights has shape \(2,\); expected \(1,\)"),
        (([0.5, 0.6], [[0.0], [1.0]]), ValueError, r"^weights sums to 1.1"),
        (([1.0], [[0.0]], [1.0, 2.0]), ValueError, r"^scale has shape \(2,\)"),
        (([1.0], [[0.0]], 0.0), ValueError, r"^scale holds 0.0; expected numbers above 0"),
        (([0.5, 0.5], [[0.0], [1.0]], [1.0, -2.0]), ValueError, r"^scale holds -2.0"),
        (([1.0], [["a"]]), TypeError, r"^means has dtype"),
    ],
)
def test_mixtures_that_cannot_be(arguments, error, match):
    with pytest.raises(error, match=match):
        GaussianMixture(*arguments)


def test_worlds_that_cannot_be():
    space = GaussianMixture([1.0], np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"^p has points of 1 coordinates and q of 2"):
        RealOrFake(LINE, PLANE)
    with pytest.raises(ValueError, match=r"^p has points of 3 coordinates"):
        RealOrFake(space, space)
    with pytest.raises(TypeError, match=r"^q is 'noise'; expected a GaussianMixture"):
        RealOrFake(LINE, "noise")
    needle = GaussianMixture([1.0], [[0.0]], 1e-7)
    with pytest.raises(ValueError, match=r"scales 1e-07 and 1.2: too far apart for a grid"):
        _ = RealOrFake(LINE, needle).floor
    for bad in (np.zeros(2), np.zeros((3, 2))):
        with pytest.raises(ValueError, match=r"^x has shape .* expected \(n, 1\)"):
            RealOrFake(LINE, OTHER).posterior(bad)
