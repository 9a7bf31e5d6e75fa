"""The same cross-entropy in xentlib, TensorFlow, Keras, PyTorch and scikit-learn, side by side.

No framework is imported before it is asked for: `require` imports it, quietly, or says how to get
one that is missing. `TRANSLATIONS` holds losses with their options, each as one line of code in
every library that has it, `compare` evaluates them, values and gradients, and `FALSE_FRIENDS`
holds lines that look alike and differ.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xentlib import logits

__all__ = [
    "FALSE_FRIENDS",
    "LIBRARIES",
    "TRANSLATIONS",
    "FalseFriends",
    "Result",
    "Translation",
    "batch",
    "compare",
    "require",
    "value_and_gradient",
]

LIBRARIES = ("xentlib", "tensorflow", "keras", "torch", "sklearn")

INSTALL = {
    "keras": "pip install keras tensorflow",
    "sklearn": "pip install scikit-learn",
    "tensorflow": "pip install tensorflow",
    "torch": "pip install torch",
}

_ONE_AT_A_TIME = threading.RLock()


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
        if sys.modules.get(name):
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
    # Two threads that divert the one standard error would leave it diverted.
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as noise, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sys.stderr.flush()
        kept = os.dup(2)
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


class Result(NamedTuple):
    """The value of a loss, in nats, and its derivative; None where a library gives none."""

    value: NDArray
    gradient: NDArray | None


@dataclass(frozen=True)
class Translation:
    """One loss with one option, written in each library so that all say the same.

    `calls` maps a library to Python that is both shown and executed, over the names of `batch`.
    `wrt` names the prediction; the gradient is that of the loss, or of the sum of its entries.
    `gradients` holds a call for a library whose gradient is not that of its own call, and
    `aside` says, for a library whose gradient differs although the value does not, why.
    """

    loss: str
    option: str
    wrt: str
    calls: dict[str, str]
    gradients: dict[str, str] = field(default_factory=dict)
    aside: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FalseFriends:
    """Calls that look like translations of one another and are not.

    `calls` holds pairs of a library and Python over the names of `batch`.
    """

    name: str
    calls: tuple[tuple[str, str], ...]
    why: str


def batch(dtype: str = "float32") -> dict[str, NDArray]:
    """Return the arrays on which `TRANSLATIONS` and `FALSE_FRIENDS` are evaluated.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Of all arrays but the integer labels.

    Returns
    -------
    dict
        Six examples, K = 4: ``z`` (6, 4) logits, ``p`` their softmax, ``labels`` (6,) int64,
        ``y`` the labels one-hot, ``t`` (6, 4) soft labels, ``padded`` the labels with two of
        them −100, ``s`` (6,) weights of the examples, ``w`` (4,) weights of the classes.
        Yes–no questions: ``zb`` (6, 1) logits, ``pb`` their sigmoid, ``yb`` (6, 1) labels.
        Pictures: ``maps`` (2, 4, 3, 3) logits with the class axis second, ``map_labels``
        (2, 3, 3) int64.

    Raises
    ------
    ValueError
        If `dtype` is none of these.

    Examples
    --------
    >>> print(batch()["z"].shape, batch()["labels"])
    (6, 4) [3 0 1 1 2 3]
    """
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype is {dtype!r}; expected 'float32' or 'float64'")
    rng = np.random.default_rng(0)
    z, maps, zb = (2 * rng.normal(size=shape) for shape in ((6, 4), (2, 4, 3, 3), (6, 1)))
    labels = np.array([3, 0, 1, 1, 2, 3])
    arrays = {
        "z": z,
        "p": logits.softmax(z),
        "y": np.eye(4)[labels],
        "t": rng.dirichlet(np.ones(4), size=6),
        "s": rng.uniform(0.5, 2.0, size=6),
        "w": np.array([0.5, 1.0, 2.0, 4.0]),
        "zb": zb,
        "pb": logits.sigmoid(zb),
        "yb": np.array([[1.0], [0.0], [0.0], [1.0], [0.0], [0.0]]),
        "maps": maps,
    }
    integers = {
        "labels": labels,
        "padded": np.where(np.arange(6) % 3 == 2, -100, labels),
        "map_labels": rng.integers(4, size=(2, 3, 3)),
    }
    return {name: array.astype(dtype) for name, array in arrays.items()} | integers


def value_and_gradient(
    library: str, call: str, inputs: Mapping[str, NDArray], *, wrt: str | None = None
) -> Result:
    """Evaluate a loss in one library, with its derivative.

    Parameters
    ----------
    library : {"keras", "sklearn", "tensorflow", "torch", "xentlib"}
        Whose arrays `inputs` become. Keras works on the back end that it was started with,
        TensorFlow's or PyTorch's.
    call : str
        A Python expression over the names in `inputs` and the library's usual ones: ``keras``;
        ``log_loss``, ``np`` and ``softmax``; ``tf``; ``torch`` and ``F``; ``xl`` and ``np``.
    inputs : mapping of str to array_like
        The arrays; they are not changed.
    wrt : str, optional
        The name in `inputs` with respect to which to derive; of several losses, their sum.

    Returns
    -------
    Result
        NumPy arrays. The gradient is None without `wrt`, and from scikit-learn, which computes
        none. From xentlib it is that of the function named ``<loss>_grad``; `call` must be
        ``xl.<loss>(…, wrt, …)`` alone.

    Raises
    ------
    ImportError
        If the library is missing; the message says how to install it.
    TypeError
        If `wrt` names integers.
    ValueError
        If `library` is none of these, if `inputs` does not hold `wrt`, if `call` gives no
        derivative with respect to it, or if Keras runs on another back end.

    Examples
    --------
    >>> x = {"z": np.zeros((1, 2)), "labels": np.array([0])}
    >>> call = "xl.sparse_categorical_cross_entropy(labels, z, from_logits=True)"
    >>> value, gradient = value_and_gradient("xentlib", call, x, wrt="z")
    >>> print(value.round(6), gradient)
    0.693147 [[-0.5  0.5]]
    """
    if library not in LIBRARIES:
        raise ValueError(f"library is {library!r}; expected one of {', '.join(LIBRARIES)}")
    arrays = {name: np.array(array) for name, array in inputs.items()}
    if wrt is not None and wrt not in arrays:
        raise ValueError(f"wrt is {wrt!r}; inputs holds {', '.join(sorted(arrays))}")
    if wrt is not None and arrays[wrt].dtype.kind != "f":
        raise TypeError(f"{wrt} has dtype {arrays[wrt].dtype}; only floats have a derivative")
    if library == "sklearn":
        return Result(np.asarray(eval(call, {**_names(library), **arrays})), None)
    if library == "xentlib":
        evaluate = _with_xentlib
    elif library == "torch" or (library == "keras" and _keras_backend() == "torch"):
        evaluate = _with_torch
    else:
        evaluate = _with_tensorflow
    value, gradient = evaluate(library, call, arrays, wrt)
    if wrt is not None and gradient is None:
        raise ValueError(f"call is {call!r}; it gives no derivative with respect to {wrt!r}")
    return Result(value, gradient)


def compare(translation: Translation, dtype: str = "float32") -> dict[str, Result]:
    """Evaluate a translation in every library that has one, on the same `batch`.

    Parameters
    ----------
    translation : Translation
        An entry of `TRANSLATIONS`, or one of your own.
    dtype : {"float32", "float64"}
        Of the predictions. The loss classes of Keras compute in ``keras.config.floatx()``,
        float32, whatever they are given.

    Returns
    -------
    dict of str to Result
        By library. All must be there: see `require`.

    Examples
    --------
    >>> call = "xl.binary_cross_entropy(yb, zb, from_logits=True)"
    >>> result = compare(Translation("binary", "logits", "zb", {"xentlib": call}))["xentlib"]
    >>> print(result.value.round(4), result.gradient.shape)
    1.1949 (6, 1)
    """
    inputs, results = batch(dtype), {}
    for library, call in translation.calls.items():
        other = translation.gradients.get(library)
        wrt = None if other else translation.wrt
        results[library] = value_and_gradient(library, call, inputs, wrt=wrt)
        if other:
            gradient = value_and_gradient(library, other, inputs).value
            results[library] = results[library]._replace(gradient=gradient)
    return results


def _keras_backend() -> str:
    require("keras")
    import keras

    name = keras.backend.backend()
    if name not in ("tensorflow", "torch"):
        raise ValueError(
            f"Keras runs on {name}; gradients are taken with TensorFlow or PyTorch: set the "
            "environment variable KERAS_BACKEND to tensorflow or torch and restart the kernel"
        )
    return name


def _names(library: str) -> dict[str, object]:
    """Return what a call may use, besides its arrays."""
    if library == "xentlib":
        import xentlib

        return {"xl": xentlib, "np": np}
    require(library)
    if library == "sklearn":
        from sklearn.metrics import log_loss

        return {"log_loss": log_loss, "softmax": logits.softmax, "np": np}
    if library == "torch":
        import torch
        import torch.nn.functional as F

        return {"torch": torch, "F": F}
    if library == "keras":
        import keras

        return {"keras": keras}
    import tensorflow as tf

    return {"tf": tf}


def _with_xentlib(
    library: str, call: str, arrays: Mapping[str, NDArray], wrt: str | None
) -> Result:
    names = {**_names(library), **arrays}
    value, tree = np.asarray(eval(call, names)), ast.parse(call, mode="eval")
    match tree.body:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="xl")) as loss, args=[_, ast.Name(id=name)]
        ) if name == wrt and hasattr(names["xl"], f"{loss.attr}_grad"):
            loss.attr += "_grad"
            return Result(value, np.asarray(eval(compile(tree, call, "eval"), names)))
    return Result(value, None)


def _with_torch(library: str, call: str, arrays: Mapping[str, NDArray], wrt: str | None) -> Result:
    require("torch")
    import torch

    tensors = {name: torch.tensor(array, device="cpu") for name, array in arrays.items()}
    if wrt is not None:
        tensors[wrt].requires_grad_()
    value = eval(call, {**_names(library), **tensors})
    if value.requires_grad:
        value.sum().backward()
    gradient = None if wrt is None else tensors[wrt].grad
    # Keras moves what it computes to a GPU.
    return Result(value.detach().cpu().numpy(), None if gradient is None else gradient.numpy())


def _with_tensorflow(
    library: str, call: str, arrays: Mapping[str, NDArray], wrt: str | None
) -> Result:
    require("tensorflow")
    import tensorflow as tf

    tensors = {name: tf.constant(array) for name, array in arrays.items()}
    with tf.GradientTape() as tape:
        if wrt is not None:
            tape.watch(tensors[wrt])
        value = eval(call, {**_names(library), **tensors})
    gradient = None if wrt is None else tape.gradient(value, tensors[wrt])
    # The derivative of tf.gather is sparse until it is converted.
    return Result(
        np.asarray(value), None if gradient is None else tf.convert_to_tensor(gradient).numpy()
    )


_PROBABILITIES = (
    "log(p / sum(p)) is taken, so that the gradient has 1/N more in every entry of a row: a "
    "direction in which probabilities cannot move"
)
TRANSLATIONS = (
    Translation(
        "categorical",
        "integer labels, logits",
        "z",
        {
            "xentlib": "xl.sparse_categorical_cross_entropy(labels, z, from_logits=True)",
            "tensorflow": "tf.reduce_mean("
            "tf.nn.sparse_softmax_cross_entropy_with_logits(labels, z))",
            "keras": "keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, z)",
            "torch": "F.cross_entropy(z, labels)",
            "sklearn": "log_loss(labels, softmax(z))",
        },
    ),
    Translation(
        "categorical",
        "integer labels, logits, sum",
        "z",
        {
            "xentlib": "xl.sparse_categorical_cross_entropy("
            'labels, z, from_logits=True, reduction="sum")',
            "tensorflow": "tf.reduce_sum("
            "tf.nn.sparse_softmax_cross_entropy_with_logits(labels, z))",
            "keras": "keras.losses.SparseCategoricalCrossentropy("
            'from_logits=True, reduction="sum")(labels, z)',
            "torch": 'F.cross_entropy(z, labels, reduction="sum")',
            "sklearn": "log_loss(labels, softmax(z), normalize=False)",
        },
    ),
    Translation(
        "categorical",
        "integer labels, logits, one loss per example",
        "z",
        {
            "xentlib": "xl.sparse_categorical_cross_entropy("
            'labels, z, from_logits=True, reduction="none")',
            "tensorflow": "tf.nn.sparse_softmax_cross_entropy_with_logits(labels, z)",
            "keras": "keras.losses.sparse_categorical_crossentropy(labels, z, from_logits=True)",
            "torch": 'F.cross_entropy(z, labels, reduction="none")',
        },
    ),
    Translation(
        "categorical",
        "integer labels, probabilities",
        "p",
        {
            "xentlib": "xl.sparse_categorical_cross_entropy(labels, p)",
            "tensorflow": "-tf.reduce_mean(tf.math.log(tf.gather(p, labels, batch_dims=1)))",
            "keras": "keras.losses.SparseCategoricalCrossentropy()(labels, p)",
            "torch": "F.nll_loss(torch.log(p), labels)",
            "sklearn": "log_loss(labels, p)",
        },
        aside={"keras": _PROBABILITIES},
    ),
    Translation(
        "categorical",
        "soft labels, logits",
        "z",
        {
            "xentlib": "xl.categorical_cross_entropy(t, z, from_logits=True)",
            "tensorflow": "tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(t, z))",
            "keras": "keras.losses.CategoricalCrossentropy(from_logits=True)(t, z)",
            "torch": "F.cross_entropy(z, t)",
        },
    ),
    Translation(
        "categorical",
        "soft labels, probabilities",
        "p",
        {
            "xentlib": "xl.categorical_cross_entropy(t, p)",
            "tensorflow": "-tf.reduce_mean(tf.reduce_sum(t * tf.math.log(p), axis=-1))",
            "keras": "keras.losses.CategoricalCrossentropy()(t, p)",
            "torch": "-(t * torch.log(p)).sum(-1).mean()",
        },
        aside={"keras": _PROBABILITIES},
    ),
    Translation(
        "categorical",
        "label smoothing 0.1",
        "z",
        {
            "xentlib": "xl.sparse_categorical_cross_entropy("
            "labels, z, from_logits=True, label_smoothing=0.1)",
            "tensorflow": "tf.reduce_mean("
            "tf.nn.softmax_cross_entropy_with_logits(0.9 * y + 0.1 / 4, z))",
            "keras": "keras.losses.CategoricalCrossentropy("
            "from_logits=True, label_smoothing=0.1)(y, z)",
            "torch": "F.cross_entropy(z, labels, label_smoothing=0.1)",
        },
    ),
    Translation(
        "categorical",
        "class weights, mean by their sum",
        "z",
        {
            "xentlib": "xl.sparse_categorical_cross_entropy("
            "labels, z, from_logits=True, class_weight=w)",
            "tensorflow": "tf.reduce_sum(tf.gather(w, labels) * "
            "tf.nn.sparse_softmax_cross_entropy_with_logits(labels, z)) "
            "/ tf.reduce_sum(tf.gather(w, labels))",
            "keras": "keras.losses.SparseCategoricalCrossentropy("
            'from_logits=True, reduction="mean_with_sample_weight")'
            "(labels, z, sample_weight=keras.ops.take(w, labels))",
            "torch": "F.cross_entropy(z, labels, weight=w)",
            "sklearn": "log_loss(labels, softmax(z), sample_weight=w[labels])",
        },
    ),
    Translation(
        "categorical",
        "class weights and label smoothing 0.1",
        "z",
        {
            "xentlib": "xl.sparse_categorical_cross_entropy("
            "labels, z, from_logits=True, class_weight=w, label_smoothing=0.1)",
            "tensorflow": "tf.reduce_sum(w * (0.9 * y + 0.1 / 4) * -tf.nn.log_softmax(z)) "
            "/ tf.reduce_sum(tf.gather(w, labels))",
            "keras": "keras.ops.sum(w * (0.9 * y + 0.1 / 4) * -keras.ops.log_softmax(z)) "
            "/ keras.ops.sum(keras.ops.take(w, labels))",
            "torch": "F.cross_entropy(z, labels, weight=w, label_smoothing=0.1)",
        },
    ),
    Translation(
        "categorical",
        "weights of the examples, mean by their sum",
        "z",
        {
            "xentlib": "xl.sparse_categorical_cross_entropy("
            "labels, z, from_logits=True, sample_weight=s)",
            "tensorflow": "tf.reduce_sum("
            "s * tf.nn.sparse_softmax_cross_entropy_with_logits(labels, z)) / tf.reduce_sum(s)",
            "keras": "keras.losses.SparseCategoricalCrossentropy("
            'from_logits=True, reduction="mean_with_sample_weight")(labels, z, sample_weight=s)',
            "torch": '(s * F.cross_entropy(z, labels, reduction="none")).sum() / s.sum()',
            "sklearn": "log_loss(labels, softmax(z), sample_weight=s)",
        },
    ),
    Translation(
        "categorical",
        "padding ignored",
        "z",
        {
            "xentlib": "xl.sparse_categorical_cross_entropy("
            "padded, z, from_logits=True, ignore_index=-100)",
            "tensorflow": "tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits("
            "padded[padded != -100], z[padded != -100]))",
            "keras": "keras.losses.SparseCategoricalCrossentropy("
            "from_logits=True, ignore_class=-100)(padded, z)",
            "torch": "F.cross_entropy(z, padded, ignore_index=-100)",
            "sklearn": "log_loss(padded[padded >= 0], softmax(z[padded >= 0]), labels=range(4))",
        },
    ),
    Translation(
        "categorical",
        "pictures, class axis second",
        "maps",
        {
            "xentlib": "xl.sparse_categorical_cross_entropy("
            "map_labels, maps, from_logits=True, axis=1)",
            "tensorflow": "tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits("
            "map_labels, tf.transpose(maps, (0, 2, 3, 1))))",
            "keras": "keras.losses.SparseCategoricalCrossentropy(from_logits=True)("
            "map_labels, keras.ops.moveaxis(maps, 1, -1))",
            "torch": "F.cross_entropy(maps, map_labels)",
        },
    ),
    Translation(
        "binary",
        "logits",
        "zb",
        {
            "xentlib": "xl.binary_cross_entropy(yb, zb, from_logits=True)",
            "tensorflow": "tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(yb, zb))",
            "keras": "keras.losses.BinaryCrossentropy(from_logits=True)(yb, zb)",
            "torch": "F.binary_cross_entropy_with_logits(zb, yb)",
            "sklearn": "log_loss(yb, 1 / (1 + np.exp(-zb)))",
        },
    ),
    Translation(
        "binary",
        "probabilities",
        "pb",
        {
            "xentlib": "xl.binary_cross_entropy(yb, pb)",
            "tensorflow": "-tf.reduce_mean(yb * tf.math.log(pb) + (1 - yb) * tf.math.log(1 - pb))",
            "keras": "keras.losses.BinaryCrossentropy()(yb, pb)",
            "torch": "F.binary_cross_entropy(pb, yb)",
            "sklearn": "log_loss(yb, pb)",
        },
    ),
    Translation(
        "binary",
        "several questions per example, logits",
        "z",
        {
            "xentlib": "xl.binary_cross_entropy(y, z, from_logits=True)",
            "tensorflow": "tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y, z))",
            "keras": "keras.losses.BinaryCrossentropy(from_logits=True)(y, z)",
            "torch": "F.binary_cross_entropy_with_logits(z, y)",
            "sklearn": "log_loss(y.ravel(), 1 / (1 + np.exp(-z.ravel())))",
        },
    ),
    Translation(
        "binary",
        "label smoothing 0.1",
        "zb",
        {
            "xentlib": "xl.binary_cross_entropy(yb, zb, from_logits=True, label_smoothing=0.1)",
            "tensorflow": "tf.reduce_mean("
            "tf.nn.sigmoid_cross_entropy_with_logits(0.9 * yb + 0.05, zb))",
            "keras": "keras.losses.BinaryCrossentropy("
            "from_logits=True, label_smoothing=0.1)(yb, zb)",
            "torch": "F.binary_cross_entropy_with_logits(zb, 0.9 * yb + 0.05)",
        },
    ),
    Translation(
        "binary",
        "positives weigh 3, mean by N",
        "zb",
        {
            "xentlib": "xl.binary_cross_entropy(yb, zb, from_logits=True, pos_weight=3.0)",
            "tensorflow": "tf.reduce_mean("
            "tf.nn.weighted_cross_entropy_with_logits(yb, zb, pos_weight=3.0))",
            "keras": "keras.losses.BinaryCrossentropy(from_logits=True)("
            "yb, zb, sample_weight=1 + 2 * yb)",
            "torch": "F.binary_cross_entropy_with_logits(zb, yb, pos_weight=torch.tensor(3.0))",
            "sklearn": "log_loss(yb, 1 / (1 + np.exp(-zb)), "
            "sample_weight=1 + 2 * yb[:, 0], normalize=False) / len(yb)",
        },
    ),
    Translation(
        "binary",
        "focal, gamma 2",
        "zb",
        {
            "xentlib": "xl.binary_focal_loss(yb, zb, gamma=2.0, from_logits=True)",
            "tensorflow": "tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(yb, zb) "
            "* tf.abs(yb - tf.sigmoid(zb)) ** 2)",
            "keras": "keras.losses.BinaryFocalCrossentropy(gamma=2.0, from_logits=True)(yb, zb)",
            "torch": '(F.binary_cross_entropy_with_logits(zb, yb, reduction="none") '
            "* (yb - torch.sigmoid(zb)).abs() ** 2).mean()",
        },
    ),
    Translation(
        "KL divergence",
        "soft labels, probabilities",
        "p",
        {
            "xentlib": "np.mean(xl.kl_divergence(t, p))",
            "tensorflow": "tf.reduce_mean(tf.reduce_sum(t * tf.math.log(t / p), axis=-1))",
            "keras": "keras.losses.KLDivergence()(t, p)",
            "torch": 'F.kl_div(torch.log(p), t, reduction="batchmean")',
        },
        # The entropy of t, by which the two losses differ, does not depend on p.
        gradients={"xentlib": "xl.categorical_cross_entropy_grad(t, p)"},
    ),
)

FALSE_FRIENDS = (
    FalseFriends(
        "class weights, each library's own mean",
        (
            ("torch", "F.cross_entropy(z, labels, weight=w)"),
            (
                "keras",
                "keras.losses.SparseCategoricalCrossentropy(from_logits=True)("
                "labels, z, sample_weight=keras.ops.take(w, labels))",
            ),
        ),
        "PyTorch divides by the sum of the labels' weights, Keras by the number of examples.",
    ),
    FalseFriends(
        "class weights, the same labels as numbers and one-hot",
        (
            ("torch", "F.cross_entropy(z, labels, weight=w)"),
            ("torch", "F.cross_entropy(z, y, weight=w)"),
        ),
        "For label distributions PyTorch divides by the number of examples.",
    ),
    FalseFriends(
        "class weights with label smoothing",
        (
            ("torch", "F.cross_entropy(z, labels, weight=w, label_smoothing=0.1)"),
            (
                "keras",
                "keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1, "
                'reduction="mean_with_sample_weight")'
                "(y, z, sample_weight=keras.ops.take(w, labels))",
            ),
        ),
        "PyTorch gives the term of each class that class's weight, weights of the examples give "
        "all terms of a row the weight of its label.",
    ),
    FalseFriends(
        "a sum over several questions per example",
        (
            ("torch", 'F.binary_cross_entropy_with_logits(z, y, reduction="sum")'),
            ("keras", 'keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum")(y, z)'),
        ),
        "PyTorch adds up all N times K losses; Keras first takes the mean over the K questions "
        "of an example.",
    ),
    FalseFriends(
        "truth first or prediction first",
        (
            ("torch", "F.binary_cross_entropy_with_logits(yb, zb)"),
            ("keras", "keras.losses.BinaryCrossentropy(from_logits=True)(yb, zb)"),
        ),
        "PyTorch takes the prediction first: in Keras' order it reads the labels as logits and "
        "the logits as labels.",
    ),
    FalseFriends(
        "KL divergence, the mean that is the default",
        (
            ("torch", "F.kl_div(torch.log(p), t)"),
            ("keras", "keras.losses.KLDivergence()(t, p)"),
        ),
        "PyTorch's reduction='mean' divides by every entry, N times K; 'batchmean' by N.",
    ),
    FalseFriends(
        "KL divergence, the order of the arguments",
        (
            ("torch", 'F.kl_div(torch.log(t), p, reduction="batchmean")'),
            ("keras", "keras.losses.KLDivergence()(t, p)"),
        ),
        "PyTorch takes the logarithm of the model first and the truth second, Keras the truth "
        "first: in Keras' order PyTorch computes KL(p || t).",
    ),
    FalseFriends(
        "a softmax in the model",
        (
            ("keras", "keras.losses.SparseCategoricalCrossentropy()(labels, p)"),
            ("torch", "F.cross_entropy(p, labels)"),
        ),
        "Keras expects probabilities unless it is told otherwise; PyTorch's cross_entropy "
        "always takes logits and applies a second softmax.",
    ),
    FalseFriends(
        "an impossible event that happened",
        (
            ("xentlib", "xl.binary_cross_entropy(yb, 0 * pb)"),
            ("tensorflow", "-tf.reduce_mean(yb * tf.math.log(0 * pb))"),
            ("keras", "keras.losses.BinaryCrossentropy()(yb, 0 * pb)"),
            ("torch", "F.binary_cross_entropy(0 * pb, yb)"),
            ("sklearn", "log_loss(yb, 0 * pb)"),
        ),
        "The loss is infinite. Written by hand it is nan, from 0 times log 0; Keras clips "
        "probabilities at 1e-7, scikit-learn at the machine epsilon of their type, and PyTorch's "
        "BCE bounds each logarithm by -100.",
    ),
    FalseFriends(
        "rows that sum to 2",
        (
            ("keras", "keras.losses.CategoricalCrossentropy()(y, 2 * p)"),
            ("torch", "F.nll_loss(torch.log(2 * p), labels)"),
            ("tensorflow", "-tf.reduce_mean(tf.reduce_sum(y * tf.math.log(2 * p), axis=-1))"),
        ),
        "Keras divides each row by its sum without a word, the others believe it; xentlib "
        "and scikit-learn refuse or warn.",
    ),
    FalseFriends(
        "padding in the mean",
        (
            ("torch", "F.cross_entropy(z, padded)"),
            (
                "tensorflow",
                "tf.reduce_mean(tf.where(padded == -100, 0.0, "
                "tf.nn.sparse_softmax_cross_entropy_with_logits("
                "tf.maximum(padded, 0), z)))",
            ),
        ),
        "Losses that are set to 0 still count in the denominator.",
    ),
    FalseFriends(
        "focal loss with its defaults",
        (
            ("xentlib", "xl.binary_focal_loss(yb, zb, alpha=0.25, from_logits=True)"),
            (
                "keras",
                "keras.losses.BinaryFocalCrossentropy(alpha=0.25, from_logits=True)(yb, zb)",
            ),
        ),
        "Keras ignores alpha unless apply_class_balancing=True.",
    ),
)
