"""Compare the speed and the memory of the losses with what a learner would use instead.

    python benchmarks/losses.py            # or --quick: without torch.compile

Prints markdown. A figure is how many times as long as xentlib another way takes, measured in
turn in the same run: the best of several medians of each. Compare no times of different runs.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import shutil
import statistics
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import scipy.special
import scipy.stats
import torch
from numpy.typing import NDArray
from sklearn.metrics import log_loss

import xentlib
from xentlib._blocks import cores

Call = Callable[[], object]
SHAPES = [(4096, 1000), (512, 50257), (10**6, 2)]
DTYPES = [np.float32, np.float64]
GROUPS, PER_GROUP = 4, 5
SLOW = 0.5  # seconds; what takes longer is timed twice


def timed(call: Call) -> float:
    """Return the seconds that one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def race(calls: dict[str, Call]) -> dict[str, float]:
    """Time the calls in turn; return the best median of each, in seconds."""
    medians: dict[str, list[float]] = {name: [] for name in calls}
    slow = set()
    for name, call in calls.items():  # warms caches, compilers and thread pools up
        call()
        if (seconds := timed(call)) > SLOW:
            slow.add(name)
            medians[name].append(min(seconds, timed(call)))
    gc.disable()
    for _ in range(GROUPS):
        group: dict[str, list[float]] = {name: [] for name in calls if name not in slow}
        for _ in range(PER_GROUP):
            for name, taken in group.items():
                taken.append(timed(calls[name]))
        for name, taken in group.items():
            medians[name].append(statistics.median(taken))
    gc.enable()
    return {name: min(times) for name, times in medians.items()}


def extra_memory(call: Call, size: int) -> float:
    """Return the peak of what Python and NumPy allocate during a call, per byte of input."""
    call()
    tracemalloc.start()
    call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / size


def numpy_loss(z: NDArray, labels: NDArray) -> np.floating:
    """Compute the loss as a textbook does."""
    shifted = z - z.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(z)), labels].mean()


def numpy_loss_and_grad(z: NDArray, labels: NDArray) -> tuple[np.floating, NDArray]:
    """Compute the loss and its gradient as a textbook does."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    rows = np.arange(len(z))
    loss = -np.log(p[rows, labels]).mean()
    p[rows, labels] -= 1
    p /= len(z)
    return loss, p


def scipy_loss_and_grad(z: NDArray, labels: NDArray) -> tuple[np.floating, NDArray]:
    """Compute the loss and its gradient with SciPy's log_softmax."""
    log_p = scipy.special.log_softmax(z, axis=1)
    rows = np.arange(len(z))
    loss = -log_p[rows, labels].mean()
    p = np.exp(log_p)
    p[rows, labels] -= 1
    p /= len(z)
    return loss, p


def logsumexp_loss(z: NDArray, labels: NDArray) -> np.floating:
    """Compute the loss with SciPy's logsumexp."""
    return (scipy.special.logsumexp(z, axis=1) - z[np.arange(len(z)), labels]).mean()


def torch_loss(loss: Callable, z: torch.Tensor, labels: torch.Tensor, grad: bool) -> Call:
    """Return a call of one of PyTorch's losses, with or without the way back."""

    def value() -> None:
        with torch.inference_mode():
            loss(z, labels)

    def value_and_grad() -> None:
        leaf.grad = None
        loss(leaf, labels).backward()

    leaf = z.clone().requires_grad_() if grad else z
    return value_and_grad if grad else value


def contestants(z: NDArray, labels: NDArray, grad: bool, compiled: bool) -> dict[str, Call]:
    """Return the ways to compute the loss of logits, with or without its gradient."""
    cross_entropy = torch.nn.functional.cross_entropy
    tensors = torch.from_numpy(z), torch.from_numpy(labels)
    if grad:
        calls = {
            "xentlib": lambda: (
                xentlib.sparse_categorical_cross_entropy(labels, z, from_logits=True),
                xentlib.sparse_categorical_cross_entropy_grad(labels, z, from_logits=True),
            ),
            "plain NumPy": lambda: numpy_loss_and_grad(z, labels),
            "SciPy log_softmax": lambda: scipy_loss_and_grad(z, labels),
        }
    else:
        calls = {
            "xentlib": lambda: xentlib.sparse_categorical_cross_entropy(
                labels, z, from_logits=True
            ),
            "plain NumPy": lambda: numpy_loss(z, labels),
            "SciPy log_softmax": lambda: (
                -scipy.special.log_softmax(z, axis=1)[np.arange(len(z)), labels].mean()
            ),
            "SciPy logsumexp": lambda: logsumexp_loss(z, labels),
        }
    calls["PyTorch"] = torch_loss(cross_entropy, *tensors, grad)
    if compiled:
        torch.compiler.reset()
        fast = torch.compile(cross_entropy, dynamic=False)
        calls["PyTorch, compiled"] = torch_loss(fast, *tensors, grad)
    return calls


def from_probabilities(z: NDArray, labels: NDArray) -> dict[str, Call]:
    """Return the ways to compute the loss of probabilities."""
    p = xentlib.softmax(z)
    return {
        "xentlib": lambda: xentlib.sparse_categorical_cross_entropy(labels, p),
        "scikit-learn": lambda: log_loss(labels, p, labels=range(z.shape[1])),
    }


def divergences(shape: tuple[int, int], dtype: type, zeros: bool) -> dict[str, Call]:
    """Return the ways to compute a KL divergence, with or without outcomes that never occur."""
    rng = np.random.default_rng(2)
    p, q = rng.standard_gamma(1.0, (2, *shape))
    if zeros:
        p[rng.random(shape) < 0.3] = 0.0
    p, q = (x / x.sum(axis=1, keepdims=True) for x in (p, q))
    p, q = p.astype(dtype), q.astype(dtype)
    return {
        "xentlib": lambda: xentlib.kl_divergence(p, q),
        "SciPy rel_entr": lambda: scipy.special.rel_entr(p, q).sum(axis=1),
        "SciPy stats.entropy": lambda: scipy.stats.entropy(p, q, axis=1),
    }


Case = tuple[str, dict[str, Call], int]  # its name, who takes part, bytes of input


def logit_cases(grad: bool, compiled: bool) -> Iterator[Case]:
    """Yield the cases of integer labels and logits."""
    for dtype, (n, k) in itertools.product(DTYPES, SHAPES):
        rng = np.random.default_rng(1)
        z, labels = 3 * rng.standard_normal((n, k), dtype), rng.integers(0, k, n)
        name = f"({n}, {k}), {np.dtype(dtype)}"
        yield name, contestants(z, labels, grad, compiled), z.nbytes


def probability_cases() -> Iterator[Case]:
    """Yield the cases of integer labels and probabilities."""
    for dtype, (n, k) in itertools.product(DTYPES, [(4096, 1000), (10**6, 2)]):
        rng = np.random.default_rng(1)
        z, labels = 3 * rng.standard_normal((n, k), dtype), rng.integers(0, k, n)
        yield f"({n}, {k}), {np.dtype(dtype)}", from_probabilities(z, labels), z.nbytes


def divergence_cases() -> Iterator[Case]:
    """Yield the cases of two distributions."""
    cases = [(SHAPES[0], False), (SHAPES[0], True), (SHAPES[1], True)]
    for dtype, ((n, k), zeros) in itertools.product(DTYPES, cases):
        name = f"({n}, {k}), {np.dtype(dtype)}{', 30 % zeros' if zeros else ''}"
        yield name, divergences((n, k), dtype, zeros), 2 * n * k * np.dtype(dtype).itemsize


def table(cases: Iterator[Case]) -> Iterator[str]:
    """Race the contestants of each case; yield a markdown table."""
    head_is_due = True
    for name, calls, size in cases:
        if head_is_due:
            ours, *others = calls
            columns = [f"{other} ÷ {ours}" for other in others]
            memory = f"extra memory ÷ input: {ours}; {others[0]}"
            yield f"| | {ours}, ms | {' | '.join(columns)} | {memory} |"
            yield "|---|" + "--:|" * (len(calls) + 1)
            head_is_due = False
        times = race(calls)
        ratios = [f"{times[other] / times[ours]:.2f}" for other in others]
        peaks = "; ".join(f"{extra_memory(calls[one], size):.2f}" for one in (ours, others[0]))
        yield f"| {name} | {1e3 * times[ours]:.2f} | {' | '.join(ratios)} | {peaks} |"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="without torch.compile")
    compiled = not parser.parse_args().quick
    if compiled and not (shutil.which("g++") or shutil.which("clang++")):
        print("No C++ compiler is installed: PyTorch is measured without torch.compile.\n")
        compiled = False
    warnings.simplefilter("ignore")  # scikit-learn's, on sums of float32 probabilities
    torch.set_num_threads(cores())
    tables = {
        "Loss": logit_cases(grad=False, compiled=compiled),
        "Loss and gradient": logit_cases(grad=True, compiled=compiled),
        "Loss of probabilities": probability_cases(),
        "KL divergence": divergence_cases(),
    }
    print(f"{cores()} cores; best of {GROUPS} medians of {PER_GROUP}, one run.")
    for title, cases in tables.items():
        print(f"\n### {title}\n")
        for line in table(cases):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
