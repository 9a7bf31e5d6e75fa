"""The same losses and gradients from PyTorch, Keras, TensorFlow, scikit-learn and SciPy.

Where a framework means something else by the same words, a test shows by how much.
"""

import itertools
import os

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special

import xentlib
from xentlib import (
    binary_cross_entropy,
    binary_cross_entropy_grad,
    binary_focal_loss,
    binary_focal_loss_grad,
    categorical_cross_entropy,
    categorical_cross_entropy_grad,
    sparse_categorical_cross_entropy,
    sparse_categorical_cross_entropy_grad,
)

RNG = np.random.default_rng(31)
N, K = 9, 5
Z = 3 * RNG.standard_normal((N, K))
P = xentlib.softmax(Z)
LABELS = np.arange(N) % K
SOFT = RNG.dirichlet(np.ones(K), N)
ONE_HOT = np.eye(K)[LABELS]
CLASS_WEIGHT = np.array([0.5, 2.0, 1.0, 0.25, 3.0])
SAMPLE_WEIGHT = RNG.uniform(0.1, 2, N)
YES_NO = RNG.integers(0, 2, (N, K)).astype(float)

REDUCTIONS = ["mean", "sum", "none"]
TOLERANCE = {np.float32: 4e-6, np.float64: 1e-12}
reductions = pytest.mark.parametrize("reduction", REDUCTIONS)
dtypes = pytest.mark.parametrize("dtype", TOLERANCE, ids=["float32", "float64"])
LOGITS = {"from_logits": True}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture(scope="module")
def tf():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return pytest.importorskip("tensorflow", reason="TensorFlow is not installed")


@pytest.fixture(scope="module")
def keras(tf):
    return pytest.importorskip("keras", reason="Keras is not installed").losses


def torch_value_and_grad(torch, f, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The value of f and the derivative of the sum of its entries."""
    leaf = torch.tensor(x, requires_grad=True)
    value = f(leaf)
    value.sum().backward()
    return value.detach().numpy(), leaf.grad.numpy()


def tf_value_and_grad(tf, f, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The value of f and the derivative of the sum of its entries."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = f(x)
        total = tf.reduce_sum(value)
    return value.numpy(), tape.gradient(total, x).numpy()


def check(theirs, ours, gradient, dtype=np.float64) -> None:
    rtol = TOLERANCE[dtype]
    assert ours.dtype == gradient.dtype == dtype
    assert_allclose(ours, theirs[0], rtol=rtol, atol=rtol)
    assert_allclose(gradient, theirs[1], rtol=rtol, atol=rtol)


# -- PyTorch -------------------------------------------------------------------------------------


@dtypes
@reductions
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore", [None, 2])
def test_pytorch_cross_entropy_of_integer_labels(
    torch, dtype, reduction, smoothing, weighted, ignore
):
    z, weight = Z.astype(dtype), CLASS_WEIGHT if weighted else None
    theirs = torch_value_and_grad(
        torch,
        lambda x: torch.nn.functional.cross_entropy(
            x,
            torch.tensor(LABELS),
            weight=None if weight is None else torch.tensor(weight.astype(dtype)),
            ignore_index=-100 if ignore is None else ignore,
            label_smoothing=smoothing,
            reduction=reduction,
        ),
        z,
    )
    options = {
        "ignore_index": ignore,
        "label_smoothing": smoothing,
        "class_weight": weight,
        "reduction": reduction,
    }
    check(
        theirs,
        sparse_categorical_cross_entropy(LABELS, z, **LOGITS, **options),
        sparse_categorical_cross_entropy_grad(LABELS, z, **LOGITS, **options),
        dtype,
    )


@dtypes
@reductions
@pytest.mark.parametrize("shape", [(3, K), (2, K, 4), (2, K, 3, 4)], ids=str)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_pytorch_cross_entropy_per_pixel(torch, dtype, reduction, shape, smoothing):
    """PyTorch has the classes on axis 1."""
    z = RNG.standard_normal(shape).astype(dtype)
    labels = RNG.integers(0, K, (shape[0], *shape[2:]))
    theirs = torch_value_and_grad(
        torch,
        lambda x: torch.nn.functional.cross_entropy(
            x,
            torch.tensor(labels),
            weight=torch.tensor(CLASS_WEIGHT.astype(dtype)),
            ignore_index=1,
            label_smoothing=smoothing,
            reduction=reduction,
        ),
        z,
    )
    options = {"axis": 1, "class_weight": CLASS_WEIGHT, "ignore_index": 1}
    options |= {"label_smoothing": smoothing, "reduction": reduction}
    check(
        theirs,
        sparse_categorical_cross_entropy(labels, z, **LOGITS, **options),
        sparse_categorical_cross_entropy_grad(labels, z, **LOGITS, **options),
        dtype,
    )


@dtypes
@reductions
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_pytorch_cross_entropy_of_label_distributions(torch, dtype, reduction, smoothing):
    z, y = Z.astype(dtype), SOFT.astype(dtype)
    theirs = torch_value_and_grad(
        torch,
        lambda x: torch.nn.functional.cross_entropy(
            x, torch.tensor(y), label_smoothing=smoothing, reduction=reduction
        ),
        z,
    )
    options = {"label_smoothing": smoothing, "reduction": reduction}
    check(
        theirs,
        categorical_cross_entropy(y, z, **LOGITS, **options),
        categorical_cross_entropy_grad(y, z, **LOGITS, **options),
        dtype,
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_pytorch_divides_weighted_label_distributions_by_the_number_of_examples(torch, smoothing):
    """The sums are the same; the mean of one-hot labels is not that of integer labels there."""

    def theirs(target, reduction):
        return torch.nn.functional.cross_entropy(
            torch.tensor(Z),
            torch.tensor(target),
            weight=torch.tensor(CLASS_WEIGHT),
            label_smoothing=smoothing,
            reduction=reduction,
        ).item()

    options = {"class_weight": CLASS_WEIGHT, "label_smoothing": smoothing, **LOGITS}
    for y in (SOFT, ONE_HOT):
        total = categorical_cross_entropy(y, Z, reduction="sum", **options)
        assert theirs(y, "sum") == pytest.approx(total, rel=1e-12)
        assert theirs(y, "mean") == pytest.approx(total / N, rel=1e-12)
        ours = categorical_cross_entropy(y, Z, **options)
        assert ours == pytest.approx(total / (y @ CLASS_WEIGHT).sum(), rel=1e-12)
        assert abs(ours - total / N) > 0.01
    assert categorical_cross_entropy(ONE_HOT, Z, **options) == pytest.approx(
        theirs(LABELS, "mean"), rel=1e-12
    )


def test_a_batch_in_which_all_is_ignored(torch, keras):
    """The mean over nothing is nan in PyTorch and here, and 0 in Keras."""
    labels = np.full(N, 2)
    theirs = torch_value_and_grad(
        torch,
        lambda x: torch.nn.functional.cross_entropy(x, torch.tensor(labels), ignore_index=2),
        Z,
    )
    options = {"ignore_index": 2, **LOGITS}
    assert np.isnan(theirs[0])
    assert np.isnan(sparse_categorical_cross_entropy(labels, Z, **options))
    assert not theirs[1].any()
    assert not sparse_categorical_cross_entropy_grad(labels, Z, **options).any()
    k = keras.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2)
    assert float(k(labels, Z)) == 0


def test_empty_and_weightless_batches_are_nan_in_pytorch_too(torch):
    f = torch.nn.functional.cross_entropy
    assert np.isnan(f(torch.zeros((0, K)), torch.zeros(0, dtype=int)).item())
    weight = torch.tensor([0.0, 1, 1, 1, 1])
    assert np.isnan(f(torch.zeros((3, K)), torch.zeros(3, dtype=int), weight=weight).item())
    zeros = np.zeros(3, dtype=int)
    assert np.isnan(sparse_categorical_cross_entropy(zeros[:0], np.zeros((0, K)), **LOGITS))
    assert np.isnan(
        sparse_categorical_cross_entropy(
            zeros, np.zeros((3, K)), class_weight=[0, 1, 1, 1, 1], **LOGITS
        )
    )


@dtypes
@reductions
@pytest.mark.parametrize("pos_weight", [None, 3.0, CLASS_WEIGHT])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("soft", [False, True])
def test_pytorch_binary_cross_entropy_with_logits(
    torch, dtype, reduction, pos_weight, weighted, soft
):
    z, y = Z.astype(dtype), (SOFT if soft else YES_NO).astype(dtype)
    weight = SAMPLE_WEIGHT[:, None].astype(dtype) if weighted else None
    theirs = torch_value_and_grad(
        torch,
        lambda x: torch.nn.functional.binary_cross_entropy_with_logits(
            x,
            torch.tensor(y),
            weight=None if weight is None else torch.tensor(weight),
            pos_weight=None if pos_weight is None else torch.tensor(np.asarray(pos_weight, dtype)),
            reduction=reduction,
        ),
        z,
    )
    options = {"pos_weight": pos_weight, "sample_weight": weight, "reduction": reduction}
    ours = binary_cross_entropy(y, z, **LOGITS, **options)
    grad = binary_cross_entropy_grad(y, z, **LOGITS, **options)
    # PyTorch divides a weighted mean by the number of entries, we by the sum of the weights.
    ratio = dtype(weight.mean()) if weighted and reduction == "mean" else dtype(1)
    check(theirs, ours * ratio, grad * ratio, dtype)


@reductions
def test_pytorch_binary_cross_entropy_of_probabilities(torch, reduction):
    p = xentlib.sigmoid(Z)
    theirs = torch_value_and_grad(
        torch,
        lambda x: torch.nn.functional.binary_cross_entropy(
            x, torch.tensor(YES_NO), reduction=reduction
        ),
        p,
    )
    check(
        theirs,
        binary_cross_entropy(YES_NO, p, reduction=reduction),
        binary_cross_entropy_grad(YES_NO, p, reduction=reduction),
    )


@pytest.mark.parametrize("p", [0.0, 1e-300, 1e-60])
def test_pytorchs_bce_loss_stops_at_100(torch, p):
    """It clamps log p at −100, and the gradient's denominator at 1e-12."""
    value, grad = torch_value_and_grad(
        torch, lambda x: torch.nn.functional.binary_cross_entropy(x, torch.ones_like(x)), [p]
    )
    assert value == 100
    assert grad == pytest.approx(-1e12)
    exact = np.inf if p == 0 else -np.log(p)
    assert binary_cross_entropy([1], [p]) == pytest.approx(exact, rel=1e-15)
    assert binary_cross_entropy_grad([1], [p])[0] == (-np.inf if p == 0 else -1 / p)


def focal_in_torch(torch, z, y, gamma, alpha):
    """The focal loss from PyTorch's own pieces, for autograd."""
    ce = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    p = torch.sigmoid(z)
    miss = torch.where(y == 1, 1 - p, p)
    weight = 1.0 if alpha is None else torch.where(y == 1, alpha, 1 - alpha)
    return weight * miss**gamma * ce


@reductions
@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("alpha", [None, 0.25])
def test_pytorch_autograd_agrees_on_the_focal_loss(torch, reduction, gamma, alpha):
    def reduced(x):
        each = focal_in_torch(torch, x, torch.tensor(YES_NO), gamma, alpha)
        return each if reduction == "none" else getattr(each, reduction)()

    options = {"gamma": gamma, "alpha": alpha, "reduction": reduction, **LOGITS}
    check(
        torch_value_and_grad(torch, reduced, Z),
        binary_focal_loss(YES_NO, Z, **options),
        binary_focal_loss_grad(YES_NO, Z, **options),
    )


# -- Keras and TensorFlow ------------------------------------------------------------------------

KERAS_REDUCTIONS = {"mean": "sum_over_batch_size", "sum": "sum", "none": None}


@reductions
@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_keras_categorical(tf, keras, reduction, from_logits, smoothing, weighted):
    x = (Z if from_logits else P).astype(np.float32)
    y = SOFT.astype(np.float32)
    weight = SAMPLE_WEIGHT.astype(np.float32) if weighted else None
    loss = keras.CategoricalCrossentropy(
        from_logits=from_logits, label_smoothing=smoothing, reduction=KERAS_REDUCTIONS[reduction]
    )
    value, grad = tf_value_and_grad(tf, lambda x: loss(y, x, sample_weight=weight), x)
    options = {"label_smoothing": smoothing, "sample_weight": weight, "from_logits": from_logits}
    options["reduction"] = reduction
    # Keras divides a weighted mean by the number of examples, we by the sum of the weights.
    ratio = SAMPLE_WEIGHT.mean() if weighted and reduction == "mean" else 1.0
    ours = categorical_cross_entropy(y, x, **options)
    assert_allclose(ours * ratio, value, rtol=1e-5)
    ours = categorical_cross_entropy_grad(y, x, **options) * ratio
    if not from_logits:
        # Keras divides p by its sum first: its gradient lies in the simplex.
        assert np.abs(ours - grad).max() > 0.01
        ours = ours - (ours * x).sum(axis=1, keepdims=True)
    assert_allclose(ours, grad, rtol=1e-4, atol=2e-5)


@reductions
@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("ignore", [None, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_keras_sparse(tf, keras, reduction, from_logits, ignore, weighted):
    x = (Z if from_logits else P).astype(np.float32)
    weight = SAMPLE_WEIGHT.astype(np.float32) if weighted else None
    loss = keras.SparseCategoricalCrossentropy(
        from_logits=from_logits, ignore_class=ignore, reduction=KERAS_REDUCTIONS[reduction]
    )
    value, grad = tf_value_and_grad(tf, lambda x: loss(LABELS, x, sample_weight=weight), x)
    options = {"ignore_index": ignore, "sample_weight": weight, "from_logits": from_logits}
    options["reduction"] = reduction
    kept = np.full(N, True) if ignore is None else ignore != LABELS
    ratio = SAMPLE_WEIGHT[kept].mean() if weighted and reduction == "mean" else 1.0
    assert_allclose(
        sparse_categorical_cross_entropy(LABELS, x, **options) * ratio, value, rtol=1e-5
    )
    ours = sparse_categorical_cross_entropy_grad(LABELS, x, **options) * ratio
    if not from_logits:
        ours = ours - (ours * x).sum(axis=1, keepdims=True)
    assert_allclose(ours, grad, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_keras_binary(tf, keras, from_logits, smoothing):
    """Keras takes the mean over the last axis first: one loss an example, not one an entry."""
    x = (Z if from_logits else np.clip(P, 0.01, 0.99)).astype(np.float32)
    options = {"from_logits": from_logits, "label_smoothing": smoothing}
    loss = keras.BinaryCrossentropy(reduction=None, **options)
    value, grad = tf_value_and_grad(tf, lambda x: loss(YES_NO, x), x)
    each = binary_cross_entropy(YES_NO, x, reduction="none", **options)
    assert_allclose(each.mean(axis=1), value, rtol=1e-5)
    slopes = binary_cross_entropy_grad(YES_NO, x, reduction="none", **options)
    assert_allclose(slopes / K, grad, rtol=1e-4, atol=1e-6)
    mean = keras.BinaryCrossentropy(**options)
    assert_allclose(binary_cross_entropy(YES_NO, x, **options), mean(YES_NO, x), rtol=1e-5)
    weight = SAMPLE_WEIGHT.astype(np.float32)
    ours = binary_cross_entropy(YES_NO, x, sample_weight=weight[:, None], **options)
    theirs = float(mean(YES_NO, x, sample_weight=weight))
    assert ours * weight.mean() == pytest.approx(theirs, rel=1e-5)
    assert abs(ours - theirs) > 0.01


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_keras_focal(tf, keras, gamma):
    x = Z.astype(np.float32)
    loss = keras.BinaryFocalCrossentropy(gamma=gamma, from_logits=True)
    value, grad = tf_value_and_grad(tf, lambda x: loss(YES_NO, x), x)
    options = {"gamma": gamma, **LOGITS}
    assert_allclose(binary_focal_loss(YES_NO, x, **options), value, rtol=1e-5)
    assert_allclose(binary_focal_loss_grad(YES_NO, x, **options), grad, rtol=1e-4, atol=1e-7)


def test_keras_clips_probabilities_at_1e_7(keras):
    """Never more than −log 1e-7 = 16.1, where the loss is infinite."""
    zero, one = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
    limit = -np.log(1e-7)
    assert float(keras.CategoricalCrossentropy()(one, zero)) == pytest.approx(limit, rel=1e-5)
    assert float(keras.SparseCategoricalCrossentropy()(np.array([0]), zero)) == pytest.approx(
        limit, rel=1e-5
    )
    assert float(keras.BinaryCrossentropy()(np.ones((1, 1)), np.zeros((1, 1)))) == pytest.approx(
        limit, rel=1e-5
    )
    assert categorical_cross_entropy(one, zero) == np.inf
    assert sparse_categorical_cross_entropy([0], zero) == np.inf
    assert binary_cross_entropy([1], [0]) == np.inf
    tiny = np.array([[1e-30, 1.0]])
    assert sparse_categorical_cross_entropy([0], tiny) == pytest.approx(30 * np.log(10))
    assert float(keras.SparseCategoricalCrossentropy()(np.array([0]), tiny)) == pytest.approx(
        limit, rel=1e-5
    )


def test_keras_renormalises_what_is_no_distribution(keras):
    """It divides each row by its sum in silence; here the row is refused."""
    p = np.array([[0.2, 0.1, 0.1]])
    expected = -np.log(0.2 / 0.4)
    assert float(keras.CategoricalCrossentropy()(np.array([[1.0, 0, 0]]), p)) == pytest.approx(
        expected
    )
    assert float(keras.SparseCategoricalCrossentropy()(np.array([0]), p)) == pytest.approx(expected)
    for f, y in ((categorical_cross_entropy, [[1, 0, 0]]), (sparse_categorical_cross_entropy, [0])):
        with pytest.raises(ValueError, match=r"sums to 0\.4, not 1"):
            f(y, p)


def test_tensorflow_losses_of_logits(tf):
    functions = tf.nn
    each = {"reduction": "none", **LOGITS}
    pairs = [
        (
            lambda z: functions.softmax_cross_entropy_with_logits(SOFT, z),
            (categorical_cross_entropy, categorical_cross_entropy_grad),
            SOFT,
        ),
        (
            lambda z: functions.sparse_softmax_cross_entropy_with_logits(LABELS, z),
            (sparse_categorical_cross_entropy, sparse_categorical_cross_entropy_grad),
            LABELS,
        ),
        (
            lambda z: functions.sigmoid_cross_entropy_with_logits(YES_NO, z),
            (binary_cross_entropy, binary_cross_entropy_grad),
            YES_NO,
        ),
    ]
    for f, (loss, grad), truth in pairs:
        check(tf_value_and_grad(tf, f, Z), loss(truth, Z, **each), grad(truth, Z, **each))
    each["pos_weight"] = 2.5
    theirs = tf_value_and_grad(
        tf, lambda z: functions.weighted_cross_entropy_with_logits(YES_NO, z, 2.5), Z
    )
    check(
        theirs,
        binary_cross_entropy(YES_NO, Z, **each),
        binary_cross_entropy_grad(YES_NO, Z, **each),
    )


# -- scikit-learn and SciPy ----------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("mean", [False, True])
def test_scikit_learn_log_loss(weighted, mean):
    """Its weighted mean divides by the sum of the weights, as ours does."""
    from sklearn.metrics import log_loss

    weight = SAMPLE_WEIGHT if weighted else None
    options = {"sample_weight": weight}
    reduction = "mean" if mean else "sum"
    expected = log_loss(LABELS, P, normalize=mean, **options)
    ours = sparse_categorical_cross_entropy(LABELS, P, reduction=reduction, **options)
    assert ours == pytest.approx(expected, rel=1e-13)
    ours = categorical_cross_entropy(ONE_HOT, P, reduction=reduction, **options)
    assert ours == pytest.approx(expected, rel=1e-13)
    y, p = LABELS > 2, P[:, 0]
    expected = log_loss(y, p, normalize=mean, **options)
    assert binary_cross_entropy(y, p, reduction=reduction, **options) == pytest.approx(
        expected, rel=1e-13
    )


def test_scikit_learn_clips_at_the_spacing_of_the_dtype():
    """So it has no infinite loss, and for float32 none above 15.9."""
    from sklearn.metrics import log_loss

    for dtype in (np.float32, np.float64):
        p = np.array([[0, 1], [0.5, 0.5]], dtype)
        eps = np.finfo(dtype).eps
        expected = -(np.log(eps) + np.log(0.5)) / 2
        assert log_loss([0, 1], p) == pytest.approx(expected, rel=1e-6)
        assert sparse_categorical_cross_entropy([0, 1], p) == np.inf


@reductions
def test_scipy_special_functions(reduction):
    reduce = {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction]
    options = {"reduction": reduction}
    log_p = special.log_softmax(Z, axis=1)
    picked = -log_p[np.arange(N), LABELS]
    ours = sparse_categorical_cross_entropy(LABELS, Z, **LOGITS, **options)
    assert_allclose(ours, reduce(picked), rtol=1e-13)
    ours = sparse_categorical_cross_entropy(LABELS, special.softmax(Z, axis=1), **options)
    assert_allclose(ours, reduce(picked), rtol=1e-12)
    ours = categorical_cross_entropy(SOFT, Z, **LOGITS, **options)
    assert_allclose(ours, reduce(-(SOFT * log_p).sum(axis=1)), rtol=1e-13)
    y = YES_NO
    expected = -y * special.log_expit(Z) - (1 - y) * special.log_expit(-Z)
    assert_allclose(binary_cross_entropy(y, Z, **LOGITS, **options), reduce(expected), rtol=1e-13)
    p = special.expit(Z)
    expected = -special.xlogy(y, p) - special.xlog1py(1 - y, -p)
    assert_allclose(binary_cross_entropy(y, p, **options), reduce(expected), rtol=1e-13)


def test_a_mean_over_batches_is_the_mean_of_means_only_for_batches_of_one_size():
    """With weights the mean of the batches' means is yet another number."""
    halves = [slice(0, 4), slice(4, N)]
    full = sparse_categorical_cross_entropy(LABELS, Z, **LOGITS)
    parts = [sparse_categorical_cross_entropy(LABELS[h], Z[h], **LOGITS) for h in halves]
    sizes = [4, N - 4]
    assert np.average(parts, weights=sizes) == pytest.approx(full, rel=1e-14)
    assert abs(np.mean(parts) - full) > 1e-3


def test_the_frameworks_agree_with_each_other_on_plain_means(torch, tf, keras):
    """Five roads to one number."""
    from sklearn.metrics import log_loss

    numbers = [
        sparse_categorical_cross_entropy(LABELS, Z, **LOGITS),
        torch.nn.functional.cross_entropy(torch.tensor(Z), torch.tensor(LABELS)).item(),
        float(tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, Z))),
        float(keras.SparseCategoricalCrossentropy(from_logits=True)(LABELS, Z)),
        log_loss(LABELS, P),
    ]
    for a, b in itertools.combinations(numbers, 2):
        assert a == pytest.approx(b, rel=1e-6)
