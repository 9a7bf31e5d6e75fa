"""Softmax and its relatives: the identities that make them what they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from xent_strategies import logits

from xentlib import entropy, log_sigmoid, log_softmax, logsumexp, sigmoid, softmax

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

TEMPERATURES = st.floats(0.05, 20)


@given(logits(minus_inf=True), TEMPERATURES)
def test_softmax_is_a_distribution(z, temperature):
    p = softmax(z, temperature=temperature)
    assert np.all((p >= 0) & (p <= 1))
    assert_allclose(p.sum(), 1, rtol=1e-14)
    assert np.all(p[np.isneginf(z)] == 0)


@given(logits(limit=50), st.integers(-1000, 1000))
def test_softmax_does_not_see_a_shift(z, shift):
    z = np.round(z * 64) / 64  # so that the shift itself does not round
    assert_array_equal(softmax(z + shift), softmax(z))
    assert_array_equal(log_softmax(z + shift), log_softmax(z))


@given(logits(limit=50), st.integers(-1000, 1000))
def test_logsumexp_moves_with_a_shift(z, shift):
    assert_allclose(logsumexp(z + shift), logsumexp(z) + shift, atol=1e-11)


@given(logits(), TEMPERATURES)
def test_temperature_is_scaling(z, temperature):
    for f in (softmax, log_softmax):
        assert_allclose(f(z, temperature=temperature), f(z / temperature), rtol=1e-9, atol=1e-300)


@given(logits(limit=30))
def test_a_lower_temperature_never_raises_the_entropy(z):
    h = [entropy(softmax(z, temperature=t)) for t in (0.1, 0.5, 1, 2, 10, 1000)]
    assert np.all(np.diff(h) >= -1e-12)


def test_the_limits_of_temperature_are_argmax_and_uniform():
    z = [1.0, 2.0, 3.0]
    for cold in (1e-3, 1e-300, 5e-324):
        assert_array_equal(softmax(z, temperature=cold), [0, 0, 1])
    for hot in (1e20, 1e308):
        assert_allclose(softmax(z, temperature=hot), 1 / 3, rtol=1e-15)
    assert_array_equal(softmax([2.0, 2.0, 1.0], temperature=5e-324), [0.5, 0.5, 0])


@given(logits(minus_inf=True), st.randoms(use_true_random=False))
def test_softmax_permutes_with_its_input(z, random):
    order = random.sample(range(len(z)), len(z))
    for f in (softmax, log_softmax):
        assert_allclose(f(z[order]), f(z)[order], rtol=1e-13)
    assert_allclose(logsumexp(z[order]), logsumexp(z), rtol=1e-15, atol=1e-15)


@given(logits(limit=300, minus_inf=True))
def test_log_softmax_is_the_log_of_softmax(z):
    assert_allclose(np.exp(log_softmax(z)), softmax(z), rtol=1e-12)


@given(logits(limit=1000))
def test_log_softmax_is_the_gap_to_logsumexp(z):
    assert_allclose(log_softmax(z), z - logsumexp(z), atol=1e-12)


@given(logits(minus_inf=True))
def test_log_softmax_is_idempotent(z):
    assert_allclose(log_softmax(log_softmax(z)), log_softmax(z), rtol=1e-9, atol=1e-15)


@given(logits(minus_inf=True))
def test_logsumexp_is_a_soft_maximum(z):
    assert z.max() <= logsumexp(z) <= z.max() + np.log(len(z)) + 1e-11


@given(logits(max_k=6), logits(max_k=6))
def test_logsumexp_of_a_whole_is_that_of_its_parts(a, b):
    whole = logsumexp(np.append(a, b))
    assert_allclose(whole, logsumexp([logsumexp(a), logsumexp(b)]), rtol=1e-14, atol=1e-14)


@given(logits(limit=5, max_k=6))
def test_the_gradient_of_logsumexp_is_softmax(z):
    h = 1e-5
    steps = h * np.eye(len(z))
    gradient = (logsumexp(z + steps) - logsumexp(z - steps)) / (2 * h)
    assert_allclose(gradient, softmax(z), atol=1e-9)


@given(logits(limit=5, max_k=6), TEMPERATURES)
def test_the_jacobian_of_softmax(z, temperature):
    h = 1e-5 * temperature
    steps = h * np.eye(len(z))
    up, down = (softmax(z + s * steps, temperature=temperature) for s in (1, -1))
    p = softmax(z, temperature=temperature)
    expected = (np.diag(p) - np.outer(p, p)) / temperature
    assert_allclose((up - down) / (2 * h), expected, atol=1e-9 / temperature)


@given(logits(k=2), TEMPERATURES)
def test_sigmoid_is_softmax_for_two_classes(z, temperature):
    two = softmax(z, temperature=temperature)
    assert_allclose(sigmoid(z[0] - z[1], temperature=temperature), two[0], rtol=1e-9)


@given(logits(max_k=20), TEMPERATURES)
def test_sigmoids_of_opposite_logits_are_complementary(z, temperature):
    one = sigmoid(z, temperature=temperature) + sigmoid(-z, temperature=temperature)
    assert_allclose(one, 1, rtol=1e-15)


@given(logits(max_k=20), TEMPERATURES)
def test_the_difference_of_log_sigmoids_is_the_logit(z, temperature):
    difference = log_sigmoid(z, temperature=temperature) - log_sigmoid(-z, temperature=temperature)
    assert_allclose(difference, z / temperature, rtol=1e-14, atol=1e-15)


@given(logits(limit=700, max_k=20))
def test_log_sigmoid_is_the_log_of_sigmoid(z):
    assert_allclose(np.exp(log_sigmoid(z)), sigmoid(z), rtol=1e-12)


def test_sigmoid_and_log_sigmoid_rise():
    z = np.linspace(-800, 800, 4001)
    assert np.all(np.diff(sigmoid(z)) >= 0)
    assert np.all(np.diff(log_sigmoid(z)) >= 0)
    near = np.linspace(-30, 30, 2001)
    assert np.all(np.diff(sigmoid(near)) > 0)
    assert np.all(np.diff(log_sigmoid(near)) > 0)


@given(logits(k=6))
def test_softmax_keeps_the_order_of_the_logits(z):
    assert np.all(np.diff(softmax(z)[np.argsort(z)]) >= 0)


def test_sigmoid_takes_numbers_and_arrays_of_any_shape():
    assert sigmoid(0.0) == 0.5
    assert log_sigmoid(0.0) == -np.log(2)
    for shape in [(), (0,), (3,), (2, 0), (2, 3, 4)]:
        assert np.shape(sigmoid(np.zeros(shape))) == shape
        assert np.shape(log_sigmoid(np.zeros(shape))) == shape


def test_the_sigmoids_stay_exact_far_out():
    assert_array_equal(sigmoid([-1e4, 1e4, -np.inf]), [0, 1, 0])
    assert_array_equal(log_sigmoid([-1e4, 1e4, -np.inf]), [-1e4, 0, -np.inf])
    assert_allclose(sigmoid(-700.0), np.exp(-700.0), rtol=1e-15)
    assert_allclose(log_sigmoid(40.0), -np.exp(-40.0), rtol=1e-15)  # not 0


def test_log_softmax_of_a_dominant_logit_keeps_its_digits():
    assert_allclose(log_softmax([1000.0, 950.0]), [-np.log1p(np.exp(-50)), -50], rtol=1e-15)
    assert_allclose(log_softmax([0.0, -700.0])[0], -np.exp(-700), rtol=1e-13)


def test_logits_of_ten_thousand():
    for f, expected in ((softmax, [1, 0, 0]), (log_softmax, [0, -1e4, -2e4])):
        assert_array_equal(f([1e4, 0, -1e4]), expected)
    assert logsumexp([1e4, 0, -1e4]) == 1e4
    assert_allclose(logsumexp([-1e4, -1e4]), -1e4 + np.log(2), rtol=1e-15)


def test_an_impossible_class_has_probability_zero():
    assert_array_equal(softmax([0.0, -np.inf]), [1, 0])
    assert_array_equal(log_softmax([0.0, -np.inf]), [0, -np.inf])
    assert logsumexp([3.0, -np.inf]) == 3


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_largest_logits_there_are(dtype):
    big = np.finfo(dtype).max
    z = np.array([big, -big])
    assert_array_equal(softmax(z), [1, 0])
    assert log_softmax(z)[0] == 0
    assert log_softmax(z)[1] == -np.inf  # -2 big is beyond the range
    assert logsumexp(z) == big
    assert_array_equal(sigmoid(z), [1, 0])
    assert_array_equal(log_sigmoid(z), [0, -big])
    assert_array_equal(sigmoid(z, temperature=1e-10), [1, 0])
    assert_array_equal(softmax(z, temperature=1e-10), [1, 0])
