"""The digits are scikit-learn's, each in one part, and nothing of the test part is in the rest."""

import sys
from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from xentlib.datasets import digits

SIZES = {"train": 1077, "val": 360, "test": 360}
EPS = float(np.finfo(np.float32).eps)


@pytest.fixture(scope="module")
def source():
    """Pixels and labels as scikit-learn has them."""
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
    return datasets.load_digits(return_X_y=True)


@pytest.fixture
def data(source):
    return digits()


def parts(data) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {name: (getattr(data, f"x_{name}"), getattr(data, f"y_{name}")) for name in SIZES}


def pictures(pixels: np.ndarray, labels: np.ndarray) -> Counter:
    """How often each picture with its label is there."""
    rows = np.rint(pixels).astype(int).reshape(-1, 64)
    return Counter((row.tobytes(), int(label)) for row, label in zip(rows, labels, strict=True))


def test_shapes_and_dtypes(data):
    for name, (x, y) in parts(data).items():
        assert (x.shape, x.dtype) == ((SIZES[name], 64), np.float32)
        assert (y.shape, y.dtype) == ((SIZES[name],), np.int64)
    assert (data.mean.shape, data.mean.dtype) == ((64,), np.float32)
    assert (np.shape(data.scale), data.scale.dtype) == ((), np.float32)


def test_the_parts_are_all_pictures_and_each_once(data, source):
    together = Counter()
    for x, y in parts(data).values():
        together += pictures(data.pixels(x), y)
    assert together == pictures(*source)
    assert together.total() == 1797
    assert max(together.values()) == 1, "no picture is in two parts, not even as its twin"


def test_each_part_has_its_share_of_each_class(data, source):
    """Within one picture, the least that whole pictures allow."""
    counts = np.bincount(source[1])
    for _, y in parts(data).values():
        assert abs(np.bincount(y) - counts * len(y) / counts.sum()).max() < 1


def test_mean_and_scale_are_those_of_the_training_part(data, source):
    train = pictures(data.pixels(data.x_train), data.y_train)
    x = np.array([row for row, y in zip(*source, strict=True) if pictures(row, [y]) <= train])
    assert x.shape == (1077, 64)
    assert_allclose(data.mean, x.mean(0), rtol=EPS)
    rms = np.sqrt(np.mean((x - x.mean(0)) ** 2))
    assert data.scale == pytest.approx(rms, rel=4 * EPS)
    assert abs(data.mean - source[0].mean(0)).max() > 0.1, "with the test part it would be another"


def test_the_training_part_has_mean_0_and_root_mean_square_1(data):
    x = data.x_train.astype(np.float64)
    assert_allclose(x.mean(0), 0, atol=4 * EPS)
    assert np.sqrt(np.mean(x**2)) == pytest.approx(1, rel=4 * EPS)
    for name in ("x_val", "x_test"):
        assert abs(getattr(data, name).mean(0, dtype=float)).max() > 0.01


def test_one_scale_keeps_small_what_a_scale_for_each_pixel_blows_up(data):
    """A pixel that hardly any training picture touches has a tiny deviation of its own."""
    deviations = data.x_train.std(0)
    for x in (data.x_val, data.x_test):
        own = np.divide(x, deviations, out=np.zeros_like(x), where=deviations > 0)
        assert abs(x).max() < 4
        assert abs(own).max() > 40


def test_pixels_are_the_whole_numbers_that_were_drawn(data):
    for x, _ in parts(data).values():
        pixels = data.pixels(x)
        assert pixels.shape == (len(x), 8, 8)
        assert pixels.dtype == np.float32
        assert abs(pixels - np.rint(pixels)).max() <= 16 * EPS
        assert (np.rint(pixels).min(), np.rint(pixels).max()) == (0, 16)


def test_pixels_of_one_picture_and_of_a_grid(data):
    all_of_them = data.pixels(data.x_train)
    assert_array_equal(data.pixels(data.x_train[5]), all_of_them[5])
    assert_array_equal(
        data.pixels(data.x_train[:6].reshape(2, 3, 64)), all_of_them[:6].reshape(2, 3, 8, 8)
    )


def test_the_split_is_the_same_at_each_call_and_the_arrays_are_independent(data):
    before = digits()
    for field, array in before._asdict().items():
        assert_array_equal(array, getattr(data, field))
        assert not np.shares_memory(array, getattr(data, field))
    named = {k: a for k, a in data._asdict().items() if k != "scale"}
    assert not any(np.shares_memory(named[k], named[m]) for k in named for m in named if k < m)
    for array in named.values():
        array[...] = 3
    for field, array in digits()._asdict().items():
        assert_array_equal(array, getattr(before, field))


def test_without_scikit_learn_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"^sklearn cannot be .*: pip install scikit-learn$"):
        digits()
