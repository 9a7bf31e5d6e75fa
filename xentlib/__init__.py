"""The helpers of the cross-entropy course.

Entropy, cross-entropy and divergences (`xentlib.information`), softmax and its relatives
(`xentlib.logits`), cross-entropy as a loss (`xentlib.losses`), what makes it smaller
(`xentlib.optim`), whether probabilities can be trusted (`xentlib.calibration`), data sources
whose entropy is known (`xentlib.worlds`), real data (`xentlib.datasets`), the same losses in
other libraries (`xentlib.frameworks`) and the course's figures (`xentlib.plots`, loaded when it
is first used: Matplotlib takes a while to import).
"""

from types import ModuleType

from xentlib import datasets, frameworks, optim, worlds
from xentlib.calibration import (
    brier_score,
    expected_calibration_error,
    fit_temperature,
    reliability_curve,
)
from xentlib.information import (
    conditional_entropy,
    cross_entropy,
    entropy,
    information_gain,
    js_divergence,
    kl_divergence,
    mutual_information,
    perplexity,
)
from xentlib.logits import log_sigmoid, log_softmax, logsumexp, sigmoid, softmax
from xentlib.losses import (
    binary_cross_entropy,
    binary_cross_entropy_grad,
    binary_focal_loss,
    binary_focal_loss_grad,
    categorical_cross_entropy,
    categorical_cross_entropy_grad,
    sparse_categorical_cross_entropy,
    sparse_categorical_cross_entropy_grad,
)
from xentlib.optim import SGD, Adagrad, Adam, AdamW, RMSprop, cosine_schedule, minibatches

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "RMSprop",
    "binary_cross_entropy",
    "binary_cross_entropy_grad",
    "binary_focal_loss",
    "binary_focal_loss_grad",
    "brier_score",
    "categorical_cross_entropy",
    "categorical_cross_entropy_grad",
    "conditional_entropy",
    "cosine_schedule",
    "cross_entropy",
    "datasets",
    "entropy",
    "expected_calibration_error",
    "fit_temperature",
    "frameworks",
    "information_gain",
    "js_divergence",
    "kl_divergence",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "minibatches",
    "mutual_information",
    "optim",
    "perplexity",
    "plots",
    "reliability_curve",
    "sigmoid",
    "softmax",
    "sparse_categorical_cross_entropy",
    "sparse_categorical_cross_entropy_grad",
    "worlds",
]


def __getattr__(name: str) -> ModuleType:
    if name == "plots":
        import xentlib.plots

        return xentlib.plots
    raise AttributeError(f"module 'xentlib' has no attribute {name!r}")
