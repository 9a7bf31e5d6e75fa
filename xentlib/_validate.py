"""Checks on arguments, with errors that name the argument, the value and the remedy.

Nothing here repairs its input: a distribution is a distribution or it is refused.
"""

from __future__ import annotations

import math
from numbers import Integral, Real

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.typing import ArrayLike, NDArray

FLOATS = (np.float16, np.float32, np.float64)


def as_floats(
    x: ArrayLike, name: str, *, copy: bool = True
) -> tuple[NDArray[np.float64], np.dtype | None]:
    """Return `x` as float64 and the floating dtype that it came in (None for integers).

    Without `copy` it may be `x` itself that is returned: it must not be kept or changed.
    """
    x = np.asarray(x)
    if x.dtype.kind in "biu":
        return x.astype(np.float64), None
    if x.dtype.newbyteorder("=") not in FLOATS:
        raise TypeError(
            f"{name} has dtype {x.dtype}; expected real numbers in float16, float32 or float64: "
            f"convert it first, e.g. np.asarray({name}, dtype=float)"
        )
    return x.astype(np.float64, copy=copy), x.dtype.newbyteorder("=")


def result_dtype(*dtypes: np.dtype | None) -> np.dtype:
    """Common floating dtype of the arguments; integers do not take part."""
    floating = [d for d in dtypes if d is not None]
    return np.result_type(*floating) if floating else np.dtype(np.float64)


def distribution(
    p: ArrayLike, name: str, axis: int = -1, *, whole: bool = False, copy: bool = True
) -> tuple[NDArray[np.float64], np.dtype | None]:
    """Check that `p` holds probability distributions along `axis`; return it as float64.

    With `whole` the entire array is one distribution. Sums may miss 1 by the square root of
    the spacing of the dtype in which `p` came: 1.5e-8 in float64, 3.5e-4 in float32, 3.1e-2
    in float16.
    """
    p64, dtype = as_floats(p, name, copy=copy)
    if p64.ndim == 0:
        raise ValueError(f"{name} is the single number {p64}; expected an array of probabilities")
    axis = None if whole else normalize_axis_index(axis, p64.ndim)
    if (p64.size if whole else p64.shape[axis]) == 0:
        raise ValueError(f"{name} has shape {p64.shape}: it lists no outcome at all")
    with np.errstate(invalid="ignore", over="ignore"):  # inf − inf is reported below
        sums = p64.sum(axis=axis)
    if not np.isfinite(sums).all() and not np.isfinite(p64).all():
        bad = _first(~np.isfinite(p64))
        raise ValueError(
            f"{name}{_index(bad)} is {p64[bad]}; probabilities are finite numbers: "
            "look for a division by zero or an overflow where it was computed"
        )
    if (p64 < 0).any():
        bad = _first(p64 < 0)
        raise ValueError(
            f"{name}{_index(bad)} is {p64[bad]:.6g}; a probability cannot be negative. "
            f"If these are logits, turn them into probabilities first: xentlib.softmax({name})"
        )
    tolerance = math.sqrt(np.finfo(dtype or np.float64).eps)
    off = abs(sums - 1) > tolerance
    if off.any():
        row = _first(off)
        total = sums[row]
        raise ValueError(
            f"{name}{_index(row, axis)} sums to {total:.9g}, not 1. {_remedy(p64, total, name)}"
        )
    return p64, dtype


def _remedy(p: NDArray, total: float, name: str) -> str:
    if p.shape and abs(total - 100) < 1:
        return f"These look like percentages: divide them by 100 ({name} / 100)."
    if (p > 1).any() and (p != np.round(p)).any():
        return (
            "These look like logits: turn them into probabilities first with "
            f"xentlib.softmax({name})."
        )
    return (
        f"If {name} holds counts or weights, divide each row by its sum; "
        "if the outcomes run along another axis, pass axis=…"
    )


def same_shape(p: NDArray, q: NDArray, p_name: str, q_name: str) -> None:
    """Refuse to broadcast: two distributions live on the same outcomes, row by row."""
    if p.shape != q.shape:
        raise ValueError(
            f"{p_name} has shape {p.shape} but {q_name} has shape {q.shape}; both must list the "
            "same outcomes: use np.broadcast_to to compare one distribution with many"
        )


def log_base(base: float | None) -> float:
    """Return the natural logarithm of `base`; 1.0 for None (nats)."""
    if base is None:
        return 1.0
    valid = isinstance(base, Real | np.number) and not isinstance(base, bool | np.bool_)
    if not valid or not 0 < base < math.inf or base == 1:
        raise ValueError(
            f"base is {base!r}; expected a positive number other than 1: "
            "2 for bits, 10 for hartleys, None for nats"
        )
    return math.log(base)


def logits(
    z: ArrayLike, name: str, axis: int = -1, *, elementwise: bool = False
) -> tuple[NDArray[np.float64], np.dtype | None]:
    """Check that `z` holds real scores, in rows along `axis` or one by one; return it as float64.

    Scores of −inf ("this cannot happen") are fine as long as one score in the row is finite.
    """
    z64, dtype = as_floats(z, name)
    if not elementwise and z64.ndim == 0:
        raise ValueError(f"{name} is the single number {z64}; expected an array of logits")
    if not elementwise:
        axis = normalize_axis_index(axis, z64.ndim)
    if not elementwise and z64.shape[axis] == 0:
        raise ValueError(f"{name} has shape {z64.shape}: there is no class along axis {axis}")
    # A NaN or +inf anywhere makes the maximum NaN or +inf: one pass tells.
    if not elementwise and z64.size:
        top = z64.max(axis=axis)
        if (top == -np.inf).any():
            row = _first(top == -np.inf)
            raise ValueError(
                f"{name}{_index(row, axis)} holds nothing but -inf: at least one outcome must be "
                "possible; look at the mask that produced this row"
            )
    if not (z64 < np.inf).all():
        bad = _first(~(z64 < np.inf))
        raise ValueError(
            f"{name}{_index(bad)} is {z64[bad]}; logits are real numbers (or -inf for an "
            "impossible outcome): look for a division by zero or a diverged training step"
        )
    return z64, dtype


def positive(value: float, name: str) -> float:
    """Check that `value` is a finite number above zero."""
    valid = isinstance(value, Real | np.number) and not isinstance(value, bool | np.bool_)
    if not valid or not 0 < value < math.inf:
        raise ValueError(f"{name} is {value!r}; expected a finite number greater than 0")
    return float(value)


def _first(mask: NDArray | np.bool_) -> tuple[int, ...]:
    """Index of the first True of `mask`."""
    return tuple(int(i) for i in np.argwhere(mask)[0]) if np.ndim(mask) else ()


def _index(index: tuple[int, ...], axis: int | None = None) -> str:
    """Write an index as it is typed after the array's name; `axis` is the one that it lacks."""
    places = list(map(str, index))
    if axis is not None and axis < len(places):
        places.insert(axis, ":")
    return f"[{', '.join(places)}]" if places else ""


def generator(rng: np.random.Generator) -> np.random.Generator:
    """Check that `rng` is a NumPy Generator, so that a sample can be drawn again."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng is {rng!r}; expected a Generator: np.random.default_rng(seed)")
    return rng


def indices(x: ArrayLike, name: str, n: int) -> NDArray:
    """Check that `x` holds integers 0 … n − 1."""
    x = np.asarray(x)
    if x.dtype.kind not in "iu" and x.size:
        raise TypeError(f"{name} has dtype {x.dtype}; expected integers from 0 to {n - 1}")
    if ((x < 0) | (x >= n)).any():
        bad = x[(x < 0) | (x >= n)].flat[0]
        raise ValueError(f"{name} holds {bad}; expected integers from 0 to {n - 1}")
    return x


def at_least_one(value: int, name: str) -> int:
    """Return an integer of at least 1, or say what the argument is instead."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; expected an integer of at least 1")
    if value < 1:
        raise ValueError(f"{name} is {value}; expected an integer of at least 1")
    return int(value)
