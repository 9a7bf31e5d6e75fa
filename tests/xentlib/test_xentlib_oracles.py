"""The same numbers from other libraries: SciPy, scikit-learn, PyTorch, TensorFlow."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special, stats
from scipy.spatial.distance import jensenshannon

import xentlib

RNG = np.random.default_rng(11)
P, Q = RNG.dirichlet(np.full(6, 0.5), size=(2, 3, 4))
Z = 5 * RNG.standard_normal((3, 4, 6))


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow", reason="TensorFlow is not installed")


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("base", [None, 2, 10])
def test_scipy_agrees_on_entropy_kl_and_js(axis, base):
    p, q = (np.moveaxis(a, -1, axis) for a in (P, Q))
    options = {"axis": axis, "base": base}
    assert_allclose(xentlib.entropy(p, **options), stats.entropy(p, **options), rtol=1e-13)
    assert_allclose(
        xentlib.kl_divergence(p, q, **options), stats.entropy(p, q, **options), rtol=1e-12
    )
    assert_allclose(
        xentlib.js_divergence(p, q, **options),
        jensenshannon(p, q, base, axis=axis) ** 2,
        rtol=1e-11,
    )


def test_scipy_agrees_on_cross_entropy():
    expected = (special.entr(P) + special.rel_entr(P, Q)).sum(axis=-1)
    assert_allclose(xentlib.cross_entropy(P, Q), expected, rtol=1e-13)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_scipy_agrees_on_softmax_and_its_relatives(axis):
    for name in ("softmax", "log_softmax", "logsumexp"):
        ours, theirs = getattr(xentlib, name), getattr(special, name)
        # SciPy's log-probabilities near 0 carry an absolute error of one rounding of 1.
        assert_allclose(ours(Z, axis=axis), theirs(Z, axis=axis), rtol=1e-13, atol=1e-15)
    assert_allclose(xentlib.sigmoid(Z), special.expit(Z), rtol=1e-15)
    assert_allclose(xentlib.log_sigmoid(Z), special.log_expit(Z), rtol=1e-15)


def test_scipy_agrees_on_perplexity_of_a_distribution():
    assert_allclose(xentlib.perplexity(P), np.exp(stats.entropy(P, axis=-1)), rtol=1e-13)


def test_scikit_learn_agrees_on_information_gain_and_mutual_information():
    from sklearn.metrics import mutual_info_score

    feature = RNG.integers(0, 5, 500)
    labels = (feature + RNG.integers(0, 3, 500)) % 4
    expected = mutual_info_score(labels, feature)
    assert_allclose(xentlib.information_gain(labels, feature), expected, rtol=1e-12)
    counts = np.zeros((5, 4))
    np.add.at(counts, (feature, labels), 1)
    joint = counts / counts.sum()
    assert_allclose(xentlib.mutual_information(joint), expected, rtol=1e-12)
    assert_allclose(
        xentlib.conditional_entropy(joint),
        xentlib.entropy(joint.sum(axis=0)) - expected,
        rtol=1e-12,
    )


def test_scikit_learns_tree_splits_where_the_information_gain_is_largest():
    from sklearn.tree import DecisionTreeClassifier

    features = RNG.integers(0, 2, (200, 5))
    labels = np.where(RNG.random(200) < 0.8, features[:, 3], 1 - features[:, 3])
    tree = DecisionTreeClassifier(criterion="entropy", max_depth=1).fit(features, labels)
    gains = [xentlib.information_gain(labels, column, base=2) for column in features.T]
    assert np.argmax(gains) == tree.tree_.feature[0] == 3
    weights = tree.tree_.weighted_n_node_samples[1:] / 200
    drop = tree.tree_.impurity[0] - weights @ tree.tree_.impurity[1:]  # scikit-learn's are bits
    assert_allclose(gains[3], drop, rtol=1e-12)


def test_scikit_learn_agrees_on_log_loss():
    from sklearn.metrics import log_loss

    labels = RNG.integers(0, 6, 12)
    q = Q.reshape(12, 6)
    one_hot = np.eye(6)[labels]
    expected = log_loss(labels, q, labels=range(6))
    assert_allclose(xentlib.cross_entropy(one_hot, q).mean(), expected, rtol=1e-13)


def test_pytorch_agrees(torch):
    p, q, z = (torch.from_numpy(a) for a in (P, Q, Z))
    functional = torch.nn.functional
    kl = functional.kl_div(q.log(), p, reduction="none").sum(-1)
    assert_allclose(xentlib.kl_divergence(P, Q), kl, rtol=1e-12)
    ce = functional.cross_entropy(q.log().reshape(12, 6), p.reshape(12, 6), reduction="none")
    assert_allclose(xentlib.cross_entropy(P, Q).ravel(), ce, rtol=1e-12)
    h = torch.distributions.Categorical(probs=p).entropy()
    assert_allclose(xentlib.entropy(P), h, rtol=1e-12)
    for t in (1.0, 0.5):
        assert_allclose(xentlib.softmax(Z, axis=0, temperature=t), (z / t).softmax(0), rtol=1e-12)
        ours = xentlib.log_softmax(Z, temperature=t)
        assert_allclose(ours, (z / t).log_softmax(-1), rtol=1e-12, atol=1e-15)
        assert_allclose(xentlib.sigmoid(Z, temperature=t), (z / t).sigmoid(), rtol=1e-13)
        ours = xentlib.log_sigmoid(Z, temperature=t)
        assert_allclose(ours, functional.logsigmoid(z / t), rtol=1e-13)
    assert_allclose(xentlib.logsumexp(Z, axis=1), z.logsumexp(1), rtol=1e-13)


def test_the_gradient_of_pytorchs_logsumexp_is_our_softmax(torch):
    z = torch.from_numpy(Z).requires_grad_()
    z.logsumexp(-1).sum().backward()
    assert_allclose(xentlib.softmax(Z), z.grad, rtol=1e-12)


def test_pytorchs_gradient_of_cross_entropy_is_our_softmax_minus_the_target(torch):
    z = torch.from_numpy(Z.reshape(12, 6)).requires_grad_()
    p = P.reshape(12, 6)
    torch.nn.functional.cross_entropy(z, torch.from_numpy(p), reduction="sum").backward()
    assert_allclose(xentlib.softmax(Z.reshape(12, 6)) - p, z.grad, atol=1e-14)


def test_tensorflow_agrees(tf):
    losses = tf.keras.losses
    assert_allclose(xentlib.cross_entropy(P, Q), losses.categorical_crossentropy(P, Q), rtol=1e-5)
    kl = losses.KLDivergence(reduction=None)(P, Q)
    assert_allclose(xentlib.kl_divergence(P, Q), kl, rtol=1e-4)
    assert_allclose(xentlib.softmax(Z, axis=0), tf.nn.softmax(Z, axis=0), rtol=1e-12)
    assert_allclose(xentlib.log_softmax(Z), tf.nn.log_softmax(Z), rtol=1e-11)
    assert_allclose(xentlib.logsumexp(Z, axis=1), tf.reduce_logsumexp(Z, axis=1), rtol=1e-13)
    assert_allclose(xentlib.sigmoid(Z), tf.nn.sigmoid(Z), rtol=1e-12)
    assert_allclose(xentlib.log_sigmoid(Z), tf.math.log_sigmoid(Z), rtol=1e-11)
    ours = xentlib.cross_entropy(P, xentlib.softmax(Z))
    assert_allclose(ours, tf.nn.softmax_cross_entropy_with_logits(P, Z), rtol=1e-11)
