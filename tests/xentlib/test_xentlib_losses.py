"""The losses and their gradients: what must hold for all of them, whatever the framework."""

import itertools
import os
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import xentlib
from xentlib import (
    _blocks,
    binary_cross_entropy,
    binary_cross_entropy_grad,
    binary_focal_loss,
    binary_focal_loss_grad,
    categorical_cross_entropy,
    categorical_cross_entropy_grad,
    sparse_categorical_cross_entropy,
    sparse_categorical_cross_entropy_grad,
)

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

RNG = np.random.default_rng(23)
N, K = 7, 4
Z = 3 * RNG.standard_normal((N, K))
P = xentlib.softmax(Z)
LABELS = RNG.integers(0, K, N)
SOFT = RNG.dirichlet(np.ones(K), N)
ONE_HOT = np.eye(K)[LABELS]
CLASS_WEIGHT = np.array([0.5, 2.0, 1.0, 0.25])
SAMPLE_WEIGHT = RNG.uniform(0, 2, N)

REDUCTIONS = ["mean", "sum", "none"]
reductions = pytest.mark.parametrize("reduction", REDUCTIONS)
from_either = pytest.mark.parametrize("from_logits", [True, False], ids=["logits", "probabilities"])

# Every combination of options, once for each family of losses.
CLASS_OPTIONS = [
    {"label_smoothing": e, "class_weight": w, "sample_weight": s}
    for e, w, s in itertools.product([0.0, 0.1], [None, CLASS_WEIGHT], [None, SAMPLE_WEIGHT])
]
BINARY_OPTIONS = [
    {"label_smoothing": e, "pos_weight": w, "sample_weight": s}
    for e, w, s in itertools.product(
        [0.0, 0.2], [None, 3.0, [0.5, 2.0, 1.0, 4.0]], [None, SAMPLE_WEIGHT[:, None]]
    )
]
FOCAL_OPTIONS = [
    {"gamma": g, "alpha": a} for g, a in itertools.product([0, 0.5, 1, 2.0, 3.5], [None, 0.25])
]
# name: (loss, gradient, truth, options)
FAMILIES = {
    "binary": (
        binary_cross_entropy,
        binary_cross_entropy_grad,
        RNG.uniform(0, 1, (N, K)).round(1),
        BINARY_OPTIONS,
    ),
    "focal": (binary_focal_loss, binary_focal_loss_grad, ONE_HOT, FOCAL_OPTIONS),
    "categorical": (
        categorical_cross_entropy,
        categorical_cross_entropy_grad,
        SOFT,
        CLASS_OPTIONS,
    ),
    "sparse": (
        sparse_categorical_cross_entropy,
        sparse_categorical_cross_entropy_grad,
        LABELS,
        [o | {"ignore_index": i} for o in CLASS_OPTIONS for i in (None, int(LABELS[0]))],
    ),
}
each_family = pytest.mark.parametrize("family", FAMILIES)
CASES = [
    pytest.param(loss, grad, truth, options, id=f"{name}-{i}")
    for name, (loss, grad, truth, all_options) in FAMILIES.items()
    for i, options in enumerate(all_options)
]
each_case = pytest.mark.parametrize(("loss", "grad", "truth", "options"), CASES)


def differences(f, x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """The derivatives of f at x by central differences."""
    result = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        result[i] = (f(up) - f(down)) / (up[i] - down[i])
    return result


@each_case
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradients_with_respect_to_logits_are_central_differences(
    loss, grad, truth, options, reduction
):
    options = options | {"from_logits": True, "reduction": reduction}
    expected = differences(lambda z: loss(truth, z, **options), Z)
    assert_allclose(grad(truth, Z, **options), expected, rtol=2e-7, atol=2e-8)


@pytest.mark.parametrize(
    ("loss", "grad", "truth", "options"),
    [case for case in CASES if case.id.startswith(("binary", "focal"))],
)
def test_gradients_with_respect_to_probabilities_are_central_differences(
    loss, grad, truth, options
):
    p = np.clip(P, 0.01, 0.99)
    expected = differences(lambda x: loss(truth, x, **options), p)
    assert_allclose(grad(truth, p, **options), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("loss", "grad", "truth", "options"),
    [case for case in CASES if case.id.startswith(("categorical", "sparse"))],
)
def test_gradients_with_respect_to_distributions_go_along_the_simplex(loss, grad, truth, options):
    """Probabilities must keep their sum: only differences of their derivatives can be seen."""
    step = 1e-6
    p = xentlib.softmax(Z / 3)  # not so small that a step is large
    slopes = grad(truth, p, **options)
    for i, j in ((0, 1), (2, 3)):
        for row in range(N):
            up, down = p.copy(), p.copy()
            up[row, [i, j]] += [step, -step]
            down[row, [i, j]] -= [step, -step]
            seen = (loss(truth, up, **options) - loss(truth, down, **options)) / (2 * step)
            assert slopes[row, i] - slopes[row, j] == pytest.approx(seen, rel=1e-6, abs=1e-6)


@each_case
@from_either
def test_mean_sum_and_none_are_consistent(loss, grad, truth, options, from_logits):
    options, p = options | {"from_logits": from_logits}, Z if from_logits else P
    each = loss(truth, p, reduction="none", **options)
    assert each.shape == (truth.shape if loss in SAME_SHAPE else (N,))
    total = loss(truth, p, reduction="sum", **options)
    assert_allclose(total, each.sum(), rtol=1e-14)
    mean = loss(truth, p, **options)
    assert_allclose(mean, total / mass(loss, truth, options), rtol=1e-14)
    slopes = grad(truth, p, reduction="none", **options)
    assert slopes.shape == Z.shape
    assert_allclose(grad(truth, p, reduction="sum", **options), slopes, rtol=1e-14)
    assert_allclose(
        grad(truth, p, **options), slopes / mass(loss, truth, options), rtol=1e-13, atol=1e-300
    )


SAME_SHAPE = (binary_cross_entropy, binary_focal_loss)


def mass(loss, truth, options) -> float:
    """What the documentation says that the mean divides by."""
    weight = options.get("sample_weight")
    weight = np.ones(N) if weight is None else np.ravel(weight)
    if loss in SAME_SHAPE:
        return weight.sum() * K
    classes = options["class_weight"]
    classes = np.ones(K) if classes is None else classes
    if loss is categorical_cross_entropy:
        return (weight * (truth @ classes)).sum()
    return (weight * classes[truth])[truth != options["ignore_index"]].sum()


@pytest.mark.parametrize("options", CLASS_OPTIONS)
@from_either
@reductions
def test_one_hot_labels_give_what_integer_labels_give(options, from_logits, reduction):
    options = options | {"from_logits": from_logits, "reduction": reduction}
    p = Z if from_logits else P
    pairs = [
        (sparse_categorical_cross_entropy, categorical_cross_entropy),
        (sparse_categorical_cross_entropy_grad, categorical_cross_entropy_grad),
    ]
    for sparse, dense in pairs:
        assert_allclose(
            sparse(LABELS, p, **options), dense(ONE_HOT, p, **options), rtol=1e-13, atol=1e-15
        )


@pytest.mark.parametrize("options", CLASS_OPTIONS)
@reductions
def test_ignoring_is_leaving_out(options, reduction):
    ignored = LABELS.copy()
    ignored[[1, 4]] = -100
    kept = np.flatnonzero(ignored != -100)
    some = {k: v[kept] if k == "sample_weight" and v is not None else v for k, v in options.items()}
    for f in (sparse_categorical_cross_entropy, sparse_categorical_cross_entropy_grad):
        for p, from_logits in ((Z, True), (P, False)):
            end = {"from_logits": from_logits, "reduction": reduction}
            full = f(ignored, p, ignore_index=-100, **options, **end)
            part = f(LABELS[kept], p[kept], **some, **end)
            if np.ndim(full):
                assert not full[[1, 4]].any()
                full = full[kept]
            assert_allclose(full, part, rtol=1e-14)


def test_any_number_can_be_the_one_that_is_ignored():
    for index in (0, 2, -1, -100, 255, 10**9):
        labels = np.array([1, index, 3])
        loss = sparse_categorical_cross_entropy(
            labels, Z[:3], from_logits=True, ignore_index=index, reduction="none"
        )
        assert loss[1] == 0
        assert loss[0] > 0
        assert loss[2] > 0


def test_an_ignored_example_may_be_impossible():
    p = np.array([[0.0, 1.0], [0.5, 0.5]])
    with np.errstate(divide="ignore"):
        z = np.log(p)
    for prediction, from_logits in ((p, False), (z, True)):
        for k in ([0, -1], [1, -1], [-1, 0]):
            options = {"from_logits": from_logits, "ignore_index": -1}
            grad = sparse_categorical_cross_entropy_grad(k, prediction, **options)
            assert not np.isnan(grad).any()
            assert not grad[np.array(k) == -1].any()
    assert sparse_categorical_cross_entropy([-1, 0], p, ignore_index=-1) == np.log(2)
    weighted = sparse_categorical_cross_entropy([0, 0], p, sample_weight=[0, 1])
    assert weighted == np.log(2)
    grad = sparse_categorical_cross_entropy_grad([0, 0], p, sample_weight=[0, 1])
    assert_array_equal(grad, [[0, 0], [-1 / 0.5, 0]])
    grad = categorical_cross_entropy_grad([[1, 0], [1, 0]], p, sample_weight=[0, 1])
    assert_array_equal(grad, [[0, 0], [-1 / 0.5, 0]])
    assert categorical_cross_entropy([[1, 0], [1, 0]], p, sample_weight=[0, 1]) == np.log(2)
    assert binary_cross_entropy([1, 1], [0, 0.5], sample_weight=[0, 1]) == np.log(2)
    grad = binary_cross_entropy_grad([1, 1], [0, 0.5], sample_weight=[0, 1])
    assert_array_equal(grad, [0, -1 / 0.5])


@pytest.mark.parametrize("options", CLASS_OPTIONS)
@reductions
def test_the_gradient_with_respect_to_logits_sums_to_zero_over_the_classes(options, reduction):
    """Adding a constant to all logits changes nothing."""
    options = options | {"from_logits": True, "reduction": reduction}
    dense = categorical_cross_entropy_grad(SOFT, Z, **options)
    sparse = sparse_categorical_cross_entropy_grad(LABELS, Z, **options)
    for grad in (dense, sparse):
        assert_allclose(grad.sum(axis=1), 0, atol=4e-15)


def test_without_weights_the_gradient_is_p_minus_y():
    options = {"from_logits": True, "reduction": "none"}
    dense = categorical_cross_entropy_grad(SOFT, Z, **options)
    assert_allclose(dense, P - SOFT, atol=1e-15)
    sparse = sparse_categorical_cross_entropy_grad(LABELS, Z, **options)
    assert_allclose(sparse, P - ONE_HOT, atol=1e-15)
    binary = binary_cross_entropy_grad(SOFT, Z, **options)
    assert_allclose(binary, xentlib.sigmoid(Z) - SOFT, atol=1e-15)


@each_case
def test_probabilities_give_what_their_logits_give(loss, grad, truth, options):
    p = xentlib.sigmoid(Z) if loss in SAME_SHAPE else P
    assert_allclose(
        loss(truth, p, **options), loss(truth, Z, from_logits=True, **options), rtol=1e-12
    )


def test_two_classes_are_a_binary_question():
    """Both softmaxes of (0, z) are sigmoids, whatever way they are computed."""
    z = np.concatenate([Z.ravel(), [0.0, 800.0, -800.0, -np.inf]])
    y = np.resize([0, 1, 1], z.size)
    two = np.stack([np.zeros_like(z), z], axis=1)
    three = np.concatenate([two, np.full((len(z), 1), -np.inf)], axis=1)  # the general way
    options = {"from_logits": True, "reduction": "none"}
    binary = binary_cross_entropy(y, z, **options)
    slope = binary_cross_entropy_grad(y, z, **options)
    for wide in (two, three):
        assert_allclose(sparse_categorical_cross_entropy(y, wide, **options), binary, rtol=1e-14)
        grad = sparse_categorical_cross_entropy_grad(y, wide, **options)
        assert_allclose(grad[:, 1], slope, rtol=1e-13)
        assert_allclose(grad[:, 0], -slope, rtol=1e-13)


@pytest.mark.parametrize("options", FOCAL_OPTIONS[:2])
def test_the_focal_loss_without_focus_is_binary_cross_entropy(options):
    alpha = options["alpha"]
    a, b = (1, 1) if alpha is None else (alpha, 1 - alpha)
    weight = np.where(ONE_HOT == 1, a, b)
    for f, g in (
        (binary_focal_loss, binary_cross_entropy),
        (binary_focal_loss_grad, binary_cross_entropy_grad),
    ):
        focal = f(ONE_HOT, Z, from_logits=True, reduction="none", **options)
        plain = g(ONE_HOT, Z, from_logits=True, reduction="none")
        assert_allclose(focal, weight * plain, rtol=1e-14)


def test_the_focal_loss_by_hand():
    assert binary_focal_loss([1], [0.75], gamma=2) == pytest.approx(-(0.25**2) * np.log(0.75))
    assert binary_focal_loss([0], [0.75], gamma=1, alpha=0.9) == pytest.approx(
        -0.1 * 0.75 * np.log(0.25)
    )


def test_label_smoothing_formulas():
    e = 0.3
    options = {"from_logits": True, "label_smoothing": e}
    plain = {"from_logits": True}
    assert_allclose(
        sparse_categorical_cross_entropy(LABELS, Z, **options),
        categorical_cross_entropy((1 - e) * ONE_HOT + e / K, Z, **plain),
        rtol=1e-14,
    )
    assert_allclose(
        binary_cross_entropy(ONE_HOT, Z, **options),
        binary_cross_entropy((1 - e) * ONE_HOT + e / 2, Z, **plain),
        rtol=1e-14,
    )


def test_a_uniform_guess_costs_log_k():
    for k in (2, 3, 10):
        labels = np.arange(k)
        p = np.full((k, k), 1 / k)
        z = np.full((k, k), 7.0)
        assert sparse_categorical_cross_entropy(labels, p) == pytest.approx(np.log(k), rel=1e-15)
        loss = sparse_categorical_cross_entropy(labels, z, from_logits=True)
        assert loss == pytest.approx(np.log(k), rel=1e-15)


# -- arrays --------------------------------------------------------------------------------------


@each_family
@from_either
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@reductions
def test_the_result_has_the_dtype_of_the_prediction(family, from_logits, dtype, reduction):
    loss, grad, truth, _ = FAMILIES[family]
    p = (Z if from_logits else P).astype(dtype)
    for order in "=<>":
        given = p.astype(p.dtype.newbyteorder(order))
        for f in (loss, grad):
            result = f(truth, given, from_logits=from_logits, reduction=reduction)
            assert result.dtype == dtype
            assert isinstance(result, np.ndarray if np.ndim(result) else np.floating)
            assert result.shape == f(truth, p, from_logits=from_logits, reduction=reduction).shape


@each_family
def test_integers_are_numbers_and_results_float64(family):
    loss, grad, truth, _ = FAMILIES[family]
    truth = truth if family == "sparse" else ONE_HOT
    z = Z.round().astype(int)
    for f in (loss, grad):
        for given in (z, z.tolist(), z.astype(np.int8)):
            result = f(truth.astype(int), given, from_logits=True)
            assert result.dtype == np.float64
            assert_array_equal(result, f(truth, z.astype(float), from_logits=True))
        certain = f(truth.astype(int), np.eye(K, dtype=int)[LABELS])
        assert certain.dtype == np.float64
    assert loss(truth, np.eye(K, dtype=bool)[LABELS]) == 0


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -2, -3, -4])
@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_classes_along_any_axis(axis, from_logits, smoothing):
    z = RNG.standard_normal((3, 2, 4, 5))
    p = z if from_logits else xentlib.softmax(z)
    y = RNG.dirichlet(np.ones(5), (3, 2, 4))
    labels = y.argmax(axis=-1)
    weight = RNG.uniform(0.5, 2, (2, 4))
    options = {
        "from_logits": from_logits,
        "label_smoothing": smoothing,
        "sample_weight": weight,
        "class_weight": np.arange(1, 6),
    }
    moved, moved_y = np.moveaxis(p, -1, axis), np.moveaxis(y, -1, axis)
    for reduction, f, truth, moved_truth in itertools.product(
        REDUCTIONS, ["sparse", "categorical"], [None], [None]
    ):
        loss, grad, _, _ = FAMILIES[f]
        truth, moved_truth = (labels, labels) if f == "sparse" else (y, moved_y)
        options["reduction"] = reduction
        assert_allclose(
            loss(moved_truth, moved, axis=axis, **options), loss(truth, p, **options), rtol=1e-14
        )
        there = grad(moved_truth, moved, axis=axis, **options)
        assert there.shape == moved.shape
        assert_allclose(np.moveaxis(there, axis, -1), grad(truth, p, **options), rtol=1e-13)


def layouts(a: np.ndarray) -> list[np.ndarray]:
    """The same numbers, laid out in memory in other ways."""
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    frozen = a.copy()
    frozen.flags.writeable = False
    return [np.asfortranarray(a), wide[..., ::2], a[::-1].copy()[::-1], frozen]


@each_family
@from_either
def test_layout_does_not_matter_and_inputs_are_left_alone(family, from_logits):
    loss, grad, truth, all_options = FAMILIES[family]
    p = Z if from_logits else P
    for f, options in itertools.product((loss, grad), (all_options[0], all_options[-1])):
        options = options | {"from_logits": from_logits, "reduction": "none"}
        expected = f(truth, p, **options)
        for y, x in itertools.product([truth, *layouts(truth)], [p, *layouts(p)]):
            before = y.copy(), x.copy()
            assert_allclose(f(y, x, **options), expected, rtol=1e-15)
            assert_array_equal(y, before[0])
            assert_array_equal(x, before[1])


@each_family
def test_the_gradient_shares_no_memory_with_its_arguments(family):
    _, grad, truth, _ = FAMILIES[family]
    p = P.copy()
    result = grad(truth, p)
    assert result.flags.writeable
    assert not np.shares_memory(result, p)
    assert not np.shares_memory(result, truth)


@each_family
@from_either
def test_an_empty_batch(family, from_logits):
    """Nothing to sum is 0; nothing to average is nan, as in PyTorch."""
    loss, grad, truth, _ = FAMILIES[family]
    empty = truth[:0], Z[:0]
    options = {"from_logits": from_logits}
    assert loss(*empty, reduction="sum", **options) == 0
    assert np.isnan(loss(*empty, **options))
    assert (
        loss(*empty, reduction="none", **options).shape
        == truth[:0].shape[: truth.ndim - (family == "categorical")]
    )
    for reduction in REDUCTIONS:
        assert grad(*empty, reduction=reduction, **options).shape == (0, K)


def test_single_numbers_and_single_rows():
    assert binary_cross_entropy(1, 0.25) == pytest.approx(np.log(4))
    assert binary_cross_entropy_grad(1, 0.25) == pytest.approx(-4)
    assert binary_cross_entropy(1, 0.0, from_logits=True, reduction="none") == np.log(2)
    assert binary_focal_loss(1, 0.5, gamma=0) == np.log(2)
    assert np.ndim(binary_focal_loss_grad(1, 0.5, reduction="none")) == 0
    assert sparse_categorical_cross_entropy(1, [0.5, 0.25, 0.25]) == pytest.approx(np.log(4))
    assert sparse_categorical_cross_entropy(1, Z[0], from_logits=True, reduction="none").ndim == 0
    assert sparse_categorical_cross_entropy_grad(1, Z[0], from_logits=True).shape == (K,)
    assert categorical_cross_entropy([0, 1], [0.5, 0.5]) == np.log(2)
    assert categorical_cross_entropy_grad([0, 1], [0.5, 0.5]).tolist() == [0, -2]
    assert sparse_categorical_cross_entropy([0, 0], [[1.0], [1.0]]) == 0  # one class only
    assert sparse_categorical_cross_entropy([0], [[-5.0]], from_logits=True) == 0
    assert sparse_categorical_cross_entropy_grad([0], [[-5.0]], from_logits=True) == [[0]]


@each_family
def test_a_mean_over_nothing_is_nan_and_its_gradient_is_zero(family):
    loss, grad, truth, _ = FAMILIES[family]
    if family == "focal":
        return  # it has no weights
    nothing = [{"sample_weight": 0}]
    if family == "sparse":
        nothing += [{"ignore_index": 1}, {"class_weight": [1, 0, 1, 1]}]
        truth = np.ones(N, dtype=int)
    for options in nothing:
        for p, from_logits in ((Z, True), (P, False)):
            options |= {"from_logits": from_logits}
            assert np.isnan(loss(truth, p, **options))
            assert loss(truth, p, reduction="sum", **options) == 0
            assert not loss(truth, p, reduction="none", **options).any()
            for reduction in REDUCTIONS:
                assert not grad(truth, p, reduction=reduction, **options).any()


@each_family
def test_weights_broadcast_and_only_their_ratios_matter_for_the_mean(family):
    if family == "focal":
        return
    loss, grad, truth, _ = FAMILIES[family]
    weight = SAMPLE_WEIGHT[:, None] if family == "binary" else SAMPLE_WEIGHT
    for f in (loss, grad):
        expected = f(truth, P, sample_weight=weight)
        assert_allclose(f(truth, P, sample_weight=4 * weight), expected, rtol=1e-15)
        assert_allclose(f(truth, P, sample_weight=3.0), f(truth, P), rtol=1e-14)
        assert_allclose(f(truth, P, sample_weight=np.float32(3)), f(truth, P), rtol=1e-14)


def test_the_callers_error_state_does_not_matter():
    z = np.array([[0.0, -1e4, 1e4, -np.inf]])
    with np.errstate(all="raise", under="ignore"):
        for f in (sparse_categorical_cross_entropy, sparse_categorical_cross_entropy_grad):
            f([0], z, from_logits=True)
            f([3], [[0.5, 0.5, 0.0, 0.0]])
        for f in (binary_cross_entropy, binary_cross_entropy_grad, binary_focal_loss_grad):
            f([1, 0, 1], [1e4, -1e4, -np.inf], from_logits=True)
            f([1, 0, 1], [1.0, 0.0, 0.0])


# -- blocks --------------------------------------------------------------------------------------


@each_case
@from_either
def test_blocks_change_nothing(loss, grad, truth, options, from_logits, monkeypatch):
    p = Z if from_logits else P
    options = options | {"from_logits": from_logits, "reduction": "none"}
    expected = loss(truth, p, **options), grad(truth, p, **options)
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 2 * 8 * K)  # 4 blocks, the last one short
    monkeypatch.setattr(_blocks, "cores", lambda: 2)
    assert_array_equal(loss(truth, p, **options), expected[0])
    assert_array_equal(grad(truth, p, **options), expected[1])


@pytest.mark.parametrize("n_rows", [0, 1, 2, 5, 6])
@pytest.mark.parametrize("n_cores", [1, 2])
def test_the_blocks_cover_every_row_once(n_rows, n_cores, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 20)
    monkeypatch.setattr(_blocks, "cores", lambda: n_cores)
    count = np.zeros(n_rows)

    def work(rows: slice) -> None:
        count[rows] += 1

    _blocks.for_each_block(work, n_rows, 8)
    assert_array_equal(count, 1)


def test_a_large_batch_takes_little_memory():
    import tracemalloc

    z = RNG.standard_normal((4000, 1000), dtype=np.float32)
    labels = RNG.integers(0, 1000, 4000)
    p = xentlib.softmax(z)
    for given, options in ((z, {"from_logits": True}), (p, {}), (p, {"label_smoothing": 0.1})):
        tracemalloc.start()
        sparse_categorical_cross_entropy(labels, given, **options)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # A block and what is computed from it, on every core, and some numbers per example.
        allowed = 10 * _blocks.BLOCK_BYTES * _blocks.cores() + 64 * len(labels)
        assert peak < max(z.nbytes, allowed), options


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_does_not_wait_for_its_parents_threads(monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 8 * K)
    monkeypatch.setattr(_blocks, "cores", lambda: 2)
    expected = sparse_categorical_cross_entropy(LABELS, Z, from_logits=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads: the point
        child = os.fork()
    if child == 0:  # no assertion may leave the child
        import signal

        signal.alarm(20)
        same = sparse_categorical_cross_entropy(LABELS, Z, from_logits=True) == expected
        os._exit(0 if same else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
