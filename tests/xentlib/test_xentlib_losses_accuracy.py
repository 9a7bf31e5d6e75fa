"""How many digits of the losses and gradients are right, against 60-digit arithmetic."""

import mpmath
import numpy as np
import pytest
import xent_reference as reference
from hypothesis import given
from hypothesis import strategies as st
from xent_reference import error, ulp, ulps_off
from xent_strategies import SMALLEST, distributions, logits

from xentlib import (
    binary_cross_entropy,
    binary_cross_entropy_grad,
    binary_focal_loss,
    categorical_cross_entropy,
    categorical_cross_entropy_grad,
    sparse_categorical_cross_entropy,
    sparse_categorical_cross_entropy_grad,
)

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

LOGITS = {"from_logits": True}
EPS = np.finfo(np.float64).eps
ULPS = {np.float16: 1, np.float32: 4, np.float64: 4}
dtypes = pytest.mark.parametrize("dtype", ULPS)


def check(actual, exact, dtype, ulps=None) -> None:
    assert actual.dtype == dtype
    assert ulps_off(actual, exact) <= (ULPS[dtype] if ulps is None else ulps)


def condition(z: np.ndarray) -> float:
    """How many eps the loss moves when the gaps to the maximum are rounded: a size in float64."""
    gaps = np.minimum(z.astype(float).max() - z.astype(float), 745)
    return float(gaps.max())


@dtypes
@pytest.mark.parametrize("k", [2, 3, 6])
@given(data=st.data())
def test_sparse_from_logits(k, dtype, data):
    """float64 as well as its arithmetic allows, float16 and float32 to a few ulp."""
    z = data.draw(logits(k=k, minus_inf=True)).astype(dtype)
    exact = [-x for x in reference.log_softmax(z)]
    extra = condition(z) if dtype is np.float64 else 0
    for label in range(k):
        loss = sparse_categorical_cross_entropy(label, z, **LOGITS)
        check(loss, exact[label], dtype, ULPS[dtype] + extra)


@pytest.mark.parametrize("k", [2, 3, 10, 1000, 50257])
@pytest.mark.parametrize("scale", [0.1, 1, 10, 100])
def test_float32_losses_of_random_logits(k, scale):
    """float32 is exponentiated in float32: still a few ulp, small losses included."""
    rng = np.random.default_rng(k)
    z = (scale * rng.standard_normal((20, k))).astype(np.float32)
    labels = np.where(np.arange(20) % 2, z.argmax(axis=1), rng.integers(0, k, 20))
    exact = sparse_categorical_cross_entropy(labels, z.astype(float), reduction="none", **LOGITS)
    ours = sparse_categorical_cross_entropy(labels, z, reduction="none", **LOGITS)
    assert ours.dtype == np.float32
    assert max(abs(ours - exact) / np.spacing(exact.astype(np.float32))) <= 4


@pytest.mark.parametrize("top", [20.3, 50.7, 87.1, 95.3])
def test_float32_losses_that_are_tiny(top):
    """The gap of two float32 logits has more than 24 bits: rounding it costs up to 60 ulp."""
    z = np.array([0.1, top, 0.37, -3.3], np.float32)
    for some in (z, z[:2]):
        exact = -reference.log_softmax(some)[1]
        check(sparse_categorical_cross_entropy(1, some, **LOGITS), exact, np.float32)


@dtypes
@pytest.mark.parametrize("label", [0, 1, 2])
@given(z=logits(k=3, minus_inf=True))
def test_the_gradient_of_sparse_from_logits(label, dtype, z):
    """Absolute to the last place of 1, and relative as far as the gaps are exact."""
    z = z.astype(dtype)
    grad = sparse_categorical_cross_entropy_grad(label, z, **LOGITS)
    assert grad.dtype == dtype
    eps = max(np.finfo(dtype).eps if dtype is not np.float16 else 6e-8, EPS)
    relative = eps * (4 + min(condition(z), 104 if dtype is not np.float64 else 745))
    p = reference.softmax(z)
    with mpmath.workdps(reference.DIGITS):
        for k, g in enumerate(grad):
            exact = p[k] if k != label else -mpmath.fsum(p[:k] + p[k + 1 :])
            assert error(g, exact) <= relative * abs(exact) + ulp(exact, dtype)


@dtypes
@given(data=st.data())
def test_categorical_from_logits(dtype, data):
    k = data.draw(st.integers(1, 5))
    z = data.draw(logits(k=k)).astype(dtype)
    y = data.draw(distributions(k=k, extreme=False))
    with mpmath.workdps(reference.DIGITS):
        log_p = reference.log_softmax(z)
        exact = -mpmath.fsum(t * x for t, x in zip(reference.exact(y), log_p, strict=True))
    loss = categorical_cross_entropy(y, z, **LOGITS)
    check(loss, exact, dtype, 8 + (condition(z) if dtype is np.float64 else 0))
    grad = categorical_cross_entropy_grad(y, z, **LOGITS)
    for g, p, t in zip(grad, reference.softmax(z), reference.exact(y), strict=True):
        assert error(g, p - t) <= 4 * EPS + ulp(p - t, dtype)


@dtypes
@pytest.mark.parametrize("label", [0, 1, 2])
@given(p=distributions(k=3))
def test_sparse_from_probabilities(label, dtype, p):
    p = p.astype(dtype)
    loss = sparse_categorical_cross_entropy(label, p)
    with mpmath.workdps(reference.DIGITS):
        x = reference.exact(p)[label]
        exact = mpmath.inf if x == 0 else -mpmath.log(x)
        check(loss, exact, dtype)
        grad = sparse_categorical_cross_entropy_grad(label, p)
        check(grad[label], -mpmath.inf if x == 0 else -1 / x, dtype)
        assert not np.delete(grad, label).any()


@dtypes
@given(z=st.one_of(st.floats(-1e4, 1e4), st.floats(-30, 30), st.just(-np.inf)))
def test_binary_from_logits(dtype, z):
    z = np.array(z, dtype)
    extra = min(abs(float(z)), 745) if dtype is np.float64 else 0
    if np.isinf(z):
        assert binary_cross_entropy(1, z, **LOGITS) == np.inf
        assert binary_cross_entropy(0, z, **LOGITS) == 0
        assert binary_cross_entropy_grad(1, z, **LOGITS) == -1
        assert binary_cross_entropy_grad(0, z, **LOGITS) == 0
        return
    check(binary_cross_entropy(1, z, **LOGITS), -reference.log_sigmoid(z), dtype, 4 + extra)
    check(binary_cross_entropy(0, z, **LOGITS), -reference.log_sigmoid(-z), dtype, 4 + extra)
    ulps = 4 + extra
    check(binary_cross_entropy_grad(1, z, **LOGITS), -reference.sigmoid(-z), dtype, ulps)
    check(binary_cross_entropy_grad(0, z, **LOGITS), reference.sigmoid(z), dtype, ulps)


@dtypes
@given(p=st.one_of(st.floats(0, 1), st.sampled_from([SMALLEST, 1e-310, 1e-17, 1 - EPS / 2])))
def test_binary_from_probabilities(dtype, p):
    p = np.array(p, dtype)
    with mpmath.workdps(reference.DIGITS):
        x = reference.exact(p)[0]
        exact = mpmath.inf if x == 0 else -mpmath.log(x)
        check(binary_cross_entropy(1, p), exact, dtype)
        exact = mpmath.inf if x == 1 else -mpmath.log1p(-x)
        check(binary_cross_entropy(0, p), exact, dtype)


def test_numbers_that_are_known():
    """The sources' −ln 0.8; a loss that 1 − p cannot hold; the ends of float64."""
    assert binary_cross_entropy([1], [0.8]).round(4) == 0.2231
    z = np.array([1000.0, 950.0])
    for wide in (z, np.array([1000.0, 950.0, -np.inf]), z.astype(np.float32)):
        loss = sparse_categorical_cross_entropy(0, wide, **LOGITS)
        check(loss, mpmath.log1p(mpmath.exp(-50)), wide.dtype.type)
        assert 1.9e-22 < loss < 2e-22
        grad = sparse_categorical_cross_entropy_grad(0, wide, **LOGITS)
        assert -2e-22 < grad[0] < -1.9e-22
    assert sparse_categorical_cross_entropy(1, [1e4, -1e4], **LOGITS) == 2e4
    assert sparse_categorical_cross_entropy(1, [1e4, -1e4, 0.0], **LOGITS) == 2e4
    assert sparse_categorical_cross_entropy(0, [1e4, -1e4], **LOGITS) == 0
    assert sparse_categorical_cross_entropy(0, [SMALLEST, 1.0]) == pytest.approx(744.4400719213812)
    assert binary_cross_entropy(1, SMALLEST) == pytest.approx(744.4400719213812)
    assert categorical_cross_entropy([1, 0], [SMALLEST, 1.0]) == pytest.approx(744.4400719213812)


@pytest.mark.parametrize("shape", [(2,), (3,), (5,)])
def test_an_impossible_outcome(shape):
    """−inf as a logit: no cost while it does not happen, an infinite one when it does."""
    z = np.zeros(shape)
    z[0] = -np.inf
    assert sparse_categorical_cross_entropy(0, z, **LOGITS) == np.inf
    rest = np.log(len(z) - 1)
    assert sparse_categorical_cross_entropy(1, z, **LOGITS) == pytest.approx(rest, abs=1e-15)
    one_hot = np.eye(len(z))
    assert categorical_cross_entropy(one_hot[0], z, **LOGITS) == np.inf
    assert categorical_cross_entropy(one_hot[1], z, **LOGITS) == pytest.approx(rest, abs=1e-15)
    assert categorical_cross_entropy(one_hot[0], np.roll(one_hot[0], 1)) == np.inf
    assert categorical_cross_entropy(one_hot[0], one_hot[0]) == 0
    grad = sparse_categorical_cross_entropy_grad(0, z, **LOGITS)
    assert grad[0] == -1
    assert grad.sum() == pytest.approx(0, abs=1e-15)
    assert sparse_categorical_cross_entropy_grad(1, z, **LOGITS)[0] == 0
    label_smoothing = sparse_categorical_cross_entropy(1, z, label_smoothing=0.1, **LOGITS)
    assert label_smoothing == np.inf


def test_zero_times_infinity_is_zero_and_no_loss_is_minus_zero():
    for y, p in ((0, 0), (1, 1)):
        loss = binary_cross_entropy(y, p)
        assert loss == 0
        assert not np.signbit(loss)
        assert not np.signbit(binary_focal_loss(y, p))
        assert not np.signbit(sparse_categorical_cross_entropy(y, [1 - p, p]))
    assert not np.signbit(categorical_cross_entropy([1, 0], [1, 0]))
    assert binary_cross_entropy_grad(0, 0.0) == 1
    assert categorical_cross_entropy_grad([1, 0], [1, 0]).tolist() == [-1, 0]


@dtypes
def test_beyond_the_range_of_the_dtype_without_a_warning(dtype):
    big = np.finfo(dtype).max
    for z in (np.array([big, -big], dtype), np.array([big, -big, 0], dtype)):
        assert sparse_categorical_cross_entropy(1, z, **LOGITS) == np.inf
        assert sparse_categorical_cross_entropy(0, z, **LOGITS) == 0
        assert categorical_cross_entropy(np.eye(len(z))[1], z, **LOGITS) == np.inf
        grad = sparse_categorical_cross_entropy_grad(1, z, **LOGITS)
        assert grad[:2].tolist() == [1, -1]
    tiny = np.array([np.finfo(dtype).smallest_subnormal, 1], dtype)
    assert sparse_categorical_cross_entropy_grad(0, tiny)[0] == -np.inf
    assert categorical_cross_entropy_grad([1, 0], tiny)[0] == -np.inf
    assert binary_cross_entropy_grad(1, tiny[0]) == -np.inf


@pytest.mark.parametrize("k", [2, 3, 50, 2000])
def test_float16_losses_are_computed_with_more_digits(k):
    """And rounded once: half an ulp."""
    z = np.random.default_rng(3).standard_normal((50, k)).astype(np.float16)
    labels = np.arange(50) % k
    options = {"reduction": "none", **LOGITS}
    exact = sparse_categorical_cross_entropy(labels, z.astype(float), **options)
    for loss in (
        sparse_categorical_cross_entropy(labels, z, **options),
        categorical_cross_entropy(np.eye(k)[labels], z, **options),
    ):
        assert loss.dtype == np.float16
        assert (abs(loss - exact) <= 0.501 * np.spacing(loss).astype(float)).all()
    slopes = sparse_categorical_cross_entropy_grad(labels, z.astype(float), **options)
    grad = sparse_categorical_cross_entropy_grad(labels, z, **options)
    assert grad.dtype == np.float16
    assert (abs(grad - slopes) <= 0.501 * np.spacing(abs(grad)).astype(float)).all()


def test_a_mean_over_a_million_examples_is_exact_to_a_few_ulp():
    z = np.random.default_rng(8).standard_normal((10**6, 2)).astype(np.float32)
    labels = np.arange(10**6) % 2
    exact = sparse_categorical_cross_entropy(labels, z.astype(float), **LOGITS)
    loss = sparse_categorical_cross_entropy(labels, z, **LOGITS)
    assert abs(loss - exact) <= np.spacing(loss)
