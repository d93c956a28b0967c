"""From a regulariser's name to its loss on a batch, and the views that it compares."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from btsr_core.barlow_twins import barlow_twins
from btsr_core.histories import Histories, PackedSequences
from btsr_core.info_nce import info_nce
from btsr_core.model import SASRec
from btsr_core.sampler import Batch
from btsr_core.settings import BarlowTwins, CL4SRec, DuoRec, VICReg, View
from btsr_core.vicreg import vicreg
from btsr_core.views import crop, mask, reorder, substitute, two_augmentations

RegulariserLoss = Callable[[SASRec, PackedSequences, Batch, Tensor, Any, torch.Generator], Tensor]
"""Model, training sequences, anchors and partners among them, (B, D) last-position outputs of the
anchors in the batch's order, settings, stream of the augmentations -> scalar."""


def view_outputs(
    model: SASRec,
    sequences: PackedSequences,
    batch: Batch,
    view: View,
    share: float | None,
    stream: torch.Generator,
) -> Tensor:
    """Encode another view of a batch's anchors.

    Parameters
    ----------
    view
        `partner`: the same-target partners; `dropout`: the anchors once more; else the anchors
        augmented, see `views`.
    share
        Of the items, as in `views`; the first two have no use for it.

    Returns
    -------
    Tensor
        (B, D) last-position outputs, in the order of the anchors.
    """
    if view == "partner":
        partners = sequences.take(batch.partners, skip_last=1)
        z: Tensor = model(partners, last_only=True)
        return z[batch.partner_order]
    anchors = sequences.take(batch.anchors, skip_last=1)
    augmented = _augmented(model, sequences, anchors, view, share, stream)
    out: Tensor = model(augmented, last_only=True)
    return out


def _augmented(
    model: SASRec,
    sequences: PackedSequences,
    anchors: Histories,
    view: View,
    share: float | None,
    stream: torch.Generator,
) -> Histories:
    if share is None:
        return anchors
    match view:
        case "crop":
            return crop(anchors, share, stream)
        case "mask":
            return mask(anchors, share, model.mask_id, stream)
        case "reorder":
            return reorder(anchors, share, stream)
        case "substitute":
            return substitute(anchors, share, sequences.successors, stream)
        case _:
            return anchors


def _barlow_twins(
    model: SASRec,
    sequences: PackedSequences,
    batch: Batch,
    anchors: Tensor,
    settings: BarlowTwins,
    stream: torch.Generator,
) -> Tensor:
    z_b = view_outputs(model, sequences, batch, settings.view, settings.view_share, stream)
    return barlow_twins(anchors, z_b, settings.lam, settings.scaling)


def _vicreg(
    model: SASRec,
    sequences: PackedSequences,
    batch: Batch,
    anchors: Tensor,
    settings: VICReg,
    stream: torch.Generator,
) -> Tensor:
    return vicreg(
        anchors,
        view_outputs(model, sequences, batch, settings.view, settings.view_share, stream),
        invariance=settings.invariance,
        variance=settings.variance,
        covariance=settings.covariance,
    )


def _cl4srec(
    model: SASRec,
    sequences: PackedSequences,
    batch: Batch,
    _: Tensor,
    settings: CL4SRec,
    stream: torch.Generator,
) -> Tensor:
    anchors = sequences.take(batch.anchors, skip_last=1)
    shares = settings.crop, settings.mask, settings.reorder
    one, other = two_augmentations(anchors, model.mask_id, shares, stream)
    z_a, z_b = model(one, last_only=True), model(other, last_only=True)
    return info_nce(z_a, z_b, settings.temperature)


def _duorec(
    model: SASRec,
    sequences: PackedSequences,
    batch: Batch,
    _: Tensor,
    settings: DuoRec,
    stream: torch.Generator,
) -> Tensor:
    again, partners = (
        view_outputs(model, sequences, batch, view, None, stream) for view in ("dropout", "partner")
    )
    targets = None
    if settings.drop_same_target:
        targets = sequences.item_ids[sequences.ends[batch.anchors.rows] - 1]
    return info_nce(again, partners, settings.temperature, targets)


REGULARISER_LOSSES: Mapping[str, RegulariserLoss] = MappingProxyType(
    {
        "barlow-twins": _barlow_twins,
        "vicreg": _vicreg,
        "cl4srec": _cl4srec,
        "duorec": _duorec,
    }
)
"""By the regulariser's name; `none` has none."""
