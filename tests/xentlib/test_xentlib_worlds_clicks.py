"""The click log: its floor view by view, its clicks by counting, its recommender by hand."""

import math

import numpy as np
import pytest
from scipy.stats import chisquare

from xentlib.worlds import ClickLog

SMALL = {"n_users": 4, "n_items": 3, "rank": 2, "bias": -1.0, "slots": (0.0, -0.7), "greed": 0.8}


@pytest.fixture(scope="module")
def world():
    return ClickLog(**SMALL)


def rng(seed=0):
    return np.random.default_rng(seed)


def views(world):
    """Every view that can be, one row each."""
    return np.argwhere(np.ones(world.logits.shape))


def test_the_floor_and_the_click_rate_view_by_view(world):
    floor = rate = 0.0
    for u, i, k in views(world):
        appeal = world.item_bias[i] + sum(world.user_vectors[u] * world.item_vectors[i])
        p = 1 / (1 + math.exp(-(-1.0 + world.user_bias[u] + appeal + (0.0, -0.7)[k])))
        odds = [
            math.exp(0.8 / (k + 1) * (world.item_bias[j] + sum(world.user_vectors[u] * vector)))
            for j, vector in enumerate(world.item_vectors)
        ]
        share = odds[i] / sum(odds) / 4 / 2
        assert world.exposure[u, i, k] == pytest.approx(share, rel=1e-12)
        assert world.posterior([[u, i, k]])[0, 1] == pytest.approx(p, rel=1e-12)
        floor -= share * (p * math.log(p) + (1 - p) * math.log(1 - p))
        rate += share * p
    assert world.floor == pytest.approx(floor, rel=1e-12)
    assert world.click_rate == pytest.approx(rate, rel=1e-12)


def test_the_floor_is_the_mean_loss_of_the_posterior_on_samples():
    world = ClickLog()
    x, y = world.sample(50_000, rng(1))
    losses = -np.log(world.posterior(x)[np.arange(len(x)), y])
    assert abs(losses.mean() - world.floor) < 4 * losses.std() / np.sqrt(len(x))
    assert abs(y.mean() - world.click_rate) < 4 * y.std() / np.sqrt(len(y))


def test_views_and_clicks_come_in_proportion(world):
    n = 60_000
    x, y = world.sample(n, rng(2))
    cell = np.ravel_multi_index(x.T, world.logits.shape)
    counts = np.bincount(2 * cell + y, minlength=2 * world.logits.size)
    p = world.posterior(views(world)) * world.exposure.reshape(-1, 1)
    assert chisquare(counts, n * p.ravel()).pvalue > 1e-4


def test_users_and_slots_are_equally_frequent_and_the_shares_sum_to_1(world):
    np.testing.assert_allclose(world.exposure.sum(axis=1), 1 / 8, rtol=1e-12)


def test_the_top_of_the_page_is_where_the_old_recommender_trusts_itself(world):
    top, below = (world.exposure[:, :, k].max(axis=1) for k in (0, 1))
    assert (top > below).all()
    uniform = ClickLog(**SMALL | {"greed": 0}).exposure
    np.testing.assert_allclose(uniform, 1 / 24, rtol=1e-12)


def test_without_taste_the_logits_are_additive():
    for flat in (ClickLog(rank=0), ClickLog(taste=0.0)):
        z = flat.logits
        sums = z[:, :1, :1] + z[:1, :, :1] + z[:1, :1, :] - 2 * z[0, 0, 0]
        np.testing.assert_allclose(z, sums, atol=1e-12)


def test_taste_has_the_spread_that_it_says():
    for rank in (1, 2, 5):
        many = ClickLog(n_users=2000, n_items=2000, rank=rank, taste=1.5, slots=(0.0,))
        match = many.user_vectors @ many.item_vectors.T
        assert match.std() == pytest.approx(1.5, rel=0.05)


def test_the_same_seed_gives_the_same_users_and_items():
    a, b, c = ClickLog(seed=3), ClickLog(seed=3), ClickLog(seed=4)
    np.testing.assert_array_equal(a.logits, b.logits)
    assert (a.logits != c.logits).all()


def test_another_recommender_shows_other_things_to_the_same_users(world):
    shown = np.zeros(world.logits.shape)
    shown[1, 2, 0], shown[3, 0, 1] = 0.25, 0.75
    other = world.under(shown)
    x, _ = other.sample(500, rng(3))
    assert {tuple(row) for row in x.tolist()} == {(1, 2, 0), (3, 0, 1)}
    p = world.posterior([[1, 2, 0], [3, 0, 1]])
    np.testing.assert_array_equal(other.posterior([[1, 2, 0], [3, 0, 1]]), p)
    assert other.click_rate == pytest.approx([0.25, 0.75] @ p[:, 1])
    assert other.floor == pytest.approx([0.25, 0.75] @ -(p * np.log(p)).sum(axis=1))
    assert world.floor == ClickLog(**SMALL).floor  # the old world is what it was
    assert world.under(world.exposure).floor == world.floor


def test_the_posterior_is_a_distribution(world):
    p = world.posterior(views(world))
    assert p.shape == (24, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
    assert world.posterior(np.empty((0, 3), dtype=int)).shape == (0, 2)


def test_samples_are_integers_and_can_be_drawn_again(world):
    x, y = world.sample(10, rng(4))
    assert x.shape == (10, 3)
    assert y.shape == (10,)
    assert x.dtype.kind == y.dtype.kind == "i"
    again, _ = world.sample(10, rng(4))
    np.testing.assert_array_equal(x, again)
    assert world.sample(0, rng())[0].shape == (0, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_users": 0}, ValueError, "n_users is 0.*at least 1"),
        ({"n_items": 2.5}, TypeError, "n_items is 2.5.*integer"),
        ({"rank": -1}, ValueError, "rank is -1.*at least 0"),
        ({"seed": None}, TypeError, "seed is None.*integer"),
        ({"bias": np.nan}, ValueError, "bias holds nan"),
        ({"taste": [1.0]}, ValueError, "taste has shape.*single number"),
        ({"slots": 0.0}, ValueError, "slots has shape.*vector"),
        ({"slots": ()}, ValueError, "slots is empty"),
        ({"greed": "much"}, TypeError, "greed has dtype"),
    ],
)
def test_impossible_worlds_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        ClickLog(**arguments)


def test_impossible_views_are_refused(world):
    with pytest.raises(ValueError, match="expected \\(n, 3\\)"):
        world.posterior([0, 1, 0])
    with pytest.raises(ValueError, match=r"x\[:, 1\] holds 3.*from 0 to 2"):
        world.posterior([[0, 3, 0]])
    with pytest.raises(TypeError, match="integers"):
        world.posterior([[0.0, 1.0, 0.0]])
    with pytest.raises(ValueError, match="exposure sums to 24"):
        world.under(np.ones((4, 3, 2)))
    with pytest.raises(ValueError, match=r"expected \(4, 3, 2\)"):
        world.under(np.full((4, 3), 1 / 12))
    with pytest.raises(TypeError, match="default_rng"):
        world.sample(5, 0)
