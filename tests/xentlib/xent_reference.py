"""The definitions, term by term in 60-digit arithmetic: what the library is compared with.

Nothing here is clever, and nothing here imports the library.
"""

from collections.abc import Iterable

import mpmath
import numpy as np

DIGITS = 60


def exact(values: Iterable[float]) -> list[mpmath.mpf]:
    """The numbers as they are stored, without rounding."""
    return [mpmath.mpf(float(v)) for v in np.asarray(values).ravel()]


def log_ratio(p: mpmath.mpf, q: mpmath.mpf) -> mpmath.mpf:
    return mpmath.inf if q == 0 else mpmath.log(p / q)


@mpmath.workdps(DIGITS)
def entropy(p) -> mpmath.mpf:
    return -mpmath.fsum(x * mpmath.log(x) for x in exact(p) if x > 0)


@mpmath.workdps(DIGITS)
def cross_entropy(p, q) -> mpmath.mpf:
    pairs = [(x, y) for x, y in zip(exact(p), exact(q), strict=True) if x > 0]
    if any(y == 0 for _, y in pairs):
        return mpmath.inf
    return -mpmath.fsum(x * mpmath.log(y) for x, y in pairs)


@mpmath.workdps(DIGITS)
def kl_terms(p, q) -> list[mpmath.mpf]:
    return [x * log_ratio(x, y) for x, y in zip(exact(p), exact(q), strict=True) if x > 0]


@mpmath.workdps(DIGITS)
def kl_divergence(p, q) -> mpmath.mpf:
    return mpmath.fsum(kl_terms(p, q))


@mpmath.workdps(DIGITS)
def js_terms(p, q) -> list[mpmath.mpf]:
    pairs = list(zip(exact(p), exact(q), strict=True))
    return [
        x * mpmath.log(2 * x / (x + y)) / 2
        for one in (pairs, [(y, x) for x, y in pairs])
        for x, y in one
        if x > 0
    ]


@mpmath.workdps(DIGITS)
def js_divergence(p, q) -> mpmath.mpf:
    return mpmath.fsum(js_terms(p, q))


@mpmath.workdps(DIGITS)
def conditional_entropy(joint) -> mpmath.mpf:
    """H(Y|X) = sum over x and y of P(x, y) log(P(x) / P(x, y))."""
    total = mpmath.mpf(0)
    for row in np.asarray(joint):
        cells = exact(row)
        marginal = mpmath.fsum(cells)
        total += mpmath.fsum(c * mpmath.log(marginal / c) for c in cells if c > 0)
    return total


@mpmath.workdps(DIGITS)
def mutual_information_terms(joint) -> list[mpmath.mpf]:
    cells = [exact(row) for row in np.asarray(joint)]
    rows = [mpmath.fsum(row) for row in cells]
    columns = [mpmath.fsum(column) for column in zip(*cells, strict=True)]
    return [
        c * mpmath.log(c / (rows[i] * columns[j]))
        for i, row in enumerate(cells)
        for j, c in enumerate(row)
        if c > 0
    ]


@mpmath.workdps(DIGITS)
def logsumexp(z) -> mpmath.mpf:
    others = exact(z)
    top = max(others)
    others.remove(top)
    return top + mpmath.log1p(mpmath.fsum(mpmath.exp(x - top) for x in others))


@mpmath.workdps(DIGITS)
def log_softmax(z, temperature: float = 1.0) -> list[mpmath.mpf]:
    scaled = [x / mpmath.mpf(temperature) for x in exact(z)]
    top = max(scaled)
    others = list(scaled)
    others.remove(top)
    # log(1 + rest) keeps every digit of a rest as small as exp(-20000).
    normaliser = mpmath.log1p(mpmath.fsum(mpmath.exp(x - top) for x in others))
    return [x - top - normaliser for x in scaled]


@mpmath.workdps(DIGITS)
def softmax(z, temperature: float = 1.0) -> list[mpmath.mpf]:
    scaled = [x / mpmath.mpf(temperature) for x in exact(z)]
    top = max(scaled)
    terms = [mpmath.exp(x - top) for x in scaled]
    return [t / mpmath.fsum(terms) for t in terms]


@mpmath.workdps(DIGITS)
def sigmoid(z: float, temperature: float = 1.0) -> mpmath.mpf:
    t = mpmath.mpf(float(z)) / mpmath.mpf(temperature)
    e = mpmath.exp(-abs(t))
    return (1 if t >= 0 else e) / (1 + e)


@mpmath.workdps(DIGITS)
def log_sigmoid(z: float, temperature: float = 1.0) -> mpmath.mpf:
    t = mpmath.mpf(float(z)) / mpmath.mpf(temperature)
    return min(t, 0) - mpmath.log1p(mpmath.exp(-abs(t)))


@mpmath.workdps(DIGITS)
def error(actual, reference: mpmath.mpf) -> mpmath.mpf:
    """The absolute error; 0 where both are the same infinity."""
    actual = np.asarray(actual)
    if mpmath.isinf(reference) or np.isinf(actual):
        same = float(actual) == float(rounded(reference, actual.dtype))
        return mpmath.mpf(0) if same else mpmath.inf
    return abs(mpmath.mpf(float(actual)) - reference)


def rounded(reference: mpmath.mpf, dtype: np.dtype) -> np.floating:
    """The number of type `dtype` nearest to the reference (infinite beyond its range)."""
    with np.errstate(over="ignore", under="ignore"):
        return np.float64(float(reference)).astype(dtype)


def ulp(reference: mpmath.mpf, dtype: np.dtype) -> float:
    """The gap between neighbouring numbers of type `dtype` at the reference."""
    nearest = abs(rounded(reference, dtype))
    largest = np.finfo(dtype).max
    below = np.nextafter(largest, largest.dtype.type(0))
    return float(np.spacing(min(nearest, below)))


def ulps_off(actual, reference: mpmath.mpf) -> float:
    """How far a result is from the mathematical value, in units of its own last place."""
    dtype = np.asarray(actual).dtype
    return float(error(actual, reference) / mpmath.mpf(ulp(reference, dtype)))
