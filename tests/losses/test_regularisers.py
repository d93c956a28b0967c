import dataclasses

import numpy as np
import oracles
import pytest
import torch
from handmade import histories_of, lists_of, pack

from btsr_core.config import experiment
from btsr_core.losses.regularisers import REGULARISER_LOSSES, Step, view_outputs
from btsr_core.sequences.guided_views import guided_views
from btsr_core.sequences.histories import PackedSequences
from btsr_core.sequences.sampler import epoch_batches, generator, index_by_target
from btsr_core.sequences.views import two_augmentations
from btsr_core.settings import (
    REGULARISERS,
    VIEW_SHARES,
    BarlowTwins,
    CL4SRec,
    DuoRec,
    EC4SRec,
    VICReg,
)
from btsr_core.training.importance import item_importance
from btsr_core.training.train import build_model

CPU = torch.device("cpu")
N_ITEMS = 7
LISTS = [[1, 2, 0], [3, 4, 5, 0], [2, 0], [5, 6, 1, 2, 1], [4, 1], [6, 3]]


def setting(dropout=0.0, **settings):
    """A model in double precision, its training sequences, and one batch of all of them."""
    described = experiment(dim=4, n_blocks=1, max_len=4, dropout=dropout, **settings)
    model = build_model(described, N_ITEMS, CPU).double()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.mul_(10)  # outputs that differ from row to row
    store = PackedSequences.pack(pack(LISTS), N_ITEMS, CPU)
    batch = next(iter(epoch_batches(index_by_target(store), 8, 4, seed=0, epoch=0)))
    return model, store, batch


def step_of(model, store, batch, anchors=None, seed=0):
    """The step; anchors that nothing may look at are no numbers."""
    if anchors is None:
        anchors = torch.full((len(batch.partner_order), 4), torch.nan)
    return Step(model, store, batch, anchors, generator(CPU, seed))


def rows_of(batch):
    return batch.anchors.rows.tolist(), batch.partners.rows[batch.partner_order].tolist()


def alone(model, rows):
    """Outputs of sequences without their targets, one at a time."""
    outputs = [model(histories_of([LISTS[row][:-1][-4:]]))[-1] for row in rows]
    return torch.stack(outputs)


def test_every_regulariser_has_a_loss():
    assert set(REGULARISER_LOSSES) == set(REGULARISERS) - {"none"}


def test_partner_and_dropout_views_are_in_the_anchors_order():
    model, store, batch = setting()
    anchors, partners = rows_of(batch)
    assert anchors != partners
    for view, rows in (("partner", partners), ("dropout", anchors)):
        found = view_outputs(step_of(model, store, batch), view, None)
        torch.testing.assert_close(found, alone(model, rows))


def test_a_dropout_view_is_another_pass():
    model, store, batch = setting(dropout=0.5)
    step = step_of(model, store, batch)
    views = [view_outputs(step, "dropout", None) for _ in "ab"]
    assert not torch.equal(*views)


@pytest.mark.parametrize("view", VIEW_SHARES)
def test_augmented_views_change_long_rows_alone_and_no_stored_sequence(view):
    model, store, batch = setting(view=view)
    before = store.item_ids.clone()
    anchors, _ = rows_of(batch)
    plain = alone(model, anchors)
    short = torch.tensor([len(LISTS[row]) == 2 for row in anchors])
    changed = torch.zeros(len(anchors), dtype=torch.bool)
    share = 1.0 if view == "reorder" else 0.7  # inputs of two items: one item has no other order
    for seed in range(5):
        found = view_outputs(step_of(model, store, batch, seed=seed), view, share)
        torch.testing.assert_close(found[short], plain[short])
        changed |= (found - plain).abs().amax(1) > 1e-6
    assert torch.equal(changed, ~short)
    assert torch.equal(store.item_ids, before)


def test_vicreg_and_barlow_twins_take_the_anchors_and_the_view():
    model, store, batch = setting()
    anchors, partners = rows_of(batch)
    z_a, z_b = (alone(model, rows).detach() for rows in (anchors, partners))
    for config, expected in (
        (VICReg(invariance=2, variance=3, covariance=5), oracles.vicreg(z_a, z_b, 2, 3, 5)),
        (
            BarlowTwins(lam=0.7, scaling="sum"),
            oracles.barlow_twins(z_a.numpy(), z_b.numpy(), 0.7)[1],
        ),
    ):
        loss = REGULARISER_LOSSES[config.name]
        found = loss(step_of(model, store, batch, z_a), config)
        assert found.item() == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("regulariser", ["vicreg", "barlow-twins"])
def test_a_projection_head_stands_between_both_views_and_the_loss(regulariser):
    model, store, batch = setting(regulariser=regulariser, projection_dim=3)
    z_a, z_b = (model.project(alone(model, rows)) for rows in rows_of(batch))
    assert z_a.shape == (len(LISTS), 3)
    config = REGULARISERS[regulariser](projection_dim=3)
    plain = REGULARISERS[regulariser]()
    loss = REGULARISER_LOSSES[regulariser]
    found = loss(step_of(model, store, batch, alone(model, rows_of(batch)[0])), config)
    a, b = z_a.detach().numpy(), z_b.detach().numpy()
    expected = (
        oracles.vicreg(a, b, plain.invariance, plain.variance, plain.covariance)
        if regulariser == "vicreg"
        else oracles.barlow_twins_public(a, b, plain.lam)
    )
    assert found.item() == pytest.approx(float(expected), rel=1e-6)
    found.backward()
    for name, weight in model.projection.named_parameters():
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("drop", [False, True])
def test_duorec_contrasts_a_second_pass_with_the_partners(drop):
    model, store, batch = setting(regulariser="duorec")
    anchors, partners = rows_of(batch)
    config = DuoRec(temperature=0.5, drop_same_target=drop)
    found = REGULARISER_LOSSES["duorec"](step_of(model, store, batch), config)
    z_a, z_b = (alone(model, rows).detach().numpy() for rows in (anchors, partners))
    targets = [LISTS[row][-1] for row in anchors] if drop else None
    assert found.item() == pytest.approx(oracles.info_nce(z_a, z_b, 0.5, targets), rel=1e-9)


def test_cl4srec_contrasts_two_augmentations():
    model, store, batch = setting(regulariser="cl4srec")
    config = CL4SRec(crop=0.5, mask=0.4, reorder=0.7, temperature=2.0)
    found = REGULARISER_LOSSES["cl4srec"](step_of(model, store, batch), config)
    inputs = store.take(batch.anchors, skip_last=1)
    pair = two_augmentations(inputs, model.mask_id, (0.5, 0.4, 0.7), generator(CPU, 0))
    views = [
        [model(histories_of([items]))[-1].detach().numpy() for items in lists_of(augmented)]
        for augmented in pair
    ]
    assert found.item() == pytest.approx(oracles.info_nce(*map(np.stack, views), 2.0), rel=1e-9)
    found.backward()
    assert model.mask_embedding.weight.grad.abs().sum() > 0  # the mask token learns


def guided(**settings):
    """A step of `ec4srec` with explanations."""
    model, store, batch = setting(regulariser="ec4srec", **settings)
    anchors = torch.full((len(batch.partner_order), 4), torch.nan)
    importance = item_importance(model, store, 4)
    return Step(model, store, batch, anchors, generator(CPU, 0), importance)


def test_ec4srec_contrasts_guided_views():
    step = guided()
    before = step.sequences.item_ids.clone()
    config = EC4SRec(
        positive_share=0.4, negative_share=0.6, temperature=2.0, negative_temperature=0.3,
        negative_weight=0.7,
    )  # fmt: skip
    found = REGULARISER_LOSSES["ec4srec"](step, config)
    values = step.importance.split([len(items) for items in LISTS])
    anchors, _ = rows_of(step.batch)
    inputs = histories_of([LISTS[row][:-1][-4:] for row in anchors])
    importance = torch.cat([values[row][:-1][-4:] for row in anchors])
    views = guided_views(inputs, importance, (0.4, 0.6), step.model.mask_id, generator(CPU, 0))
    z_a, z_b, negative = (
        np.stack([step.model(histories_of([v]))[-1].detach().numpy() for v in lists_of(view)])
        for view in views
    )
    expected = oracles.info_nce(z_a, z_b, 2.0) + 0.7 * oracles.negative_contrast(
        negative, np.concatenate([z_a, z_b]), 0.3
    )
    assert found.item() == pytest.approx(expected, rel=1e-9)
    found.backward()
    assert step.model.mask_embedding.weight.grad.abs().sum() > 0
    assert torch.equal(step.sequences.item_ids, before)


def test_ec4srec_of_the_defaults_is_finite():
    step = guided()
    loss = REGULARISER_LOSSES["ec4srec"](step, EC4SRec())
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(weight.grad).all() for weight in step.model.blocks.parameters())


def test_ec4srec_says_that_it_needs_explanations():
    with pytest.raises(ValueError, match="importance"):
        REGULARISER_LOSSES["ec4srec"](dataclasses.replace(guided(), importance=None), EC4SRec())
