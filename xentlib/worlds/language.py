"""Worlds of text: a language in which what is said now can depend on the far past."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xentlib._numeric import draw_rows
from xentlib._validate import at_least_one, distribution, generator, indices
from xentlib.information import entropy


class Brackets:
    r"""Well-formed brackets of several kinds: which one closes was settled when it was opened.

    A text starts with nothing open. At each step, with d brackets open:

    .. math::
        \begin{aligned}
        d = 0&: \text{a full stop with probability } e, \text{ else a bracket opens;} \\
        0 < d < D&: \text{a bracket opens with probability } p, \text{ else the last one closes;} \\
        d = D&: \text{the last one closes.}
        \end{aligned}

    A bracket that opens is of kind k with probability `kinds[k]`. Symbol 0 is the full stop,
    1 … K open and K + 1 … 2K close.

    Parameters
    ----------
    kinds : array_like, shape (K,), default (0.5, 0.3, 0.2)
        Distribution of the kind of a bracket that opens; K is at most 4.
    p_open : float, default 0.5
        p, strictly between 0 and 1.
    p_end : float, default 0.3
        e, strictly between 0 and 1.
    max_depth : int, default 6
        D ≥ 1.
    length : int, default 32
        Symbols in a text, at least 1. A text is cut there, whether all is closed or not.

    Attributes
    ----------
    kinds : ndarray, shape (K,)
    p_open, p_end : float
    max_depth, length : int
    symbols : str
        The 2K + 1 symbols as they are written: ``".([{<)]}>"`` for K = 4.
    floors : ndarray, shape (length,)
        H(X_t | X_1 … X_{t−1}) in nats for each position t, from the exact distribution of d.
    floor : float
        Their mean, H(X_1 … X_T) / T in nats per symbol: no model of these texts can do better.
    rate : float
        The entropy rate in nats per symbol: what `floor` tends to as the texts get longer.

    Raises
    ------
    ValueError
        If `kinds` is not a distribution on 1 to 4 kinds, a probability is not strictly between 0
        and 1, or `max_depth` or `length` is below 1.
    TypeError
        If a probability is not a real number, or `max_depth` or `length` not an integer.

    References
    ----------
    Chomsky & Schützenberger (1963), *The Algebraic Theory of Context-Free Languages*;
    Hewitt et al. (2020), *RNNs Can Generate Bounded Hierarchical Languages with Optimal Memory*.

    Examples
    --------
    >>> world = Brackets(length=20)
    >>> x = world.sample(2, np.random.default_rng(0))
    >>> print(*world.text(x), round(world.floor, 6))
    ([(())])()[()()()].( ..[]([])[][[()][{}][ 1.198948
    """

    def __init__(
        self,
        kinds: ArrayLike = (0.5, 0.3, 0.2),
        p_open: float = 0.5,
        p_end: float = 0.3,
        max_depth: int = 6,
        length: int = 32,
    ) -> None:
        self.kinds, _ = distribution(kinds, "kinds")
        if self.kinds.ndim != 1 or self.kinds.size > 4:
            raise ValueError(
                f"kinds has shape {self.kinds.shape}; expected (K,) with K from 1 to 4"
            )
        self.p_open, self.p_end = _chance(p_open, "p_open"), _chance(p_end, "p_end")
        self.max_depth = at_least_one(max_depth, "max_depth")
        self.length = at_least_one(length, "length")
        k = self.kinds.size
        self.symbols = "." + "([{<"[:k] + ")]}>"[:k]
        opens = np.full(self.max_depth + 1, self.p_open)
        opens[0], opens[-1] = 1 - self.p_end, 0.0
        self._opens = opens
        # The next symbol, given how many are open and the kind of the last of them.
        self._next = np.zeros((self.max_depth + 1, k, 2 * k + 1))
        self._next[:, :, 1 : k + 1] = opens[:, None, None] * self.kinds
        self._next[0, :, 0] = self.p_end
        top = np.arange(k)
        self._next[1:, top, k + 1 + top] = 1 - opens[1:, None]

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw n texts, integers of shape (n, length)."""
        uniform = generator(rng).random((n, self.length))
        x = np.empty((n, self.length), dtype=np.int64)

        def choose(t: int, p: NDArray) -> NDArray:
            x[:, t] = draw_rows(p.cumsum(axis=1), uniform[:, t])
            return x[:, t]

        self._walk(n, self.length, choose)
        return x

    def posterior(self, x: ArrayLike) -> NDArray:
        """Return p(x_t | x_1 … x_{t−1}) for texts `x` (n, L), shape (n, L, 2K + 1).

        Row t is the best prediction of `x[:, t]` from what stands before it. L may be any number.
        """
        x = indices(x, "x", len(self.symbols))
        if x.ndim != 2:
            raise ValueError(f"x has shape {x.shape}; expected (n, L): for one text pass x[None]")
        predictions = np.empty((*x.shape, len(self.symbols)))

        def choose(t: int, p: NDArray) -> NDArray:
            predictions[:, t] = p
            impossible = p[np.arange(len(x)), x[:, t]] == 0
            if impossible.any():
                row = int(impossible.argmax())
                raise ValueError(
                    f"x[{row}] is no text of this world: after {self.text(x[row, :t])!r} "
                    f"there is no {self.symbols[x[row, t]]!r}"
                )
            return x[:, t]

        self._walk(*x.shape, choose)
        return predictions

    def text(self, x: ArrayLike) -> str | list[str]:
        """Write symbols of shape (L,) as a string; those of shape (n, L) as a list of n."""
        x = indices(x, "x", len(self.symbols))
        if x.ndim > 1:
            return [self.text(row) for row in x]
        return "".join(self.symbols[i] for i in x)

    @cached_property
    def floors(self) -> NDArray:
        """Entropy of each symbol, given all before it, in nats."""
        depth = np.zeros(self.max_depth + 1)
        depth[0] = 1.0
        floors = np.empty(self.length)
        for t in range(self.length):
            floors[t] = depth @ self._entropies
            up, down = depth * self._opens, depth * (1 - self._opens)
            depth = np.append(down[1:], 0.0)
            depth[1:] += up[:-1]
            depth[0] += down[0]  # the full stop: nothing is open, before and after
        return floors

    @property
    def floor(self) -> float:
        """Entropy of a text, in nats per symbol."""
        return float(self.floors.mean())

    @property
    def rate(self) -> float:
        """Entropy rate of texts without an end, in nats per symbol."""
        # As many steps lead from d to d + 1 as back: that fixes the shares of the depths.
        ratios = self._opens[:-1] / (1 - self._opens[1:])
        shares = np.append(1.0, ratios.cumprod())
        return float(shares @ self._entropies / shares.sum())

    @property
    def _entropies(self) -> NDArray:
        """Entropy of the next symbol by depth: the kind that would close does not matter."""
        return entropy(self._next[:, 0])

    def _walk(self, n: int, length: int, choose: Callable[[int, NDArray], NDArray]) -> None:
        """Keep the stacks of n texts; `choose` sees each prediction and says what came."""
        k, rows = self.kinds.size, np.arange(n)
        depth = np.zeros(n, dtype=np.int64)
        stack = np.zeros((n, self.max_depth + 1), dtype=np.int64)  # column 0: nothing is open
        for t in range(length):
            x = choose(t, self._next[depth, stack[rows, depth]])
            opened = (x > 0) & (x <= k)
            depth += opened.astype(np.int64) - (x > k)
            stack[rows[opened], depth[opened]] = x[opened] - 1


def _chance(value: float, name: str) -> float:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; expected a number strictly between 0 and 1")
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value}; expected a number strictly between 0 and 1")
    return float(value)
