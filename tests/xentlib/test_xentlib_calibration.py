"""Calibration: loops by hand, scikit-learn, known distributions, conditions for a temperature."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_softmax, softmax

from xentlib import (
    brier_score,
    expected_calibration_error,
    fit_temperature,
    reliability_curve,
)
from xentlib.worlds import GaussianClasses, LogisticWorld

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def metrics():
    return pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")


def predictions(seed: int, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Distributions (n, k), or probabilities of class 1 (n,) for k = 1, and random labels."""
    r = rng(seed)
    probs = r.random(n) if k == 1 else r.dirichlet(np.ones(k), size=n)
    return probs, r.integers(max(k, 2), size=n)


def bins_by_hand(probs, labels, n_bins):
    """(confidence, accuracy, count) of each bin (a, b] that is not empty, example by example."""
    rows = []
    for b in range(n_bins):
        members = []
        for p, label in zip(probs, labels, strict=True):
            confidence = p if np.ndim(p) == 0 else max(p)
            right = label == 1 if np.ndim(p) == 0 else label == list(p).index(max(p))
            if b / n_bins < confidence <= (b + 1) / n_bins or (b == 0 and confidence == 0):
                members.append((confidence, right))
        if members:
            rows.append((*np.mean(members, axis=0), len(members)))
    return tuple(np.transpose(rows))


cases = given(
    seed=st.integers(0, 99), n=st.integers(1, 60), k=st.integers(1, 5), n_bins=st.integers(1, 20)
)


@cases
def test_the_curve_and_the_errors_are_those_of_a_loop(seed, n, k, n_bins):
    probs, labels = predictions(seed, n, k)
    confidence, accuracy, count = bins_by_hand(probs, labels, n_bins)
    curve = reliability_curve(probs, labels, n_bins=n_bins)
    for ours, by_hand in zip(curve, (confidence, accuracy, count), strict=True):
        assert_allclose(ours, by_hand, rtol=1e-12)
    gaps, share = abs(accuracy - confidence), count / n
    expected = {"l1": sum(share * gaps), "l2": np.sqrt(sum(share * gaps**2)), "max": max(gaps)}
    for norm, value in expected.items():
        error = expected_calibration_error(probs, labels, n_bins=n_bins, norm=norm)
        assert error == pytest.approx(value, abs=1e-12)


def test_the_defaults_are_15_bins_and_l1():
    probs, labels = predictions(1, 500, 3)
    explicit = expected_calibration_error(probs, labels, n_bins=15, norm="l1")
    assert expected_calibration_error(probs, labels) == explicit
    for ours, expected in zip(
        reliability_curve(probs, labels),
        reliability_curve(probs, labels, n_bins=15),
        strict=True,
    ):
        assert_array_equal(ours, expected)


@pytest.mark.parametrize("n_bins", [1, 5, 15])
def test_the_curve_of_class_1_is_scikit_learn_s(metrics, n_bins):
    from sklearn.calibration import calibration_curve

    probs, labels = predictions(2, 1000, 1)
    probs[:3] = 0.0, 0.2, 1.0
    accuracy, confidence = calibration_curve(labels, probs, n_bins=n_bins)
    ours = reliability_curve(probs, labels, n_bins=n_bins)
    assert_allclose(ours[0], confidence, rtol=1e-12)
    assert_allclose(ours[1], accuracy, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_bin_holds_its_upper_end_in_every_dtype(dtype):
    tenths = (np.arange(11) / 10).astype(dtype)
    confidence, _, count = reliability_curve(tenths, np.zeros(11, int), n_bins=10)
    assert_array_equal(count, [2, *[1] * 9])  # 0 and 0.1 share the first bin
    assert_allclose(confidence[1:], tenths[2:])
    assert confidence.dtype == dtype
    _, _, count = reliability_curve(tenths, np.zeros(11, int), n_bins=5)
    assert_array_equal(count, [3, 2, 2, 2, 2])


def test_an_error_by_hand():
    probs = [[0.7, 0.3], [0.9, 0.1], [0.2, 0.8], [0.45, 0.55]]
    labels = [0, 1, 1, 1]
    # Two bins above 1/2: (1/2, 3/4] holds 0.7 and 0.55, (3/4, 1] holds 0.9 and 0.8.
    gaps = np.array([1 - 0.625, 0.85 - 0.5])
    for norm, value in {"l1": gaps.mean(), "l2": np.sqrt((gaps**2).mean()), "max": 0.375}.items():
        error = expected_calibration_error(probs, labels, n_bins=4, norm=norm)
        assert error == pytest.approx(value, rel=1e-12)
    # Of class 1: 0.1 and 0.3, 0.55, 0.8 against shares 1/2, 1, 1.
    error = expected_calibration_error([0.3, 0.1, 0.8, 0.55], labels, n_bins=2)
    assert error == pytest.approx((2 * 0.3 + 2 * (1 - 0.675)) / 4, rel=1e-12)


def test_true_probabilities_are_calibrated_and_exaggerated_ones_are_not():
    world = GaussianClasses([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]], 1.0)
    x, y = world.sample(50_000, rng(3))
    probs = world.posterior(x)
    exaggerated = softmax(3 * np.log(probs), axis=1)
    assert expected_calibration_error(probs, y) < 0.015
    assert expected_calibration_error(exaggerated, y) > 0.1
    assert brier_score(probs, y) < brier_score(exaggerated, y)
    confidence, accuracy, _ = reliability_curve(exaggerated, y)
    assert (confidence > accuracy)[-5:].all()


def test_the_class_frequencies_are_calibrated_and_know_nothing():
    _, y = LogisticWorld([3.0], 0.5).sample(2000, rng(4))
    assert expected_calibration_error(np.full(2000, y.mean()), y) == pytest.approx(0, abs=1e-12)


# Brier


def test_the_brier_score_is_scikit_learn_s(metrics):
    probs, labels = predictions(5, 300, 1)
    expected = metrics.brier_score_loss(labels, probs)
    assert brier_score(probs, labels) == pytest.approx(expected, rel=1e-12)
    two = np.stack([1 - probs, probs], axis=1)
    assert brier_score(two, labels) == pytest.approx(2 * expected, rel=1e-12)
    probs, labels = predictions(5, 300, 4)
    expected = metrics.brier_score_loss(labels, probs, labels=range(4), scale_by_half=False)
    assert brier_score(probs, labels) == pytest.approx(expected, rel=1e-12)


@cases
def test_the_brier_score_is_that_of_a_loop(seed, n, k, n_bins):
    probs, labels = predictions(seed, n, k)
    by_hand = 0.0
    for p, label in zip(probs, labels, strict=True):
        if k == 1:
            by_hand += (p - label) ** 2
        else:
            by_hand += sum((q - (j == label)) ** 2 for j, q in enumerate(p))
    assert brier_score(probs, labels) == pytest.approx(by_hand / n, rel=1e-12)


def test_limits_of_the_brier_score():
    assert brier_score(np.eye(3), [0, 1, 2]) == 0
    assert brier_score(np.eye(3), [1, 2, 0]) == 2
    assert brier_score([1.0, 0.0], [0, 1]) == 1


def test_results_have_the_dtype_of_the_probabilities():
    for dtype in (np.float16, np.float32, np.float64):
        probs, labels = predictions(6, 200, 1)
        for f in (brier_score, expected_calibration_error):
            result = f(probs.astype(dtype), labels)
            assert result.dtype == dtype
            assert result == pytest.approx(f(probs, labels), rel=float(np.finfo(dtype).eps) ** 0.5)


# Temperature


def mean_loss(logits, labels, temperature):
    return -log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels].mean()


def slope(logits, labels, temperature):
    """Derivative of the mean loss with respect to 1/T."""
    p = softmax(logits / temperature, axis=1)
    return ((p - np.eye(p.shape[1])[labels]) * logits).sum(axis=1).mean()


def drawn(seed: int, n: int = 400, k: int = 4, scale: float = 2.0):
    """Logits, and labels that they are right about."""
    r = rng(seed)
    z = scale * r.standard_normal((n, k))
    return z, (softmax(z, axis=1).cumsum(axis=1) > r.random((n, 1))).argmax(axis=1)


@given(seed=st.integers(0, 99), sharpen=st.floats(1e-3, 1e3))
def test_at_the_fitted_temperature_the_slope_is_zero(seed, sharpen):
    z, labels = drawn(seed)
    z *= sharpen
    t = fit_temperature(z, labels)
    assert abs(slope(z, labels, t)) < 1e-12 * sharpen
    for other in (0.9 * t, 1.1 * t):
        assert mean_loss(z, labels, other) > mean_loss(z, labels, t)


def test_it_finds_how_much_the_logits_were_exaggerated():
    z, labels = drawn(7, n=20_000)
    t = fit_temperature(z, labels)
    assert t == pytest.approx(1, abs=0.03)
    assert fit_temperature(2.5 * z, labels) == pytest.approx(2.5 * t, rel=1e-12)
    assert fit_temperature(z + rng().standard_normal((len(z), 1)), labels) == pytest.approx(t)
    probs = softmax(3 * z / fit_temperature(3 * z, labels), axis=1)
    assert expected_calibration_error(probs, labels) < 0.02
    assert expected_calibration_error(softmax(3 * z, axis=1), labels) > 0.1


def test_a_general_minimiser_finds_the_same_temperature():
    from scipy.optimize import minimize_scalar

    z, labels = drawn(8, scale=5.0)
    best = minimize_scalar(lambda u: mean_loss(z, labels, np.exp(u)), (-1, 1), tol=1e-10)
    assert fit_temperature(z, labels) == pytest.approx(np.exp(best.x), rel=1e-6)


def test_one_logit_is_two_with_a_rival_at_zero():
    z = 3 * rng(9).standard_normal(500)
    labels = (rng(10).random(500) < expit(z / 2)).astype(int)
    two = np.stack([np.zeros(500), z], axis=1)
    assert fit_temperature(z, labels) == fit_temperature(two, labels)
    # A single logit in closed form: σ(z / T) is the share of class 1.
    assert fit_temperature([5.0] * 10, [1] * 8 + [0] * 2) == pytest.approx(5 / np.log(4), rel=1e-12)


def test_an_impossible_class_is_no_hindrance():
    z, labels = drawn(11, k=3)
    masked = np.concatenate([z, np.full((len(z), 1), -np.inf)], axis=1)
    assert fit_temperature(masked, labels) == pytest.approx(fit_temperature(z, labels), rel=1e-12)


def test_huge_logits():
    z, labels = drawn(12)
    t = fit_temperature(z, labels)
    for scale in (1e4, 1e30, 1e-30):
        assert fit_temperature(scale * z, labels) == pytest.approx(scale * t, rel=1e-9)
    assert isinstance(fit_temperature(z.astype(np.float32), labels), float)


@pytest.mark.parametrize(
    ("logits", "labels", "match"),
    [
        ([[2.0, 1.0], [0.0, 3.0]], [0, 1], r"^labels are the best class of every row.*T → 0"),
        ([3.0, -0.1], [1, 0], r"^labels are the best class"),
        ([[2.0, 2.0], [0.0, 3.0]], [0, 1], r"^labels are the best class"),  # a tie is no loss
        ([[2.0, 1.0], [0.0, 3.0]], [1, 0], r"^labels have logits no higher.*T → ∞"),
        ([3.0, 3.0], [1, 0], r"^labels have logits no higher"),
        ([[0.1, 0.2, 0.3]] * 3, [0, 1, 2], r"^labels have logits no higher"),
        # The second class leads by 1 of two, the first by 1/2 of four: means of 1/2 and −3/8.
        ([[0, 1, -np.inf, -np.inf], [0.5, 0, 0, 0]], [0, 0], r"^labels have logits no higher"),
        ([[1.0, -np.inf], [0.0, 1.0]], [1, 1], r"^logits\[0, 1\] is -inf, but labels\[0\] is 1"),
        ([[1.0, np.nan]], [0], r"^logits\[0, 1\] is nan"),
        ([1.0, np.inf], [0, 1], r"^logits\[1\] is inf"),
        ([[1.0, 2.0]], [2], r"^labels holds 2; expected integers from 0 to 1"),
        ([[1.0, 2.0]], [0, 1], r"^labels has shape \(2,\) but logits has shape \(1, 2\)"),
        (np.zeros((2, 2, 2)), [0, 1], r"^logits has shape \(2, 2, 2\); expected \(N, K\)"),
        (np.zeros((0, 3)), [], r"^logits has shape \(0, 3\)"),
    ],
)
def test_when_there_is_no_best_temperature(logits, labels, match):
    with pytest.raises(ValueError, match=match):
        fit_temperature(logits, labels)


def test_where_there_is_no_minimum_the_loss_falls_all_the_way():
    separated, labels = np.array([[2.0, 1.0], [0.0, 3.0]]), [0, 1]
    losses = [mean_loss(separated, labels, t) for t in (0.1, 1, 10, 100)]
    assert (np.diff(losses) > 0).all()
    losses = [mean_loss(separated, labels[::-1], t) for t in (0.1, 1, 10, 100)]
    assert (np.diff(losses) < 0).all()


# Errors


@pytest.mark.parametrize("f", [brier_score, expected_calibration_error, reliability_curve])
@pytest.mark.parametrize(
    ("probs", "labels", "error", "match"),
    [
        ([[0.5, 0.6]], [0], ValueError, r"^probs\[0\] sums to 1\.1"),
        ([[1.5, -0.5]], [0], ValueError, r"^probs\[0, 1\] is -0.5"),
        ([0.5, 1.5], [0, 1], ValueError, r"^probs holds 1.5; .*xentlib.sigmoid"),
        ([0.5, -0.1], [0, 1], ValueError, r"^probs holds -0.1"),
        ([0.5, np.nan], [0, 1], ValueError, r"^probs holds nan"),
        ([0.5, 0.5], [0, 2], ValueError, r"^labels holds 2; expected integers from 0 to 1"),
        ([[0.5, 0.5]], [-1], ValueError, r"^labels holds -1"),
        ([0.5, 0.5], [0], ValueError, r"^labels has shape \(1,\) but probs has shape \(2,\)"),
        ([[0.5, 0.5]], [[1, 0]], ValueError, r"^labels has shape \(1, 2\)"),
        ([0.5, 0.5], [0.0, 1.0], TypeError, r"^labels has dtype float64"),
        (["a"], [0], TypeError, r"^probs has dtype"),
        ([], [], ValueError, r"^probs has shape \(0,\); .* at least one example"),
        (np.full((1, 2, 2), 0.5), [0], ValueError, r"^probs has shape \(1, 2, 2\)"),
        (0.5, 1, ValueError, r"^probs is the single number 0.5"),
    ],
)
def test_predictions_that_cannot_be(f, probs, labels, error, match):
    with pytest.raises(error, match=match):
        f(probs, labels)


@pytest.mark.parametrize("f", [expected_calibration_error, reliability_curve])
@pytest.mark.parametrize(
    ("n_bins", "error"), [(0, ValueError), (-3, ValueError), (2.5, TypeError), (True, TypeError)]
)
def test_the_number_of_bins(f, n_bins, error):
    with pytest.raises(error, match=r"^n_bins is "):
        f([0.5], [1], n_bins=n_bins)


@pytest.mark.parametrize("norm", ["L1", "l3", None, 2])
def test_the_norms_have_names(norm):
    with pytest.raises(ValueError, match=r"^norm is .*'l1', 'l2' or 'max'"):
        expected_calibration_error([0.5], [1], norm=norm)
