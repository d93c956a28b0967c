import dataclasses
import math

import numpy as np
import pytest
import torch
from handmade import histories_of

from btsr_core.config import experiment
from btsr_core.data.protocol import EvalSet, HeldOut, Sequences, split_interactions
from btsr_core.errors import InputError
from btsr_core.experiment import load_data, prepare
from btsr_core.losses.barlow_twins import barlow_twins
from btsr_core.losses.objectives import batch_loss
from btsr_core.sequences.histories import PackedSequences
from btsr_core.sequences.sampler import epoch_batches, generator, index_by_target
from btsr_core.settings import OBJECTIVES, REGULARISERS
from btsr_core.training import train
from btsr_core.training.checkpoint import (
    DIVERGED,
    DivergedError,
    load_checkpoint,
    load_state,
    save_state,
)
from btsr_core.training.importance import item_importance
from btsr_core.training.train import build_model, fit

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def split(tiny):
    return prepare(tiny.data).split


def with_settings(tiny, **settings):
    flat = {k: v for section in tiny.model_dump().values() for k, v in section.items()}
    return experiment(**flat | {"objective": "ce", "regulariser": "barlow-twins"} | settings)


def trained(described, split, **options):
    model, progress = fit(described, split, device=CPU, show_progress=False, **options)
    records = [{k: v for k, v in r.items() if k != "seconds"} for r in progress.history]
    return model.state_dict(), records, progress


def assert_same(left, right):
    (weights, records, _), (others, other_records, _) = left, right
    assert records == other_records
    assert weights.keys() == others.keys()
    for name, weight in weights.items():
        assert torch.equal(weight, others[name]), name


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("regulariser", REGULARISERS)
def test_one_seed_gives_one_model(tiny, split, regulariser, objective):
    own = {"update_epochs": (1,)} if regulariser == "ec4srec" else {}
    described = with_settings(
        tiny, alpha=0.3, objective=objective, regulariser=regulariser, max_epochs=2, **own
    )
    torch.manual_seed(1)
    first = trained(described, split)
    torch.manual_seed(2)  # whatever the caller's generator holds
    assert_same(first, trained(described, split))
    weights, records, _ = first
    assert all(torch.isfinite(weight).all() for weight in weights.values())
    for record in records:
        waits = own and record["epoch"] == 1
        assert ("loss_regulariser" in record) == (regulariser != "none" and not waits)
        assert record.get("loss_regulariser", 1.0) > 0


@pytest.mark.parametrize("regulariser", ["barlow-twins", "vicreg"])
def test_every_view_trains_another_model(tiny, split, regulariser):
    losses = set()
    for view in ("partner", "dropout", "crop", "mask", "reorder", "substitute"):
        described = with_settings(tiny, regulariser=regulariser, view=view, max_epochs=1)
        losses.add(trained(described, split)[1][0]["loss_regulariser"])
    assert len(losses) == 6
    assert all(map(math.isfinite, losses))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"lam": 0.3}, "SASRec-CE + barlow-twins (alpha 0.2, lam 0.3), seed 0"),
        ({"regulariser": "duorec", "objective": "sce"}, "SASRec-SCE + duorec (alpha 0.2), seed 0"),
        ({"alpha": 0.0, "view": "crop"}, "SASRec-CE, seed 0"),
    ],
)
def test_the_label_names_the_regulariser_and_what_was_changed(settings, said):
    assert train.describe(experiment(**settings)) == said


@pytest.mark.parametrize("regulariser", ["barlow-twins", "vicreg"])
def test_a_projection_head_trains_and_is_no_part_of_prediction(tiny, split, regulariser):
    described = with_settings(tiny, regulariser=regulariser, projection_dim=5, max_epochs=1)
    weights, records, _ = trained(described, split)
    untrained = build_model(described, split.n_items, CPU).state_dict()
    for name, weight in weights.items():
        assert not torch.equal(weight, untrained[name]), name
    assert records[0]["loss_regulariser"] > 0


def test_a_head_gives_finite_gradients_to_a_batch_of_one(tiny, split):
    for regulariser in ("barlow-twins", "vicreg"):
        described = with_settings(
            tiny, regulariser=regulariser, projection_dim=5, batch_size=1, max_epochs=1
        )
        weights, _, _ = trained(described, split)
        assert all(torch.isfinite(weight).all() for weight in weights.values())


def test_before_its_first_explanation_ec4srec_is_the_objective_alone(tiny, split):
    plain = trained(with_settings(tiny, regulariser="none"), split)
    waiting = trained(with_settings(tiny, regulariser="ec4srec"), split)
    mask = waiting[0].pop("mask_embedding.weight")
    assert mask.shape == (1, tiny.model.dim)
    assert_same(plain, waiting)
    assert waiting[2].importance is None


def test_importance_is_computed_at_the_epochs_asked_for_and_kept_between(tiny, split, monkeypatch):
    explained, used = [], []
    real, real_epoch = train.item_importance, train.train_epoch

    def counted(*args):
        explained.append(real(*args))
        return explained[-1]

    def seen(*args, importance, **others):
        used.append(importance)
        return real_epoch(*args, importance=importance, **others)

    monkeypatch.setattr(train, "item_importance", counted)
    monkeypatch.setattr(train, "train_epoch", seen)
    described = with_settings(tiny, regulariser="ec4srec", update_epochs=(1, 3))
    _, records, progress = trained(described, split)
    assert len(explained) == 2
    assert not torch.equal(*explained)
    assert [next((i for i, e in enumerate(explained) if e is u), None) for u in used] == [
        None, 0, 0, 1,
    ]  # fmt: skip
    assert progress.importance is explained[1]
    assert ["loss_regulariser" in record for record in records] == [False, True, True, True]


@pytest.mark.parametrize("batch_size", [1, 16])
def test_ec4srec_trains_a_model_of_its_own(tiny, split, batch_size):
    common = {"max_epochs": 2, "batch_size": batch_size, "dropout": 0.0}
    plain, _, _ = trained(with_settings(tiny, regulariser="none", **common), split)
    described = with_settings(tiny, regulariser="ec4srec", update_epochs=(1,), **common)
    weights, _, _ = trained(described, split)
    assert all(torch.isfinite(weight).all() for weight in weights.values())
    # A batch of one has nothing to contrast, and without dropout further passes draw nothing.
    same = all(torch.equal(weights[name], weight) for name, weight in plain.items())
    assert same == (batch_size == 1)


def test_another_seed_gives_another(tiny, split):
    one, other = (trained(with_settings(tiny, seed=seed), split)[1] for seed in (0, 1))
    assert one != other


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_alpha_zero_is_the_objective_alone(tiny, split, objective):
    common = {"objective": objective, "max_epochs": 2}
    plain = trained(with_settings(tiny, regulariser="none", **common), split)
    for regulariser in REGULARISERS:
        zero = with_settings(tiny, alpha=0.0, regulariser=regulariser, **common)
        assert_same(plain, trained(zero, split))


def test_every_epoch_of_every_seed_has_streams_of_its_own(tiny, split, monkeypatch):
    keys = []
    monkeypatch.setattr(
        train, "generator", lambda device, *key: keys.append(key) or generator(device, *key)
    )
    for seed in (0, 1):
        trained(with_settings(tiny, seed=seed, max_epochs=2), split)
    names = ("objective", "views")
    assert keys == [(seed, n, epoch) for seed in (0, 1) for epoch in (0, 1) for n in names]


@pytest.mark.parametrize(
    "own", [{"regulariser": "cl4srec", "mask": 0.9}, {"regulariser": "ec4srec"}]
)
def test_training_leaves_the_sequences_alone(tiny, split, own):
    """Augmentations written through a view of the training tensor would decay it over epochs."""
    described = with_settings(tiny, **own)
    model = build_model(described, split.n_items, CPU)
    train_set = index_by_target(PackedSequences.pack(split.train, split.n_items, CPU))
    before = train_set.sequences.item_ids.clone()
    importance = item_importance(model, train_set.sequences, tiny.model.max_len)
    adam = torch.optim.Adam(model.parameters())
    for epoch in range(2):
        train.train_epoch(model, adam, train_set, described, epoch, importance=importance)
        assert torch.equal(train_set.sequences.item_ids, before)


def test_training_leaves_the_global_generator_alone(tiny, split):
    state = torch.get_rng_state()
    trained(tiny, split)
    assert torch.equal(torch.get_rng_state(), state)


class Killed(BaseException):
    """Stands for a signal that nothing catches."""


@pytest.mark.parametrize(
    ("epochs", "settings"),
    [
        (1, {}),
        (2, {}),
        (3, {}),
        (2, {"regulariser": "cl4srec"}),
        (2, {"regulariser": "vicreg", "projection_dim": 5}),
        *((n, {"regulariser": "ec4srec", "update_epochs": (1, 3)}) for n in (1, 2, 3)),
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one(
    tiny, split, tmp_path, monkeypatch, epochs, settings
):
    described = with_settings(tiny, **settings)
    whole = trained(described, split)
    monkeypatch.setattr(train, "CHECKPOINT_SECONDS", 0.0)
    file = tmp_path / "checkpoint.safetensors"
    real = train.train_epoch

    def killed(model, adam, train_set, experiment, epoch, **options):
        if epoch == epochs:
            raise Killed
        return real(model, adam, train_set, experiment, epoch, **options)

    monkeypatch.setattr(train, "train_epoch", killed)
    with pytest.raises(Killed):
        trained(described, split, checkpoint=file)
    trained_epochs = []

    def counted(model, adam, train_set, experiment, epoch, **options):
        trained_epochs.append(epoch)
        return real(model, adam, train_set, experiment, epoch, **options)

    monkeypatch.setattr(train, "train_epoch", counted)
    assert_same(whole, trained(described, split, checkpoint=file))
    assert trained_epochs == list(range(epochs, tiny.train.max_epochs))


@pytest.fixture
def begun(tiny, split, tmp_path, monkeypatch):
    """The checkpoint of a training that was killed after two epochs."""
    file = tmp_path / "checkpoint.safetensors"
    real = train.train_epoch

    def killed(model, adam, train_set, experiment, epoch, **options):
        if epoch == 2:
            raise Killed
        return real(model, adam, train_set, experiment, epoch, **options)

    with monkeypatch.context() as patch:
        patch.setattr(train, "CHECKPOINT_SECONDS", 0.0)
        patch.setattr(train, "train_epoch", killed)
        with pytest.raises(Killed):
            trained(tiny, split, checkpoint=file)
    return file


@pytest.fixture(scope="module")
def whole(tiny, split):
    """What comes out of an uninterrupted training."""
    return trained(tiny, split)


def fresh(described, split):
    model = build_model(described, split.n_items, CPU)
    return model, torch.optim.Adam(model.parameters())


def test_a_run_goes_on_with_the_threads_it_began_with(tiny, split, begun, monkeypatch):
    said, tensors = load_state(begun)
    threads = torch.get_num_threads()
    save_state(begun, tensors, said | {"threads": threads + 1})
    used = []
    real = train.train_epoch
    monkeypatch.setattr(
        train, "train_epoch", lambda *a, **o: used.append(torch.get_num_threads()) or real(*a, **o)
    )
    trained(tiny, split, checkpoint=begun)
    assert used == [threads + 1] * (tiny.train.max_epochs - 2)
    assert torch.get_num_threads() == threads


def without(prefix):
    def change(file):
        said, tensors = load_state(file)
        kept = {name: t for name, t in tensors.items() if not name.startswith(prefix)}
        save_state(file, kept, said)

    return change


def of_another(file):
    said, tensors = load_state(file)
    said["experiment"]["loss"]["alpha"] = 0.123
    save_state(file, tensors, said)


def a_folder(file):
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("adam/"), "optimiser"),
        (without("best/"), "lacks a part"),
        (of_another, "another training"),
        (a_folder, "damaged"),
        (lambda file: file.write_bytes(b""), "damaged"),
        (lambda file: file.write_bytes(b"half a file"), "damaged"),
        (lambda file: file.write_bytes(file.read_bytes()[:-100]), "damaged"),
    ],
)
def test_what_cannot_be_resumed_begins_anew_and_says_so(
    tiny, split, begun, whole, capsys, monkeypatch, change, said
):
    change(begun)
    epochs = []
    real = train.train_epoch
    monkeypatch.setattr(train, "train_epoch", lambda *a, **o: epochs.append(a[4]) or real(*a, **o))
    again = trained(tiny, split, checkpoint=begun)
    assert epochs == list(range(tiny.train.max_epochs))
    line = capsys.readouterr().err.strip()
    assert said in line
    assert str(begun) in line
    assert "begins anew" in line
    assert "\n" not in line
    assert_same(whole, again)


def test_every_flipped_bit_of_a_checkpoint_is_found(tiny, split, begun):
    model, adam = fresh(tiny, split)
    content = begun.read_bytes()
    rng = np.random.default_rng(0)
    header = 8 + int.from_bytes(content[:8], "little")
    places = [*range(8), *rng.integers(8, header, 40), *rng.integers(header, len(content), 100)]
    before = {name: t.clone() for name, t in model.state_dict().items()}
    for place in places:
        altered = bytearray(content)
        altered[place] ^= 1 << int(rng.integers(8))
        begun.write_bytes(altered)
        with pytest.raises(InputError, match="damaged"):
            load_checkpoint(begun, model, adam, tiny)
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    assert not adam.state


def test_a_checkpoint_of_another_shape_is_named(tiny, split, begun):
    other = with_settings(tiny, dim=16)
    with pytest.raises(InputError, match="another training"):
        load_checkpoint(begun, *fresh(other, split), other)


def test_no_room_for_a_checkpoint_is_no_damage(tiny, split, begun, monkeypatch):
    def full(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr("btsr_core.training.checkpoint._sum", full)
    with pytest.raises(MemoryError):
        load_checkpoint(begun, *fresh(tiny, split), tiny)


def test_early_stopping_keeps_the_best_epoch(tiny, split, monkeypatch):
    scores = iter([0.1, 0.5, 0.5, 0.3, 0.2, 0.9])
    weights = []
    real = train.evaluate_model

    def scripted(model, *args, **kwargs):
        weights.append({n: t.clone() for n, t in model.state_dict().items()})
        ranking = real(model, *args, **kwargs)
        values = {**ranking.metrics(), "ndcg@10": next(scores)}
        return dataclasses.make_dataclass("Scripted", [], namespace={"metrics": lambda _: values})()

    monkeypatch.setattr(train, "evaluate_model", scripted)
    described = with_settings(tiny, max_epochs=50, patience=3)
    kept, records, progress = trained(described, split)
    assert (progress.best_epoch, len(records)) == (2, 5)  # the tie at epoch 3 is no improvement
    assert all(torch.equal(kept[name], weights[1][name]) for name in kept)


def test_a_diverging_loss_is_an_error(tiny, split):
    with pytest.raises(InputError, match="lower lr"):
        trained(with_settings(tiny, lr=1e30, max_epochs=20), split)


@pytest.mark.parametrize("breaks", ["loss", "weights"])
def test_a_divergence_keeps_the_best_epoch(tiny, split, tmp_path, monkeypatch, breaks):
    file = tmp_path / "checkpoint.safetensors"
    best = trained(with_settings(tiny, max_epochs=2, patience=2), split)
    real = train.batch_loss
    epochs = []

    def breaking(model, sequences, batch, described, stream, *rest):
        if stream not in epochs:
            epochs.append(stream)
        loss = real(model, sequences, batch, described, stream, *rest)
        if len(epochs) < 3:
            return loss
        if breaks == "loss":
            return dataclasses.replace(
                loss, total=loss.total * math.nan, prediction=loss.prediction * math.nan
            )
        with torch.no_grad():
            next(model.parameters())[0] = math.nan
        return loss

    monkeypatch.setattr(train, "batch_loss", breaking)
    described = with_settings(tiny, max_epochs=9, patience=9)
    with pytest.raises(DivergedError, match=f"epoch 3; lower lr.*{DIVERGED}.*weights of epoch"):
        trained(described, split, checkpoint=file)
    said, tensors = load_state(tmp_path / DIVERGED)
    assert said == {"best_epoch": best[2].best_epoch, "epochs": 2}
    assert all(torch.equal(tensors[name], weight) for name, weight in best[0].items())


def test_the_loss_of_a_batch_is_eq_8_on_valid_positions(tiny, split):
    """Recomputed sequence by sequence, without groups or shared passes."""
    described = with_settings(tiny, dropout=0.0, alpha=0.7, scaling="sum")
    model = build_model(described, split.n_items, CPU).double()
    store = PackedSequences.pack(split.train, split.n_items, CPU)
    batch = next(iter(epoch_batches(index_by_target(store), 16, 6, seed=0, epoch=0)))
    loss = batch_loss(model, store, batch, described.loss, generator(CPU, 0), generator(CPU, 1))

    lists = split.train.to_lists()
    anchors = batch.anchors.rows.tolist()
    partners = batch.partners.rows[batch.partner_order].tolist()
    nll, last = [], {}
    for row in {*anchors, *partners}:
        inputs, targets = lists[row][:-1][-6:], lists[row][1:][-6:]
        hidden = model(histories_of([inputs]))
        last[row] = hidden[-1]
        if row in anchors:
            log_p = (hidden @ model.item_table.T).log_softmax(1)
            nll += [-log_p[t, target] for t, target in enumerate(targets)]
    prediction = torch.stack(nll).mean()
    import oracles

    lam = described.loss.regulariser.lam
    z_a, z_b = (torch.stack([last[row] for row in rows]) for rows in (anchors, partners))
    _, regulariser = oracles.barlow_twins(z_a.detach().numpy(), z_b.detach().numpy(), lam)
    weights = list(model.blocks.parameters())  # the gradient takes both views' paths
    torch.testing.assert_close(
        torch.autograd.grad(loss.regulariser, weights, retain_graph=True),
        torch.autograd.grad(barlow_twins(z_a, z_b, lam, "sum"), weights, retain_graph=True),
    )
    np.testing.assert_allclose(loss.prediction.item(), prediction.item(), rtol=1e-9)
    np.testing.assert_allclose(loss.regulariser.item(), regulariser, rtol=1e-9)
    np.testing.assert_allclose(loss.total.item(), prediction.item() + 0.7 * regulariser, rtol=1e-9)


def test_no_held_out_interaction_reaches_training(tiny):
    """Whatever held-out users do, before the cutoff or after, the trained weights stay the same."""
    frame = load_data(tiny.data, progress=False).frame
    clean = split_interactions(frame, k_core=0, cutoff_quantile=0.8)
    held_out = ~frame["user_id"].isin(clean.train_users)
    poisoned = frame.copy()
    rng = np.random.default_rng(0)
    poisoned.loc[held_out, "item_id"] = rng.choice(clean.items, held_out.sum())
    dirty = split_interactions(poisoned, k_core=0, cutoff_quantile=0.8)
    assert held_out.any()
    assert not np.array_equal(
        clean.held_out["full"].test.targets, dirty.held_out["full"].test.targets
    )

    described = with_settings(tiny, max_epochs=1, patience=1)
    before, after = (trained(described, split)[0] for split in (clean, dirty))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_an_empty_validation_set_is_an_error(tiny, split):
    none = np.empty(0, np.int64)
    nobody = EvalSet(Sequences(none, none, none), none, none)
    empty = dict.fromkeys(split.held_out, HeldOut(nobody, nobody))
    with pytest.raises(InputError, match="validate"):
        trained(tiny, dataclasses.replace(split, held_out=empty))
