"""The look of the course's figures, and the three plots that many chapters draw.

Colours carry meaning and keep it: `TRUTH` is the distribution P that data come from, `MODEL`
is Q, `FLOOR` is the entropy that no model can beat, `GAP` is the KL divergence between a loss
and its floor. P is always solid and Q always hatched or dashed, so that a figure also reads
in grey.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

__all__ = [
    "FLOOR",
    "GAP",
    "MODEL",
    "NEUTRAL",
    "TRUTH",
    "distribution_bars",
    "loss_over_floor",
    "use_style",
]

TRUTH = "#0072B2"
MODEL = "#D55E00"
FLOOR = "#222222"
GAP = "#9B5FA5"
NEUTRAL = "#767676"

STYLE = {
    "figure.figsize": (6.4, 3.4),
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "font.size": 10.5,
    "axes.titlesize": 11.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelcolor": FLOOR,
    "axes.edgecolor": NEUTRAL,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": plt.cycler(color=[TRUTH, MODEL, GAP, "#009E73", "#B8860B", NEUTRAL]),
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "xtick.color": NEUTRAL,
    "ytick.color": NEUTRAL,
    "xtick.labelcolor": FLOOR,
    "ytick.labelcolor": FLOOR,
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
    "hatch.linewidth": 1.2,
    "legend.frameon": False,
    "mathtext.fontset": "cm",
    "image.cmap": "viridis",
}


def use_style() -> None:
    """Set the course's Matplotlib style, and figures of twice the resolution in a notebook."""
    plt.rcParams.update(STYLE)
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        # The full canvas, not its tight bounding box: a figure then has the same size in
        # pixels whatever the fonts do, and stored and redrawn figures can be compared.
        set_matplotlib_formats("retina", bbox_inches=None, pil_kwargs={"optimize": True})
    except (ImportError, AttributeError):
        pass  # a plain script: there is no notebook to set up


def distribution_bars(
    p: ArrayLike,
    q: ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
    labels: tuple[str, str] = ("truth P", "model Q"),
    ax: Axes | None = None,
) -> Axes:
    """Draw one distribution, or two side by side, as bars.

    Parameters
    ----------
    p : array_like, shape (K,)
        Probabilities of the truth: solid bars.
    q : array_like, shape (K,), optional
        Probabilities of the model: hatched bars.
    names : sequence of str, optional
        Names of the outcomes; their numbers otherwise.
    labels : pair of str
        What the legend calls the two.
    ax : Axes, optional
        Where to draw; the current axes otherwise.

    Returns
    -------
    Axes
        For further work on the plot.

    Examples
    --------
    >>> ax = distribution_bars([0.7, 0.2, 0.1], [0.5, 0.3, 0.2], names=["a", "b", "c"])
    >>> [float(bar.get_height()) for bar in ax.containers[0]]
    [0.7, 0.2, 0.1]
    """
    ax = ax or plt.gca()
    x = np.arange(len(p))
    width = 0.7 if q is None else 0.38
    shift = 0 if q is None else width / 2 + 0.015
    ax.bar(x - shift, p, width, color=TRUTH, label=labels[0])
    if q is not None:
        ax.bar(
            x + shift, q, width, label=labels[1], facecolor="white", edgecolor=MODEL, hatch="////"
        )
        ax.legend()
    ax.set_xticks(x, [str(i) for i in x] if names is None else names)
    ax.tick_params(axis="x", length=0)
    ax.set_ylabel("probability")
    return ax


def loss_over_floor(
    steps: ArrayLike,
    loss: ArrayLike,
    floor: float,
    *,
    label: str = "loss H(P, Q)",
    floor_label: str = "floor H(P)",
    ax: Axes | None = None,
) -> Axes:
    """Draw a loss curve over the entropy that it cannot beat, and shade the gap, which is KL.

    Parameters
    ----------
    steps : array_like, shape (n,)
        Position of each loss on the horizontal axis, e.g. the number of updates.
    loss : array_like, shape (n,)
        Cross-entropy in nats.
    floor : float
        Entropy of the data in nats.
    label, floor_label : str
        What the legend calls the two.
    ax : Axes, optional
        Where to draw; the current axes otherwise.

    Returns
    -------
    Axes
        For further work on the plot.

    Examples
    --------
    >>> ax = loss_over_floor([0, 1, 2], [0.69, 0.55, 0.51], 0.5)
    >>> ax.get_ylabel()
    'nats per outcome'
    """
    ax = ax or plt.gca()
    steps, loss = np.asarray(steps), np.asarray(loss)
    ax.fill_between(steps, floor, loss, color=GAP, alpha=0.18, linewidth=0, label="gap KL(P‖Q)")
    ax.plot(steps, loss, color=MODEL, label=label)
    ax.axhline(floor, color=FLOOR, linestyle=(0, (5, 3)), linewidth=1.4, label=floor_label)
    ax.set_ylabel("nats per outcome")
    ax.margins(x=0.01)
    ax.legend()
    return ax
