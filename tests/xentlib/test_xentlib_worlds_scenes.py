"""Worlds of pictures with objects: posteriors by Bayes' rule, floors by other routes."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import entr
from scipy.stats import norm

from xentlib.worlds import Scenes


@pytest.fixture(scope="module")
def world():
    return Scenes()


@pytest.fixture(scope="module")
def drawn(world):
    x, y = world.sample(2000, np.random.default_rng(1))
    return x, y, world.posterior(x)


def of_sample(losses, floor, se):
    """Whether a mean of independent losses agrees with a floor that has an error of its own."""
    error = np.hypot(losses.std() / np.sqrt(losses.size), se)
    return abs(losses.mean() - floor) < 4 * error


def test_the_layouts_are_all_objects_that_fit(world):
    assert len(world.anchors) == 6 * 6 + 4 * 4
    assert len(world.masks) == 1 + 3 * 52
    assert world.layout_prior.sum() == pytest.approx(1)
    assert world.masks[0].sum() == 0
    for mask, kind, anchor in zip(world.masks[1:], world.kind[1:], world.anchor[1:], strict=True):
        top, left, bottom, right = world.anchors[anchor]
        rows, columns = np.nonzero(mask)
        assert (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1) == (
            top,
            left,
            bottom,
            right,
        )
        side = bottom - top
        assert mask.sum() == [side**2, 2 * side - 1, 4 * side - 4][kind]
    different = np.unique(world.masks.reshape(157, -1), axis=0)
    assert len(different) == 157


def test_the_posterior_is_bayes_rule_pixel_by_pixel(world):
    x, _ = world.sample(5, np.random.default_rng(2))
    for tile, posterior in zip(
        world.tiles(x).reshape(-1, 8, 8), world.posterior(x).reshape(-1, 157), strict=True
    ):
        log = norm.logpdf(tile, world.masks, world.noise).sum(axis=(1, 2))
        joint = world.layout_prior * np.exp(log - log.max())
        np.testing.assert_allclose(posterior, joint / joint.sum(), atol=1e-12)


def test_samples_follow_the_prior(world, drawn):
    x, y, _ = drawn
    assert x.shape == (2000, 24, 24)
    assert y.shape == (2000, 3, 3)
    share = np.bincount(y.ravel(), minlength=157) / y.size
    assert abs(share[0] - 0.5) < 4 * 0.5 / np.sqrt(y.size)
    assert abs(share[1:] - world.layout_prior[1:]).max() < 5 * np.sqrt(0.02 / y.size)
    noise = x - world.mask(y)
    assert abs(noise.std() - world.noise) < 0.005
    assert abs(noise.mean()) < 0.005


def test_the_floor_is_what_the_truth_pays_for_drawn_labels(world, drawn):
    _, y, posterior = drawn
    paid = -np.log(np.take_along_axis(posterior, y[..., None], axis=-1))
    assert of_sample(paid, world.floor, world.floor_se)


def test_the_other_floors_are_too(world, drawn):
    _, y, posterior = drawn
    there = y > 0
    p_there = 1 - posterior[..., 0]
    paid = -np.log(np.where(there, p_there, 1 - p_there))
    assert of_sample(paid, *world.floors["objectness"])

    by_kind = np.stack([posterior[..., world.kind == k].sum(axis=-1) for k in range(3)], axis=-1)
    right = np.take_along_axis(by_kind, world.kind[y].clip(0)[..., None], axis=-1)[..., 0]
    of_class = -np.log(right / p_there)[there]
    assert of_sample(of_class, *world.floors["class"])
    mine = np.take_along_axis(posterior, y[..., None], axis=-1)[..., 0]
    assert of_sample(-np.log(mine / right)[there], *world.floors["box"])

    flat = posterior.reshape(-1, 157)
    pixel = flat @ world.masks.reshape(157, -1)
    lit = world.masks[y.ravel()].reshape(-1, 64)
    q = np.where(lit == 1, pixel, 1 - pixel)
    assert of_sample(-np.log(q).mean(axis=1), *world.floors["mask"])

    anchor = np.stack([flat[:, world.anchor == a].sum(axis=1) for a in range(52)], axis=1)
    taken = world.anchor[y.ravel()][:, None] == np.arange(52)
    q = np.where(taken, anchor, 1 - anchor)
    assert of_sample(-np.log(q).mean(axis=1), *world.floors["anchor"])


def test_the_chain_rule_holds(world):
    floors = {name: value for name, (value, _) in world.floors.items()}
    parts = floors["objectness"] + world.prior * (floors["class"] + floors["box"])
    assert world.floor == pytest.approx(parts)
    # Independent questions cost more than one question about the whole cell.
    assert 64 * floors["mask"] > world.floor
    assert 52 * floors["anchor"] > floors["objectness"]
    assert world.floors.keys() == {"objectness", "class", "box", "mask", "anchor"}
    for _, se in world.floors.values():
        assert 0 < se < 0.01


def test_block_and_ring_of_three_pixels_differ_in_the_middle_one():
    sigma = 0.8
    world = Scenes(noise=sigma, grid=(1, 1), sizes=(3,), cell=3)
    x, _ = world.sample(4000, np.random.default_rng(3))
    p = world.posterior(x)[:, 0, 0]
    block, ring = p[:, world.kind == 0], p[:, world.kind == 2]
    np.testing.assert_allclose(np.log(block / ring)[:, 0], (x[:, 1, 1] - 0.5) / sigma**2, atol=1e-9)


def test_without_noise_nothing_is_left_to_know():
    world = Scenes(noise=0.05, grid=(1, 1))
    assert world.floor < 1e-6
    assert all(value < 1e-6 for value, _ in world.floors.values())


def test_a_floor_by_quadrature():
    """An object that fills its cell whatever its class: by the mean of its pixels alone."""
    world = Scenes(prior=0.3, noise=1.5, grid=(1, 1), sizes=(3,), cell=3)
    world.masks[1:] = 1.0  # all classes look alike: only objectness is left to know

    def integrand(u):
        p = 0.3 * norm.pdf(u, 9, 1.5 * 3), 0.7 * norm.pdf(u, 0, 1.5 * 3)
        q = p[0] / sum(p)
        return sum(p) * (entr(q) + entr(1 - q))

    exact = quad(integrand, -30, 40)[0]
    x = world.sample(40_000, np.random.default_rng(4))[0]
    there = 1 - world.posterior(x)[:, 0, 0, 0]
    each = entr(there) + entr(1 - there)
    assert of_sample(each, exact, 0)
    assert each.std() > 0.1


def test_pictures_are_cut_and_put_together(world, drawn):
    x, y, _ = drawn
    tiles = world.tiles(x)
    assert tiles.shape == (2000, 3, 3, 8, 8)
    np.testing.assert_array_equal(tiles[0, 1, 2], x[0, 8:16, 16:24])
    np.testing.assert_array_equal(world.assemble(tiles), x)
    np.testing.assert_array_equal(world.tiles(world.mask(y))[3, 2, 0], world.masks[y[3, 2, 0]])


def test_cells_of_other_sizes():
    world = Scenes(prior=0.2, noise=1.0, grid=(2, 5), sizes=(5, 7), cell=9)
    x, y = world.sample(3, np.random.default_rng(0))
    assert x.shape == (3, 18, 45)
    assert world.posterior(x).shape == (3, 2, 5, 1 + 3 * (25 + 9))
    assert (world.mask(y).sum(axis=(1, 2)) > 0).any()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"prior": 0.0}, ValueError, "prior is 0.0"),
        ({"prior": 1}, ValueError, "prior is 1"),
        ({"prior": "half"}, ValueError, "prior is 'half'"),
        ({"noise": 0}, ValueError, "noise is 0"),
        ({"noise": np.inf}, ValueError, "noise is inf"),
        ({"grid": (3,)}, ValueError, r"grid is \(3,\)"),
        ({"grid": (0, 2)}, ValueError, r"grid is \(0, 2\)"),
        ({"grid": (1.0, 2)}, TypeError, "grid holds 1.0"),
        ({"sizes": ()}, ValueError, r"sizes is \(\)"),
        ({"sizes": (3, 3)}, ValueError, "each once"),
        ({"sizes": (4,)}, ValueError, "sizes holds 4"),
        ({"sizes": (1,)}, ValueError, "sizes holds 1"),
        ({"sizes": (9,)}, ValueError, "the cell's 8"),
        ({"sizes": (3.0,)}, TypeError, "sizes holds 3.0"),
        ({"cell": True}, TypeError, "cell holds True"),
        ({"cell": 2}, ValueError, "sizes holds 3"),
    ],
)
def test_wrong_parameters_are_refused(change, error, words):
    with pytest.raises(error, match=words):
        Scenes(**change)


@pytest.mark.parametrize("shape", [(24, 24), (1, 24, 25), (1, 1, 24, 24)])
def test_wrong_pictures_are_refused(world, shape):
    with pytest.raises(ValueError, match=r"x has shape .*expected \(n, 24, 24\)"):
        world.posterior(np.zeros(shape))
    with pytest.raises(ValueError, match="tiles has shape"):
        world.assemble(np.zeros(shape))


def test_wrong_layouts_are_refused(world):
    with pytest.raises(ValueError, match="y holds 157"):
        world.mask(np.full((1, 3, 3), 157))
    with pytest.raises(TypeError, match="y has dtype float64"):
        world.mask(np.zeros((1, 3, 3)))


def test_pictures_that_are_no_numbers_are_refused(world):
    x = np.zeros((2, 24, 24))
    x[1, 3, 4] = np.nan
    with pytest.raises(ValueError, match=r"x\[1, 3, 4\] is nan"):
        world.posterior(x)


def test_sampling_needs_a_generator(world):
    with pytest.raises(TypeError, match="Generator"):
        world.sample(3, 0)
