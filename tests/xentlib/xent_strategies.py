"""Hypothesis strategies: distributions, tables, channels and logits, edge cases included."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

SMALLEST = 5e-324  # the smallest positive float64, a subnormal

ordinary_weight = st.one_of(st.just(0.0), st.floats(1e-6, 1.0), st.sampled_from([0.25, 0.5, 1.0]))
extreme_weight = st.one_of(
    ordinary_weight, st.just(SMALLEST), st.floats(1e-320, 1e-290), st.floats(1e-20, 1e-6)
)


def _normalised(weights: list[float], point: int) -> NDArray[np.float64]:
    w = np.array(weights)
    if not w.any():
        w[point] = 1.0
    return w / w.sum()


@st.composite
def distributions(draw, k=None, max_k=8, extreme=True):
    """A float64 distribution: zeros, point masses, ties and (if `extreme`) subnormals occur."""
    k = draw(st.integers(1, max_k)) if k is None else k
    weight = extreme_weight if extreme else ordinary_weight
    weights = draw(st.lists(weight, min_size=k, max_size=k))
    return _normalised(weights, draw(st.integers(0, k - 1)))


@st.composite
def positive_distributions(draw, k=None, max_k=8):
    """A distribution without zeros, none of them tiny."""
    k = draw(st.integers(1, max_k)) if k is None else k
    return _normalised(draw(st.lists(st.floats(1e-3, 1.0), min_size=k, max_size=k)), 0)


@st.composite
def several(draw, n, max_k=8, extreme=True):
    """`n` distributions over the same outcomes."""
    k = draw(st.integers(1, max_k))
    return tuple(draw(distributions(k=k, extreme=extreme)) for _ in range(n))


@st.composite
def joints(draw, max_side=5, extreme=False):
    """A joint distribution P[x, y]."""
    a, b = draw(st.integers(1, max_side)), draw(st.integers(1, max_side))
    return draw(distributions(k=a * b, extreme=extreme)).reshape(a, b)


@st.composite
def channels(draw, inputs, max_outputs=5):
    """A row-stochastic matrix W[x, y] = W(y|x)."""
    b = draw(st.integers(1, max_outputs))
    rows = st.lists(distributions(k=b, extreme=False), min_size=inputs, max_size=inputs)
    return np.array(draw(rows))


@st.composite
def logits(draw, k=None, max_k=8, limit=1e4, minus_inf=False):
    """A vector of logits; with `minus_inf` some (never all) are impossible outcomes."""
    k = draw(st.integers(1, max_k)) if k is None else k
    score = st.one_of(st.floats(-limit, limit), st.floats(-5, 5), st.sampled_from([0.0, limit]))
    z = np.array(draw(st.lists(score, min_size=k, max_size=k)), dtype=float)
    if minus_inf:
        gone = draw(st.lists(st.booleans(), min_size=k, max_size=k))
        z[np.array(gone) & (np.arange(k) != draw(st.integers(0, k - 1)))] = -np.inf
    return z


@st.composite
def batches(draw, max_dims=4, max_side=4, dtypes=(np.float16, np.float32, np.float64)):
    """A batch of distributions of any shape, along any axis, in any layout: (array, axis)."""
    shape = tuple(draw(st.lists(st.integers(1, max_side), min_size=1, max_size=max_dims)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    weights = draw(
        st.lists(
            st.one_of(st.just(0.0), st.floats(1e-3, 1.0)),
            min_size=int(np.prod(shape)),
            max_size=int(np.prod(shape)),
        )
    )
    w = np.array(weights).reshape(shape)
    empty_rows = np.broadcast_to(w.sum(axis=axis, keepdims=True) == 0, shape)
    w = np.where(empty_rows, 1.0, w)
    p = (w / w.sum(axis=axis, keepdims=True)).astype(draw(st.sampled_from(dtypes)))
    return draw(st.sampled_from(LAYOUTS))(p), axis


def _strided(a: NDArray) -> NDArray:
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


def _reversed(a: NDArray) -> NDArray:
    return np.ascontiguousarray(a[..., ::-1])[..., ::-1]


def _read_only(a: NDArray) -> NDArray:
    b = a.copy()
    b.flags.writeable = False
    return b


# The same numbers in other places in memory.
LAYOUTS = [np.ascontiguousarray, np.asfortranarray, _strided, _reversed, _read_only]
