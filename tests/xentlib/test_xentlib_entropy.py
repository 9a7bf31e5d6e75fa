"""Entropy: what Shannon's axioms and their consequences say, on distributions at large."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from xent_strategies import channels, distributions, joints, positive_distributions, several

from xentlib import conditional_entropy, cross_entropy, entropy, mutual_information, perplexity

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

ATOL = 1e-12  # the rounding of a handful of terms of order one


@given(distributions())
def test_entropy_is_between_zero_and_log_k(p):
    assert 0 <= entropy(p) <= np.log(len(p)) + ATOL


@pytest.mark.parametrize("k", [1, 2, 3, 7, 1000, 10**6])
def test_entropy_of_the_uniform_distribution_is_log_k(k):
    assert_allclose(entropy(np.full(k, 1 / k)), np.log(k), rtol=1e-14)


@given(distributions(max_k=6, extreme=False))
def test_only_the_uniform_distribution_reaches_log_k(p):
    far_from_uniform = np.abs(p - 1 / len(p)).max() > 1e-3
    if far_from_uniform:
        assert entropy(p) < np.log(len(p)) - 1e-7


@pytest.mark.parametrize("k", [1, 2, 5, 10**6])
def test_entropy_of_a_point_mass_is_zero_and_not_minus_zero(k):
    p = np.zeros(k)
    p[k // 2] = 1
    h = entropy(p)
    assert h == 0
    assert not np.signbit(h)


@given(distributions(extreme=False))
def test_entropy_is_zero_only_for_a_point_mass(p):
    assert (entropy(p) == 0) == (p.max() == 1)


@given(distributions(), st.randoms(use_true_random=False))
def test_entropy_does_not_see_the_order_of_the_outcomes(p, random):
    order = random.sample(range(len(p)), len(p))
    assert_allclose(entropy(p[order]), entropy(p), rtol=1e-14)


@given(distributions())
def test_an_impossible_outcome_changes_nothing(p):
    assert_allclose(entropy(np.append(p, 0.0)), entropy(p), rtol=1e-15)


def test_a_negative_zero_is_a_zero():
    assert entropy([-0.0, 1.0]) == 0


@given(distributions(), distributions())
def test_entropy_of_independent_variables_adds_up(p, q):
    assert_allclose(entropy(np.outer(p, q).ravel()), entropy(p) + entropy(q), atol=ATOL)


@given(joints())
def test_chain_rule(joint):
    h_xy, h_x = entropy(joint.ravel()), entropy(joint.sum(axis=1))
    assert_allclose(h_xy, h_x + conditional_entropy(joint), atol=ATOL)


@given(joints())
def test_conditional_entropy_is_the_mean_entropy_of_the_rows(joint):
    p_x = joint.sum(axis=1)
    seen = p_x > 0
    rows = joint[seen] / p_x[seen, None]
    assert_allclose(conditional_entropy(joint), p_x[seen] @ entropy(rows), atol=ATOL)


@given(joints())
def test_conditioning_reduces_entropy(joint):
    assert 0 <= conditional_entropy(joint) <= entropy(joint.sum(axis=0)) + ATOL


@given(distributions(max_k=5), distributions(max_k=5))
def test_conditioning_on_something_independent_changes_nothing(p_x, p_y):
    assert_allclose(conditional_entropy(np.outer(p_x, p_y)), entropy(p_y), atol=ATOL)


@given(distributions(), st.randoms(use_true_random=False))
def test_a_function_of_x_has_no_entropy_left_given_x(p_x, random):
    joint = np.zeros((len(p_x), 3))
    joint[np.arange(len(p_x)), [random.randrange(3) for _ in p_x]] = p_x
    h = conditional_entropy(joint)
    assert h == 0
    assert not np.signbit(h)


def test_conditional_entropy_conditions_on_the_rows():
    joint = np.array([[0.25, 0.25], [0.5, 0.0]])  # X is the row, Y the column
    assert_allclose(conditional_entropy(joint, base=2), 0.5)
    assert_allclose(conditional_entropy(joint.T, base=2), 0.75 * entropy([1 / 3, 2 / 3], base=2))


@given(several(2), st.floats(0, 1))
def test_entropy_is_concave(pair, weight):
    p, q = pair
    mixture = weight * p + (1 - weight) * q
    assert entropy(mixture) >= weight * entropy(p) + (1 - weight) * entropy(q) - ATOL


@given(positive_distributions())
def test_grouping(p):
    """Merging two outcomes loses the entropy of the choice between them."""
    if len(p) < 2:
        return
    pair = p[0] + p[1]
    merged = np.append(pair, p[2:])
    assert_allclose(entropy(p), entropy(merged) + pair * entropy(p[:2] / pair), atol=ATOL)


@given(st.data())
def test_passing_through_a_doubly_stochastic_channel_never_lowers_entropy(data):
    p = data.draw(distributions(extreme=False))
    weights = data.draw(distributions(k=3, extreme=False))
    shifts = [np.roll(p, s) for s in range(3)]
    assert entropy(weights @ shifts) >= entropy(p) - ATOL


@given(distributions(), st.sampled_from([2, 10, 2.5, np.e, np.float32(2), np.int64(2)]))
def test_the_base_divides_by_its_logarithm(p, base):
    assert_allclose(entropy(p, base=base), entropy(p) / np.log(float(base)), rtol=1e-14)


def test_base_none_is_nats_and_two_is_bits():
    assert entropy([0.5, 0.5]) == pytest.approx(np.log(2), rel=1e-15)
    assert entropy([0.5, 0.5], base=2) == pytest.approx(1, rel=1e-15)
    assert entropy([0.5, 0.5], base=0.5) == pytest.approx(-1, rel=1e-15)


@given(joints())
def test_the_base_acts_on_conditional_entropy_and_mutual_information(joint):
    for function in (conditional_entropy, mutual_information):
        assert_allclose(function(joint, base=2), function(joint) / np.log(2), rtol=1e-14)


@pytest.mark.parametrize("k", [1, 2, 3, 50257])
def test_perplexity_of_the_uniform_distribution_is_k(k):
    assert_allclose(perplexity(np.full(k, 1 / k)), k, rtol=1e-13)


@given(several(2))
def test_perplexity_is_exp_of_the_entropy_or_cross_entropy(pair):
    p, q = pair
    assert_allclose(perplexity(p), np.exp(entropy(p)), rtol=1e-14)
    h = cross_entropy(p, q)
    assert_allclose(perplexity(p, q), np.exp(h) if h < 700 else perplexity(p, q), rtol=1e-12)
    assert perplexity(p, q) >= perplexity(p) * (1 - 1e-12)


def test_perplexity_is_infinite_where_the_model_says_never():
    assert perplexity([0.5, 0.5], [1, 0]) == np.inf


def test_perplexity_along_an_axis():
    p = np.array([[0.5, 1.0], [0.5, 0.0]])
    assert_allclose(perplexity(p, axis=0), [2, 1], rtol=1e-15)
    assert_allclose(perplexity(p, np.full((2, 2), 0.5), axis=0), [2, 2], rtol=1e-15)


@given(st.data())
def test_entropy_of_an_output_is_at_most_input_plus_noise(data):
    p = data.draw(distributions(max_k=5, extreme=False))
    w = data.draw(channels(len(p)))
    assert entropy(p @ w) <= entropy(p) + p @ entropy(w) + ATOL
