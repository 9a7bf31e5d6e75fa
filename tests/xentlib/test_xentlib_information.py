"""Mutual information and information gain: identities, bounds, data processing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from xent_strategies import channels, distributions, joints

from xentlib import (
    conditional_entropy,
    entropy,
    information_gain,
    kl_divergence,
    mutual_information,
)

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

ATOL = 1e-12

samples = st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 3)), min_size=1, max_size=40).map(
    lambda pairs: np.array(pairs).T
)


@given(joints())
def test_mutual_information_is_the_entropy_shared(joint):
    h_x, h_y = entropy(joint.sum(axis=1)), entropy(joint.sum(axis=0))
    information = mutual_information(joint)
    assert_allclose(information, h_x + h_y - entropy(joint.ravel()), atol=ATOL)
    assert_allclose(information, h_y - conditional_entropy(joint), atol=ATOL)
    assert_allclose(information, h_x - conditional_entropy(joint.T), atol=ATOL)


@given(joints())
def test_mutual_information_is_the_kl_from_independence(joint):
    independent = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    expected = kl_divergence(joint.ravel(), independent.ravel())
    assert_allclose(mutual_information(joint), expected, atol=ATOL)


@given(joints())
def test_mutual_information_is_the_mean_kl_from_the_marginal(joint):
    p_x, p_y = joint.sum(axis=1), joint.sum(axis=0)
    mean = sum(a * kl_divergence(row / a, p_y) for a, row in zip(p_x, joint, strict=True) if a > 0)
    assert_allclose(mutual_information(joint), mean, atol=ATOL)


@given(joints(extreme=True))
def test_mutual_information_is_symmetric_and_bounded_by_both_entropies(joint):
    information = mutual_information(joint)
    assert_allclose(information, mutual_information(joint.T), atol=ATOL)
    bound = min(entropy(joint.sum(axis=1)), entropy(joint.sum(axis=0)))
    assert 0 <= information <= bound + ATOL


@given(distributions(max_k=6), distributions(max_k=6))
def test_independent_variables_share_nothing(p, q):
    information = mutual_information(np.outer(p, q))
    assert 0 <= information <= ATOL
    assert not np.signbit(information)


@given(distributions())
def test_a_variable_shares_all_its_entropy_with_itself(p):
    assert_allclose(mutual_information(np.diag(p)), entropy(p), atol=ATOL)


@given(st.data())
def test_data_processing_never_raises_mutual_information(data):
    """X -> Y -> Z: what Z knows of X it has from Y."""
    joint = data.draw(joints())
    z_given_y = data.draw(channels(joint.shape[1]))
    assert mutual_information(joint @ z_given_y) <= mutual_information(joint) + ATOL


@given(samples)
def test_information_gain_is_the_mutual_information_of_the_counts(pair):
    labels, feature = pair
    counts = np.zeros((4, 5))
    np.add.at(counts, (feature, labels + 2), 1)
    expected = mutual_information(counts / len(labels))
    assert_allclose(information_gain(labels, feature), expected, atol=ATOL)


@given(samples)
def test_information_gain_is_the_drop_in_the_entropy_of_the_labels(pair):
    labels, feature = pair

    def h(values):
        counts = np.unique(values, return_counts=True)[1]
        return entropy(counts / counts.sum())

    after = sum(np.mean(feature == v) * h(labels[feature == v]) for v in np.unique(feature))
    assert_allclose(information_gain(labels, feature), h(labels) - after, atol=ATOL)


@given(samples, st.permutations(range(5)), st.permutations("abcd"))
def test_information_gain_does_not_see_the_names(pair, label_names, feature_names):
    labels, feature = pair
    renamed = information_gain(np.array(label_names)[labels], np.array(feature_names)[feature])
    assert_allclose(renamed, information_gain(labels, feature), atol=ATOL)


@given(samples, st.randoms(use_true_random=False))
def test_information_gain_does_not_see_the_order_of_the_samples(pair, random):
    labels, feature = pair
    order = random.sample(range(len(labels)), len(labels))
    shuffled = information_gain(labels[order], feature[order])
    assert_allclose(shuffled, information_gain(labels, feature), atol=ATOL)


@given(samples)
def test_information_gain_of_a_feature_is_at_most_that_of_its_refinement(pair):
    labels, feature = pair
    coarse = feature // 2
    assert information_gain(labels, coarse) <= information_gain(labels, feature) + ATOL


@pytest.mark.parametrize(
    ("labels", "feature", "bits"),
    [
        ([0, 0, 1, 1], [0, 0, 1, 1], 1),
        ([0, 0, 1, 1], [0, 1, 0, 1], 0),
        ([0, 0, 1, 1], [5, 5, 5, 5], 0),
        ([7, 7, 7], [1, 2, 3], 0),
        (["yes", "no", "yes", "no"], ["sun", "rain", "sun", "rain"], 1),
        ([True, False, True, False], [1, 2, 1, 2], 1),
        ([3], [3], 0),
    ],
)
def test_information_gain_in_bits(labels, feature, bits):
    gain = information_gain(labels, feature, base=2)
    assert_allclose(gain, bits, atol=1e-15)
    assert not np.signbit(gain)


def test_the_play_tennis_table():
    """Quinlan's 14 days: a gain of 0.2467 bits for the outlook, the largest of the four."""
    outlook = [
        "sun",
        "sun",
        "over",
        "rain",
        "rain",
        "rain",
        "over",
        "sun",
        "sun",
        "rain",
        "sun",
        "over",
        "over",
        "rain",
    ]
    play = ["n", "n", "y", "y", "y", "n", "y", "n", "y", "y", "y", "y", "y", "n"]
    assert_allclose(information_gain(play, outlook, base=2), 0.246750, atol=5e-7)
