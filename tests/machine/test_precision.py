import numpy as np
import pytest
import torch
import torch.nn.functional as F

from btsr_core.config import experiment
from btsr_core.experiment import prepare
from btsr_core.losses import cross_entropy as chunks
from btsr_core.losses.barlow_twins import barlow_twins, cross_correlation
from btsr_core.losses.cross_entropy import cross_entropy
from btsr_core.losses.info_nce import info_nce, negative_contrast
from btsr_core.losses.objectives import batch_loss
from btsr_core.losses.vicreg import vicreg
from btsr_core.machine.precision import in_full_precision, product_dtype
from btsr_core.model.dropout import dropout
from btsr_core.sequences.histories import PackedSequences
from btsr_core.sequences.sampler import epoch_batches, generator, index_by_target
from btsr_core.settings import OBJECTIVES, REGULARISERS
from btsr_core.training import train
from btsr_core.training.importance import item_importance
from btsr_core.training.train import build_model, fit

CPU = torch.device("cpu")
EPS = torch.finfo(torch.bfloat16).eps  # 2^-7: a product is off by half of it at most


def mixed(on=True):
    return torch.autocast("cpu", torch.bfloat16, enabled=on)


@pytest.fixture(scope="module")
def split(tiny):
    return prepare(tiny.data).split


def described(tiny, **settings):
    flat = {k: v for section in tiny.model_dump().values() for k, v in section.items()}
    return experiment(**flat | {"objective": "ce", "regulariser": "none"} | settings)


def distance(found, expected):
    """Length of the difference beside the length of what is expected."""
    return (found.double() - expected.double()).norm() / expected.double().norm()


def test_products_have_the_type_that_autocast_asks_for():
    single, double = torch.ones(1), torch.ones(1, dtype=torch.float64)
    assert product_dtype(single) == torch.float32
    with mixed():
        assert product_dtype(single) == torch.bfloat16
        assert product_dtype(double) == torch.float64
        with mixed(False):
            assert product_dtype(single) == torch.float32


def test_full_precision_is_full_inside_and_nowhere_else():
    product = in_full_precision(lambda a, b: a @ b)
    a, b = torch.randn(4, 5), torch.randn(5, 3)
    with mixed():
        assert distance(product(a, b), a.double() @ b.double()) < 1e-6
        assert (a @ b).dtype == torch.bfloat16


@pytest.mark.parametrize(
    "loss",
    [
        cross_correlation,
        lambda a, b: barlow_twins(a, b, 0.1, "sum"),
        lambda a, b: vicreg(a, b, invariance=25, variance=25, covariance=1),
        lambda a, b: info_nce(a, b, 0.5),
        lambda a, b: negative_contrast(a, b, 0.5),
    ],
)
def test_losses_between_views_are_the_same_bit_for_bit(loss):
    torch.manual_seed(0)
    found = []
    z_a, z_b = torch.randn(2, 16, 8)
    for on in (False, True):
        views = z_a.clone().requires_grad_(), z_b.clone().requires_grad_()
        with mixed(on):
            value = loss(*views)
        found.append([value, *torch.autograd.grad(value.sum(), views)])
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_chunks_of_cross_entropy_add_up_in_full(monkeypatch, rows):
    """Sums in half the bits would stand still long before a thousand chunks are added."""
    monkeypatch.setattr(chunks, "CHUNK_LOGITS", {"cpu": 1})
    monkeypatch.setattr(chunks, "CHUNK_ROWS", rows)
    torch.manual_seed(0)
    hidden = (torch.randn(1000, 16) + 1).requires_grad_()
    table = torch.randn(30, 16, requires_grad=True)
    targets = torch.randint(30, (1000,))
    with mixed():
        loss = cross_entropy(hidden, table, targets)
    (3 * loss).backward()
    assert loss.dtype == hidden.grad.dtype == table.grad.dtype == torch.float32
    wide = [t.detach().double().requires_grad_() for t in (hidden, table)]
    expected = F.cross_entropy(wide[0] @ wide[1].T, targets)
    (3 * expected).backward()
    assert 0 < abs(loss.item() / expected.item() - 1) < EPS / 4
    for found, oracle in zip((hidden, table), wide, strict=True):
        assert 0 < distance(found.grad, oracle.grad) < EPS


def test_cross_entropy_of_large_scores_is_finite():
    table = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    with mixed():
        loss = cross_entropy(torch.ones(1, 1), table, torch.tensor([1]))
    loss.backward()
    assert loss.item() == pytest.approx(2e4, rel=EPS)
    assert torch.isfinite(table.grad).all()


def test_dropout_keeps_the_type():
    x = torch.ones(1000, dtype=torch.bfloat16, requires_grad=True)
    torch.manual_seed(0)
    found = dropout(x, 0.3)
    torch.manual_seed(0)
    expected = dropout(torch.ones(1000), 0.3)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, rtol=EPS, atol=0)
    found.sum().backward()
    torch.testing.assert_close(x.grad, found.detach())


def losses_and_gradients(config, split, *, on):
    """Return what one batch gives, from weights large enough to tell items apart."""
    model = build_model(config, split.n_items, CPU).train()
    stream = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=stream))
    store = PackedSequences.pack(split.train, split.n_items, CPU)
    importance = item_importance(model, store, 6) if config.loss.update_epochs else None
    batch = next(iter(epoch_batches(index_by_target(store), 64, 6, seed=0, epoch=0)))
    torch.manual_seed(0)
    streams = generator(CPU, 0), generator(CPU, 1)
    with mixed(on):
        loss = batch_loss(model, store, batch, config.loss, *streams, importance)
    loss.total.backward()
    return loss, {name: weight.grad for name, weight in model.named_parameters()}


PAIRS = [
    *({"objective": name, "alpha": 0.0} for name in OBJECTIVES),
    {"objective": "bce", "n_negatives": 64},
    *({"objective": name, "regulariser": "barlow-twins"} for name in OBJECTIVES),
    *({"regulariser": name} for name in REGULARISERS if name not in ("none", "barlow-twins")),
    {"regulariser": "barlow-twins", "projection_dim": 16},
    {"regulariser": "vicreg", "projection_dim": 16, "view": "mask"},
    {"regulariser": "barlow-twins", "n_heads": 2, "dropout": 0.0},
]


@pytest.mark.parametrize("settings", PAIRS, ids=str)
def test_losses_and_gradients_are_those_of_single_precision(tiny, split, settings):
    config = described(tiny, dim=32, n_blocks=2, **settings)
    (loss, gradients), (single, expected) = (
        losses_and_gradients(config, split, on=on) for on in (True, False)
    )
    assert loss.prediction.dtype == loss.total.dtype == torch.float32
    assert loss.prediction.item() == pytest.approx(single.prediction.item(), rel=EPS / 4)
    if single.regulariser is not None:
        assert loss.regulariser.item() == pytest.approx(single.regulariser.item(), rel=EPS / 4)
    whole, expected_whole = (
        torch.cat([g.flatten() for g in x.values()]) for x in (gradients, expected)
    )
    assert EPS / 8 < distance(whole, expected_whole) < 8 * EPS
    for name, gradient in gradients.items():  # where terms cancel, rounding weighs more
        assert gradient.dtype == torch.float32
        allowed = 0.25 * expected[name].norm() + 1e-4 * expected_whole.norm()
        assert (gradient - expected[name]).norm() < allowed, name


def losses_of(config, split):
    model, progress = fit(config, split, device=CPU, show_progress=False)
    return model, [record["loss_prediction"] for record in progress.history]


@pytest.mark.parametrize("regulariser", ["none", "barlow-twins"])
def test_half_precision_learns_as_single_does(tiny, split, regulariser):
    config = described(tiny, regulariser=regulariser, max_epochs=12, patience=12)
    _, single = losses_of(config, split)
    half = described(
        tiny, regulariser=regulariser, max_epochs=12, patience=12, precision="bfloat16"
    )
    model, losses = losses_of(half, split)
    assert losses != single
    assert single[-1] < 0.9 * single[0]
    np.testing.assert_allclose(losses, single, rtol=0.02)
    assert {weight.dtype for weight in model.state_dict().values()} == {torch.float32}
    again, repeated = losses_of(half, split)
    assert repeated == losses
    assert all(map(torch.equal, model.state_dict().values(), again.state_dict().values()))


def test_only_the_steps_of_training_are_in_half_precision(tiny, split, monkeypatch):
    seen = {name: [] for name in ("batch_loss", "item_importance", "evaluate_model")}
    steps = []

    def spy(name):
        real = getattr(train, name)

        def spied(*args, **options):
            seen[name].append(torch.is_autocast_enabled("cpu"))
            return real(*args, **options)

        monkeypatch.setattr(train, name, spied)

    for name in seen:
        spy(name)
    real_step = torch.optim.Adam.step

    def step(adam, *args, **options):
        out = real_step(adam, *args, **options)
        state = [t for one in adam.state.values() for t in one.values()]
        steps.append({t.dtype for t in state} | {torch.is_autocast_enabled("cpu")})
        return out

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    for precision, on in (("bfloat16", True), ("float32", False)):
        config = described(
            tiny, regulariser="ec4srec", update_epochs=(1,), max_epochs=2, precision=precision
        )
        fit(config, split, device=CPU, show_progress=False)
        assert set(seen["batch_loss"]) == {on}
        assert set(seen["item_importance"] + seen["evaluate_model"]) == {False}
        assert all(step == {torch.float32, False} for step in steps)
        for calls in (*seen.values(), steps):
            assert calls
            calls.clear()
