"""Bad input is refused with a message that names the argument, the value and the remedy."""

import inspect
import re

import numpy as np
import pytest

import xentlib
from xentlib import (
    conditional_entropy,
    cross_entropy,
    entropy,
    information_gain,
    js_divergence,
    kl_divergence,
    log_sigmoid,
    log_softmax,
    logsumexp,
    mutual_information,
    perplexity,
    sigmoid,
    softmax,
)
from xentlib.worlds import JointTable

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def like(p) -> np.ndarray:
    """A good distribution of the shape of `p`."""
    shape = np.shape(p)
    return np.full(shape, 1 / max(shape[-1], 1)) if shape else np.array([1.0])


# Every function that takes a distribution, once for each argument that is one.
DISTRIBUTIONS = {
    "entropy(p)": ("p", entropy),
    "perplexity(p)": ("p", perplexity),
    "perplexity(p, …)": ("p", lambda a: perplexity(a, like(a))),
    "perplexity(…, q)": ("q", lambda a: perplexity(like(a), a)),
    "cross_entropy(p, …)": ("p", lambda a: cross_entropy(a, like(a))),
    "cross_entropy(…, q)": ("q", lambda a: cross_entropy(like(a), a)),
    "kl_divergence(p, …)": ("p", lambda a: kl_divergence(a, like(a))),
    "kl_divergence(…, q)": ("q", lambda a: kl_divergence(like(a), a)),
    "js_divergence(p, …)": ("p", lambda a: js_divergence(a, like(a))),
    "js_divergence(…, q)": ("q", lambda a: js_divergence(like(a), a)),
}
TABLES = {
    "conditional_entropy(joint)": ("joint", lambda a: conditional_entropy([a])),
    "mutual_information(joint)": ("joint", lambda a: mutual_information([a])),
    "JointTable(joint)": ("joint", lambda a: JointTable([a])),
}
LOGITS = {
    "logsumexp(z)": logsumexp,
    "softmax(z)": softmax,
    "log_softmax(z)": log_softmax,
}
SIGMOIDS = {"sigmoid(z)": sigmoid, "log_sigmoid(z)": log_sigmoid}
ALL = DISTRIBUTIONS | TABLES

each_distribution = pytest.mark.parametrize(
    ("name", "call"), DISTRIBUTIONS.values(), ids=DISTRIBUTIONS
)
each_probability = pytest.mark.parametrize(("name", "call"), ALL.values(), ids=ALL)
each_table = pytest.mark.parametrize(
    "call", [conditional_entropy, mutual_information, JointTable], ids=TABLES
)
each_row_of_logits = pytest.mark.parametrize("call", LOGITS.values(), ids=LOGITS)
each_logit = pytest.mark.parametrize("call", (LOGITS | SIGMOIDS).values(), ids=LOGITS | SIGMOIDS)


@each_probability
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([0.5, 0.5, 0.1], r"sums to 1\.1\b"),
        ([0.5, 0.25, 0.15], r"sums to 0\.9\b"),
        ([0.0, 0.0, 0.0], r"sums to 0\b"),
        ([0.5, 0.5, 1e-7], r"sums to 1\.0000001\b"),
        ([0.5, 0.6, -0.1], r"-0\.1\b.*softmax"),
        ([2.0, 1.0, 0.1], r"sums to 3\.1\b.*softmax"),
        ([-1.5, 2.0, 0.5], r"-1\.5\b.*softmax"),
        ([20, 30, 50], r"sums to 100\b.*percent"),
        ([33.3, 33.3, 33.3], r"sums to 99\.9\b.*percent"),
        ([3, 5, 2], r"sums to 10\b.*counts"),
        ([0.5, np.nan, 0.5], r"\bnan\b"),
        ([0.5, np.inf, 0.5], r"\binf\b"),
        ([0.5, -np.inf, 0.5], r"-inf\b"),
        ([np.inf, -np.inf, 1.0], r"\binf\b"),
        ([1e308, 1e308, 0.0], r"1e\+308|sums to inf"),
    ],
    ids=str,
)
def test_what_is_no_distribution_is_refused(name, call, bad, message):
    with pytest.raises(ValueError, match=message) as refused:
        call(np.array(bad))
    assert re.search(rf"\b{name}\b", str(refused.value))


@each_probability
@pytest.mark.parametrize(
    "bad",
    [
        np.array([0.5 + 0j, 0.5]),
        np.array(["0.5", "0.5"]),
        np.array([b"1"]),
        np.array([0.5, 0.5], dtype=object),
        np.array([None, 1.0]),
        np.array([0.5, 0.5], dtype=np.longdouble),
        np.array([1, 0], dtype="m8[s]"),
    ],
    ids=lambda a: str(a.dtype),
)
def test_what_is_no_number_is_refused(name, call, bad):
    with pytest.raises(TypeError, match=rf"\b{name}\b.*dtype"):
        call(bad)


@each_distribution
def test_one_number_is_no_distribution(name, call):
    for bad in (1.0, np.float32(1), np.array(1.0), 1):
        with pytest.raises(ValueError, match=rf"^{name}\b"):
            call(bad)


@each_distribution
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 0)], ids=str)
def test_a_distribution_over_nothing_is_refused(name, call, shape):
    with pytest.raises(ValueError, match=r"^[pq]\b"):
        call(np.empty(shape))


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_the_message_names_the_place_of_the_bad_row(axis):
    """Typed after the array's name, the index in the message shows the row that is off."""
    p = np.full((5, 5, 5), 0.2)
    bad = np.moveaxis(p, axis, -1)[3, 4]
    bad[0] += 0.1
    calls = {
        "p": [entropy, perplexity, cross_entropy, kl_divergence, js_divergence],
        "q": [cross_entropy, kl_divergence, js_divergence, perplexity],
    }
    good = np.full((5, 5, 5), 0.2)
    for name, functions in calls.items():
        for f in functions:
            two = (p, good) if name == "p" else (good, p)
            args = (p,) if f is entropy else two
            with pytest.raises(ValueError, match=rf"^{name}\[.*\] sums to 1\.1,") as refused:
                f(*args, axis=axis)
            index = re.match(r"\w(\[.*?\])", str(refused.value))[1]
            row = eval(f"p{index}", {"p": p})
            assert row.shape == (5,)
            assert row.sum() == pytest.approx(1.1)


def test_the_message_names_the_row_of_a_batch():
    p = np.full((6, 2), 0.5)
    p[4, 0] = 0.6
    with pytest.raises(ValueError, match=r"^p\[4\] sums to 1\.1, not 1"):
        entropy(p)
    with pytest.raises(ValueError, match=r"^q\[4\] sums to 1\.1, not 1"):
        cross_entropy(np.full((6, 2), 0.5), p)
    p[4] = [1.25, -0.25]
    with pytest.raises(ValueError, match=r"^p\[4, 1\] is -0\.25"):
        entropy(p)
    p[4] = [np.nan, 0.5]
    with pytest.raises(ValueError, match=r"^p\[4, 0\] is nan"):
        entropy(p)


@pytest.mark.parametrize(
    ("dtype", "inside", "outside"),
    [(np.float64, 1.4e-8, 1.6e-8), (np.float32, 3.3e-4, 3.6e-4), (np.float16, 0.0303, 0.0323)],
)
def test_how_far_a_sum_may_be_off_depends_on_the_dtype(dtype, inside, outside):
    other = np.array([0.25, 0.75])
    for sign in (1, -1):
        good = np.array([0.25, 0.75 + sign * inside], dtype)
        bad = np.array([0.25, 0.75 + sign * outside], dtype)
        assert np.isfinite(entropy(good))
        # Each argument has its own tolerance: a float64 partner does not tighten it.
        assert np.isfinite(cross_entropy(good, other))
        assert np.isfinite(cross_entropy(other, good))
        for call in (entropy, lambda a: kl_divergence(a, other), lambda a: kl_divergence(other, a)):
            with pytest.raises(ValueError, match="sums to"):
                call(bad)


def test_a_float64_argument_keeps_its_tight_tolerance_beside_a_float16_one():
    p, q = np.array([0.25, 0.7501]), np.array([0.25, 0.75], np.float16)
    with pytest.raises(ValueError, match=r"^p sums to 1\.0001"):
        cross_entropy(p, q)


@pytest.mark.parametrize("f", [cross_entropy, kl_divergence, js_divergence, perplexity])
@pytest.mark.parametrize(
    ("p", "q"),
    [
        ([0.2, 0.3, 0.5], [1.0]),
        ([0.5, 0.5], [0.2, 0.3, 0.5]),
        ([[0.5, 0.5]], [0.5, 0.5]),
        ([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]]),
        (np.full((2, 3, 2), 0.5), np.full((3, 2), 0.5)),
    ],
    ids=["one", "longer", "row", "batch", "broadcast"],
)
def test_two_distributions_of_different_shapes_are_refused(f, p, q):
    shapes = rf"{re.escape(str(np.shape(p)))}.*{re.escape(str(np.shape(q)))}"
    with pytest.raises(ValueError, match=shapes) as refused:
        f(p, q)
    assert re.search(r"\bp\b.*\bq\b", str(refused.value))


BASED = [
    lambda base: entropy([0.5, 0.5], base=base),
    lambda base: cross_entropy([0.5, 0.5], [0.5, 0.5], base=base),
    lambda base: kl_divergence([0.5, 0.5], [0.5, 0.5], base=base),
    lambda base: js_divergence([0.5, 0.5], [0.5, 0.5], base=base),
    lambda base: conditional_entropy([[0.5, 0.5]], base=base),
    lambda base: mutual_information([[0.5, 0.5]], base=base),
    lambda base: information_gain([0, 1], [0, 1], base=base),
]


@pytest.mark.parametrize("call", BASED)
@pytest.mark.parametrize(
    "base", [0, 1, -2, 1.0, np.nan, np.inf, "2", 2j, True, [2], np.array([2, 10])], ids=str
)
def test_a_base_is_a_positive_number_other_than_one(call, base):
    with pytest.raises((ValueError, TypeError), match=r"^base is "):
        call(base)


@pytest.mark.parametrize("f", [softmax, log_softmax, sigmoid, log_sigmoid])
@pytest.mark.parametrize("temperature", [0, -1.0, np.nan, np.inf, "1", None, 1j, [1.0]], ids=str)
def test_a_temperature_is_a_finite_number_above_zero(f, temperature):
    with pytest.raises((ValueError, TypeError), match=r"^temperature is "):
        f([1.0, 2.0], temperature=temperature)


@each_logit
def test_logits_that_are_no_numbers_are_refused(call):
    with pytest.raises(ValueError, match=r"^z\[1\] is nan"):
        call([0.0, np.nan])
    with pytest.raises(ValueError, match=r"^z\[1, 0\] is inf"):
        call([[0.0, 1.0], [np.inf, 1.0]])
    with pytest.raises(ValueError, match=r"^z\[0\] is inf"):
        call([np.inf, -np.inf])
    for bad in ([1j], ["1"], [None], np.array([1], object), np.array([1], np.longdouble)):
        with pytest.raises(TypeError, match=r"^z has dtype"):
            call(np.asarray(bad))


@each_row_of_logits
def test_a_row_where_nothing_is_possible_is_refused(call):
    with pytest.raises(ValueError, match=r"^z\b.*-inf"):
        call([-np.inf, -np.inf])
    with pytest.raises(ValueError, match=r"^z\[1\].*-inf"):
        call([[0.0, -np.inf], [-np.inf, -np.inf]])
    with pytest.raises(ValueError, match=r"^z\[:, 1\].*-inf"):
        call([[0.0, -np.inf], [-np.inf, -np.inf]], axis=0)


@each_row_of_logits
def test_logits_need_an_axis_with_something_on_it(call):
    for bad in (1.0, np.array(1.0)):
        with pytest.raises(ValueError, match=r"^z\b.*array"):
            call(bad)
    for shape in [(0,), (3, 0), (0, 0)]:
        with pytest.raises(ValueError, match=rf"^z\b.*{re.escape(str(shape))}"):
            call(np.empty(shape))


@pytest.mark.parametrize(
    "f",
    [
        entropy,
        perplexity,
        lambda p, axis: cross_entropy(p, p, axis=axis),
        lambda p, axis: kl_divergence(p, p, axis=axis),
        lambda p, axis: js_divergence(p, p, axis=axis),
        lambda p, axis: perplexity(p, p, axis=axis),
        logsumexp,
        softmax,
        log_softmax,
    ],
)
def test_an_axis_is_one_of_the_arrays_axes(f):
    p = np.array([[0.5, 0.5]])
    for axis in (2, -3):
        with pytest.raises(ValueError, match="axis"):
            f(p, axis=axis)
    for axis in (None, 0.0, "0", (0, 1)):
        with pytest.raises((TypeError, ValueError), match=r"axis|integer|tuple"):
            f(p, axis=axis)


@each_table
def test_a_table_has_two_axes(call):
    for bad in ([0.5, 0.5], 1.0, np.full((1, 1, 2), 0.5)):
        with pytest.raises(ValueError, match=r"^joint has shape"):
            call(bad)
    for shape in [(0, 3), (3, 0), (0, 0)]:
        with pytest.raises(ValueError, match=r"^joint\b"):
            call(np.empty(shape))


@each_table
def test_a_table_sums_to_one_as_a_whole(call):
    with pytest.raises(ValueError, match=r"^joint sums to 2\b"):
        call([[0.5, 0.5], [0.5, 0.5]])


@pytest.mark.parametrize(
    ("labels", "feature", "error", "message"),
    [
        ([0, 1], [0, 1, 0], ValueError, r"labels.*2.*feature.*3"),
        ([], [], ValueError, r"^labels"),
        ([[0, 1]], [[0, 1]], ValueError, r"^labels.*\(1, 2\)"),
        ([0, 1], [[0, 1]], ValueError, r"^feature.*\(1, 2\)"),
        (0, 1, ValueError, r"^labels"),
        ([0.5, 1.5], [0, 1], TypeError, r"^labels.*float64"),
        ([0, 1], [0.5, 1.5], TypeError, r"^feature.*float64.*bin"),
        ([0, 1], [0j, 1j], TypeError, r"^feature"),
    ],
)
def test_information_gain_takes_one_discrete_value_per_example(labels, feature, error, message):
    with pytest.raises(error, match=message):
        information_gain(labels, feature)


@pytest.mark.parametrize(
    "f", [f for n in xentlib.__all__ if inspect.isfunction(f := getattr(xentlib, n))]
)
def test_options_are_named(f):
    """A third positional argument would be an axis in one function and a base in another."""
    with pytest.raises(TypeError, match="positional"):
        f([0.5, 0.5], [0.5, 0.5], -1, 2)
