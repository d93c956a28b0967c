"""What a GPU must give: what the CPU gives, up to rounding. Skipped where there is none."""

import numpy as np
import pytest
import torch

from btsr_core.config import experiment
from btsr_core.evaluation.evaluate import evaluate_model, rank
from btsr_core.evaluation.scorers import EmbeddingScorer, encode
from btsr_core.experiment import prepare, run_experiment
from btsr_core.losses.barlow_twins import barlow_twins
from btsr_core.losses.cross_entropy import cross_entropy
from btsr_core.losses.info_nce import info_nce
from btsr_core.losses.objectives import batch_loss
from btsr_core.losses.vicreg import vicreg
from btsr_core.sequences.histories import PackedSequences
from btsr_core.sequences.sampler import draw_negatives, epoch_batches, generator, index_by_target
from btsr_core.settings import OBJECTIVES, REGULARISERS
from btsr_core.study.measure import measure_run
from btsr_core.training import train
from btsr_core.training.train import build_model, fit

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")

GPU, CPU = torch.device("cuda"), torch.device("cpu")


def made_for(tiny, **settings):
    flat = {k: v for section in tiny.model_dump().values() for k, v in section.items()}
    chosen = {"objective": "ce", "regulariser": "barlow-twins", "max_epochs": 2}
    return experiment(**flat | chosen | settings)


@pytest.fixture(scope="module")
def data(tiny):
    return prepare(tiny.data)


def test_weights_begin_alike(tiny, data):
    here, there = (build_model(tiny, data.split.n_items, d).state_dict() for d in (CPU, GPU))
    for name, weight in here.items():
        assert there[name].is_cuda
        assert torch.equal(weight, there[name].cpu()), name


def test_outputs_are_alike(tiny, data):
    split = data.split
    found = []
    for device in (CPU, GPU):
        model = build_model(tiny, split.n_items, device).eval()
        histories = PackedSequences.pack(split.held_out["full"].test.inputs, split.n_items, device)
        with torch.inference_mode():
            found.append(encode(model, histories, tiny.model.max_len).cpu())
    torch.testing.assert_close(found[1], found[0], atol=1e-5, rtol=1e-4)


def gradients(loss, *tensors):
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    value = loss(*leaves)
    return [value.detach().cpu(), *(g.cpu() for g in torch.autograd.grad(value, leaves))]


@pytest.mark.parametrize(
    "loss",
    [
        lambda a, b: barlow_twins(a, b, 0.1, "per-dimension"),
        lambda a, b: barlow_twins(a, b, 0.1, "sum"),
        lambda a, b: vicreg(a, b, invariance=25.0, variance=25.0, covariance=1.0),
        lambda a, b: info_nce(a, b, 1.0),
        lambda a, b: cross_entropy(a, b, torch.arange(len(a), device=a.device)),
    ],
    ids=["barlow-twins", "barlow-twins-sum", "vicreg", "info-nce", "cross-entropy"],
)
@pytest.mark.parametrize("size", [1, 2, 300])
def test_losses_and_gradients_are_alike(loss, size):
    made = generator(CPU, "views", size)
    a, b = (torch.randn(size, 32, generator=made) for _ in range(2))
    here, there = gradients(loss, a, b), gradients(loss, a.to(GPU), b.to(GPU))
    for ours, theirs in zip(here, there, strict=True):
        torch.testing.assert_close(theirs, ours, atol=2e-5, rtol=2e-4)


def test_a_large_cross_entropy_is_alike():
    """Many chunks on the CPU, few on the GPU."""
    made = generator(CPU, "large")
    hidden = torch.randn(2_000, 64, generator=made)
    table = torch.randn(30_000, 64, generator=made) / 8
    targets = torch.randint(30_000, (2_000,), generator=made)
    here = gradients(lambda h, t: cross_entropy(h, t, targets), hidden, table)
    there = gradients(
        lambda h, t: cross_entropy(h, t, targets.to(GPU)), hidden.to(GPU), table.to(GPU)
    )
    for ours, theirs in zip(here, there, strict=True):
        torch.testing.assert_close(theirs, ours, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("n_items", [None, 150_000])
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_ranks_and_lists_are_the_same(data, n_items, exclude_seen):
    """True scores are taken in double precision and rounded: they decide, and equally."""
    tested = data.split.held_out["full"].test
    n_items = n_items or data.split.n_items
    made = generator(CPU, "scores", n_items)
    users, items = (torch.randn(n, 64, generator=made) for n in (len(tested), n_items))
    items[1::2] = items[::2][: n_items // 2]  # ties
    here, there = (
        rank(
            EmbeddingScorer(users.to(device), items.to(device)),
            tested,
            exclude_seen=exclude_seen,
            device=device,
        )
        for device in (CPU, GPU)
    )
    np.testing.assert_array_equal(here.ranks, there.ranks)
    np.testing.assert_array_equal(here.top_items, there.top_items)


def test_partners_share_their_target_and_negatives_avoid_it(data):
    split = data.split
    train_set = index_by_target(PackedSequences.pack(split.train, split.n_items, GPU))
    sequences = train_set.sequences
    last = sequences.item_ids[sequences.ends - 1]
    for batch in epoch_batches(train_set, 16, 6, seed=0, epoch=0):
        assert batch.partner_order.is_cuda
        partners = batch.partners.rows[batch.partner_order]
        assert torch.equal(last[batch.anchors.rows], last[partners])
        shared = train_set.same_target_count[batch.anchors.rows] > 1
        assert torch.equal(batch.anchors.rows != partners, shared)
    negatives = draw_negatives(last, split.n_items, 50, generator(GPU, "negatives"))
    assert not (negatives == last[:, None]).any()
    assert 0 <= int(negatives.min()) <= int(negatives.max()) < split.n_items


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("regulariser", REGULARISERS)
def test_every_loss_trains(tiny, data, objective, regulariser):
    own = {"update_epochs": (1,)} if regulariser == "ec4srec" else {}
    chosen = {"objective": objective, "regulariser": regulariser, "alpha": 0.3, **own}
    described = made_for(tiny, max_epochs=4, **chosen)
    model, progress = fit(described, data.split, device=GPU, show_progress=False)
    assert model.item_table.is_cuda
    assert len(progress.history) == 4
    losses = [record["loss_prediction"] for record in progress.history]
    assert losses[-1] < losses[0]


def test_losses_of_an_epoch_come_close_to_the_cpu(tiny, data):
    """The streams of a GPU are its own, so batches differ; what is learnt is the same."""
    described = made_for(tiny, max_epochs=4, alpha=0.3)
    here, there = (
        fit(described, data.split, device=device, show_progress=False)[1].history[-1]
        for device in (CPU, GPU)
    )
    assert there["loss_prediction"] == pytest.approx(here["loss_prediction"], rel=0.1)
    assert there["loss_regulariser"] == pytest.approx(here["loss_regulariser"], rel=0.2)


def test_bfloat16_comes_close(tiny, data):
    losses = []
    for precision in ("float32", "bfloat16"):
        described = made_for(tiny, precision=precision, max_epochs=4)
        history = fit(described, data.split, device=GPU, show_progress=False)[1].history
        losses.append(history[-1]["loss_prediction"])
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_a_run_goes_on_from_its_checkpoint(tiny, data, tmp_path, monkeypatch):
    described = made_for(tiny, max_epochs=4)
    _, whole = fit(described, data.split, device=GPU, show_progress=False)
    monkeypatch.setattr(train, "CHECKPOINT_SECONDS", 0.0)
    path = tmp_path / "checkpoint.safetensors"
    begun = made_for(tiny, max_epochs=2)
    fit(begun, data.split, device=GPU, show_progress=False, checkpoint=path)
    _, resumed = fit(described, data.split, device=GPU, show_progress=False, checkpoint=path)
    assert [r["epoch"] for r in resumed.history] == [r["epoch"] for r in whole.history]
    first, last = resumed.history[0], resumed.history[-1]
    assert last["loss_prediction"] < first["loss_prediction"]
    # Sums on a GPU are in no fixed order, so not bit for bit.
    assert last["loss_prediction"] == pytest.approx(whole.history[-1]["loss_prediction"], rel=1e-2)


def test_a_run_is_kept_for_any_machine(tiny, data, tmp_path):
    run = run_experiment(made_for(tiny), runs=tmp_path, device=GPU, progress=False)
    assert run.provenance["device"] == torch.cuda.get_device_name()
    model = run.model()
    assert not model.item_table.is_cuda
    ranking = evaluate_model(model, data.split.held_out["full"].test, tiny.model.max_len)
    told = run.metrics("test", "full")
    assert ranking.metrics()["ndcg@10"] == pytest.approx(told["ndcg@10"], abs=1e-3)
    record = measure_run(run, data)
    assert record.value("ndcg@10", "full") == pytest.approx(told["ndcg@10"], abs=1e-3)


def test_other_random_numbers_are_left_alone(tiny, data):
    torch.manual_seed(7)
    here, there = torch.rand(3), torch.rand(3, device=GPU)
    torch.manual_seed(7)
    described = made_for(tiny, max_epochs=1)
    fit(described, data.split, device=GPU, show_progress=False)
    assert torch.equal(torch.rand(3), here)
    assert torch.equal(torch.rand(3, device=GPU), there)


def test_a_batch_of_one(tiny, data):
    described = made_for(tiny, batch_size=1, max_epochs=1)
    model = build_model(described, data.split.n_items, GPU)
    train_set = index_by_target(PackedSequences.pack(data.split.train, data.split.n_items, GPU))
    batch = next(epoch_batches(train_set, 1, 6, 0, 0))
    streams = [generator(GPU, name) for name in ("objective", "views")]
    loss = batch_loss(model, train_set.sequences, batch, described.loss, *streams)
    loss.total.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
