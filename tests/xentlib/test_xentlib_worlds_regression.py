"""The forked path: its density and floor by SciPy's routes, samples, units, errors."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import kstest, norm

from xentlib.worlds import ForkedPath

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def density(world: ForkedPath, x: float, y: float) -> float:
    """p(y | x) from the words of the docstring, by SciPy's normal density."""
    d = world.opening * max(0.0, x - 1)
    sd = world.narrow + (world.wide - world.narrow) * min(x - 1, 0.0) ** 2
    left, right = world.weights
    return left * norm.pdf(y, d, sd) + right * norm.pdf(y, -d, sd)


def entropy_by_quad(world: ForkedPath, x: float) -> float:
    def integrand(y):
        p = density(world, x, y)
        return -p * np.log(p) if p > 0 else 0.0

    sd = float(world.posterior([x])[2][0, 0])
    d = world.opening * max(0.0, x - 1)
    marks = np.unique(np.add.outer([-d, d], sd * np.linspace(-10, 10, 9)))
    return sum(quad(integrand, a, b, epsabs=1e-11)[0] for a, b in pairwise(marks))


def test_the_log_density_is_that_of_two_normals():
    world, x = ForkedPath(0.2, 1.5, 0.4, 3.0), rng().uniform(0, 2, size=60)
    y = rng(1).normal(0, 2, size=(60, 3))
    expected = [[np.log(density(world, a, b)) for b in row] for a, row in zip(x, y, strict=True)]
    assert_allclose(world.log_density(x, y), expected, rtol=1e-10)
    assert_allclose(world.log_density(x, y[:, 0]), np.array(expected)[:, 0], rtol=1e-10)


def test_far_away_the_log_density_is_finite():
    assert ForkedPath().log_density([0.5], [1e3])[0] < -1e5


@settings(max_examples=25, deadline=None)
@given(left=st.floats(0, 1), narrow=st.floats(0.1, 2), opening=st.floats(0, 6), x=st.floats(0, 2))
def test_the_entropy_at_a_place_is_scipy_s_quadrature(left, narrow, opening, x):
    world = ForkedPath(left, 1.0, narrow, opening)
    assert world.entropy([x])[0] == pytest.approx(entropy_by_quad(world, x), abs=1e-7)


@pytest.mark.parametrize("world", [ForkedPath(), ForkedPath(0.05, 0.3, 0.6, 5.0)])
def test_the_floor_is_the_mean_loss_on_samples(world):
    x, y = world.sample(200_000, rng(1))
    losses = -world.log_density(x, y)
    assert abs(losses.mean() - world.floor) < 4 * losses.std() / np.sqrt(len(x)) < 0.02


def test_the_floor_is_the_mean_entropy_over_a_fine_grid():
    for world in (ForkedPath(), ForkedPath(0.4, opening=15.0), ForkedPath(0.01, 2.0, 0.1, 3.0)):
        x = (np.arange(40_000) + 0.5) / 20_000
        assert world.floor == pytest.approx(world.entropy(x).mean(), abs=1e-6)


def test_closed_forms():
    bell = np.log(2 * np.pi * np.e) / 2
    assert ForkedPath(0.5, 1.0, 1.0, 0.0).floor == pytest.approx(bell, rel=1e-10)
    assert ForkedPath(0.3, 0.01, 0.01, 0.0).floor == pytest.approx(bell + np.log(0.01), rel=1e-10)
    for left in (0.0, 1.0):  # one branch: a normal of known width everywhere
        world = ForkedPath(left, 0.5, 0.5, 4.0)
        assert world.floor == pytest.approx(bell + np.log(0.5), rel=1e-10)
    apart = ForkedPath(0.3).entropy([2.0])[0]  # streams that do not overlap: add the coin
    coin = -0.3 * np.log(0.3) - 0.7 * np.log(0.7)
    assert apart == pytest.approx(bell + np.log(0.25) + coin, abs=1e-9)


def test_another_unit_adds_the_logarithm_of_the_factor():
    metres, feet = ForkedPath(0.3, 1.0, 0.25, 2.0), ForkedPath(0.3, 3.28, 0.82, 6.56)
    assert feet.floor == pytest.approx(metres.floor + np.log(3.28), rel=1e-9)


def test_the_path_is_sampled_in_proportion():
    world = ForkedPath(0.25)
    x, y = world.sample(100_000, rng(2))
    assert x.shape == y.shape == (100_000,)
    assert kstest(x, "uniform", (0, 2)).pvalue > 1e-3
    sd = world.posterior(x)[2][:, 0]
    before = x < 1
    assert kstest(y[before] / sd[before], "norm").pvalue > 1e-3
    late = x > 1.8
    assert np.mean(y[late] > 0) == pytest.approx(0.25, abs=0.02)
    d = 2.0 * (x[late] - 1)
    assert kstest((abs(y[late]) - d) / 0.25, "norm").pvalue > 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"left": 1.2}, "left is 1.2; expected a share"),
        ({"wide": 0.0}, "wide is 0.0; expected a standard deviation above 0"),
        ({"narrow": -1.0}, "narrow is -1.0"),
        ({"opening": -1.0}, "opening is -1.0"),
        ({"opening": 100.0}, "the branches are long separate"),
        ({"opening": np.nan}, "opening holds nan"),
        ({"left": [0.5, 0.5]}, r"left has shape \(2,\)"),
    ],
)
def test_impossible_paths_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ForkedPath(**arguments)


def test_wrong_arguments_are_refused():
    world = ForkedPath()
    with pytest.raises(ValueError, match=r"x has shape \(3, 1\)"):
        world.posterior(np.ones((3, 1)))
    with pytest.raises(ValueError, match="the path goes from 0 to 2"):
        world.posterior([0.5, 2.5])
    with pytest.raises(ValueError, match="one row for each x"):
        world.log_density([0.5, 1.0], [0.0])
    with pytest.raises(TypeError):
        ForkedPath(left="half")
    with pytest.raises(TypeError):
        world.sample(3, 0)
