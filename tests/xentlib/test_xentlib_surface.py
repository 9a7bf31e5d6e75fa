"""What the library promises from outside: names, signatures, docstrings, a light import."""

import inspect
import subprocess
import sys
import types

import pytest

import xentlib
from xentlib import worlds

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
}
WORLDS = {
    "GaussianClasses": "(means, covariance, prior=None)",
    "JointTable": "(joint, x_names=None, y_names=None)",
    "LogisticWorld": "(weights, bias=0.0)",
    "MarkovSource": "(transition)",
    "NoisyGlyphs": "(flip=0.1, n_classes=10)",
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


def test_the_public_names_are_these_and_no_others():
    functions = {n for n in xentlib.__all__ if inspect.isfunction(getattr(xentlib, n))}
    assert functions == set(SIGNATURES)
    modules = {n for n in xentlib.__all__ if isinstance(getattr(xentlib, n), types.ModuleType)}
    assert functions | modules == set(xentlib.__all__)
    assert modules == {"plots", "worlds"}
    assert set(worlds.__all__) == set(WORLDS)


def test_a_star_import_gives_the_public_names():
    namespace = {}
    exec("from xentlib import *", namespace)
    assert set(xentlib.__all__) <= set(namespace)


def test_nothing_public_is_hidden():
    """What the modules export is what the package re-exports."""
    from xentlib import information, logits

    assert set(information.__all__) | set(logits.__all__) == set(SIGNATURES)
    for name in SIGNATURES:
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


@pytest.mark.parametrize("name", SIGNATURES)
def test_docstrings_of_functions(name):
    f = getattr(xentlib, name)
    doc = sections(f.__doc__)
    assert {"Parameters", "Returns", "Raises", "References", "Examples"} <= set(doc)
    for parameter in inspect.signature(f).parameters:
        assert parameter in doc["Parameters"], parameter
    assert "shape" in doc["Parameters"]
    assert "ValueError" in doc["Raises"]
    assert "TypeError" in doc["Raises"]
    assert ">>> " in doc["Examples"]
    assert ".. math::" in f.__doc__
    if "base" in inspect.signature(f).parameters or "log_" in name:
        assert "nats" in f.__doc__


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
