"""Worlds: the floor by routes that the library does not take, samples against probabilities."""

import itertools

import mpmath
import numpy as np
import pytest
import xent_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chisquare
from xent_strategies import joints, positive_distributions

from xentlib import cross_entropy, entropy
from xentlib.worlds import JointTable, MarkovSource

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

WEATHER = np.array([[0.35, 0.05, 0.0], [0.10, 0.20, 0.30]])
CHAIN = np.array([[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.0, 0.6, 0.4]])
PERIODIC = np.array([[0.0, 1.0], [1.0, 0.0]])
ABSORBING = np.array([[1.0, 0.0], [0.5, 0.5]])
CHAINS = {
    "chain": CHAIN,
    "periodic": PERIODIC,
    "absorbing": ABSORBING,
    "independent": np.array([[0.3, 0.7], [0.3, 0.7]]),
    "one symbol": np.array([[1.0]]),
    "transient": np.array([[0.0, 0.5, 0.5], [0.0, 0.1, 0.9], [0.0, 0.8, 0.2]]),
}
each_chain = pytest.mark.parametrize("transition", CHAINS.values(), ids=CHAINS)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def transitions():
    return st.integers(2, 4).flatmap(
        lambda k: st.lists(positive_distributions(k=k), min_size=k, max_size=k).map(np.array)
    )


def assert_drawn_from(counts, probabilities, n):
    """A chi-squared test over what can happen; what cannot happen must not."""
    counts, probabilities = np.ravel(counts), np.ravel(probabilities)
    possible = probabilities > 1e-12
    assert counts[~possible].sum() == 0
    if possible.sum() > 1:
        expected = probabilities[possible] / probabilities[possible].sum() * n
        assert chisquare(counts[possible], expected).pvalue > 1e-4


# Tables


@given(joints(extreme=True))
def test_the_floor_of_a_table_is_the_conditional_entropy(joint):
    exact = float(reference.conditional_entropy(joint))
    assert JointTable(joint).floor == pytest.approx(exact, rel=1e-14, abs=1e-15)


@given(joints())
def test_the_floor_is_the_expected_loss_of_the_posterior_and_no_prediction_beats_it(joint):
    world = JointTable(joint)
    seen = np.flatnonzero(joint.sum(axis=1))
    weights, best = joint.sum(axis=1)[seen], world.posterior(seen)
    assert weights @ entropy(best) == pytest.approx(world.floor, abs=1e-12)
    for mix in (0.01, 0.5):
        worse = (1 - mix) * best + mix / joint.shape[1]
        assert weights @ cross_entropy(best, worse) >= world.floor - 1e-12


def test_the_floor_of_a_table_is_the_mean_loss_of_the_posterior_on_samples():
    world = JointTable(WEATHER)
    x, y = world.sample(40_000, rng())
    losses = -np.log(world.posterior(x)[np.arange(len(x)), y])
    assert abs(losses.mean() - world.floor) < 4 * losses.std() / np.sqrt(len(x))


def test_the_floor_is_a_number_in_nats():
    assert isinstance(JointTable(WEATHER).floor, float)
    assert JointTable([[0.25, 0.25], [0.25, 0.25]]).floor == pytest.approx(np.log(2), rel=1e-15)
    assert JointTable(np.diag([0.2, 0.8])).floor == 0


def test_a_table_is_sampled_in_proportion():
    n = 40_000
    x, y = JointTable(WEATHER).sample(n, rng())
    counts = np.zeros(WEATHER.shape)
    np.add.at(counts, (x, y), 1)
    assert_drawn_from(counts, WEATHER, n)


def test_samples_are_integer_arrays():
    x, y = JointTable(WEATHER).sample(50, rng())
    s = MarkovSource(CHAIN).sample(50, rng())
    for a in (x, y, s):
        assert a.shape == (50,)
        assert np.issubdtype(a.dtype, np.integer)
    for empty in (*JointTable(WEATHER).sample(0, rng()), MarkovSource(CHAIN).sample(0, rng())):
        assert empty.shape == (0,)


@pytest.mark.parametrize("world", [JointTable(WEATHER), MarkovSource(CHAIN)])
def test_a_sample_can_be_drawn_again(world):
    first, again = (np.array(world.sample(100, rng(5))) for _ in range(2))
    assert_array_equal(first, again)
    assert not np.array_equal(first, world.sample(100, rng(6)))
    generator = rng(5)
    world.sample(100, generator)
    assert not np.array_equal(first, world.sample(100, generator))


@pytest.mark.parametrize("world", [JointTable(WEATHER), MarkovSource(CHAIN)])
@pytest.mark.parametrize("bad", [None, 0, 42, np.random, np.random.RandomState(0)])
def test_a_sample_needs_a_generator(world, bad):
    with pytest.raises(TypeError, match=r"^rng is .*default_rng"):
        world.sample(10, bad)


@pytest.mark.parametrize("world", [JointTable(WEATHER), MarkovSource(CHAIN)])
def test_a_sample_has_a_whole_number_of_members(world):
    with pytest.raises(ValueError, match=r"negative|n is|n must"):
        world.sample(-1, rng())
    with pytest.raises((TypeError, ValueError)):
        world.sample(2.5, rng())


def test_the_posterior_of_a_table_is_the_frequency_of_y_given_x():
    world = JointTable(WEATHER)
    blue, grey = [7 / 8, 1 / 8, 0], [1 / 6, 1 / 3, 1 / 2]
    assert_allclose(world.posterior([0, 1, 0]), [blue, grey, blue])
    x, y = world.sample(40_000, rng(1))
    for value in (0, 1):
        counts = np.bincount(y[x == value], minlength=3)
        assert_drawn_from(counts, world.posterior([value])[0], counts.sum())


@pytest.mark.parametrize("world", [JointTable(WEATHER), MarkovSource(CHAIN)])
def test_a_posterior_is_a_distribution_per_example(world):
    x = np.array([1, 0, 1, 1])
    p = world.posterior(x)
    assert p.shape == (4, 3)
    assert_allclose(p.sum(axis=1), 1, rtol=1e-15)
    assert world.posterior(np.array([], dtype=int)).shape == (0, 3)


@pytest.mark.parametrize("world", [JointTable(WEATHER), MarkovSource(CHAIN)])
def test_a_posterior_is_asked_for_things_that_exist(world):
    for bad in ([9], [-1], [0, 9]):
        with pytest.raises(ValueError, match=r"^x holds (9|-1)\b"):
            world.posterior(bad)
    for bad in ([0.5], ["0"], [True]):
        with pytest.raises(TypeError, match=r"^x has dtype"):
            world.posterior(bad)


def test_a_posterior_given_the_impossible_is_refused():
    with pytest.raises(ValueError, match=r"^x holds 1\b.*probability 0"):
        JointTable([[0.5, 0.5], [0, 0]]).posterior([0, 1])


def test_a_world_keeps_its_own_copy_of_the_table():
    joint, transition = WEATHER.copy(), CHAIN.copy()
    table, chain = JointTable(joint), MarkovSource(transition)
    joint[:], transition[:] = 0, 0
    assert_allclose(table.posterior([0]), [[7 / 8, 1 / 8, 0]])
    assert_allclose(chain.posterior([0]), CHAIN[:1])
    chain.posterior([0])[:] = 0
    assert_allclose(chain.posterior([0]), CHAIN[:1])


def test_names_match_the_table():
    table = JointTable(WEATHER, ["blue", "grey"], ["sun", "cloud", "rain"])
    assert list(table.x_names) == ["blue", "grey"]
    assert list(table.y_names) == ["sun", "cloud", "rain"]
    with pytest.raises(ValueError, match=r"^x_names holds 1 .*2"):
        JointTable(WEATHER, ["blue"])
    with pytest.raises(ValueError, match=r"^y_names holds 2 .*3"):
        JointTable(WEATHER, None, ["sun", "cloud"])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_table_in_a_small_dtype_can_be_sampled_and_keeps_an_exact_floor(dtype):
    """The sum of a float32 table is off by more than NumPy's sampler accepts."""
    joint = np.random.default_rng(3).dirichlet(np.ones(30)).reshape(5, 6).astype(dtype)
    world = JointTable(joint)
    x, y = world.sample(1000, rng())
    assert x.max() < 5
    assert y.max() < 6
    exact = float(reference.conditional_entropy(joint))
    assert world.floor == pytest.approx(exact, rel=float(4 * np.finfo(dtype).eps))
    assert_allclose(world.posterior([0, 4]).sum(axis=1), 1, rtol=1e-14)


def test_a_table_of_counts_that_are_integers():
    world = JointTable(np.array([[1, 0], [0, 0]]))
    assert world.floor == 0
    x, y = world.sample(10, rng())
    assert not x.any()
    assert not y.any()


# Markov sources


@each_chain
def test_the_stationary_distribution_stays(transition):
    pi = MarkovSource(transition).stationary
    assert np.all(pi >= 0)
    assert_allclose(pi.sum(), 1, rtol=1e-14)
    assert_allclose(pi @ transition, pi, atol=1e-15)


@settings(max_examples=25)
@given(transitions())
def test_the_stationary_distribution_is_where_the_chain_ends_up(transition):
    power = np.linalg.matrix_power(transition, 2**14)
    assert_allclose(MarkovSource(transition).stationary, power[0], atol=1e-10)


def test_the_stationary_distribution_of_two_symbols_has_a_closed_form():
    for a, b in [(0.1, 0.5), (1e-6, 1e-3), (1.0, 1.0), (0.3, 1e-9), (1e-17, 2e-17)]:
        pi = MarkovSource([[1 - a, a], [b, 1 - b]]).stationary
        assert_allclose(pi, np.array([b, a]) / (a + b), rtol=1e-12)


def test_symbols_that_are_never_seen_again_have_no_weight():
    pi = MarkovSource(CHAINS["transient"]).stationary
    assert_allclose(pi, [0, 8 / 17, 9 / 17], atol=1e-15)
    assert_allclose(MarkovSource(ABSORBING).stationary, [1, 0], atol=1e-15)


@each_chain
def test_the_floor_of_a_chain_is_the_growth_of_its_block_entropy(transition):
    """H(X1 … Xn) - H(X1 … Xn-1) by enumeration: the same for every n from 2 on."""
    source = MarkovSource(transition)
    k = len(transition)
    pi, t = source.stationary, transition

    def block_entropy(n):
        with mpmath.workdps(40):
            blocks = [
                mpmath.mpf(float(pi[s[0]]))
                * mpmath.fprod(mpmath.mpf(float(t[a, b])) for a, b in itertools.pairwise(s))
                for s in itertools.product(range(k), repeat=n)
            ]
            return -mpmath.fsum(p * mpmath.log(p) for p in blocks if p > 0)

    h = [block_entropy(n) for n in (1, 2, 3, 4)]
    for shorter, longer in itertools.pairwise(h):
        assert source.floor == pytest.approx(float(longer - shorter), abs=1e-13)
    assert source.floor <= float(h[0]) + 1e-13


def test_the_floor_of_a_chain_without_choice_is_zero():
    assert MarkovSource(PERIODIC).floor == 0
    assert MarkovSource(ABSORBING).floor == pytest.approx(0, abs=1e-15)


def test_the_floor_of_a_chain_is_its_mean_loss_along_a_long_sample():
    source = MarkovSource(CHAIN)
    s = source.sample(60_000, rng(2))
    losses = -np.log(source.posterior(s[:-1])[np.arange(len(s) - 1), s[1:]])
    # Means over blocks of 100 are nearly independent: their spread is an honest standard error.
    means = losses[: len(losses) // 100 * 100].reshape(-1, 100).mean(axis=1)
    assert abs(means.mean() - source.floor) < 4 * means.std() / np.sqrt(len(means))


def test_the_floor_of_a_chain_is_the_entropy_rate_of_its_bigram_counts():
    source = MarkovSource(CHAIN)
    s = source.sample(60_000, rng(3))
    bigrams = np.zeros(CHAIN.shape)
    np.add.at(bigrams, (s[:-1], s[1:]), 1)
    assert JointTable(bigrams / bigrams.sum()).floor == pytest.approx(source.floor, abs=0.01)


@each_chain
def test_a_chain_is_sampled_in_proportion(transition):
    source = MarkovSource(transition)
    s = source.sample(20_000, rng(4))
    counts = np.zeros(transition.shape)
    np.add.at(counts, (s[:-1], s[1:]), 1)
    for row, probabilities in zip(counts, transition, strict=True):
        if row.sum() >= 100:
            assert_drawn_from(row, probabilities, row.sum())


@each_chain
def test_a_chain_starts_from_its_stationary_distribution(transition):
    source, generator = MarkovSource(transition), rng(5)
    firsts = [source.sample(1, generator)[0] for _ in range(3000)]
    counts = np.bincount(firsts, minlength=len(transition))
    assert_drawn_from(counts, source.stationary, 3000)


def test_the_posterior_of_a_chain_is_its_row():
    assert_array_equal(MarkovSource(CHAIN).posterior([2, 0, 2]), CHAIN[[2, 0, 2]])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([0.5, 0.5], r"^transition has shape \(2,\)"),
        ([[0.5, 0.5]], r"^transition has shape \(1, 2\)"),
        (1.0, r"^transition has shape \(\)"),
        (np.empty((0, 0)), r"^transition\b"),
        ([[0.5, 0.5], [0.5, 0.6]], r"^transition\[1\] sums to 1\.1\b"),
        ([[0.5, 0.5], [1.5, -0.5]], r"^transition\[1, 1\] is -0\.5"),
        ([[0.5, 0.5], [np.nan, 1]], r"^transition\[1, 0\] is nan"),
        (np.eye(2), r"^transition has 2 closed classes"),
        (np.eye(3), r"^transition has 3 closed classes"),
    ],
)
def test_a_table_of_transitions_is_square_and_its_rows_are_distributions(bad, message):
    with pytest.raises(ValueError, match=message):
        MarkovSource(bad)


def test_transitions_are_numbers():
    with pytest.raises(TypeError, match=r"^transition\b"):
        MarkovSource([["1"]])


@pytest.mark.parametrize("k", [2, 3, 10])
@pytest.mark.parametrize("seed", range(3))
def test_transitions_in_float32_or_with_few_digits_are_a_chain_too(k, seed):
    """Rows whose sums are off by what the dtype allows still have one stationary distribution."""
    t = np.random.default_rng(seed).dirichlet(np.ones(k), size=k)
    exact = MarkovSource(t)
    for rough, rtol in ((t.astype(np.float32), 1e-5), (t.round(9), 1e-6)):
        source = MarkovSource(rough)
        assert_allclose(source.stationary, exact.stationary, rtol=rtol)
        assert source.floor == pytest.approx(exact.floor, rel=rtol)
        source.sample(10, rng())


def test_thirds_written_with_eight_digits_are_a_chain():
    source = MarkovSource(np.full((3, 3), 0.33333333))
    assert_allclose(source.stationary, 1 / 3, rtol=1e-7)
    assert source.floor == pytest.approx(np.log(3), rel=1e-7)


def test_a_symbol_of_probability_zero_is_never_drawn():
    """Not even the last one, to which the rounding of a cumulative sum falls."""
    row = np.array([0.4999, 0.49985, 0.0], np.float32)  # within the tolerance of float32
    source = MarkovSource(np.array([row, row, [0.5, 0.5, 0]], np.float32))
    assert source.sample(20_000, rng()).max() == 1


class SmallestDraws(np.random.Generator):
    """A generator whose uniform numbers are all 0.0, the smallest that there is."""

    def random(self, size=None, *args, **kwargs):
        return np.zeros(size)


def test_an_impossible_first_outcome_is_not_drawn_by_a_zero_either():
    zeros = SmallestDraws(np.random.PCG64(0))
    x, y = JointTable([[0.0, 0.0], [0.0, 1.0]]).sample(5, zeros)
    assert x.all()
    assert y.all()
    assert MarkovSource([[0.0, 1.0], [0.0, 1.0]]).sample(5, zeros).all()
