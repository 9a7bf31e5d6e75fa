"""Summing and rounding, the same way everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def total(terms: NDArray, axis: int | None) -> NDArray | np.float64:
    """Sum along `axis` (None: everything) with an error of a few ulp."""
    # NumPy sums pairwise along a contiguous last axis only; elsewhere errors pile up.
    if axis is None:
        return terms.ravel().sum()
    return np.ascontiguousarray(np.moveaxis(terms, axis, -1)).sum(axis=-1)


def rounded(x: NDArray | np.float64, dtype: np.dtype | None) -> NDArray | np.floating:
    """Return `x` in the caller's dtype (None: float64); an array of no axes becomes a scalar."""
    with np.errstate(over="ignore"):  # beyond the largest float16, inf is the rounded value
        return np.asarray(x).astype(dtype or np.float64)[()]


def draw(cumulative: NDArray, uniform: NDArray | float) -> NDArray | np.int64:
    """Turn uniform numbers in [0, 1) into outcomes, by inverting the cumulative probabilities.

    The numbers are stretched to the last sum, which rounding may have left beside 1: every
    outcome keeps its share, and one of probability 0 is never drawn.
    """
    return np.searchsorted(cumulative, uniform * cumulative[-1], side="right")


def draw_rows(cumulative: NDArray, uniform: NDArray) -> NDArray[np.int64]:
    """Draw one outcome from each row of cumulative probabilities (n, K), as `draw` does."""
    return (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(axis=1)


def means_and_errors(*samples: NDArray) -> tuple[float, ...]:
    """Return mean and standard error of each sample of independent numbers, one after another."""
    pairs = [(a.mean(), a.std(ddof=1) / np.sqrt(len(a))) for a in samples]
    return tuple(float(number) for pair in pairs for number in pair)
