"""The helpers of the cross-entropy course.

Entropy, cross-entropy and divergences (`xentlib.information`), softmax and its relatives
(`xentlib.logits`), data sources whose entropy is known (`xentlib.worlds`) and the course's
figures (`xentlib.plots`, loaded when it is first used: Matplotlib takes a while to import).
"""

from types import ModuleType

from xentlib import worlds
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

__version__ = "0.1.0"

__all__ = [
    "conditional_entropy",
    "cross_entropy",
    "entropy",
    "information_gain",
    "js_divergence",
    "kl_divergence",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "mutual_information",
    "perplexity",
    "plots",
    "sigmoid",
    "softmax",
    "worlds",
]


def __getattr__(name: str) -> ModuleType:
    if name == "plots":
        import xentlib.plots

        return xentlib.plots
    raise AttributeError(f"module 'xentlib' has no attribute {name!r}")
