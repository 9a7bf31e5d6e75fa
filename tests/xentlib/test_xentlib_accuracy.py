"""How many digits are right: every function against 60-digit arithmetic, in every dtype.

The unit is the ulp of the result's type. A float16 or float32 result is computed in float64 and
rounded once, so it may be off by half an ulp. In float64 a sum of terms of one sign (entropy,
cross-entropy) is good to a few ulp; a sum whose terms cancel (KL, Jensen-Shannon, mutual
information) is good to a few eps times the sum of the terms' sizes, which is its condition number.
Forming P + Q costs Jensen-Shannon up to one eps more.
"""

import math

import mpmath
import numpy as np
import pytest
import xent_reference as reference
from hypothesis import given
from hypothesis import strategies as st
from xent_reference import error, ulp, ulps_off
from xent_strategies import SMALLEST, distributions, joints, logits, several

import xentlib

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

EPS = np.finfo(np.float64).eps
ULPS = {np.float16: 0.501, np.float32: 0.501, np.float64: 4}
dtypes = pytest.mark.parametrize("dtype", ULPS)


def random_distributions() -> list[np.ndarray]:
    rng = np.random.default_rng(20260801)
    return [
        rng.dirichlet(np.full(k, alpha))
        for k in (1, 2, 3, 10, 300)
        for alpha in (0.01, 0.1, 1, 100)
        for _ in range(2)
    ]


EXTREME_PAIRS = [
    ([1.0], [1.0]),
    ([1.0, 0.0], [1.0, 0.0]),
    ([1.0, 0.0], [0.0, 1.0]),
    ([0.5, 0.5], [1.0, SMALLEST]),
    ([1.0, SMALLEST], [0.5, 0.5]),
    ([1.0, SMALLEST], [SMALLEST, 1.0]),
    ([1.0, SMALLEST, 3 * SMALLEST], [1.0, 3 * SMALLEST, SMALLEST]),
    ([1.0, 2e-308], [1.0, 1e-310]),
    ([1 - EPS, EPS], [EPS, 1 - EPS]),
    ([0.5 + EPS, 0.5 - EPS], [0.5, 0.5]),
    ([1 - EPS / 2, EPS / 2], [1.0, 1e-300]),
]
PAIRS = [(np.array(p), np.array(q)) for p, q in EXTREME_PAIRS]
for _p in random_distributions():
    _rng = np.random.default_rng(len(_p))
    PAIRS += [(_p, _rng.permutation(_p)), (_p, _rng.dirichlet(np.full(len(_p), 0.5)))]
pairs = pytest.mark.parametrize(("p", "q"), PAIRS, ids=range(len(PAIRS)))


def check_well_conditioned(actual, exact, dtype, extra=0.0):
    assert actual.dtype == dtype
    assert ulps_off(actual, exact) <= ULPS[dtype] + extra


def check_sum(actual, terms, dtype, extra=0.0):
    """A sum that cancels: right to 4 eps of the sizes of its terms, then rounded once."""
    assert actual.dtype == dtype
    exact = max(mpmath.mpf(0), mpmath.fsum(terms))
    if mpmath.isinf(exact):
        assert actual == np.inf
        return
    sizes = mpmath.fsum(abs(t) for t in terms)
    rounding = 0.501 * ulp(exact, dtype) if dtype is not np.float64 else SMALLEST
    assert error(actual, exact) <= EPS * (4 * sizes + extra) + rounding


@dtypes
@pairs
def test_entropy(p, q, dtype):
    p = p.astype(dtype)
    check_well_conditioned(xentlib.entropy(p), reference.entropy(p), dtype)


@dtypes
@pairs
def test_cross_entropy(p, q, dtype):
    p, q = p.astype(dtype), q.astype(dtype)
    check_well_conditioned(xentlib.cross_entropy(p, q), reference.cross_entropy(p, q), dtype)


@dtypes
@pairs
def test_kl_and_js(p, q, dtype):
    p, q = p.astype(dtype), q.astype(dtype)
    check_sum(xentlib.kl_divergence(p, q), reference.kl_terms(p, q), dtype)
    check_sum(xentlib.js_divergence(p, q), reference.js_terms(p, q), dtype, extra=1)


@given(several(2, max_k=5))
def test_divergences_of_arbitrary_distributions(pair):
    p, q = pair
    check_well_conditioned(xentlib.cross_entropy(p, q), reference.cross_entropy(p, q), np.float64)
    check_sum(xentlib.kl_divergence(p, q), reference.kl_terms(p, q), np.float64)
    check_sum(xentlib.js_divergence(p, q), reference.js_terms(p, q), np.float64, extra=1)


@given(distributions(max_k=5), st.sampled_from([2, 10, 1 + 1e-9, 1e300, 1e-300]))
def test_entropy_in_any_base(p, base):
    exact = reference.entropy(p) / mpmath.log(base)
    check_well_conditioned(xentlib.entropy(p, base=base), exact, np.float64, extra=1)


@dtypes
@given(joint=joints(max_side=4, extreme=True))
def test_conditional_entropy(joint, dtype):
    joint = joint.astype(dtype)
    exact = reference.conditional_entropy(joint)
    # log(P(x)/P(x,y)) near 0 holds the rounding of P(x), which is of order eps times P(x, y).
    bound = 4 * EPS * (1 + exact) + ULPS[dtype] * ulp(exact, dtype)
    result = xentlib.conditional_entropy(joint)
    assert result.dtype == dtype
    assert error(result, exact) <= bound


@dtypes
@given(joint=joints(max_side=4, extreme=True))
def test_mutual_information(joint, dtype):
    joint = joint.astype(dtype)
    terms = reference.mutual_information_terms(joint)
    exact = max(mpmath.mpf(0), mpmath.fsum(terms))
    sizes = 1 + mpmath.fsum(abs(t) for t in terms)
    result = xentlib.mutual_information(joint)
    assert result.dtype == dtype
    assert error(result, exact) <= 4 * EPS * sizes + ULPS[dtype] * ulp(exact, dtype)


@dtypes
@given(z=logits(max_k=5, minus_inf=True))
def test_logsumexp(z, dtype):
    z = z.astype(dtype)
    exact = reference.logsumexp(z)
    # max + log(sum) cancels where the maximum is about minus the logarithm.
    extra = float(2 * EPS * max(abs(z.max()), np.log(len(z))) / ulp(exact, dtype))
    check_well_conditioned(xentlib.logsumexp(z), exact, dtype, extra)


@dtypes
@pytest.mark.parametrize("temperature", [1.0, 0.1, 3.0])
@given(z=logits(max_k=5, minus_inf=True))
def test_softmax_and_log_softmax(z, temperature, dtype):
    z = z.astype(dtype)
    gaps = np.min([z.max() - z.astype(float), np.full(len(z), 745 * temperature)], axis=0)
    # exp turns the rounding of z - max into a relative error of the result.
    relative = EPS * (2 + gaps.max() / temperature)
    pairs = (
        (xentlib.softmax, reference.softmax),
        (xentlib.log_softmax, reference.log_softmax),
    )
    for function, definition in pairs:
        result = function(z, temperature=temperature)
        assert result.dtype == dtype
        for actual, exact in zip(result, definition(z, temperature), strict=True):
            if mpmath.isinf(exact):
                assert actual == exact
            else:
                bound = relative * abs(exact) + ULPS[dtype] * ulp(exact, dtype)
                assert error(actual, exact) <= bound


@dtypes
@pytest.mark.parametrize("temperature", [1.0, 0.1, 3.0])
@given(z=logits(max_k=5))
def test_sigmoid_and_log_sigmoid(z, temperature, dtype):
    pairs = (
        (xentlib.sigmoid, reference.sigmoid),
        (xentlib.log_sigmoid, reference.log_sigmoid),
    )
    for function, definition in pairs:
        result = function(z.astype(dtype), temperature=temperature)
        assert result.dtype == dtype
        for actual, logit in zip(result, z.astype(dtype), strict=True):
            exact = definition(logit, temperature)
            relative = EPS * (2 + min(abs(float(logit)) / temperature, 745))
            assert error(actual, exact) <= relative * abs(exact) + ULPS[dtype] * ulp(exact, dtype)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_million_outcomes_along_either_axis(axis):
    """Pairwise sums lose a digit; a sum taken term by term would lose four down the columns."""
    k = 10**6
    shape = (k, 2) if axis == 0 else (2, k)
    p = np.full(shape, 1 / k)
    for result in (xentlib.entropy(p, axis=axis), xentlib.cross_entropy(p, p, axis=axis)):
        assert max(ulps_off(r, mpmath.log(k)) for r in result) <= 32

    row = np.arange(k) % 2 / 3
    z = np.stack([row, row], axis=1 - axis)
    exact = mpmath.log(k / 2 * (1 + mpmath.exp(mpmath.mpf(1 / 3))))
    assert max(ulps_off(r, exact) for r in xentlib.logsumexp(z, axis=axis)) <= 32
    assert np.max(np.abs(xentlib.log_softmax(z, axis=axis) / (z - float(exact)) - 1)) <= 32 * EPS
    assert np.max(np.abs(xentlib.softmax(z, axis=axis) / np.exp(z - float(exact)) - 1)) <= 32 * EPS


@dtypes
@pytest.mark.parametrize("axis", [0, 1])
def test_a_hundred_thousand_random_outcomes_along_either_axis(dtype, axis):
    p = np.random.default_rng(5).dirichlet(np.full(100_000, 0.3)).astype(dtype)
    exact = mpmath.mpf(math.fsum(-x * math.log(x) for x in p.astype(float) if x > 0))
    batch = np.stack([p, p], axis=1 - axis)
    for h in xentlib.entropy(batch, axis=axis):
        assert ulps_off(h, exact) <= ULPS[dtype] + (4 if dtype is np.float64 else 0)


@dtypes
def test_a_result_beyond_the_range_is_infinite_without_a_warning(dtype):
    """The mathematical value does not fit the dtype: its rounded value is an infinity."""
    big = np.finfo(dtype).max
    z = np.array([0, big], dtype)
    assert xentlib.log_softmax(z, temperature=0.1)[0] == -np.inf
    assert xentlib.log_sigmoid(-z, temperature=0.1)[1] == -np.inf
    tiny = np.finfo(dtype).smallest_subnormal
    assert xentlib.perplexity(np.array([0, 1], dtype), np.array([1, tiny], dtype)) == np.inf
    if dtype is np.float16:
        assert xentlib.entropy(np.array([0.5, 0.5], dtype), base=1 + 1e-6) == np.inf


@pytest.mark.parametrize("z", [-709.9, -720.0, -740.0, -745.0])
def test_sigmoids_too_small_for_a_normal_number(z):
    """Below e^-709.8 only subnormal numbers are left; softmax returns them, so must sigmoid."""
    exact = reference.sigmoid(z)
    assert error(xentlib.softmax([z, 0.0])[0], exact) <= 1e-12 * exact + SMALLEST
    assert error(xentlib.sigmoid(z), exact) <= 1e-12 * exact + SMALLEST
    assert error(xentlib.sigmoid(z / 2, temperature=0.5), exact) <= 1e-12 * exact + SMALLEST


def test_mutual_information_where_the_product_of_the_marginals_underflows():
    for tiny in (SMALLEST, 1e-310, 1e-200):
        joint = np.diag([1.0, tiny])
        exact = float(mpmath.fsum(reference.mutual_information_terms(joint)))
        assert xentlib.mutual_information(joint) == pytest.approx(exact, rel=1e-12, abs=SMALLEST)


def test_a_loss_of_a_few_eps_is_not_lost():
    q = np.array([1 - EPS / 2, EPS / 2])
    assert xentlib.cross_entropy([1.0, 0.0], q) == pytest.approx(EPS / 2, rel=1e-14)
    assert xentlib.kl_divergence([1.0, 0.0], q) == pytest.approx(EPS / 2, rel=1e-14)


def test_kl_where_the_ratio_overflows():
    exact = 0.5 * (np.log(0.5) - np.log(SMALLEST)) + 0.5 * np.log(0.5)
    assert xentlib.kl_divergence([0.5, 0.5], [SMALLEST, 1.0]) == pytest.approx(exact, rel=1e-14)
