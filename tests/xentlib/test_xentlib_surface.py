"""What the library promises from outside: names, signatures, docstrings, a light import."""

import inspect
import subprocess
import sys
import types

import pytest

import xentlib
from xentlib import worlds

BINARY = (
    "(y, p, *, from_logits=False, label_smoothing=0.0, pos_weight=None, sample_weight=None, "
    "reduction='mean')"
)
CATEGORICAL = (
    "(y, p, *, from_logits=False, axis=-1, label_smoothing=0.0, class_weight=None, "
    "sample_weight=None, reduction='mean')"
)
SPARSE = (
    "(labels, p, *, from_logits=False, axis=-1, ignore_index=None, label_smoothing=0.0, "
    "class_weight=None, sample_weight=None, reduction='mean')"
)
FOCAL = "(y, p, *, gamma=2.0, alpha=None, from_logits=False, reduction='mean')"
# As DESIGN.md signs them: tests and notebooks elsewhere call them so.
SIGNATURES = {
    "entropy": "(p, *, axis=-1, base=None)",
    "cross_entropy": "(p, q, *, axis=-1, base=None)",
    "kl_divergence": "(p, q, *, axis=-1, base=None)",
    "js_divergence": "(p, q, *, axis=-1, base=None)",
    "conditional_entropy": "(joint, *, base=None)",
    "mutual_information": "(joint, *, base=None)",
    "information_gain": "(labels, feature, *, base=None)",
    "perplexity": "(p, q=None, *, axis=-1)",
    "logsumexp": "(z, *, axis=-1)",
    "softmax": "(z, *, axis=-1, temperature=1.0)",
    "log_softmax": "(z, *, axis=-1, temperature=1.0)",
    "sigmoid": "(z, *, temperature=1.0)",
    "log_sigmoid": "(z, *, temperature=1.0)",
    "binary_cross_entropy": BINARY,
    "binary_cross_entropy_grad": BINARY,
    "categorical_cross_entropy": CATEGORICAL,
    "categorical_cross_entropy_grad": CATEGORICAL,
    "sparse_categorical_cross_entropy": SPARSE,
    "sparse_categorical_cross_entropy_grad": SPARSE,
    "binary_focal_loss": FOCAL,
    "binary_focal_loss_grad": FOCAL,
    "cosine_schedule": "(step, n_steps, *, base, warmup=0, floor=0.0)",
    "minibatches": "(n, batch_size, rng)",
    "expected_calibration_error": "(probs, labels, *, n_bins=15, norm='l1')",
    "reliability_curve": "(probs, labels, *, n_bins=15)",
    "brier_score": "(probs, labels)",
    "fit_temperature": "(logits, labels)",
}
OPTIMIZERS = {
    "SGD": "(learning_rate=0.001, momentum=0.0, nesterov=False, weight_decay=0.0)",
    "Adagrad": "(learning_rate=0.01, eps=1e-10, weight_decay=0.0)",
    "RMSprop": "(learning_rate=0.01, alpha=0.99, eps=1e-08, momentum=0.0, weight_decay=0.0)",
    "Adam": "(learning_rate=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)",
    "AdamW": "(learning_rate=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01)",
}
WORLDS = {
    "BagOfWords": "(prior, words, length)",
    "Brackets": "(kinds=(0.5, 0.3, 0.2), p_open=0.5, p_end=0.3, max_depth=6, length=32)",
    "ClickLog": "(n_users=60, n_items=40, rank=2, bias=-3.0, taste=1.0, slots=(0.0, -0.5, -1.0), "
    "greed=0.5, seed=0)",
    "DamagedPictures": "(strips, initial, transition, length, channel, shrink=1)",
    "ForkedPath": "(left=0.3, wide=1.0, narrow=0.25, opening=2.0)",
    "GaussianClasses": "(means, covariance, prior=None)",
    "HiddenMarkov": "(initial, transition, emission, length)",
    "JointTable": "(joint, x_names=None, y_names=None)",
    "LogisticWorld": "(weights, bias=0.0)",
    "MarkovSource": "(transition)",
    "NoisyGlyphs": "(flip=0.1, n_classes=10)",
    "RealOrFake": "(p, q)",
    "Reviews": "(agree=0.75, negate=0.4, phrases=5)",
    "Scenes": "(prior=0.5, noise=0.7, grid=(3, 3), sizes=(3, 5), cell=8)",
    "ToyTranslation": "(p_ornate=0.55, p_adjective=0.5, p_adverb=0.5)",
    "WhistledSpeech": "(lexicon, grammar, loudness=2.5, stay=0.7, length=48)",
}


def bare_signature(f) -> str:
    """The signature without its annotations."""
    signature = inspect.signature(f)
    parameters = [
        p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()
    ]
    return str(inspect.Signature(parameters))


@pytest.mark.parametrize(("name", "signature"), SIGNATURES.items(), ids=SIGNATURES)
def test_signatures(name, signature):
    assert bare_signature(getattr(xentlib, name)) == signature


@pytest.mark.parametrize(("name", "signature"), WORLDS.items(), ids=WORLDS)
def test_signatures_of_worlds(name, signature):
    world = getattr(worlds, name)
    assert bare_signature(world) == signature
    assert bare_signature(world.sample) == "(self, n, rng)"
    assert bare_signature(world.posterior) == "(self, x)"


@pytest.mark.parametrize(("name", "signature"), OPTIMIZERS.items(), ids=OPTIMIZERS)
def test_signatures_of_optimisers(name, signature):
    optimizer = getattr(xentlib, name)
    assert bare_signature(optimizer) == signature
    assert bare_signature(optimizer.update) == "(self, params, grads)"


def test_the_public_names_are_these_and_no_others():
    functions = {n for n in xentlib.__all__ if inspect.isfunction(getattr(xentlib, n))}
    assert functions == set(SIGNATURES)
    modules = {n for n in xentlib.__all__ if isinstance(getattr(xentlib, n), types.ModuleType)}
    classes = {n for n in xentlib.__all__ if inspect.isclass(getattr(xentlib, n))}
    assert classes == set(OPTIMIZERS)
    assert functions | modules | classes == set(xentlib.__all__)
    assert modules == {"datasets", "frameworks", "optim", "plots", "worlds"}
    assert set(worlds.__all__) == set(WORLDS)


def test_a_star_import_gives_the_public_names():
    namespace = {}
    exec("from xentlib import *", namespace)
    assert set(xentlib.__all__) <= set(namespace)


def test_nothing_public_is_hidden():
    """What the modules export is what the package re-exports."""
    from xentlib import calibration, information, logits, losses, optim

    modules = (calibration, information, logits, losses, optim)
    names = {name for module in modules for name in module.__all__}
    assert names == set(SIGNATURES) | set(OPTIMIZERS)
    for name in names:
        assert getattr(xentlib, name).__module__.startswith("xentlib.")


def test_parameters_and_results_are_typed():
    for name in SIGNATURES:
        signature = inspect.signature(getattr(xentlib, name))
        assert signature.return_annotation is not inspect.Signature.empty, name
        for parameter in signature.parameters.values():
            assert parameter.annotation is not inspect.Parameter.empty, (name, parameter)


def sections(docstring: str) -> dict[str, str]:
    """Split a numpydoc docstring at its underlined headings."""
    lines = inspect.cleandoc(docstring).splitlines()
    starts = [i for i in range(len(lines) - 1) if lines[i + 1] and set(lines[i + 1]) == {"-"}]
    ends = [*starts[1:], len(lines)]
    return {lines[i]: "\n".join(lines[i + 2 : end]) for i, end in zip(starts, ends, strict=True)}


GRADIENTS = [name for name in SIGNATURES if name.endswith("_grad")]


@pytest.mark.parametrize("name", GRADIENTS)
def test_docstrings_of_gradients(name):
    """A gradient points to its loss for the arguments that the two have in common."""
    f = getattr(xentlib, name)
    doc = sections(f.__doc__)
    assert {"Returns", "Examples"} <= set(doc)
    assert "shape" in doc["Returns"]
    assert ">>> " in doc["Examples"]
    assert ".. math::" in f.__doc__
    assert f"`{name.removesuffix('_grad')}`" in f.__doc__


@pytest.mark.parametrize("name", sorted(set(SIGNATURES) - set(GRADIENTS)))
def test_docstrings_of_functions(name):
    f = getattr(xentlib, name)
    doc = sections(f.__doc__)
    assert {"Parameters", "Returns", "Raises", "References", "Examples"} <= set(doc)
    for parameter in inspect.signature(f).parameters:
        assert parameter in doc["Parameters"], parameter
    if name not in ("cosine_schedule", "minibatches"):  # these take single numbers
        assert "shape" in doc["Parameters"]
    assert "ValueError" in doc["Raises"]
    assert "TypeError" in doc["Raises"]
    assert ">>> " in doc["Examples"]
    assert ".. math::" in f.__doc__
    if "base=None" in SIGNATURES[name] or "log_" in name:
        assert "nats" in f.__doc__


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_docstrings_of_optimisers(name):
    optimizer = getattr(xentlib, name)
    doc = sections(optimizer.__doc__)
    assert {"Parameters", "Raises", "References", "Examples"} <= set(doc)
    for parameter in inspect.signature(optimizer).parameters:
        assert parameter in doc["Parameters"], parameter
    assert ">>> " in doc["Examples"]


@pytest.mark.parametrize("name", WORLDS)
def test_docstrings_of_worlds(name):
    world = getattr(worlds, name)
    doc = sections(world.__doc__)
    assert {"Parameters", "Attributes", "Raises", "Examples"} <= set(doc)
    assert "nats" in doc["Attributes"]
    assert "floor" in doc["Attributes"]
    for method in (world.sample, world.posterior):
        assert "shape" in method.__doc__


def test_every_public_function_of_the_plots_has_a_docstring_with_an_example():
    from xentlib import plots

    for name in plots.__all__:
        f = getattr(plots, name)
        if inspect.isfunction(f) and inspect.signature(f).parameters:
            doc = sections(f.__doc__)
            assert {"Parameters", "Returns", "Examples"} <= set(doc), name
            for parameter in inspect.signature(f).parameters:
                assert parameter in doc["Parameters"], (name, parameter)


def in_a_fresh_interpreter(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_the_import_is_light():
    """No framework, no plotting library, and well under half a second of work."""
    code = """
import sys, time
import numpy
start = time.process_time()
import xentlib
print(time.process_time() - start)
print(sorted({"torch", "tensorflow", "keras", "matplotlib", "sklearn"} & set(sys.modules)))
"""
    runs = [in_a_fresh_interpreter(code).split("\n") for _ in range(2)]
    assert min(float(seconds) for seconds, *_ in runs) < 0.5
    assert all(heavy == "[]" for _, heavy, *_ in runs)


def test_the_plots_load_when_they_are_first_used():
    print_loaded = "import sys, xentlib; xentlib.plots; print('matplotlib' in sys.modules)"
    assert in_a_fresh_interpreter(print_loaded).strip() == "True"
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = xentlib.no_such_name
