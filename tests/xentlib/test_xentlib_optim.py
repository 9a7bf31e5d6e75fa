"""Optimisers: PyTorch's and Keras's steps one by one, the schedule, the batches, the errors."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from xentlib.optim import SGD, Adagrad, Adam, AdamW, RMSprop, cosine_schedule, minibatches

SHAPES = [(3, 4), (4,), ()]
STEPS = 50
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")
SETTINGS = [
    (SGD, {}),
    (SGD, {"learning_rate": 0.1}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.7, "nesterov": True}),
    (SGD, {"learning_rate": 0.1, "weight_decay": 0.3}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.3}),
    (Adagrad, {}),
    (Adagrad, {"learning_rate": 0.3, "eps": 0.1, "weight_decay": 0.2}),
    (RMSprop, {}),
    (RMSprop, {"learning_rate": 0.1, "alpha": 0.6, "eps": 0.1}),
    (RMSprop, {"learning_rate": 0.05, "alpha": 0.9, "momentum": 0.8, "weight_decay": 0.2}),
    (Adam, {}),
    (Adam, {"learning_rate": 0.1, "betas": (0.5, 0.8), "eps": 0.1}),
    (Adam, {"learning_rate": 0.1, "weight_decay": 0.3}),
    (AdamW, {}),
    (AdamW, {"learning_rate": 0.1, "betas": (0.5, 0.8), "eps": 0.1, "weight_decay": 0.3}),
]
IDS = [f"{optimizer.__name__}-{i}" for i, (optimizer, _) in enumerate(SETTINGS)]
EVERY = [SGD(0.1, momentum=0.9), Adagrad(0.1), RMSprop(0.1), Adam(0.1), AdamW(0.1)]
each = pytest.mark.parametrize("optimizer", EVERY, ids=lambda o: type(o).__name__)


def problem(seed: int = 0) -> tuple[list, list]:
    """Parameters, and the gradients of STEPS steps."""
    rng = np.random.default_rng(seed)
    params = [np.array(rng.standard_normal(shape)) for shape in SHAPES]
    grads = [[np.array(rng.standard_normal(shape)) for shape in SHAPES] for _ in range(STEPS)]
    return params, grads


@pytest.mark.parametrize(("optimizer", "options"), SETTINGS, ids=IDS)
def test_every_step_is_pytorch_s(optimizer, options):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    params, grads = problem()
    theirs = [torch.tensor(p, requires_grad=True) for p in params]
    renamed = {"lr" if name == "learning_rate" else name: v for name, v in options.items()}
    their_optimizer = getattr(torch.optim, optimizer.__name__)(theirs, **renamed)
    ours = optimizer(**options)
    for step, gradient in enumerate(grads):
        if step == 30:  # as a schedule does
            ours.learning_rate = their_optimizer.param_groups[0]["lr"] = 0.02
        for p, g in zip(theirs, gradient, strict=True):
            p.grad = torch.tensor(g)
        their_optimizer.step()
        ours.update(params, gradient)
        for p, q in zip(params, theirs, strict=True):
            assert_allclose(p, q.detach().numpy(), rtol=1e-12, atol=1e-12)


# Epsilon sits elsewhere in Keras: without it, and with numbers that float32 holds, they agree.
BETAS = 0.875, 0.984375
KERAS = [
    (SGD(0.125), "SGD", {}),
    (SGD(0.125, momentum=0.75), "SGD", {"momentum": 0.75}),
    (SGD(0.125, 0.75, nesterov=True), "SGD", {"momentum": 0.75, "nesterov": True}),
    (Adagrad(0.125, eps=0), "Adagrad", {"epsilon": 0, "initial_accumulator_value": 0}),
    (RMSprop(0.125, 0.9, eps=0), "RMSprop", {"epsilon": 0}),
    (RMSprop(0.125, 0.9, eps=0, momentum=0.5), "RMSprop", {"epsilon": 0, "momentum": 0.5}),
    (
        Adam(0.125, BETAS, eps=0),
        "Adam",
        {"epsilon": 0, "beta_1": BETAS[0], "beta_2": BETAS[1]},
    ),
    (
        AdamW(0.125, BETAS, eps=0, weight_decay=0.25),
        "AdamW",
        {"epsilon": 0, "beta_1": BETAS[0], "beta_2": BETAS[1], "weight_decay": 0.25},
    ),
]


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras", reason="Keras is not installed")


def step_in_keras(keras, optimizer, params, gradients):
    """Yield Keras's parameters after each step."""
    variables = [keras.Variable(p, dtype="float64") for p in params]
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradient], variables)
        yield [keras.ops.convert_to_numpy(v) for v in variables]


@pytest.mark.parametrize(
    ("ours", "name", "options"), KERAS, ids=lambda x: x if isinstance(x, str) else ""
)
def test_every_step_is_keras_s_where_the_settings_mean_the_same(keras, ours, name, options):
    params, grads = problem(1)
    theirs = getattr(keras.optimizers, name)(0.125, **options)
    ours = copy.deepcopy(ours)
    for gradient, expected in zip(
        grads[:20], step_in_keras(keras, theirs, params, grads[:20]), strict=True
    ):
        ours.update(params, gradient)
        for p, q in zip(params, expected, strict=True):
            assert_allclose(p, q, rtol=1e-12, atol=1e-12)


def test_keras_puts_epsilon_elsewhere_and_decays_every_optimiser_apart(keras):
    w, g = np.array([1.0]), np.array([0.5])

    def after_one_step(optimizer):
        return next(step_in_keras(keras, optimizer, [w], [[g]]))[0]

    def ours(optimizer):
        p = w.copy()
        optimizer.update([p], [g])
        return p

    opt, rate = keras.optimizers, 0.125
    theirs = after_one_step(opt.Adagrad(rate, initial_accumulator_value=0, epsilon=0.25))
    assert_allclose(theirs, 1 - rate * 0.5 / np.sqrt(0.25 + 0.25), rtol=1e-7)
    assert_allclose(ours(Adagrad(rate, eps=0.25)), 1 - rate * 0.5 / (0.5 + 0.25))
    theirs = after_one_step(opt.Adam(rate, epsilon=0.25))
    assert_allclose(theirs, 1 - rate * 0.5 / (0.5 + 0.25 / np.sqrt(0.001)), rtol=1e-5)
    assert_allclose(ours(Adam(rate, eps=0.25)), 1 - rate * 0.5 / (0.5 + 0.25))
    theirs = after_one_step(opt.Adam(rate, epsilon=0, weight_decay=0.5))
    assert_allclose(theirs, (1 - rate * 0.5) - rate, rtol=1e-5)
    assert_allclose(ours(Adam(rate, eps=0, weight_decay=0.5)), 1 - rate)


def test_the_defaults_of_keras_are_as_the_module_says(keras):
    opt = keras.optimizers
    rates = [float(o().learning_rate) for o in (opt.SGD, opt.Adagrad, opt.RMSprop, opt.Adam)]
    assert_allclose(rates, [0.01, 0.001, 0.001, 0.001], rtol=1e-6)
    assert {o().epsilon for o in (opt.Adagrad, opt.RMSprop, opt.Adam, opt.AdamW)} == {1e-7}
    assert opt.RMSprop().rho == 0.9
    assert opt.AdamW().weight_decay == 0.004
    assert opt.Adagrad().initial_accumulator_value == 0.1


@each
def test_the_arrays_themselves_change_and_the_gradients_do_not(optimizer):
    optimizer = copy.deepcopy(optimizer)
    params, (gradient, *_) = problem()
    views, before = list(params), copy.deepcopy(params)
    kept = copy.deepcopy(gradient)
    optimizer.update(params, gradient)
    for p, view, old, g, k in zip(params, views, before, gradient, kept, strict=True):
        assert p is view
        assert (p != old).all()
        assert_array_equal(g, k)


@each
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_parameters_and_states_keep_their_dtype(optimizer, dtype):
    optimizer = copy.deepcopy(optimizer)
    w = np.ones(3, dtype)
    for _ in range(3):
        optimizer.update([w], [np.ones(3)])
    assert w.dtype == dtype
    assert {a.dtype for a in optimizer.state[0].values()} <= {np.dtype(dtype)}
    assert (w < 1).all()


@each
def test_a_bowl_is_descended(optimizer):
    optimizer = copy.deepcopy(optimizer)
    w = np.array([3.0, -2.0])
    for step in range(400):
        optimizer.learning_rate = cosine_schedule(step, 400, base=0.3, warmup=10)
        optimizer.update([w], [w * [1.0, 4.0]])
    assert abs(w).max() < 0.05


def test_a_learning_rate_of_zero_stands_still():
    w = np.ones(2)
    SGD(0.0).update([w], [np.ones(2)])
    assert_array_equal(w, 1)


# Errors


W, G = np.ones((2, 3)), np.ones((2, 3))


@pytest.mark.parametrize(
    ("params", "grads", "error", "match"),
    [
        ([W], [G, G], ValueError, r"^params holds 1 arrays but grads holds 2"),
        ([W], [G.T], ValueError, r"^params\[0\] has shape \(2, 3\) but grads\[0\] .*\(3, 2\)"),
        ([W], [G[0]], ValueError, r"^params\[0\] has shape .* one number for each"),
        ([W, W], [G, G * np.nan], ValueError, r"^grads\[1\] holds nan: look for"),
        ([W], [G * [1, 1, -np.inf]], ValueError, r"^grads\[0\] holds -inf"),
        ([W.astype(int)], [G], TypeError, r"^params\[0\] is of type int64; .*dtype=float"),
        ([W], [G.astype(int)], TypeError, r"^grads\[0\] is of type int64"),
        ([W > 0], [G], TypeError, r"^params\[0\] is of type bool"),
        ([[1.0, 2.0]], [G], TypeError, r"^params\[0\] is of type list"),
        ([1.0], [1.0], TypeError, r"^params\[0\] is of type float"),
        ([np.float64(1)], [np.float64(1)], TypeError, r"^params\[0\] cannot be changed in place"),
        ([np.broadcast_to(1.0, (2, 3))], [G], TypeError, r"^params\[0\] cannot be changed"),
        (W, G, TypeError, r"^params is a ndarray; expected a list"),
        ({"w": W}, {"w": G}, TypeError, r"^params is a dict; expected a list"),
        ([W], iter([G]), TypeError, r"^grads is a list_iterator; expected a list"),
    ],
)
def test_arrays_that_do_not_fit(params, grads, error, match):
    optimizer = Adam()
    with pytest.raises(error, match=match):
        optimizer.update(params, grads)
    assert optimizer.steps == 0
    assert_array_equal(W, 1)


def test_an_optimiser_keeps_to_its_parameters():
    optimizer = SGD(0.1, momentum=0.9)
    optimizer.update([np.ones(2)], [np.ones(2)])
    for other in ([np.ones(3)], [np.ones(2), np.ones(2)]):
        with pytest.raises(ValueError, match=r"^params has the shapes .* began with \[\(2,\)\]"):
            optimizer.update(other, other)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: SGD(-0.1), "learning_rate"),
        (lambda: SGD(np.nan), "learning_rate"),
        (lambda: SGD(np.inf), "learning_rate"),
        (lambda: SGD("0.1"), "learning_rate"),
        (lambda: SGD(True), "learning_rate"),
        (lambda: SGD(0.1, momentum=1.0), "momentum"),
        (lambda: SGD(0.1, momentum=-0.5), "momentum"),
        (lambda: SGD(0.1, nesterov=True), "nesterov"),
        (lambda: SGD(0.1, weight_decay=-1), "weight_decay"),
        (lambda: Adagrad(eps=-1), "eps"),
        (lambda: RMSprop(alpha=1.0), "alpha"),
        (lambda: RMSprop(momentum=1.0), "momentum"),
        (lambda: Adam(betas=(0.9, 1.0)), r"betas\[1\]"),
        (lambda: Adam(betas=(0.9,)), "betas"),
        (lambda: AdamW(weight_decay=np.nan), "weight_decay"),
    ],
)
def test_hyper_parameters_out_of_range(make, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        make()


def test_a_learning_rate_that_a_schedule_spoils_is_caught_at_the_step():
    optimizer, w = SGD(0.1), np.ones(2)
    optimizer.learning_rate = np.nan
    with pytest.raises(ValueError, match=r"^learning_rate is nan"):
        optimizer.update([w], [w])
    assert_array_equal(w, 1)


# Schedule


def test_the_cosine_without_warm_up_is_pytorch_s():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20, eta_min=0.05)
    for step in range(21):
        ours = cosine_schedule(step, 20, base=0.3, floor=0.05)
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-14)
        optimizer.step()
        schedule.step()


@given(n=st.integers(1, 200), base=st.floats(1e-6, 10), share=st.floats(0, 1), low=st.floats(0, 1))
def test_a_schedule_climbs_evenly_to_the_base_and_falls_to_the_floor(n, base, share, low):
    warmup, floor = int(share * (n - 1)), low * base
    rates = np.array(
        [cosine_schedule(t, n, base=base, warmup=warmup, floor=floor) for t in range(n + 1)]
    )
    assert rates[warmup] == pytest.approx(base, rel=1e-12)
    assert rates[-1] == pytest.approx(floor, abs=1e-12 * base)
    climb = np.diff(rates[: warmup + 1], prepend=0.0)  # the first step is as high as the others
    assert_allclose(climb, base / (warmup + 1), rtol=1e-9)
    assert (np.diff(rates[warmup:]) <= 1e-12 * base).all()
    middle = (n + warmup) / 2
    if middle == int(middle) and middle > warmup:
        assert rates[int(middle)] == pytest.approx((base + floor) / 2, rel=1e-9)


@pytest.mark.parametrize(
    ("step", "n_steps", "options", "error", "match"),
    [
        (-1, 10, {}, ValueError, r"^step is -1; expected an integer from 0 to 10"),
        (11, 10, {}, ValueError, r"^step is 11"),
        (0, 0, {}, ValueError, r"^n_steps is 0"),
        (1.5, 10, {}, TypeError, r"^step is 1.5; expected an integer"),
        (0, 10, {"warmup": 10}, ValueError, r"^warmup is 10; expected an integer from 0 to 9"),
        (0, 10, {"warmup": -1}, ValueError, r"^warmup is -1"),
        (0, 10, {"floor": 2.0}, ValueError, r"^floor is 2.0 but base is 1"),
        (0, 10, {"base": np.nan}, ValueError, r"^base is nan"),
    ],
)
def test_schedules_out_of_range(step, n_steps, options, error, match):
    with pytest.raises(error, match=match):
        cosine_schedule(step, n_steps, **{"base": 1.0} | options)


# Batches


@given(n=st.integers(1, 60), batch_size=st.integers(1, 70), seed=st.integers(0, 9))
def test_an_epoch_visits_every_example_once(n, batch_size, seed):
    batches = list(minibatches(n, batch_size, np.random.default_rng(seed)))
    assert_array_equal(np.sort(np.concatenate(batches)), np.arange(n))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert 1 <= len(batches[-1]) <= batch_size


def test_epochs_differ_and_can_be_drawn_again():
    rng = np.random.default_rng(3)
    first, second = (np.concatenate(list(minibatches(50, 8, rng))) for _ in range(2))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, np.arange(50))
    again = np.concatenate(list(minibatches(50, 8, np.random.default_rng(3))))
    assert_array_equal(first, again)


def test_batches_out_of_range_are_refused_at_the_call():
    rng = np.random.default_rng(0)
    for n, batch_size, name in ((0, 2, "n"), (5, 0, "batch_size")):
        with pytest.raises(ValueError, match=f"^{name} is 0; expected an integer from 1"):
            minibatches(n, batch_size, rng)
    with pytest.raises(TypeError, match=r"^batch_size is 2.5"):
        minibatches(5, 2.5, rng)
    with pytest.raises(TypeError, match=r"^rng is 0; expected a Generator"):
        minibatches(5, 2, 0)
