"""The same loss in five libraries: every line is compared with its formula, written in NumPy here.

The gradient of a formula is taken by a complex step, Im f(x + ih) / h, which has no rounding error
of its own and shares no code with any library.
"""

import importlib.util
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special

from xentlib import frameworks
from xentlib.frameworks import (
    FALSE_FRIENDS,
    LIBRARIES,
    TRANSLATIONS,
    FalseFriends,
    Result,
    Translation,
    batch,
    compare,
    require,
    value_and_gradient,
)

ROOT = Path(__file__).parents[2]
FRAMEWORKS = LIBRARIES[1:]
DTYPES = ("float32", "float64")
N, K = 6, 4
# Units in the last place of a value, and of the largest entry of a gradient.
ULPS = 8

dtypes = pytest.mark.parametrize("dtype", DTYPES)


def skip_without(*names: str) -> None:
    for name in names:
        if name != "xentlib" and importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


def arrays(dtype: str = "float64") -> SimpleNamespace:
    """The numbers of a batch in that dtype, for computing in float64."""
    return SimpleNamespace(
        **{
            name: a.astype("float64") if a.dtype.kind == "f" else a
            for name, a in batch(dtype).items()
        }
    )


# -- the formulas --------------------------------------------------------------------------------


def log_softmax(z: np.ndarray, axis: int = -1) -> np.ndarray:
    return z - np.log(np.exp(z).sum(axis, keepdims=True))


def picked(table: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The entry of each row that its label names."""
    return table[np.arange(len(labels)), labels]


def nll(z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return -picked(log_softmax(z), labels)


def bce(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    return y * np.log(1 + np.exp(-z)) + (1 - y) * np.log(1 + np.exp(z))


def per_pixel(b: SimpleNamespace, maps: np.ndarray) -> complex:
    places = np.ndindex(b.map_labels.shape)
    return sum(-log_softmax(maps[n, :, i, j])[b.map_labels[n, i, j]] for n, i, j in places) / (
        2 * 3 * 3
    )


def focal(b: SimpleNamespace, z: np.ndarray) -> np.ndarray:
    """(1 − p)² is the weight of a positive whose probability is p, p² that of a negative."""
    p = 1 / (1 + np.exp(-z))
    return b.yb * (1 - p) ** 2 * -np.log(p) + (1 - b.yb) * p**2 * -np.log(1 - p)


def smoothed(b: SimpleNamespace, z: np.ndarray, weight: np.ndarray) -> complex:
    """0.9 of the loss of the label, and 0.1 of the mean of the losses of all classes."""
    terms = -weight * log_softmax(z)
    return (0.9 * picked(terms, b.labels) + 0.1 * terms.mean(1)).sum() / weight[b.labels].sum()


FORMULAS = {
    ("categorical", "integer labels, logits"): lambda b, z: nll(z, b.labels).mean(),
    ("categorical", "integer labels, logits, sum"): lambda b, z: nll(z, b.labels).sum(),
    ("categorical", "integer labels, logits, one loss per example"): lambda b, z: nll(z, b.labels),
    ("categorical", "integer labels, probabilities"): lambda b, p: (
        -np.log(picked(p, b.labels)).mean()
    ),
    ("categorical", "soft labels, logits"): lambda b, z: -(b.t * log_softmax(z)).sum() / N,
    ("categorical", "soft labels, probabilities"): lambda b, p: -(b.t * np.log(p)).sum() / N,
    ("categorical", "label smoothing 0.1"): lambda b, z: smoothed(b, z, np.ones(K)),
    ("categorical", "class weights, mean by their sum"): lambda b, z: (
        (b.w[b.labels] * nll(z, b.labels)).sum() / b.w[b.labels].sum()
    ),
    ("categorical", "class weights and label smoothing 0.1"): lambda b, z: smoothed(b, z, b.w),
    ("categorical", "weights of the examples, mean by their sum"): lambda b, z: (
        (b.s * nll(z, b.labels)).sum() / b.s.sum()
    ),
    ("categorical", "padding ignored"): lambda b, z: nll(z, b.labels)[b.padded != -100].mean(),
    ("categorical", "pictures, class axis second"): per_pixel,
    ("binary", "logits"): lambda b, z: bce(z, b.yb).mean(),
    ("binary", "probabilities"): lambda b, p: (
        -(b.yb * np.log(p) + (1 - b.yb) * np.log(1 - p)).mean()
    ),
    ("binary", "several questions per example, logits"): lambda b, z: bce(z, b.y).mean(),
    ("binary", "label smoothing 0.1"): lambda b, z: bce(z, 0.9 * b.yb + 0.05).mean(),
    ("binary", "positives weigh 3, mean by N"): lambda b, z: (
        np.where(b.yb == 1, 3, 1) * bce(z, b.yb)
    ).mean(),
    ("binary", "focal, gamma 2"): lambda b, z: focal(b, z).mean(),
    ("KL divergence", "soft labels, probabilities"): lambda b, p: (
        (b.t * (np.log(b.t) - np.log(p))).sum() / N
    ),
}


def complex_step(f, x: np.ndarray, h: float = 1e-100) -> np.ndarray:
    """The derivative of the sum of the entries of f."""
    gradient = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        z = x.astype(complex)
        z[place] += 1j * h
        gradient[place] = np.sum(f(z)).imag / h
    return gradient


def expected(translation: Translation, dtype: str) -> Result:
    b = arrays(dtype)
    x = getattr(b, translation.wrt)
    f = FORMULAS[translation.loss, translation.option]
    return Result(f(b, x), complex_step(lambda z: f(b, z), x))


def check(translation: Translation, library: str, dtype: str, result: Result) -> None:
    """`result` is what the formula says, within ULPS of the dtype in which it was computed."""
    value, gradient = expected(translation, dtype)
    # A class of Keras computes in float32, a function of Keras in what it is given.
    keras_class = re.match(r"keras\.losses\.[A-Z]", translation.calls[library])
    eps = np.finfo("float32" if keras_class else dtype).eps
    if library != "sklearn":  # it returns Python's floats
        assert result.value.dtype == ("float32" if keras_class else dtype)
    assert result.value.shape == np.shape(value)
    assert_allclose(result.value, value, rtol=ULPS * eps)
    if library == "sklearn":
        assert result.gradient is None
        return
    if library in translation.aside:
        gradient = gradient + 1 / N
    assert result.gradient.dtype == dtype
    assert_allclose(result.gradient, gradient, rtol=0, atol=ULPS * eps * abs(gradient).max())


# -- translations --------------------------------------------------------------------------------

each_translation = pytest.mark.parametrize(
    "translation", TRANSLATIONS, ids=[f"{t.loss}: {t.option}" for t in TRANSLATIONS]
)


@dtypes
@each_translation
@pytest.mark.parametrize("library", LIBRARIES)
def test_each_line_has_the_value_and_the_gradient_of_its_formula(translation, library, dtype):
    if library not in translation.calls:
        assert library == "sklearn", "the other libraries have every loss"
        return
    skip_without(library)
    gradients = {k: call for k, call in translation.gradients.items() if k == library}
    call = {library: translation.calls[library]}
    alone = Translation("", "", translation.wrt, call, gradients)
    check(translation, library, dtype, compare(alone, dtype)[library])


def test_every_loss_has_a_formula_here_and_none_is_there_twice():
    names = [(t.loss, t.option) for t in TRANSLATIONS]
    assert len(set(names)) == len(names)
    assert set(names) == set(FORMULAS)


def test_the_formulas_can_tell_the_losses_apart():
    """A line in the place of another would be seen."""
    values = [np.sum(expected(t, "float64").value) for t in TRANSLATIONS]
    gaps = abs(np.subtract.outer(values, values))[~np.eye(len(values), dtype=bool)]
    # Four pairs are the same number: from logits and from probabilities (three), summed or not.
    assert sum(gaps < 1e-6) == 2 * 4


@each_translation
def test_gradients_by_complex_step_agree_with_central_differences(translation):
    b, h = arrays(), 1e-5
    x, f = getattr(b, translation.wrt), FORMULAS[translation.loss, translation.option]
    for place in list(np.ndindex(x.shape))[::7]:
        step = np.zeros(x.shape)
        step[place] = h
        central = np.sum(f(b, x + step) - f(b, x - step)) / (2 * h)
        assert_allclose(central, expected(translation, "float64").gradient[place], atol=1e-8)


def test_scikit_learn_has_the_losses_that_its_log_loss_can_say():
    without = {t.option for t in TRANSLATIONS if "sklearn" not in t.calls}
    assert all("log_loss(" in t.calls.get("sklearn", "log_loss(") for t in TRANSLATIONS)
    assert without == {
        "integer labels, logits, one loss per example",
        "soft labels, logits",
        "soft labels, probabilities",
        "label smoothing 0.1",
        "class weights and label smoothing 0.1",
        "pictures, class axis second",
        "focal, gamma 2",
    }


@each_translation
def test_what_is_said_aside(translation):
    """Only Keras' losses of probabilities differ: by 1/N in every entry, as `check` has it."""
    probabilities = translation.loss == "categorical" and translation.wrt == "p"
    assert set(translation.aside) == ({"keras"} if probabilities else set())
    for text in translation.aside.values():
        assert "1/N more in every entry" in text


def test_a_row_of_probabilities_cannot_move_along_what_is_said_aside():
    """A step that keeps the sums of the rows sees the same slope in Keras as elsewhere."""
    skip_without("keras", "torch")
    for translation in TRANSLATIONS:
        if translation.aside:
            results = compare(translation, "float64")
            step = np.random.default_rng(0).normal(size=(N, K))
            step -= step.mean(1, keepdims=True)
            slopes = [np.sum(r.gradient * step) for r in results.values() if r.gradient is not None]
            assert_allclose(slopes, slopes[0], rtol=1e-6)


# -- false friends -------------------------------------------------------------------------------


def impossible(dtype: str) -> list[float]:
    """Two of six labels are 1, and their probability is 0."""
    smallest = np.finfo(dtype).eps
    return [np.inf, np.nan, -np.log(1e-7) / 3, 100 / 3, -np.log(smallest) / 3]


def own_means(b: SimpleNamespace) -> tuple[float, float]:
    """The weighted losses over the sum of the weights, and over the number of examples."""
    losses = b.w[b.labels] * nll(b.z, b.labels)
    return losses.sum() / b.w[b.labels].sum(), losses.sum() / N


FRIENDS = {
    "class weights, each library's own mean": own_means,
    "class weights, the same labels as numbers and one-hot": own_means,
    "class weights with label smoothing": lambda b: (
        smoothed(b, b.z, b.w),
        (b.w[b.labels] * (0.9 * nll(b.z, b.labels) - 0.1 * log_softmax(b.z).mean(1))).sum()
        / b.w[b.labels].sum(),
    ),
    "a sum over several questions per example": lambda b: (
        bce(b.z, b.y).sum(),
        bce(b.z, b.y).mean(1).sum(),
    ),
    "truth first or prediction first": lambda b: (bce(b.yb, b.zb).mean(), bce(b.zb, b.yb).mean()),
    "KL divergence, the mean that is the default": lambda b: (
        special.rel_entr(b.t, b.p).sum() / (N * K),
        special.rel_entr(b.t, b.p).sum() / N,
    ),
    "KL divergence, the order of the arguments": lambda b: (
        special.rel_entr(b.p, b.t).sum() / N,
        special.rel_entr(b.t, b.p).sum() / N,
    ),
    "a softmax in the model": lambda b: (
        nll(b.z, b.labels).mean(),
        nll(np.exp(log_softmax(b.z)), b.labels).mean(),
    ),
    "an impossible event that happened": None,
    "rows that sum to 2": lambda b: (
        nll(b.z, b.labels).mean(),
        nll(b.z, b.labels).mean() - np.log(2),
        nll(b.z, b.labels).mean() - np.log(2),
    ),
    "padding in the mean": lambda b: (
        nll(b.z, b.labels)[b.padded != -100].sum() / (b.padded != -100).sum(),
        nll(b.z, b.labels)[b.padded != -100].sum() / N,
    ),
    "focal loss with its defaults": lambda b: (
        (np.where(b.yb == 1, 0.25, 0.75) * focal(b, b.zb)).mean(),
        focal(b, b.zb).mean(),
    ),
}
each_friend = pytest.mark.parametrize("friends", FALSE_FRIENDS, ids=lambda f: f.name)


@dtypes
@each_friend
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_false_friends_have_the_values_of_their_formulas_and_differ(friends, dtype):
    skip_without(*dict(friends.calls))
    values = [
        value_and_gradient(library, call, batch(dtype)).value for library, call in friends.calls
    ]
    f = FRIENDS[friends.name]
    assert_allclose(values, impossible(dtype) if f is None else f(arrays(dtype)), rtol=1e-6)
    assert np.ptp(values) > 0.015 * max(values) or not np.isfinite(values).all()


def test_every_false_friend_has_a_formula_here_and_a_reason():
    assert [f.name for f in FALSE_FRIENDS] == list(FRIENDS)
    assert all(f.why for f in FALSE_FRIENDS)
    assert all(library in LIBRARIES for f in FALSE_FRIENDS for library, _ in f.calls)


def values_of(name: str) -> list[np.ndarray]:
    friends = next(f for f in FALSE_FRIENDS if f.name == name)
    skip_without(*dict(friends.calls))
    return [value_and_gradient(*pair, batch("float64")).value for pair in friends.calls]


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_the_ratios_that_the_reasons_state():
    b = arrays()
    for name in (
        "class weights, each library's own mean",
        "class weights, the same labels as numbers and one-hot",
    ):
        by_weight, by_number = values_of(name)
        assert by_number / by_weight == pytest.approx(b.w[b.labels].mean(), rel=1e-6)
    default, batchmean = values_of("KL divergence, the mean that is the default")
    assert batchmean / default == pytest.approx(K, rel=1e-6)
    added, averaged = values_of("a sum over several questions per example")
    assert added / averaged == pytest.approx(K, rel=1e-6)
    ignored, zeroed = values_of("padding in the mean")
    assert zeroed / ignored == pytest.approx(4 / 6, rel=1e-6)
    divided, *believed = values_of("rows that sum to 2")
    assert_allclose(divided - believed, np.log(2), rtol=1e-6)


def test_pytorch_warns_of_its_default_mean_of_a_divergence():
    skip_without("torch")
    with pytest.warns(UserWarning, match="'batchmean' divides only by the batch size"):
        value_and_gradient("torch", "F.kl_div(torch.log(p), t)", batch())


def test_rows_that_sum_to_2_are_refused_here_and_rows_of_another_sum_also_in_scikit_learn():
    skip_without("sklearn")
    for factor in (0.5, 2):
        with pytest.raises(ValueError, match=r"^p\[0\] sums to"):
            value_and_gradient("xentlib", f"xl.categorical_cross_entropy(y, {factor} * p)", batch())
    with pytest.raises(ValueError, match="greater than 1"):
        value_and_gradient("sklearn", "log_loss(labels, 2 * p)", batch())
    with pytest.warns(UserWarning, match="do not sum to one"):
        value_and_gradient("sklearn", "log_loss(labels, p / 2)", batch())


def test_the_remedies_that_the_reasons_name():
    """Written as each library wants it, the friends say the same."""
    skip_without("keras", "torch")
    for one, other in (
        (
            ("xentlib", "xl.binary_focal_loss(yb, zb, alpha=0.25, from_logits=True)"),
            (
                "keras",
                "keras.losses.BinaryFocalCrossentropy(alpha=0.25, from_logits=True, "
                "apply_class_balancing=True)(yb, zb)",
            ),
        ),
        (
            ("keras", "keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, p)"),
            ("torch", "F.cross_entropy(p, labels)"),
        ),
        (
            ("keras", "keras.losses.KLDivergence()(p, t)"),
            ("torch", 'F.kl_div(torch.log(t), p, reduction="batchmean")'),
        ),
        (
            ("keras", "keras.losses.BinaryCrossentropy(from_logits=True)(zb, yb)"),
            ("torch", "F.binary_cross_entropy_with_logits(yb, zb)"),
        ),
    ):
        values = [value_and_gradient(*pair, batch()).value for pair in (one, other)]
        assert_allclose(*values, rtol=1e-6)


# -- Keras on other back ends --------------------------------------------------------------------

KERAS_IN_PYTORCH = """
import sys
import numpy as np
from xentlib.frameworks import *

found = {}
for dtype in ("float32", "float64"):
    for i, t in enumerate(TRANSLATIONS):
        keras = Translation(t.loss, t.option, t.wrt, {"keras": t.calls["keras"]})
        result = compare(keras, dtype)["keras"]
        found[f"translation {i} {dtype} value"] = result.value
        found[f"translation {i} {dtype} gradient"] = result.gradient
for i, friends in enumerate(FALSE_FRIENDS):
    for j, (library, call) in enumerate(friends.calls):
        if library == "keras":
            found[f"friend {i} {j}"] = value_and_gradient("keras", call, batch()).value
import keras
assert keras.backend.backend() == "torch"
assert "tensorflow" not in sys.modules
np.savez(sys.argv[1], **found)
"""


def run(code: str, *arguments: str, **environment: str | None) -> subprocess.CompletedProcess:
    """Run Python in the top folder; None takes a variable out of the environment."""
    env = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={name: value for name, value in env.items() if value is not None},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def keras_in_pytorch(tmp_path_factory):
    skip_without("keras", "torch")
    path = tmp_path_factory.mktemp("keras") / "found.npz"
    done = run(KERAS_IN_PYTORCH, str(path), KERAS_BACKEND="torch")
    assert done.returncode == 0, done.stderr
    with np.load(path) as found:
        return dict(found)


@dtypes
@each_translation
def test_keras_on_pytorch_has_the_same_values_and_gradients(keras_in_pytorch, translation, dtype):
    key = f"translation {TRANSLATIONS.index(translation)} {dtype}"
    result = Result(keras_in_pytorch[f"{key} value"], keras_in_pytorch[f"{key} gradient"])
    check(translation, "keras", dtype, result)


def test_false_friends_in_keras_on_pytorch(keras_in_pytorch):
    tested = 0
    for i, friends in enumerate(FALSE_FRIENDS):
        f = FRIENDS[friends.name]
        values = impossible("float32") if f is None else f(arrays("float32"))
        for j, (library, _) in enumerate(friends.calls):
            if library == "keras":
                assert_allclose(keras_in_pytorch[f"friend {i} {j}"], values[j], rtol=1e-6)
                tested += 1
    assert tested == sum("keras" in dict(f.calls) for f in FALSE_FRIENDS)


@pytest.mark.parametrize("name", ["jax", "openvino"])
def test_keras_on_another_back_end_is_refused(name, monkeypatch):
    skip_without("keras")
    require("keras")
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: name)
    call = "keras.losses.BinaryCrossentropy()(yb, pb)"
    for wrt in ("pb", None):
        with pytest.raises(ValueError, match=f"^Keras runs on {name}; .*KERAS_BACKEND to tensor"):
            value_and_gradient("keras", call, batch(), wrt=wrt)


# -- require -------------------------------------------------------------------------------------

IMPORT_TENSORFLOW = """
import os, sys, threading
from xentlib.frameworks import require
if sys.argv[1] == "a thread":
    thread = threading.Thread(target=require, args=("tensorflow",))
    thread.start()
    thread.join()
else:
    require("tensorflow")
import tensorflow as tf
os.write(2, b"from C,")
sys.stderr.write(" from Python")
print(os.environ["TF_CPP_MIN_LOG_LEVEL"], tf.__name__)
"""


@pytest.mark.parametrize(
    ("level", "where"), [(None, "the main thread"), ("0", "the main thread"), ("3", "a thread")]
)
def test_tensorflow_is_imported_in_silence(level, where):
    skip_without("tensorflow")
    done = run(IMPORT_TENSORFLOW, where, TF_CPP_MIN_LOG_LEVEL=level)
    assert done.stderr == "from C, from Python"
    assert done.stdout == f"{level or 3} tensorflow\n"


def test_tensorflow_is_imported_in_silence_in_a_notebook():
    """A kernel shows what C++ code writes to standard error, unless it thinks that it is tested."""
    skip_without("tensorflow", "nbclient", "ipykernel")
    import nbclient
    import nbformat

    cells = [
        'from xentlib.frameworks import require\nrequire("tensorflow")',
        "import tensorflow as tf\nx = tf.constant(1.0)",
        'import os\n_ = os.write(2, b"from C")',
        "import time\ntime.sleep(0.3)",  # what a pipe carries takes a moment
    ]
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    env = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    env |= {"PYTHONPATH": str(ROOT)}
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute(env=env)
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert [(o.output_type, o.get("name"), o.get("text")) for o in outputs] == [
        ("stream", "stderr", "from C")
    ]


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Make a framework of our own, from its source."""

    def make(source: str, name: str = "stub_of_a_framework") -> str:
        (tmp_path / f"{name}.py").write_text(f"import os, sys, warnings\n{source}")
        monkeypatch.setitem(frameworks.INSTALL, name, f"pip install {name}")
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    monkeypatch.syspath_prepend(tmp_path)
    return make


@pytest.mark.filterwarnings("error")
def test_what_an_import_writes_is_held_back_and_all_works_afterwards(stub, capfd):
    require(stub("os.write(2, b'noise'); warnings.warn('noise')"))
    os.write(2, b"afterwards")
    assert capfd.readouterr().err == "afterwards"
    with pytest.raises(UserWarning, match="afterwards"):
        warnings.warn("afterwards", stacklevel=1)


def test_what_an_import_writes_is_shown_when_it_fails(stub, capfd):
    name = stub("os.write(2, b'The driver is too old: \\xff'); raise OSError('no driver')")
    with pytest.raises(OSError, match=r"^no driver$"):
        require(name)
    os.write(2, b"afterwards")
    assert capfd.readouterr().err == "The driver is too old: \ufffdafterwards"
    assert name not in sys.modules


def test_two_threads_that_import_at_once_leave_standard_error_as_it_was():
    code = """
import os, sys, threading, time, types
from xentlib import frameworks

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name in seconds:
            os.write(2, b"noise")
            print("noise", file=sys.stderr)
            time.sleep(seconds[name])
            return __import__("importlib.machinery").machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        return types.ModuleType(spec.name)
    def exec_module(self, module):
        pass

seconds = {"first": 0.2, "second": 0.4}
sys.meta_path.insert(0, Slow())
frameworks.INSTALL |= seconds
sys.stderr.write("before ")  # waits in Python's buffer
threads = [threading.Thread(target=frameworks.require, args=(name,)) for name in seconds]
for thread in threads:
    thread.start()
    time.sleep(0.1)
for thread in threads:
    thread.join()
os.write(2, b"afterwards")
"""
    assert run(code, PYTHONUNBUFFERED=None).stderr == "before afterwards"


def test_a_framework_is_imported_once(stub, capfd):
    name = stub("print('imported')")
    require(name, name)
    require(name)
    assert capfd.readouterr().out == "imported\n"


def test_the_log_level_that_is_set_stays(stub, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    require(stub(""))
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "1"
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    require(stub("assert os.environ['TF_CPP_MIN_LOG_LEVEL'] == '3'"))


INSTALL = {
    "keras": "pip install keras tensorflow",
    "sklearn": "pip install scikit-learn",
    "tensorflow": "pip install tensorflow",
    "torch": "pip install torch",
}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_missing_framework_is_named_with_the_line_that_installs_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    for f in (lambda: require(name), lambda: value_and_gradient(name, "s", batch())):
        with pytest.raises(ImportError) as caught:
            f()
        assert str(caught.value) == (
            f"{name} cannot be imported, because {name} is missing. "
            f"Install it and restart the kernel: {INSTALL[name]}"
        )
        assert caught.value.__suppress_context__
        assert caught.value.__cause__ is None


def test_a_framework_without_what_it_needs_names_what_is_missing(stub):
    with pytest.raises(ImportError, match=r"because torch is missing.*: pip install torch$"):
        require(stub("raise ModuleNotFoundError('No module', name='torch')"))
    with pytest.raises(ImportError, match=r"because leaf is missing.*: pip install stub_of_a_fra"):
        require(stub("raise ModuleNotFoundError('No module', name='leaf')"))


def test_keras_without_a_back_end_says_which_one_to_install(tmp_path):
    """At the second attempt too, when half of Keras is already there; and in one traceback."""
    skip_without("keras")
    code = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "torch", "jax"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from xentlib.frameworks import require
try:
    require("keras")
except ImportError as error:
    print(error)
require("keras")
"""
    done = run(code, KERAS_BACKEND=None, KERAS_HOME=str(tmp_path))
    message = (
        "keras cannot be imported, because tensorflow is missing. "
        "Install it and restart the kernel: pip install tensorflow\n"
    )
    assert done.stdout == message
    assert done.stderr.endswith(f"ImportError: {message}")
    assert done.stderr.count("Traceback") == 1


def test_an_unknown_framework():
    for name in ("jax", "sk-learn", "", "xentlib", 3):
        with pytest.raises(ValueError, match=r"^names holds .*keras, sklearn, tensorflow, torch$"):
            require(name)
    with pytest.raises(ValueError, match=r"^names holds 'jax'"):
        require("jax")


def test_nothing_is_imported_before_it_is_asked_for():
    code = """
import sys
from xentlib import datasets, frameworks
frameworks.batch()
for library, call in (("xentlib", "xl.entropy(p)"), ("sklearn", "np.mean(p)")):
    frameworks.value_and_gradient(library, call, frameworks.batch())
    print(sorted({"keras", "sklearn", "tensorflow", "torch"} & set(sys.modules)))
"""
    skip_without("sklearn")
    done = run(code)
    assert done.stdout == "[]\n['sklearn']\n", done.stderr


# -- value_and_gradient --------------------------------------------------------------------------

SQUARE = {
    "keras": "keras.ops.sum(x**2)",
    "sklearn": "np.sum(x**2)",
    "tensorflow": "tf.reduce_sum(x**2)",
    "torch": "torch.sum(x**2)",
}
BINARY = "xl.binary_cross_entropy(y, x, from_logits=True)"
each_library = pytest.mark.parametrize("library", LIBRARIES)


def inputs() -> dict[str, np.ndarray]:
    return {"x": np.array([1.0, -2.0]), "y": np.array([1.0, 0.0])}


@each_library
def test_the_results_are_arrays_and_the_inputs_stay(library):
    skip_without(library)
    given, call = inputs(), SQUARE.get(library, BINARY)
    first = value_and_gradient(library, call, given, wrt="x")
    second = value_and_gradient(library, call, given, wrt="x")
    for name, array in inputs().items():
        assert_array_equal(given[name], array)
    assert isinstance(first.value, np.ndarray)
    assert first.value.shape == ()
    assert_array_equal(first.value, second.value)
    assert value_and_gradient(library, call, given) == (first.value, None)
    if library == "sklearn":
        assert first.gradient is second.gradient is None
        return
    assert isinstance(first.gradient, np.ndarray)
    # Nothing is added up over calls.
    x = given["x"]
    exact = (special.expit(x) - given["y"]) / 2 if library == "xentlib" else 2 * x
    assert_allclose(first.gradient, exact, rtol=1e-15)
    assert_array_equal(second.gradient, first.gradient)


@each_library
def test_lists_are_the_arrays_that_numpy_makes_of_them(library):
    skip_without(library)
    call = SQUARE.get(library, BINARY)
    lists = {name: array.tolist() for name, array in inputs().items()}
    ours = value_and_gradient(library, call, lists, wrt="x")
    theirs = value_and_gradient(library, call, inputs(), wrt="x")
    assert ours.value.dtype == "float64"
    assert_array_equal(ours.value, theirs.value)
    if library != "sklearn":
        assert_array_equal(ours.gradient, theirs.gradient)


@each_library
def test_the_derivative_with_respect_to_integers_is_refused(library):
    for integers in (np.array([1, 2]), [1, 2]):
        with pytest.raises(TypeError, match=r"^x has dtype int64; only floats have a derivative$"):
            value_and_gradient(library, SQUARE.get(library, BINARY), {"x": integers}, wrt="x")


@pytest.mark.parametrize("library", ["keras", "tensorflow", "torch", "xentlib"])
def test_a_call_that_gives_no_derivative_is_refused(library):
    skip_without(library)
    call = SQUARE.get(library, BINARY)
    with pytest.raises(ValueError, match=r"^call is '.*'; it gives no derivative .* to 'other'$"):
        value_and_gradient(library, call, {**inputs(), "other": np.ones(2)}, wrt="other")


@pytest.mark.parametrize(
    ("library", "call"),
    [
        ("tensorflow", "tf.stop_gradient(x)"),
        ("torch", "x.detach()"),
        ("keras", "keras.ops.stop_gradient(x)"),
        ("xentlib", "x"),
        ("xentlib", "xl.softmax(x)"),
        ("xentlib", f"2 * {BINARY}"),
        ("xentlib", f"{BINARY} ** 2"),
        ("xentlib", f"{BINARY} + {BINARY}"),
        ("xentlib", "xl.losses.binary_cross_entropy(y, x, from_logits=True)"),
        ("xentlib", "xl.binary_cross_entropy(y, 2 * x, from_logits=True)"),
        ("xentlib", "xl.binary_cross_entropy(x > 0, y)"),
    ],
)
def test_a_wrong_derivative_is_not_returned(library, call):
    """From xentlib it is the loss's own, and nothing around or inside it is differentiated."""
    skip_without(library)
    value_and_gradient(library, call, inputs())
    with pytest.raises(ValueError, match=r"^call is .*; it gives no derivative with .* to 'x'$"):
        value_and_gradient(library, call, inputs(), wrt="x")


@pytest.mark.parametrize(
    ("library", "call"), [("torch", "x.mul_(2)"), ("xentlib", "np.multiply(x, 2, out=x)")]
)
def test_a_call_that_changes_its_arrays_changes_copies(library, call):
    skip_without(library)
    given = inputs()
    assert_array_equal(value_and_gradient(library, call, given).value, [2, -4])
    assert_array_equal(given["x"], inputs()["x"])


def test_a_sparse_derivative_is_returned_dense():
    skip_without("tensorflow")
    result = value_and_gradient("tensorflow", "tf.gather(x, [1, 1])", inputs(), wrt="x")
    assert_array_equal(result.gradient, [0, 2])


def test_of_several_losses_the_sum_is_derived():
    skip_without("tensorflow", "torch")
    for library in ("tensorflow", "torch"):
        result = value_and_gradient(library, "x**2", inputs(), wrt="x")
        assert_array_equal(result.value, [1, 4])
        assert_array_equal(result.gradient, [2, -4])


def test_errors_name_the_argument_and_the_value():
    with pytest.raises(ValueError, match=r"^library is 'jax'; expected one of xentlib, tensorfl"):
        value_and_gradient("jax", "1", {})
    for wrt in ("z", "", 3):
        with pytest.raises(ValueError, match=rf"^wrt is {wrt!r}; inputs holds x, y$"):
            value_and_gradient("xentlib", BINARY, inputs(), wrt=wrt)
    with pytest.raises(NameError, match="no_such_name"):
        value_and_gradient("xentlib", "no_such_name", inputs())


# -- batch and compare ---------------------------------------------------------------------------


@dtypes
def test_a_batch_holds_what_it_says(dtype):
    b = batch(dtype)
    shapes = {"z": (N, K), "p": (N, K), "y": (N, K), "t": (N, K), "s": (N,), "w": (K,)}
    shapes |= {"zb": (N, 1), "pb": (N, 1), "yb": (N, 1), "maps": (2, K, 3, 3)}
    integers = {"labels": (N,), "padded": (N,), "map_labels": (2, 3, 3)}
    assert {k: a.shape for k, a in b.items()} == shapes | integers
    assert {k: a.dtype for k, a in b.items()} == (
        dict.fromkeys(shapes, np.dtype(dtype)) | dict.fromkeys(integers, np.dtype("int64"))
    )
    rtol = 4 * np.finfo(dtype).eps
    z, zb = b["z"].astype(float), b["zb"].astype(float)
    assert_allclose(b["p"], special.softmax(z, -1), rtol=rtol * abs(z).max())
    assert_allclose(b["pb"], special.expit(zb), rtol=rtol * abs(zb).max())
    assert_array_equal(b["y"], np.arange(K) == b["labels"][:, None])
    assert_allclose(b["t"].sum(1, dtype=float), 1, rtol=rtol)
    assert b["t"].min() > 0
    assert sum(b["padded"] == -100) == 2
    assert_array_equal(b["padded"][b["padded"] != -100], b["labels"][b["padded"] != -100])
    assert b["s"].min() > 0
    assert set(b["yb"].flat) == {0, 1}
    for labels in (b["labels"], b["map_labels"]):
        assert_array_equal(np.unique(labels), np.arange(K))


def test_batches_are_the_same_and_independent():
    one, other = batch(), batch()
    for name, array in one.items():
        assert_array_equal(array, other[name])
        assert not np.shares_memory(array, other[name])
        assert not any(np.shares_memory(array, one[k]) for k in one if k != name)
        array[...] = 1
    for name, array in batch().items():
        assert_array_equal(array, other[name])


@pytest.mark.parametrize("dtype", ["float16", "int64", "complex128", "", "nope", np.float32, None])
def test_other_dtypes_are_refused(dtype):
    message = r"^dtype is .*; expected 'float32' or 'float64'$"
    with pytest.raises(ValueError, match=message):
        batch(dtype)
    with pytest.raises(ValueError, match=message):
        compare(TRANSLATIONS[0], dtype)


def test_a_comparison_of_your_own():
    """A library that is not asked for is not needed; a gradient may be another call's."""
    mine = Translation(
        "squares", "", "z", {"xentlib": "np.sum(z**2)"}, gradients={"xentlib": "2 * z"}
    )
    results = compare(mine, "float64")
    assert list(results) == ["xentlib"]
    assert_allclose(results["xentlib"].value, np.sum(arrays().z ** 2))
    assert_array_equal(results["xentlib"].gradient, 2 * arrays().z)


@pytest.mark.parametrize("entry", [TRANSLATIONS[0], FALSE_FRIENDS[0]])
def test_entries_cannot_be_changed(entry):
    assert isinstance(entry, Translation | FalseFriends)
    for name in vars(entry):
        with pytest.raises(AttributeError):
            setattr(entry, name, "")
