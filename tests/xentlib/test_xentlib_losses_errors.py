"""Bad input to a loss is refused with a message that names the argument and the remedy."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import xentlib
from xentlib import _blocks

Y, P = [1, 0], [0.8, 0.2]
SOFT, Q = [[0.5, 0.5, 0]], [[0.2, 0.3, 0.5]]
NAN, INF = np.nan, np.inf

# name of the family: a good truth and a good prediction
GOOD = {"binary": (Y, P), "focal": (Y, P), "categorical": (SOFT, Q), "sparse": ([2], Q)}
NAMES = {
    "binary": "binary_cross_entropy",
    "focal": "binary_focal_loss",
    "categorical": "categorical_cross_entropy",
    "sparse": "sparse_categorical_cross_entropy",
}
WEIGHTED = ["binary", "categorical", "sparse"]


def functions(family: str) -> list:
    """The loss and its gradient: they check the same things."""
    return [getattr(xentlib, NAMES[family]), getattr(xentlib, f"{NAMES[family]}_grad")]


def refused(family, message, truth=None, p=None, error=ValueError, **options) -> None:
    good_truth, good_p = GOOD[family]
    truth, p = good_truth if truth is None else truth, good_p if p is None else p
    for f in functions(family):
        with pytest.raises(error, match=message):
            f(truth, p, **options)


each_family = pytest.mark.parametrize("family", GOOD)
each_weighted = pytest.mark.parametrize("family", WEIGHTED)


@each_family
def test_what_is_good_is_not_refused(family):
    for f in functions(family):
        assert np.isfinite(f(*GOOD[family])).all()


@each_family
@pytest.mark.parametrize("reduction", ["avg", "", None, "Mean", 0, "batchmean"])
def test_reduction(family, reduction):
    refused(family, r'^reduction is .*expected "mean", "sum" or "none"', reduction=reduction)


@each_weighted
@pytest.mark.parametrize("epsilon", [-0.1, 1, 1.5, NAN, INF, "0.1", None, [0.1]])
def test_label_smoothing(family, epsilon):
    refused(family, r"^label_smoothing is .*\[0, 1\)", label_smoothing=epsilon)


@each_weighted
@pytest.mark.parametrize(("bad", "shown"), [(-1, "-1"), (NAN, "nan"), (INF, "inf")])
def test_weights_are_finite_and_not_negative(family, bad, shown):
    names = {"binary": "pos_weight"}.get(family, "class_weight")
    for name, size in ((names, 2 if family == "binary" else 3), ("sample_weight", 1)):
        weight = np.ones(size)
        weight[-1] = bad
        refused(family, rf"^{name} holds {shown}; weights", **{name: weight})


@each_weighted
def test_shapes_of_weights(family):
    name = "pos_weight" if family == "binary" else "class_weight"
    refused(family, rf"^{name} has shape \(5,\), which does not fit", **{name: np.ones(5)})
    refused(family, r"^sample_weight has shape \(5,\), which does", sample_weight=np.ones(5))
    refused(family, r"^sample_weight has dtype", sample_weight=["a"], error=TypeError)


@pytest.mark.parametrize("family", ["binary", "focal"])
def test_labels_and_probabilities_of_binary_losses(family):
    refused(family, r"^y holds 2; a label lies between 0 and 1", truth=[2, 0])
    refused(family, r"^y holds -1; a label lies between 0 and 1", truth=[-1, 1])
    refused(family, r"^y holds nan", truth=[NAN, 1])
    refused(family, r"^p holds 1\.5; a prob.*from_logits=True", p=[1.5, 0])
    refused(family, r"^p holds -0\.1; .*from_logits=True", p=[-0.1, 0])
    refused(family, r"^p holds nan", p=[NAN, 0])
    refused(family, r"^p\[1\] is inf; logits", p=[0, INF], from_logits=True)
    refused(family, r"^p\[0\] is nan; logits", p=[NAN, 0], from_logits=True)
    refused(family, r"^y has shape \(2,\) but p has shape \(2, 1\).*axis", p=[[0.8], [0.2]])
    refused(family, r"^y has shape \(2,\) but p has shape \(1,\)", p=[0.8])
    refused(family, r"^y has dtype", truth=["a", "b"], error=TypeError)
    refused(family, r"^p has dtype", p=[0.5j, 0], error=TypeError)


def test_options_of_the_focal_loss():
    for gamma in (-1, NAN, INF, "2", None):
        refused("focal", r"^gamma is .*at least 0", gamma=gamma)
    for alpha in (0, 1, -1, 1.5, NAN):
        refused("focal", r"^alpha is .*between 0 and 1", alpha=alpha)


@pytest.mark.parametrize("family", ["categorical", "sparse"])
def test_predictions_of_classes(family):
    refused(family, r"^p\[0\] sums to 1\.1, not 1.*from_logits=True", p=[[0.2, 0.4, 0.5]])
    refused(family, r"^p\[0, 1\] is -1; .*from_logits=True", p=[[2, -1, 0.0]])
    refused(family, r"^p\[0, 2\] is nan; probabilities", p=[[0.5, 0.5, NAN]])
    for bad, message in (
        ([[0, NAN, 1.0]], r"^p\[0, 1\] is nan; logits"),
        ([[0, 1.0, INF]], r"^p\[0, 2\] is inf; logits"),
        ([[-INF, -INF, -INF]], r"^p\[0\] holds nothing but -inf"),
    ):
        refused(family, message, p=bad, from_logits=True)
    refused(family, r"^p is the single number", p=0.5)
    refused(family, r"axis 2 is out of bounds", axis=2)
    refused(family, r"^p has dtype complex", p=[[0.5j, 0, 0]], error=TypeError)
    refused(family, r"^p has dtype <U", p=[["a", "b", "c"]], error=TypeError, from_logits=True)


@pytest.mark.parametrize("z", [[[0.0, NAN]], [[INF, 0.0]], [[NAN, -INF]], [[-INF, -INF]]], ids=str)
def test_two_logits_are_checked_like_many(z):
    refused("sparse", r"^p\[0", truth=[1], p=z, from_logits=True)


def test_truths_of_categorical():
    refused("categorical", r"^y\[0\] sums to 2, not 1", truth=[[1, 1, 0]])
    refused("categorical", r"^y\[0, 0\] is -1; a prob", truth=[[-1, 1, 1]])
    refused("categorical", r"^y has shape \(1,\) but p has shape \(1, 3\).*sparse_", truth=[2])
    refused("categorical", r"^y has shape \(1, 2\) but p", truth=[[1, 0]])
    refused("categorical", r"^y has shape \(3, 1\) but p", truth=[[1], [0], [0]])


def test_labels_of_sparse():
    refused("sparse", r"^labels holds 3; expected integers from 0 to 2", truth=[3])
    refused("sparse", r"^labels holds -1; expected integers from 0 to 2", truth=[-1])
    refused("sparse", r"^labels holds -1; expected", truth=[-1], ignore_index=-100)
    refused("sparse", r"^labels has dtype float64; expected integers", truth=[1.0], error=TypeError)
    refused("sparse", r"^labels has dtype bool", truth=[True], error=TypeError)
    refused("sparse", r"^labels has shape \(2,\) but p has examples of shape \(1,\)", truth=[1, 2])
    refused("sparse", r"^labels has shape \(1, 3\) but p .*categorical", truth=[[1, 0, 0]])


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("axis", [1, -1, 0])
def test_the_place_of_a_fault_is_that_in_the_whole_array(from_logits, axis, monkeypatch):
    """Not that in the block where it was found."""
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 64)
    p = np.moveaxis(np.full((5, 4, 3), 1 / 3), -1, axis)
    bad = np.moveaxis(p, axis, -1)[4, 2]
    bad[1] = INF if from_logits else 0.5
    for f, truth in (
        (xentlib.sparse_categorical_cross_entropy, np.zeros((5, 4), int)),
        (xentlib.categorical_cross_entropy_grad, np.full(p.shape, 1 / 3)),
    ):
        with pytest.raises(ValueError, match=r"^p\[") as error:
            f(truth, p, from_logits=from_logits, axis=axis)
        index = re.match(r"p(\[.*?\])", str(error.value))[1]
        assert_array_equal(eval(f"p{index}", {"p": p}), bad[1] if from_logits else bad)


@pytest.mark.parametrize("k", [2, 3])
def test_probabilities_in_a_block_are_checked_with_the_tolerance_of_their_dtype(k):
    p = np.full((4, k), 1 / k)
    p[3, 0] += 1e-4
    xentlib.sparse_categorical_cross_entropy([0, 1, 0, 1], p.astype(np.float32))
    with pytest.raises(ValueError, match=r"^p\[3\] sums to 1\.0001,"):
        xentlib.sparse_categorical_cross_entropy([0, 1, 0, 1], p)


def test_no_class_at_all():
    for family, truth in (("sparse", np.zeros(2, int)), ("categorical", np.zeros((2, 0)))):
        for from_logits in (True, False):
            refused(
                family, r"^p has shape \(2, 0\)", truth, np.zeros((2, 0)), from_logits=from_logits
            )
