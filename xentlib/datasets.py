"""Real data that ships inside scikit-learn: its floor is unknown, and so is its truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xentlib.frameworks import require

__all__ = ["Digits", "digits"]


class Digits(NamedTuple):
    """Handwritten digits in three parts; images float32 (N, 64), labels int64 (N,)."""

    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_val: NDArray[np.float32]
    y_val: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]
    mean: NDArray[np.float32]
    scale: np.float32

    def pixels(self, x: NDArray) -> NDArray[np.float32]:
        """Return standardised images as they were drawn: shape (..., 8, 8), ink from 0 to 16."""
        return (x * self.scale + self.mean).reshape(*np.shape(x)[:-1], 8, 8)


def digits() -> Digits:
    r"""Load scikit-learn's digits, split 1077 / 360 / 360 by class and standardised.

    .. math:: x = (\text{pixels} - \text{mean}) / \text{scale}

    The mean is one image and the scale one number, the root mean square distance of the
    training pixels from it: a pixel that two training images touch has a tiny deviation of its
    own, and dividing by that would blow up the first test image that touches it too. Both come
    from the training part alone.

    Returns
    -------
    Digits
        The same split at every call.

    Raises
    ------
    ImportError
        If scikit-learn is missing; the message says how to install it.

    References
    ----------
    Alpaydin and Kaynak (1998), *Optical Recognition of Handwritten Digits*, UCI Machine Learning
    Repository, https://doi.org/10.24432/C50P49.

    Examples
    --------
    >>> data = digits()
    >>> print(data.x_train.shape, data.x_val.shape, data.x_test.shape)
    (1077, 64) (360, 64) (360, 64)
    """
    require("sklearn")
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, test_size=360, stratify=y, random_state=0)
    x, x_val, y, y_val = train_test_split(x, y, test_size=360, stratify=y, random_state=0)
    mean = x.mean(axis=0).astype(np.float32)
    scale = np.float32((x - mean).std())
    x, x_val, x_test = ((part.astype(np.float32) - mean) / scale for part in (x, x_val, x_test))
    return Digits(x, y, x_val, y_val, x_test, y_test, mean, scale)
