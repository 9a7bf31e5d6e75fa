"""The language of brackets: everything against a list of all texts, written out one by one."""

import itertools

import numpy as np
import pytest
from scipy.special import entr

from xentlib.worlds import Brackets, MarkovSource

LENGTH = 6
PAIRS = {")": "(", "]": "[", "}": "{", ">": "<"}


def next_probabilities(prefix: str, world: Brackets) -> dict[str, float]:
    """What may follow, read off the text itself: cancel all pairs and look at what is left."""
    left = prefix.replace(".", "")
    while (shorter := _cancel(left)) != left:
        left = shorter
    if not left:
        stay = world.p_end
        out = {".": stay}
    else:
        stay = 1.0 if len(left) == world.max_depth else 1 - world.p_open
        out = {{"(": ")", "[": "]", "{": "}", "<": ">"}[left[-1]]: stay}
    for symbol, share in zip("([{<", world.kinds, strict=False):
        out[symbol] = (1 - stay) * share
    return out


def _cancel(text: str) -> str:
    for close, open_ in PAIRS.items():
        text = text.replace(open_ + close, "")
    return text


@pytest.fixture(
    scope="module",
    params=[
        {"kinds": (0.6, 0.4), "p_open": 0.3, "p_end": 0.2, "max_depth": 2},
        {"kinds": (0.7, 0.3), "p_open": 0.6, "p_end": 0.5, "max_depth": 5},
        {"kinds": (1.0,), "p_open": 0.5, "p_end": 0.1, "max_depth": 1},
    ],
    ids=["shallow", "deep", "one kind"],
)
def world(request):
    return Brackets(**request.param, length=LENGTH)


@pytest.fixture(scope="module")
def listed(world):
    """Return every possible text and its probability."""
    texts, probs = [], []
    for x in itertools.product(range(len(world.symbols)), repeat=LENGTH):
        text = world.text(np.array(x))
        p = 1.0
        for t, symbol in enumerate(text):
            p *= next_probabilities(text[:t], world).get(symbol, 0.0)
            if not p:
                break
        else:
            texts.append(x)
            probs.append(p)
    return np.array(texts), np.array(probs)


def test_the_floor_is_the_entropy_of_the_list(world, listed):
    _, probs = listed
    assert probs.sum() == pytest.approx(1)
    assert world.floor == pytest.approx(entr(probs).sum() / LENGTH, rel=1e-12)


def test_the_floors_are_differences_of_block_entropies(world, listed):
    texts, probs = listed
    blocks = [0.0]
    for t in range(1, LENGTH + 1):
        _, which = np.unique(texts[:, :t], axis=0, return_inverse=True)
        blocks.append(entr(np.bincount(which.ravel(), probs)).sum())
    np.testing.assert_allclose(world.floors, np.diff(blocks), rtol=1e-12)


def test_the_posterior_is_that_of_the_text_itself(world, listed):
    texts, _ = listed
    posterior = world.posterior(texts)
    np.testing.assert_allclose(posterior.sum(axis=-1), 1)
    for x, rows in zip(texts[::7], posterior[::7], strict=True):
        for t in range(LENGTH):
            expected = next_probabilities(world.text(x[:t]), world)
            found = {s: p for s, p in zip(world.symbols, rows[t], strict=True) if p > 0}
            assert found == pytest.approx({s: p for s, p in expected.items() if p > 0})


def test_samples_follow_the_list(world, listed):
    texts, probs = listed
    n = 20_000
    x = world.sample(n, np.random.default_rng(0))
    base = len(world.symbols) ** np.arange(LENGTH)
    codes, counts = np.unique(x @ base, return_counts=True)
    assert set(codes) <= set(texts @ base)
    expected = dict(zip(texts @ base, n * probs, strict=True))
    common = [c for c in expected if expected[c] >= 10]
    found = dict(zip(codes, counts, strict=True))
    chi2 = sum((found.get(c, 0) - expected[c]) ** 2 / expected[c] for c in common)
    assert chi2 < len(common) + 5 * np.sqrt(2 * len(common))


def test_the_mean_surprisal_of_a_sample_is_the_floor():
    world = Brackets()
    x = world.sample(4000, np.random.default_rng(1))
    p = np.take_along_axis(world.posterior(x), x[..., None], axis=-1)[..., 0]
    bills = -np.log(p).mean(axis=1)
    assert abs(bills.mean() - world.floor) < 4 * bills.std() / np.sqrt(len(bills))


@pytest.mark.parametrize("max_depth", [1, 2, 4])
def test_the_rate_is_that_of_a_markov_chain_of_whole_stacks(max_depth):
    world = Brackets((0.6, 0.4), 0.45, 0.2, max_depth)
    stacks = ["".join(s) for d in range(max_depth + 1) for s in itertools.product("([", repeat=d)]
    number = {stack: i for i, stack in enumerate(stacks)}
    transition = np.zeros((len(stacks), len(stacks)))
    for stack in stacks:
        for symbol, p in next_probabilities(stack, world).items():
            after = stack if symbol == "." else _cancel(stack + symbol)
            if p:
                transition[number[stack], number[after]] += p
    assert world.rate == pytest.approx(MarkovSource(transition).floor, rel=1e-12)


def test_the_floor_tends_to_the_rate():
    world = Brackets(length=1500)
    assert world.floors[-1] == pytest.approx(world.rate, abs=1e-9)
    assert world.floor != pytest.approx(world.rate, abs=1e-4)


def test_text():
    world = Brackets((0.25, 0.25, 0.25, 0.25))
    assert world.symbols == ".([{<)]}>"
    assert world.text([4, 8, 0]) == "<>."
    assert world.text(np.array([[1, 5], [2, 6]])) == ["()", "[]"]
    assert Brackets(length=7).sample(3, np.random.default_rng(0)).shape == (3, 7)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"kinds": [0.5, 0.6]}, ValueError, "kinds sums to 1.1"),
        ({"kinds": [0.2] * 5}, ValueError, r"kinds has shape \(5,\)"),
        ({"kinds": np.eye(2)}, ValueError, r"kinds has shape \(2, 2\)"),
        ({"p_open": 1}, ValueError, "p_open is 1; expected a number strictly between"),
        ({"p_end": 0.0}, ValueError, "p_end is 0.0"),
        ({"p_end": "0.1"}, TypeError, "p_end is '0.1'"),
        ({"p_open": float("nan")}, ValueError, "p_open is nan"),
        ({"max_depth": 0}, ValueError, "max_depth is 0"),
        ({"length": 2.0}, TypeError, "length is 2.0"),
        ({"length": True}, TypeError, "length is True"),
    ],
)
def test_what_is_no_world(arguments, error, message):
    with pytest.raises(error, match=message):
        Brackets(**arguments)


def test_what_is_no_text():
    world = Brackets()
    with pytest.raises(ValueError, match=r"x\[1\] is no text of this world: after '\(' .* '\]'"):
        world.posterior([[1, 4], [1, 5]])
    with pytest.raises(ValueError, match=r"x has shape \(2,\)"):
        world.posterior([1, 4])
    with pytest.raises(ValueError, match="x holds 7"):
        world.posterior([[7]])
    with pytest.raises(TypeError, match="rng is None"):
        world.sample(1, None)
