"""Shapes, axes, layouts and dtypes: the same numbers in any array give the same answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from xent_strategies import LAYOUTS, batches

import xentlib

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

REDUCING = {
    "entropy": lambda p, axis: xentlib.entropy(p, axis=axis),
    "cross_entropy": lambda p, axis: xentlib.cross_entropy(p, np.flip(p, axis), axis=axis),
    "kl_divergence": lambda p, axis: xentlib.kl_divergence(p, np.flip(p, axis), axis=axis),
    "js_divergence": lambda p, axis: xentlib.js_divergence(p, np.flip(p, axis), axis=axis),
    "perplexity": lambda p, axis: xentlib.perplexity(p, axis=axis),
    "perplexity_of_q": lambda p, axis: xentlib.perplexity(p, np.flip(p, axis), axis=axis),
    "logsumexp": lambda z, axis: xentlib.logsumexp(z, axis=axis),
}
KEEPING = {
    "softmax": lambda z, axis: xentlib.softmax(z, axis=axis),
    "cold_softmax": lambda z, axis: xentlib.softmax(z, axis=axis, temperature=0.1),
    "log_softmax": lambda z, axis: xentlib.log_softmax(z, axis=axis),
}
ELEMENTWISE = {
    "sigmoid": xentlib.sigmoid,
    "log_sigmoid": lambda z: xentlib.log_sigmoid(z, temperature=2.0),
}
TABLES = {
    "conditional_entropy": xentlib.conditional_entropy,
    "mutual_information": xentlib.mutual_information,
}
FLOATS = [np.float16, np.float32, np.float64]
reducing = pytest.mark.parametrize("function", REDUCING.values(), ids=REDUCING)
keeping = pytest.mark.parametrize("function", KEEPING.values(), ids=KEEPING)
elementwise = pytest.mark.parametrize("function", ELEMENTWISE.values(), ids=ELEMENTWISE)
tables = pytest.mark.parametrize("function", TABLES.values(), ids=TABLES)
along_an_axis = pytest.mark.parametrize(
    "function", (REDUCING | KEEPING).values(), ids=REDUCING | KEEPING
)


@reducing
@given(batch=batches())
def test_a_batch_is_its_rows_one_by_one(function, batch):
    p, axis = batch
    rows = np.moveaxis(p, axis, -1)
    result = function(p, axis)
    assert np.shape(result) == rows.shape[:-1]
    assert result.dtype == p.dtype
    one_by_one = [function(rows[i], -1) for i in np.ndindex(rows.shape[:-1])]
    assert_allclose(np.ravel(result), one_by_one, rtol=4 * np.finfo(p.dtype).eps, atol=1e-16)


@keeping
@given(batch=batches())
def test_a_batch_of_logits_is_its_rows_one_by_one(function, batch):
    z, axis = batch
    rows = np.moveaxis(z, axis, -1)
    result = function(z, axis)
    assert result.shape == z.shape
    assert result.dtype == z.dtype
    moved = np.moveaxis(result, axis, -1)
    for i in np.ndindex(rows.shape[:-1]):
        assert_allclose(moved[i], function(rows[i], -1), rtol=4 * np.finfo(z.dtype).eps)


@along_an_axis
def test_inputs_are_never_changed(function):
    for layout in LAYOUTS:
        p = layout(np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]]))
        before = p.copy()
        function(p, -1)
        assert_array_equal(p, before)


@along_an_axis
def test_the_layout_does_not_matter(function):
    p = np.random.default_rng(0).dirichlet(np.ones(5), size=(3, 4))
    expected = function(p, -1)
    for layout in LAYOUTS:
        assert_allclose(function(layout(p), -1), expected, rtol=1e-15)


@along_an_axis
@pytest.mark.parametrize("dtype", FLOATS)
def test_numbers_in_the_other_byte_order_are_the_same_numbers(function, dtype):
    p = np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]], dtype)
    result = function(p.astype(p.dtype.newbyteorder()), -1)
    assert_array_equal(result, function(p, -1))
    assert result.dtype == dtype


@pytest.mark.parametrize("name", ["entropy", "perplexity", "logsumexp", "softmax", "log_softmax"])
def test_the_default_axis_is_the_last(name):
    p = np.random.default_rng(0).dirichlet(np.ones(5), size=(3, 4))
    function = getattr(xentlib, name)
    assert_array_equal(function(p), function(p, axis=2))


@pytest.mark.parametrize("name", ["cross_entropy", "kl_divergence", "js_divergence", "perplexity"])
def test_the_default_axis_of_two_distributions_is_the_last(name):
    p, q = np.random.default_rng(0).dirichlet(np.ones(5), size=(2, 3, 4))
    function = getattr(xentlib, name)
    assert_array_equal(function(p, q), function(p, q, axis=2))


@reducing
def test_an_empty_batch_has_no_results(function):
    for dtype in FLOATS:
        result = function(np.empty((0, 3), dtype), -1)
        assert result.shape == (0,)
        assert result.dtype == dtype
    assert function(np.empty((3, 0, 2)), 0).shape == (0, 2)


@keeping
def test_an_empty_batch_of_logits_stays_empty(function):
    for dtype in FLOATS:
        result = function(np.empty((0, 3), dtype), -1)
        assert result.shape == (0, 3)
        assert result.dtype == dtype


@reducing
def test_one_distribution_gives_one_number(function):
    for dtype in FLOATS:
        result = function(np.array([0.5, 0.25, 0.25], dtype), -1)
        assert np.ndim(result) == 0
        assert result.dtype == dtype
        assert isinstance(result, np.floating)  # prints and compares as a number does


@tables
@pytest.mark.parametrize("dtype", FLOATS)
def test_tables_keep_the_dtype_and_accept_any_layout(function, dtype):
    joint = np.array([[0.25, 0.125, 0], [0.125, 0.25, 0.25]], dtype)
    result = function(joint)
    assert result.dtype == dtype
    for layout in LAYOUTS:
        assert function(layout(joint)) == result
    assert_allclose(function(joint.tolist()), result, rtol=np.finfo(dtype).eps)


@elementwise
@pytest.mark.parametrize("dtype", FLOATS)
def test_elementwise_functions_keep_shape_and_dtype(function, dtype):
    z = np.linspace(-3, 3, 24, dtype=dtype).reshape(2, 3, 4)
    result = function(z)
    assert result.dtype == dtype
    assert result.shape == z.shape
    assert function(z[0, 0, 0]).dtype == dtype
    for layout in LAYOUTS:
        assert_array_equal(function(layout(z)), result)


@pytest.mark.parametrize("of_p", FLOATS)
@pytest.mark.parametrize("of_q", FLOATS)
@pytest.mark.parametrize("name", ["cross_entropy", "kl_divergence", "js_divergence", "perplexity"])
def test_two_float_types_meet_in_the_wider(name, of_p, of_q):
    p, q = np.array([0.25, 0.75], of_p), np.array([0.5, 0.5], of_q)
    assert getattr(xentlib, name)(p, q).dtype == np.result_type(of_p, of_q)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.uint64])
@pytest.mark.parametrize("name", ["cross_entropy", "kl_divergence", "js_divergence", "perplexity"])
def test_an_integer_one_hot_does_not_widen_the_other_argument(name, dtype):
    one_hot = np.array([0, 1, 0], dtype)
    function = getattr(xentlib, name)
    for of_q in FLOATS:
        q = np.array([0.25, 0.5, 0.25], of_q)
        result = function(one_hot, q)
        assert result.dtype == of_q
        assert result == function(one_hot.astype(of_q), q)
    assert function(one_hot, one_hot).dtype == np.float64


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64])
def test_integers_alone_count_as_float64(dtype):
    one_hot = np.array([0, 1, 0], dtype)
    for f in (
        xentlib.entropy,
        xentlib.perplexity,
        xentlib.softmax,
        xentlib.log_softmax,
        xentlib.logsumexp,
        xentlib.sigmoid,
        xentlib.log_sigmoid,
    ):
        assert f(one_hot).dtype == np.float64
        assert_array_equal(f(one_hot), f(one_hot.astype(float)))
    for f in TABLES.values():
        assert f(one_hot[None]).dtype == np.float64


def test_lists_and_tuples_are_arrays():
    assert xentlib.entropy([0.5, 0.5]) == xentlib.entropy(np.array([0.5, 0.5]))
    assert xentlib.cross_entropy((1, 0), (0.5, 0.5)) == np.log(2)
    assert_array_equal(xentlib.softmax([[1, 1]]), [[0.5, 0.5]])


@pytest.mark.parametrize("temperature", [2, 2.0, np.float64(2), np.float32(2), np.int64(2)])
def test_the_temperature_does_not_widen_the_result(temperature):
    z = np.array([1, 2, 3], np.float32)
    for f in (xentlib.softmax, xentlib.log_softmax, xentlib.sigmoid, xentlib.log_sigmoid):
        assert f(z, temperature=temperature).dtype == np.float32
        assert_allclose(f(z, temperature=temperature), f(z / 2), rtol=1e-6)


@given(st.integers(2, 40), st.integers(0, 1000))
def test_float32_input_gives_the_rounded_float64_answer(k, seed):
    """The arithmetic is float64 throughout; only the result is rounded."""
    rng = np.random.default_rng(seed)
    p, q = (rng.dirichlet(np.ones(k)).astype(np.float32) for _ in range(2))
    z = (10 * rng.standard_normal(k)).astype(np.float32)
    p64, q64, z64 = (a.astype(np.float64) for a in (p, q, z))
    # float64 itself refuses float32's rounding of the sums, so the wider values are formed by hand.
    assert xentlib.entropy(p) == np.float32(-(p64 @ np.log(p64)))
    assert_allclose(xentlib.cross_entropy(p, q), -(p64 @ np.log(q64)), rtol=6e-8)
    assert_array_equal(xentlib.softmax(z), xentlib.softmax(z64).astype(np.float32))
    assert_array_equal(xentlib.log_softmax(z), xentlib.log_softmax(z64).astype(np.float32))
    assert xentlib.logsumexp(z) == np.float32(xentlib.logsumexp(z64))
