"""The same cross-entropy in xentlib, TensorFlow, Keras, PyTorch and scikit-learn.

Nothing here is imported before it is asked for: `require` imports frameworks, quietly, or says
how to get one that is missing.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

__all__ = ["require"]

INSTALL = {
    "keras": "pip install keras tensorflow",
    "sklearn": "pip install scikit-learn",
    "tensorflow": "pip install tensorflow",
    "torch": "pip install torch",
}


def require(*names: str) -> None:
    """Import frameworks without their noise, or say how to install the one that is missing.

    TensorFlow writes lines with the time and the processor's features to the process's standard
    error while it is imported, whatever its log level. After ``require("tensorflow")`` a plain
    ``import tensorflow as tf`` writes nothing. An environment variable ``TF_CPP_MIN_LOG_LEVEL``
    that is set stays; otherwise only errors that end the program are logged.

    Parameters
    ----------
    *names : {"keras", "sklearn", "tensorflow", "torch"}
        What to import.

    Raises
    ------
    ImportError
        If a framework is missing, with the line that installs it.
    ValueError
        If a name is none of these.

    Examples
    --------
    >>> require("sklearn")
    >>> import sklearn
    """
    for name in names:
        if name not in INSTALL:
            raise ValueError(f"names holds {name!r}; expected one of {', '.join(sorted(INSTALL))}")
        if name in sys.modules:
            continue
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            with _quiet():
                importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise ImportError(
                f"{name} cannot be imported, because {error.name} is missing. "
                f"Install it and restart the kernel: {INSTALL.get(error.name, INSTALL[name])}"
            ) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what C++ code writes to standard error; show it if the import fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as noise, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(noise.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            noise.seek(0)
            sys.stderr.write(noise.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
