"""Cross-entropy, KL and Jensen-Shannon: their theorems, on distributions at large."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from xent_strategies import SMALLEST, channels, distributions, joints, several

from xentlib import cross_entropy, entropy, js_divergence, kl_divergence

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

ATOL = 1e-12


@given(several(2))
def test_gibbs_inequality(pair):
    p, q = pair
    assert cross_entropy(p, q) >= entropy(p) - ATOL


@given(distributions())
def test_gibbs_inequality_holds_with_equality_for_the_truth(p):
    assert_allclose(cross_entropy(p, p), entropy(p), rtol=1e-15)


@given(several(2))
def test_cross_entropy_is_entropy_plus_kl(pair):
    p, q = pair
    assert_allclose(cross_entropy(p, q), entropy(p) + kl_divergence(p, q), rtol=1e-14, atol=ATOL)


@given(several(2))
def test_kl_is_never_negative(pair):
    assert kl_divergence(*pair) >= 0


@given(st.integers(1, 50), st.integers(0, 10**6))
def test_divergences_of_nearly_equal_distributions_are_never_negative(k, seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(k))
    q = p * (1 + 1e-9 * rng.standard_normal(k))
    assert 0 <= kl_divergence(p, q) < 1e-8
    assert 0 <= kl_divergence(p.astype("f4"), q.astype("f4")) < 1e-3
    assert 0 <= js_divergence(p, q) < 1e-8
    assert 0 <= js_divergence(p.astype("f4"), q.astype("f4")) < 1e-3
    assert not np.signbit(kl_divergence(p, q))
    assert not np.signbit(js_divergence(p, q))


@given(distributions(max_k=30))
def test_kl_of_a_distribution_with_itself_is_exactly_zero(p):
    for dtype in (np.float16, np.float32, np.float64):
        d = kl_divergence(p.astype(dtype), p.astype(dtype))
        assert d == 0
        assert not np.signbit(d)


@given(several(2, extreme=False))
def test_kl_is_zero_only_for_equal_distributions(pair):
    p, q = pair
    if np.abs(p - q).max() > 1e-3:
        assert kl_divergence(p, q) > 1e-6


@given(several(2))
def test_kl_is_infinite_exactly_where_the_model_says_never(pair):
    p, q = pair
    never = bool(np.any((p > 0) & (q == 0)))
    assert np.isinf(kl_divergence(p, q)) == never
    assert np.isinf(cross_entropy(p, q)) == never


@given(several(2), st.randoms(use_true_random=False))
def test_the_order_of_the_outcomes_does_not_matter(pair, random):
    p, q = pair
    order = random.sample(range(len(p)), len(p))
    for function in (cross_entropy, kl_divergence, js_divergence):
        assert_allclose(function(p[order], q[order]), function(p, q), rtol=1e-13, atol=ATOL)


@given(several(2, max_k=5, extreme=False), several(2, max_k=5, extreme=False))
def test_divergences_of_product_distributions_add_up(first, second):
    (p1, q1), (p2, q2) = first, second
    p, q = np.outer(p1, p2).ravel(), np.outer(q1, q2).ravel()
    for f in (cross_entropy, kl_divergence):
        assert_allclose(f(p, q), f(p1, q1) + f(p2, q2), rtol=1e-13, atol=ATOL)


@given(st.data())
def test_kl_chain_rule(data):
    """KL of the joint = KL of the marginals + mean KL of the conditionals."""
    p = data.draw(joints(max_side=4))
    q = data.draw(distributions(k=p.size, extreme=False)).reshape(p.shape)
    p_x, q_x = p.sum(axis=1), q.sum(axis=1)
    total = kl_divergence(p_x, q_x)
    if np.isfinite(total):
        for row_p, row_q, a, b in zip(p, q, p_x, q_x, strict=True):
            total += a * kl_divergence(row_p / a, row_q / b) if a > 0 else 0
    assert_allclose(kl_divergence(p.ravel(), q.ravel()), total, atol=ATOL)


@given(several(4, extreme=False), st.floats(0, 1))
def test_kl_is_jointly_convex(four, weight):
    p1, q1, p2, q2 = four
    p, q = (weight * a + (1 - weight) * b for a, b in ((p1, p2), (q1, q2)))
    # A weight of 0 drops a term of the right side, infinite or not: 0 * inf is 0 here.
    terms = [(weight, p1, q1), (1 - weight, p2, q2)]
    assert kl_divergence(p, q) <= sum(w * kl_divergence(a, b) for w, a, b in terms if w) + ATOL


@given(several(4, extreme=False), st.floats(0, 1))
def test_js_is_jointly_convex(four, weight):
    p1, q1, p2, q2 = four
    p, q = (weight * a + (1 - weight) * b for a, b in ((p1, p2), (q1, q2)))
    bound = weight * js_divergence(p1, q1) + (1 - weight) * js_divergence(p2, q2)
    assert js_divergence(p, q) <= bound + ATOL


@given(st.data())
def test_data_processing_never_raises_a_divergence(data):
    p, q = data.draw(several(2, max_k=5, extreme=False))
    w = data.draw(channels(len(p)))
    for divergence in (kl_divergence, js_divergence):
        assert divergence(p @ w, q @ w) <= divergence(p, q) + ATOL


@given(several(2, extreme=False))
def test_pinsker_inequality(pair):
    p, q = pair
    total_variation = np.abs(p - q).sum() / 2
    assert kl_divergence(p, q) >= 2 * total_variation**2 - ATOL


@given(several(2, extreme=False))
def test_kl_is_at_most_log_one_plus_chi_squared(pair):
    p, q = pair
    if np.all(q[p > 0] > 0):
        seen = q > 0
        chi_squared = np.sum((p - q)[seen] ** 2 / q[seen])
        assert kl_divergence(p, q) <= np.log1p(chi_squared) + ATOL


def test_kl_is_not_symmetric_and_cross_entropy_takes_the_truth_first():
    p, q = [0.5, 0.5], [0.9, 0.1]
    assert_allclose(kl_divergence(p, q), 0.5 * np.log(0.5 / 0.9) + 0.5 * np.log(0.5 / 0.1))
    assert_allclose(kl_divergence(q, p), 0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5))
    assert_allclose(cross_entropy(p, q), -0.5 * np.log(0.9) - 0.5 * np.log(0.1))


@given(several(2))
def test_js_is_symmetric(pair):
    p, q = pair
    assert_allclose(js_divergence(p, q), js_divergence(q, p), rtol=1e-14, atol=1e-16)


@given(several(2))
def test_js_is_between_zero_and_log_two(pair):
    assert 0 <= js_divergence(*pair) <= np.log(2) * (1 + 1e-14)


@given(distributions(max_k=30))
def test_js_of_a_distribution_with_itself_is_exactly_zero(p):
    assert js_divergence(p, p) == 0
    assert not np.signbit(js_divergence(p, p))


@given(distributions(max_k=4), distributions(max_k=4))
def test_js_of_distributions_without_a_common_outcome_is_log_two(p, q):
    here, there = np.append(p, 0 * q), np.append(0 * p, q)
    assert_allclose(js_divergence(here, there), np.log(2), rtol=1e-14)
    assert_allclose(js_divergence(here, there, base=2), 1, rtol=1e-14)


@given(several(2, extreme=False))
def test_js_is_the_mean_kl_to_the_midpoint_and_the_entropy_gap(pair):
    p, q = pair
    m = (p + q) / 2
    js = js_divergence(p, q)
    assert_allclose(js, (kl_divergence(p, m) + kl_divergence(q, m)) / 2, atol=ATOL)
    assert_allclose(js, entropy(m) - (entropy(p) + entropy(q)) / 2, atol=ATOL)


@given(several(3))
def test_the_root_of_js_is_a_metric(three):
    p, q, r = three
    # The root turns a rounding error of 1e-16 near zero into one of 1e-8.
    assert np.sqrt(js_divergence(p, r)) <= (
        np.sqrt(js_divergence(p, q)) + np.sqrt(js_divergence(q, r)) + 1e-7
    )


def test_js_of_subnormal_probabilities_does_not_underflow():
    """Half of the smallest number is 0, and a midpoint of 0 would make the divergence infinite."""
    p, q = np.array([SMALLEST, 1.0]), np.array([0.0, 1.0])
    assert js_divergence(p, q) == 0  # log(2)/2 of the smallest number rounds to 0
    p, q = np.array([100 * SMALLEST, 1.0]), np.array([0.0, 1.0])
    assert js_divergence(p, q) == pytest.approx(35 * SMALLEST, abs=2 * SMALLEST)


@given(several(2), st.sampled_from([2, 10, 1.5]))
def test_the_base_divides_by_its_logarithm(pair, base):
    p, q = pair
    for f in (cross_entropy, kl_divergence, js_divergence):
        assert_allclose(f(p, q, base=base), f(p, q) / np.log(base), rtol=1e-14)


@given(distributions(extreme=False), st.randoms(use_true_random=False))
def test_for_a_fixed_truth_cross_entropy_is_least_at_the_truth(p, random):
    """Moving probability from one outcome to another never helps."""
    if len(p) < 2:
        return
    i, j = random.sample(range(len(p)), 2)
    q = p.copy()
    moved = q[i] / 3
    q[i], q[j] = q[i] - moved, q[j] + moved
    assert cross_entropy(p, q) >= cross_entropy(p, p) - ATOL
