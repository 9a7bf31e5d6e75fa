"""Points in space: floors by other routes, posteriors by SciPy's densities, errors."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.special import expit, log_expit
from scipy.stats import multivariate_normal, norm

from xentlib import entropy
from xentlib.worlds import GaussianClasses, LogisticWorld, points

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def mean_loss(world, n: int = 40_000) -> tuple[float, float]:
    """The mean loss of the posterior on samples, with its standard error."""
    x, y = world.sample(n, rng(1))
    losses = -np.log(world.posterior(x)[np.arange(n), y])
    return losses.mean(), losses.std() / np.sqrt(n)


# Logistic


def quadrature(f, mean: float, sd: float) -> float:
    """The mean of f(s), s ~ N(mean, sd²), by adaptive quadrature between break points."""
    if sd < 1e-6:
        return f(mean)
    marks = np.concatenate([mean + sd * np.linspace(-12, 12, 13), np.linspace(-40, 40, 9)])
    marks = np.unique(np.clip(marks, mean - 12 * sd, mean + 12 * sd))
    return sum(
        quad(lambda s: f(s) * norm.pdf(s, mean, sd), *ab, epsabs=1e-13)[0] for ab in pairwise(marks)
    )


def coin_entropy(s: float) -> float:
    return -expit(s) * log_expit(s) - expit(-s) * log_expit(-s)


@settings(max_examples=25)
@given(bias=st.floats(-8, 8), slope=st.one_of(st.floats(0, 3), st.floats(0.01, 60)))
def test_the_floor_and_the_shares_of_a_logistic_world_are_scipy_s_quadratures(bias, slope):
    world = LogisticWorld([0.6 * slope, -0.8 * slope], bias)
    assert world.floor == pytest.approx(quadrature(coin_entropy, bias, slope), abs=1e-10)
    p_1 = quadrature(expit, bias, slope)
    assert_allclose(world.p_y, [1 - p_1, p_1], rtol=0, atol=1e-10)


def test_the_floor_of_a_logistic_world_is_the_mean_loss_on_samples():
    world = LogisticWorld([1.0, -2.0, 0.5], bias=0.7)
    loss, error = mean_loss(world)
    assert abs(loss - world.floor) < 4 * error
    assert world.floor < entropy(world.p_y)


def test_limits_of_a_logistic_world():
    assert LogisticWorld([0.0, 0.0]).floor == pytest.approx(np.log(2), rel=1e-14)
    assert_allclose(LogisticWorld([0.0], bias=np.log(4)).p_y, [0.2, 0.8], rtol=1e-14)
    assert_allclose(LogisticWorld([3.0]).p_y, [0.5, 0.5], rtol=1e-14)
    # A steep slope: almost all points are far from the boundary, ∫ h(σ(s)) ds = π²/3.
    assert LogisticWorld([1e6]).floor == pytest.approx(np.pi**2 / 3 * norm.pdf(0) / 1e6, rel=1e-9)
    assert LogisticWorld([1e200]).floor < 1e-199
    assert LogisticWorld([5e-324]).floor == LogisticWorld([0.0]).floor
    assert LogisticWorld([2.0], bias=-1e9).floor == 0


def test_a_logistic_world_is_sampled_in_proportion():
    n, world = 40_000, LogisticWorld([1.5, -0.5], bias=-0.4)
    x, y = world.sample(n, rng())
    assert x.shape == (n, 2)
    assert y.shape == (n,)
    assert np.issubdtype(y.dtype, np.integer)
    assert set(np.unique(y)) == {0, 1}
    assert abs(x.mean(axis=0)).max() < 5 / np.sqrt(n)
    assert abs(np.cov(x.T) - np.eye(2)).max() < 0.05
    assert abs(y.mean() - world.p_y[1]) < 4 * 0.5 / np.sqrt(n)
    p = expit(x @ [1.5, -0.5] - 0.4)
    assert_allclose(world.posterior(x), np.stack([1 - p, p], axis=1), atol=1e-14)
    for low in (0.1, 0.4, 0.7):  # among points of like p, y comes up at that rate
        some = (p > low) & (p < low + 0.2)
        assert abs((y - p)[some].mean()) < 4 * 0.5 / np.sqrt(some.sum())


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((3.0,), ValueError, r"^weights has shape \(\); expected \(d,\)"),
        (([[1.0]],), ValueError, r"^weights has shape \(1, 1\)"),
        (([],), ValueError, r"^weights has shape \(0,\)"),
        (([1.0, np.nan],), ValueError, r"^weights holds nan; expected finite"),
        ((["a"],), TypeError, r"^weights has dtype"),
        (([1.0], np.inf), ValueError, r"^bias holds inf"),
        (([1.0], [0.0]), ValueError, r"^bias has shape \(1,\)"),
    ],
)
def test_logistic_worlds_that_cannot_be(arguments, error, match):
    with pytest.raises(error, match=match):
        LogisticWorld(*arguments)


# Gaussian classes

MEANS = np.array([[0.0, 0.0], [2.0, 0.5], [0.0, 3.0]])
SHARED = np.array([[1.0, 0.5], [0.5, 2.0]])
OWN = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.1, 0.0], [0.0, 1.0]], [[2.0, 1.5], [1.5, 2.0]]])
PRIOR = np.array([0.5, 0.3, 0.2])
PLANE = {
    "one variance": (MEANS, 1.5),
    "shared": (MEANS, SHARED, PRIOR),
    "own": (MEANS, OWN, PRIOR),
    "two classes": (MEANS[:2], SHARED),
    "far": (20 * MEANS, 1.0),
    "a class that never comes": (MEANS, OWN, [0.5, 0.5, 0.0]),
}
in_the_plane = pytest.mark.parametrize("arguments", PLANE.values(), ids=PLANE)


def weighted_densities(world: GaussianClasses, x: np.ndarray) -> np.ndarray:
    """P(y)·p(x | y) with SciPy's densities, shape (n, K)."""
    shapes = zip(world.prior, world.means, world.covariance, strict=True)
    return np.stack([p * multivariate_normal.pdf(x, m, c) for p, m, c in shapes], axis=-1)


def floor_on_a_grid(world: GaussianClasses, step: float = 0.04) -> float:
    """−∫ Σ p(x, y) log p(y | x) dx as a sum over squares of the plane."""
    reach = 9 * np.sqrt(world.covariance.max())
    low, high = world.means.min(axis=0) - reach, world.means.max(axis=0) + reach
    axes = (np.arange(a, b, step) for a, b in zip(low, high, strict=True))
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    joint = weighted_densities(world, x)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = joint * np.log(joint / joint.sum(axis=-1, keepdims=True))
    return -np.nansum(terms) * step**2


@in_the_plane
def test_the_posterior_is_bayes_rule_with_scipy_s_densities(arguments):
    world = GaussianClasses(*arguments)
    x, _ = world.sample(100, rng())
    joint = weighted_densities(world, x)
    assert_allclose(world.posterior(x), joint / joint.sum(axis=1, keepdims=True), atol=1e-12)


@pytest.mark.parametrize("name", ["one variance", "shared", "own", "a class that never comes"])
def test_the_floor_in_the_plane_is_a_sum_over_squares(name):
    world = GaussianClasses(*PLANE[name])
    assert world.floor_error == 0
    assert world.floor == pytest.approx(floor_on_a_grid(world), abs=1e-7)


@in_the_plane
def test_the_floor_in_the_plane_is_the_mean_loss_on_samples(arguments):
    world = GaussianClasses(*arguments)
    loss, error = mean_loss(world)
    assert abs(loss - world.floor) < 4 * error + 1e-12


def floor_on_a_line(means, sds, prior) -> float:
    """The floor in one dimension by SciPy's adaptive quadrature."""

    def integrand(x):
        joint = np.asarray(prior) * norm.pdf(x, means, sds)
        seen = joint[joint > 0]
        return -(seen * np.log(seen / seen.sum())).sum()

    marks = np.unique(np.add.outer(means, np.outer([-12, -5, -2, -1, 0, 1, 2, 5, 12], sds)))
    return sum(quad(integrand, *ab, epsabs=1e-12, limit=200)[0] for ab in pairwise(marks))


@settings(max_examples=15)
@given(
    gap=st.floats(0, 8), sd=st.floats(0.05, 5), share=st.floats(0.05, 0.95), third=st.floats(-4, 4)
)
def test_the_floor_on_a_line_is_scipy_s_quadrature(gap, sd, share, third):
    means, sds, prior = [0.0, gap, third], [1.0, sd, 0.7], [0.8 * share, 0.8 - 0.8 * share, 0.2]
    world = GaussianClasses(np.array(means)[:, None], np.square(sds)[:, None, None], prior)
    assert world.floor == pytest.approx(floor_on_a_line(means, sds, prior), abs=1e-8)
    assert world.floor_error == 0


@pytest.mark.parametrize("ratio", [0.1, 0.01, 1e-3])
def test_a_cloud_within_a_cloud(ratio):
    world = GaussianClasses([[0.0], [0.3]], [[[1.0]], [[ratio**2]]])
    expected = floor_on_a_line([0.0, 0.3], [1.0, ratio], [0.5, 0.5])
    assert world.floor == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("d", [1, 2, 5, 30])
def test_two_clouds_of_one_shape_are_a_matter_of_one_number(d):
    """Only the distance counts that the covariance measures."""
    a = rng(d).standard_normal((d, d))
    covariance = a @ a.T + np.eye(d)
    means = rng(d + 1).standard_normal((2, d))
    world = GaussianClasses(means, covariance, [0.3, 0.7])
    difference = means[1] - means[0]
    distance = np.sqrt(difference @ np.linalg.solve(covariance, difference))
    expected = floor_on_a_line([0.0, distance], [1.0, 1.0], [0.3, 0.7])
    assert world.floor == pytest.approx(expected, abs=1e-8)
    assert world.floor_error == 0
    copies = GaussianClasses(means, np.stack([covariance, covariance]), [0.3, 0.7])
    assert copies.floor == world.floor


def test_in_space_the_floor_comes_with_its_standard_error():
    means, sd = rng(8).standard_normal((4, 5)), 0.8
    world = GaussianClasses(means, sd**2)
    assert 1e-5 < world.floor_error < 2e-3
    loss, error = mean_loss(world)
    assert abs(loss - world.floor) < 4 * np.hypot(error, world.floor_error)
    assert GaussianClasses(means, sd**2).floor == world.floor  # the same points every time


@pytest.mark.parametrize("name", ["shared", "own"])
def test_sampling_and_quadrature_find_the_same_floor(name):
    world = GaussianClasses(*PLANE[name])
    sampled, error = points._floor_by_sampling(world.means, world._factors, world.prior)
    assert 0 < error < 2e-3
    assert abs(sampled - world.floor) < 4 * error


def test_the_standard_error_is_the_spread_over_seeds(monkeypatch):
    world = GaussianClasses(MEANS, OWN, PRIOR)
    default_rng, results = np.random.default_rng, []
    for seed in range(12):
        monkeypatch.setattr(points.np.random, "default_rng", lambda _, s=seed: default_rng(s))
        results.append(points._floor_by_sampling(world.means, world._factors, world.prior))
    floors, errors = np.transpose(results)
    assert 0.5 < floors.std(ddof=1) / errors.mean() < 2


def test_a_grid_that_would_be_too_fine_gives_way_to_sampling():
    world = GaussianClasses([[0.0, 0.0], [0.1, 0.0]], [np.eye(2), 1e-6 * np.eye(2)])
    assert world.floor_error > 0
    assert world.floor < 1e-3


def test_limits_of_gaussian_classes():
    same = GaussianClasses(np.ones((3, 4)), 2.0, PRIOR)
    assert same.floor == pytest.approx(entropy(PRIOR), rel=1e-14)
    assert GaussianClasses([[0.0], [100.0]], 1.0).floor == pytest.approx(0, abs=1e-12)
    assert GaussianClasses([[1.0, 2.0]], 1.0).floor == 0
    assert_array_equal(GaussianClasses([[0.0], [1.0]], 4.0).covariance, [[[4.0]], [[4.0]]])
    far = GaussianClasses([[0.0], [1.0]], 1.0).posterior([[1e6], [-1e6]])
    assert_allclose(far, [[0, 1], [1, 0]], atol=1e-300)


def test_gaussian_classes_are_sampled_in_proportion():
    n, world = 60_000, GaussianClasses(MEANS, OWN, PRIOR)
    x, y = world.sample(n, rng(2))
    assert x.shape == (n, 2)
    assert np.issubdtype(y.dtype, np.integer)
    assert abs(np.bincount(y) / n - PRIOR).max() < 0.01
    for k in range(3):
        assert_allclose(x[y == k].mean(axis=0), MEANS[k], atol=0.06)
        assert_allclose(np.cov(x[y == k].T), OWN[k], atol=0.1)


@pytest.mark.parametrize("world", [LogisticWorld([1.0, 2.0]), GaussianClasses(MEANS, OWN)])
def test_a_sample_can_be_drawn_again_and_needs_a_generator(world):
    for first, again in zip(world.sample(50, rng(5)), world.sample(50, rng(5)), strict=True):
        assert_array_equal(first, again)
    assert not np.array_equal(world.sample(50, rng(5))[0], world.sample(50, rng(6))[0])
    assert [a.shape for a in world.sample(0, rng())] == [(0, 2), (0,)]
    with pytest.raises(TypeError, match=r"^rng is 0; expected a Generator"):
        world.sample(10, 0)


@pytest.mark.parametrize("world", [LogisticWorld([1.0, 2.0]), GaussianClasses(MEANS, OWN)])
def test_points_that_cannot_be(world):
    for bad in (np.zeros(2), np.zeros((3, 1)), np.zeros((2, 2, 2))):
        with pytest.raises(ValueError, match=r"^x has shape .* expected \(n, 2\)"):
            world.posterior(bad)
    with pytest.raises(ValueError, match=r"^x holds nan; expected finite"):
        world.posterior([[0.0, np.nan]])
    assert isinstance(world.floor, float)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (([0.0, 1.0], 1.0), ValueError, r"^means has shape \(2,\); expected \(K, d\)"),
        ((np.zeros((0, 2)), 1.0), ValueError, r"^means has shape \(0, 2\)"),
        (([[0.0], [-np.inf]], 1.0), ValueError, r"^means holds -inf"),
        ((MEANS, [1.0, 1.0]), ValueError, r"^covariance has shape \(2,\); expected a single"),
        ((MEANS, np.eye(3)), ValueError, r"^covariance has shape \(3, 3\)"),
        ((MEANS, OWN[:2]), ValueError, r"^covariance has shape \(2, 2, 2\)"),
        ((MEANS, [[1.0, 0.5], [0.0, 1.0]]), ValueError, r"^covariance is not symmetric"),
        ((MEANS, [[1.0, 2.0], [2.0, 1.0]]), ValueError, r"^covariance has the eigenvalue -1"),
        ((MEANS, 0.0), ValueError, r"^covariance has the eigenvalue 0"),
        ((MEANS, -1.0), ValueError, r"^covariance has the eigenvalue -1"),
        ((MEANS, 1.0, [0.5, 0.5]), ValueError, r"^prior has shape \(2,\); expected \(3,\)"),
        ((MEANS, 1.0, [0.5, 0.5, 0.5]), ValueError, r"^prior sums to 1.5"),
        (([["a"]], 1.0), TypeError, r"^means has dtype"),
    ],
)
def test_gaussian_classes_that_cannot_be(arguments, error, match):
    with pytest.raises(error, match=match):
        GaussianClasses(*arguments)
