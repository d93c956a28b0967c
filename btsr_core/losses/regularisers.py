"""From a regulariser's name to its loss on a batch, and the views that it compares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from btsr_core.losses.barlow_twins import barlow_twins
from btsr_core.losses.info_nce import info_nce, negative_contrast
from btsr_core.losses.vicreg import vicreg
from btsr_core.model.sasrec import SASRec
from btsr_core.sequences.guided_views import guided_views
from btsr_core.sequences.histories import Histories, PackedSequences
from btsr_core.sequences.sampler import Batch
from btsr_core.sequences.views import crop, mask, reorder, substitute, two_augmentations
from btsr_core.settings import BarlowTwins, CL4SRec, DuoRec, EC4SRec, SecondView, VICReg, View


@dataclass(frozen=True)
class Step:
    """What a regulariser may look at in one step.

    Attributes
    ----------
    model
        Encodes the views.
    sequences
        All training sequences.
    batch
        Anchors and partners among them.
    anchors
        (B, D) last-position outputs of the anchors, in the batch's order.
    stream
        Generator of the augmentations, on the model's device.
    importance
        (N,) of each item of the sequences, see `importance`; only `ec4srec` has one.
    """

    model: SASRec
    sequences: PackedSequences
    batch: Batch
    anchors: Tensor
    stream: torch.Generator
    importance: Tensor | None = None

    @property
    def inputs(self) -> Histories:
        """The anchors' histories: their sequences without the targets."""
        return self.sequences.take(self.batch.anchors, skip_last=1)


RegulariserLoss = Callable[[Step, Any], Tensor]
"""Step and settings -> scalar."""


def view_outputs(step: Step, view: View, share: float | None) -> Tensor:
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
        partners = step.sequences.take(step.batch.partners, skip_last=1)
        z: Tensor = step.model(partners, last_only=True)
        return z[step.batch.partner_order]
    out: Tensor = step.model(_augmented(step, view, share), last_only=True)
    return out


def _augmented(step: Step, view: View, share: float | None) -> Histories:
    if share is None:
        return step.inputs
    match view:
        case "crop":
            return crop(step.inputs, share, step.stream)
        case "mask":
            return mask(step.inputs, share, step.model.mask_id, step.stream)
        case "reorder":
            return reorder(step.inputs, share, step.stream)
        case "substitute":
            return substitute(step.inputs, share, step.sequences.successors, step.stream)
        case _:
            return step.inputs


def _projected_pair(step: Step, settings: SecondView) -> tuple[Tensor, Tensor]:
    """Return the anchors' outputs and another view's, both through the head if there is one."""
    other = view_outputs(step, settings.view, settings.view_share)
    return step.model.project(step.anchors), step.model.project(other)


def _barlow_twins(step: Step, settings: BarlowTwins) -> Tensor:
    z_a, z_b = _projected_pair(step, settings)
    return barlow_twins(z_a, z_b, settings.lam, settings.scaling)


def _vicreg(step: Step, settings: VICReg) -> Tensor:
    return vicreg(
        *_projected_pair(step, settings),
        invariance=settings.invariance,
        variance=settings.variance,
        covariance=settings.covariance,
    )


def _cl4srec(step: Step, settings: CL4SRec) -> Tensor:
    shares = settings.crop, settings.mask, settings.reorder
    views = two_augmentations(step.inputs, step.model.mask_id, shares, step.stream)
    z_a, z_b = (step.model(view, last_only=True) for view in views)
    return info_nce(z_a, z_b, settings.temperature)


def _duorec(step: Step, settings: DuoRec) -> Tensor:
    again, partners = (view_outputs(step, view, None) for view in ("dropout", "partner"))
    targets = None
    if settings.drop_same_target:
        targets = step.sequences.item_ids[step.sequences.ends[step.batch.anchors.rows] - 1]
    return info_nce(again, partners, settings.temperature, targets)


def _ec4srec(step: Step, settings: EC4SRec) -> Tensor:
    """Explanation-guided contrastive learning (Wang et al., CIKM 2022).

    InfoNCE(v1, v2) + negative_weight * L-, with L- of `info_nce.negative_contrast`. This is the
    self-supervised variant, with gradient saliency for the importance of items. It departs from the
    authors in leaving out same-target partners, the other half of their full model, and occlusion,
    their public code's default; and cropped views keep the order of time, which that code loses.
    """
    if step.importance is None:
        raise ValueError("ec4srec needs the importance of the sequences' items")
    importance = step.importance[step.sequences.places(step.batch.anchors, skip_last=1)]
    shares = settings.positive_share, settings.negative_share
    views = guided_views(step.inputs, importance, shares, step.model.mask_id, step.stream)
    z_a, z_b, negatives = (step.model(view, last_only=True) for view in views)
    tau = settings.negative_temperature
    negative = negative_contrast(negatives, torch.cat([z_a, z_b]), tau)
    return info_nce(z_a, z_b, settings.temperature) + settings.negative_weight * negative


REGULARISER_LOSSES: Mapping[str, RegulariserLoss] = MappingProxyType(
    {
        "barlow-twins": _barlow_twins,
        "vicreg": _vicreg,
        "cl4srec": _cl4srec,
        "duorec": _duorec,
        "ec4srec": _ec4srec,
    }
)
"""By the regulariser's name; `none` has none."""
