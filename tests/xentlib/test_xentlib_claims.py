"""The numbers that correct the sources' claims, each under its number in the list of claims."""

import numpy as np
import pytest
from scipy import stats

from xentlib import (
    conditional_entropy,
    cross_entropy,
    entropy,
    information_gain,
    js_divergence,
    kl_divergence,
    mutual_information,
    perplexity,
)
from xentlib.worlds import JointTable

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

FAIR, SKEWED = [0.5, 0.5], [0.9, 0.1]
WORKED_P, WORKED_Q = [0.2] * 5, [0.1, 0.2, 0.3, 0.2, 0.2]


def to(digits: int, value: float):
    return pytest.approx(value, abs=0.5 * 10**-digits)


def test_c01_cross_entropy_is_not_a_distance():
    assert cross_entropy(FAIR, FAIR) == to(4, 0.6931)
    assert cross_entropy([0.99, 0.01], SKEWED) == to(4, 0.1273)
    assert kl_divergence([0.99, 0.01], SKEWED) == to(4, 0.0713)
    assert cross_entropy([0.7, 0.2, 0.1], [0.7, 0.2, 0.1]) == to(4, 0.8018)


def test_c02_kl_is_no_metric():
    p, q, r = FAIR, [0.25, 0.75], [0.01, 0.99]
    assert kl_divergence(p, q) == to(4, 0.1438)
    assert kl_divergence(q, p) == to(4, 0.1308)
    assert kl_divergence(p, r) == to(4, 1.6145)
    assert kl_divergence(p, q) + kl_divergence(q, r) == to(4, 0.7403)


def test_c03_cross_entropy_scores_the_probability_and_not_the_decision():
    assert cross_entropy([1, 0], [0.51, 0.49]) == to(4, 0.6733)
    assert cross_entropy([1, 0], [0.99, 0.01]) == to(5, 0.01005)


def test_c05_only_the_true_class_of_the_same_sample_counts():
    for q in ([0.7, 0.2, 0.1], [0.7, 0.05, 0.25]):
        assert cross_entropy([1, 0, 0], q) == to(6, 0.356675)


def test_c06_the_sum_does_not_factor():
    assert cross_entropy(WORKED_P, WORKED_Q) == to(6, 1.666974)
    assert -np.sum(WORKED_P) * np.log(WORKED_Q).sum() == to(6, 8.334872)


def test_c07_c32_the_minus_sign_makes_a_mean_of_surprisals():
    surprisals = -np.log(SKEWED)
    assert surprisals == to(4, np.array([0.1054, 2.3026]))
    assert cross_entropy(FAIR, SKEWED) == pytest.approx(np.mean(surprisals), rel=1e-15)
    assert cross_entropy(FAIR, SKEWED) == to(6, 1.203973)
    assert 0.5 * np.log(0.5) == to(4, -0.3466)


def test_c08_zeros():
    assert cross_entropy(FAIR, [1, 0]) == np.inf
    assert cross_entropy([1, 0], [1, 0]) == 0


def test_c10_nats_and_bits():
    one_hot, q = [1, 0], [0.2, 0.8]
    assert cross_entropy(one_hot, q) == to(6, 1.609438)
    assert cross_entropy(one_hot, q, base=2) == to(6, 2.321928)
    assert cross_entropy(WORKED_P, WORKED_Q) == to(6, 1.666974)
    assert cross_entropy(WORKED_P, WORKED_Q, base=2) == to(6, 2.404936)
    assert entropy(FAIR, base=2) == 1
    assert entropy(FAIR) == to(6, 0.693147)


def test_c11_one_zero_does_not_make_the_entropy_zero():
    assert entropy([0.5, 0.5, 0]) == to(4, 0.6931)
    assert entropy([1, 0, 0]) == 0


def test_c12_symmetry_is_about_the_order_of_the_outcomes():
    assert entropy([0.2, 0.3, 0.5]) == to(6, 1.029653)
    assert entropy([0.5, 0.2, 0.3]) == pytest.approx(entropy([0.2, 0.3, 0.5]), rel=1e-15)


def test_c13_additivity_needs_independence():
    joint = np.array([[0.4, 0.1], [0.1, 0.4]])
    assert entropy(joint.sum(axis=0)) + entropy(joint.sum(axis=1)) == to(6, 1.386294)
    assert entropy(joint.ravel()) == to(6, 1.193550)
    x, y = [0.3, 0.7], [0.6, 0.4]
    assert entropy(np.outer(x, y).ravel()) == to(6, 1.283876)
    assert entropy(x) + entropy(y) == to(6, 1.283876)


def test_c14_differential_entropy_can_be_negative():
    """It is the limit of the entropy of the bins plus the log of their width."""
    bins = np.full(1000, 1 / 1000)
    assert entropy(bins) + np.log(0.5 / 1000) == to(6, -0.693147)
    edges = np.linspace(-1, 1, 20_001)
    gaussian = np.diff(stats.norm.cdf(edges, scale=0.1))
    assert entropy(gaussian) + np.log(edges[1] - edges[0]) == to(6, -0.883647)


def test_c15_cross_entropy_is_not_written_as_a_divergence():
    assert kl_divergence(FAIR, FAIR) == 0
    assert cross_entropy(FAIR, FAIR) == to(4, 0.6931)


def test_c16_cross_entropy_is_zero_only_for_one_and_the_same_point_mass():
    assert cross_entropy([1, 0], [0, 1]) == np.inf
    assert cross_entropy([0.5, 0.5, 0], [0.5, 0.5, 0]) == to(4, 0.6931)
    assert cross_entropy([1, 0], [1, 0]) == 0


def test_c17_cross_entropy_is_not_symmetric():
    assert cross_entropy(FAIR, SKEWED) == to(6, 1.203973)
    assert cross_entropy(FAIR, SKEWED, base=2) == to(6, 1.736966)
    assert cross_entropy(SKEWED, FAIR) == to(6, 0.693147)
    assert cross_entropy(SKEWED, FAIR, base=2) == to(15, 1)
    difference = cross_entropy(FAIR, SKEWED) - cross_entropy(SKEWED, FAIR)
    assert difference == pytest.approx(
        entropy(FAIR) - entropy(SKEWED) + kl_divergence(FAIR, SKEWED) - kl_divergence(SKEWED, FAIR)
    )


def test_c18_additivity_of_cross_entropy():
    p1, p2, q1, q2 = [0.3, 0.7], [0.6, 0.4], [0.5, 0.5], [0.2, 0.8]

    def product(a, b):
        return np.outer(a, b).ravel()

    assert cross_entropy(product(p1, p2), product(q1, q2)) == to(6, 1.748067)
    assert cross_entropy(p1, q1) + cross_entropy(p2, q2) == to(6, 1.748067)
    assert entropy(p1) + entropy(p2) == to(6, 1.283876)
    dependent = np.array([[0.4, 0.1], [0.1, 0.4]])
    assert cross_entropy(dependent.ravel(), product(q1, q2)) == to(6, 1.609438)
    assert cross_entropy(FAIR, q1) + cross_entropy(FAIR, q2) == to(6, 1.609438)
    assert cross_entropy(product(FAIR, FAIR), dependent.ravel()) == to(6, 1.609438)
    assert cross_entropy(FAIR, FAIR) * 2 == to(6, 1.386294)


def test_c19_cross_entropy_is_kl_plus_entropy():
    assert cross_entropy(FAIR, SKEWED) == to(6, 1.203973)
    assert kl_divergence(FAIR, SKEWED) == to(6, 0.510826)
    assert cross_entropy(FAIR, SKEWED) - kl_divergence(FAIR, SKEWED) == to(6, 0.693147)
    one_hot, q = [1, 0, 0], [0.2, 0.7, 0.1]
    assert cross_entropy(one_hot, q) == to(6, 1.609438)
    assert kl_divergence(one_hot, q) == to(6, 1.609438)


def test_c20_prior_and_posterior():
    prior, posterior = FAIR, [0.8, 0.2]
    assert cross_entropy(prior, posterior) == to(6, 0.916291)
    assert kl_divergence(prior, posterior) == to(6, 0.223144)
    assert kl_divergence(posterior, prior) == to(6, 0.192745)


def test_c22_c23_log_loss_is_cross_entropy_and_not_kl():
    one_hot = np.repeat([[1, 0], [0, 1]], [7, 3], axis=0)
    log_loss = cross_entropy(one_hot, np.full((10, 2), [0.6, 0.4])).mean()
    assert log_loss == to(6, 0.632465)
    assert log_loss == pytest.approx(cross_entropy([0.7, 0.3], [0.6, 0.4]), rel=1e-15)
    assert kl_divergence([0.7, 0.3], [0.6, 0.4]) == to(6, 0.021601)


def test_c24_information_gain_is_the_drop_in_cross_entropy():
    joint = np.array([[0.45, 0.05], [0.05, 0.45]])
    labels = np.repeat([0, 1, 0, 1], [45, 5, 5, 45])
    feature = np.repeat([0, 0, 1, 1], [45, 5, 5, 45])
    assert information_gain(labels, feature) == to(6, 0.368064)
    assert mutual_information(joint) == to(6, 0.368064)
    assert entropy(joint.sum(axis=0)) == to(6, 0.693147)
    assert conditional_entropy(joint) == to(6, 0.325083)
    assert JointTable(joint).floor == to(6, 0.325083)
    assert 0.5 * kl_divergence([[0.9, 0.1], [0.1, 0.9]], [FAIR, FAIR]).sum() == to(6, 0.368064)


def test_c39_zero_times_log_zero():
    for certain in ([1], [1, 0], [0, 0, 1]):
        assert cross_entropy(certain, certain) == 0
        assert not np.signbit(cross_entropy(certain, certain))
    assert cross_entropy([1, 0], [0, 1]) == np.inf


@pytest.mark.parametrize("f", [cross_entropy, kl_divergence, js_divergence, perplexity])
def test_c40_non_distributions_and_mismatched_shapes_are_refused(f):
    with pytest.raises(ValueError, match=r"sums to 0\.5"):
        f([0.2, 0.3, 0.5], [0.5])
    with pytest.raises(ValueError, match=r"shape \(3,\).*shape \(1,\)"):
        f([0.2, 0.3, 0.5], [1.0])
    with pytest.raises(ValueError, match=r"^q sums to 10\b"):
        f([0.2, 0.3, 0.5], [3, 3, 4])
    with pytest.raises(ValueError, match=r"^p sums to 100\b.*percent"):
        f([20, 30, 50], [30, 30, 40])


def test_o01_the_decomposition_and_gibbs_inequality():
    rng = np.random.default_rng(1)
    p, q = rng.dirichlet(np.ones(7), size=(2, 200))
    assert cross_entropy(p, q) == pytest.approx(entropy(p) + kl_divergence(p, q), abs=1e-9)
    assert np.all(cross_entropy(p, q) >= entropy(p))


def test_o02_mean_cross_entropy_is_the_mean_negative_log_likelihood():
    one_hot = np.eye(2)[[1, 1, 1, 0]]
    assert cross_entropy(one_hot, np.full((4, 2), [0.25, 0.75])).mean() == to(6, 0.562335)


def test_o06_perplexity_is_the_exponential_in_any_unit():
    assert perplexity(WORKED_P, WORKED_Q) == pytest.approx(np.exp(1.666974), rel=1e-6)
    assert perplexity(WORKED_P, WORKED_Q) == pytest.approx(2**2.404936, rel=1e-6)
    assert perplexity(WORKED_P) == pytest.approx(5, rel=1e-15)


@pytest.mark.parametrize("k", [2, 10, 1000])
def test_o07_reference_values(k):
    frequencies = np.random.default_rng(k).dirichlet(np.ones(k))
    uniform = np.full(k, 1 / k)
    assert cross_entropy(frequencies, uniform) == pytest.approx(np.log(k), rel=1e-14)
    best = cross_entropy(frequencies, frequencies)
    assert best == pytest.approx(entropy(frequencies), rel=1e-15)
    assert best < cross_entropy(frequencies, uniform)


def test_r21_the_sources_function_is_right_for_positive_probabilities():
    def sources(p, q):
        return -np.sum(np.array(p) * np.log(np.array(q)))

    assert sources(WORKED_P, WORKED_Q) == to(6, 1.666974)
    assert cross_entropy(WORKED_P, WORKED_Q) == pytest.approx(sources(WORKED_P, WORKED_Q))
