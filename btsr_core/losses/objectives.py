"""From names in a configuration to the loss of a batch: L = L_pred + alpha * L_reg (Eq. 8)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from btsr_core.losses.binary import binary_cross_entropy, positive_power
from btsr_core.losses.cross_entropy import cross_entropy
from btsr_core.losses.regularisers import REGULARISER_LOSSES, Step
from btsr_core.losses.sce import default_size, scalable_cross_entropy
from btsr_core.model.sasrec import SASRec
from btsr_core.sequences.histories import PackedSequences
from btsr_core.sequences.sampler import Batch
from btsr_core.settings import BCE, CE, GBCE, SCE, LossConfig

PredictionLoss = Callable[[Tensor, Tensor, Tensor, Any, torch.Generator], Tensor]
"""(N, D) outputs, (n_items, D) table, (N,) targets, settings, stream -> scalar."""


def _ce(hidden: Tensor, table: Tensor, targets: Tensor, _: CE, __: torch.Generator) -> Tensor:
    return cross_entropy(hidden, table, targets)


def _bce(
    hidden: Tensor, table: Tensor, targets: Tensor, settings: BCE, stream: torch.Generator
) -> Tensor:
    k, reduction = settings.n_negatives, settings.reduction
    return binary_cross_entropy(hidden, table, targets, k, stream, reduction=reduction)


def _gbce(
    hidden: Tensor, table: Tensor, targets: Tensor, settings: GBCE, stream: torch.Generator
) -> Tensor:
    k = settings.n_negatives
    beta = positive_power(k, len(table), settings.t)
    return binary_cross_entropy(hidden, table, targets, k, stream, beta=beta)


def _sce(
    hidden: Tensor, table: Tensor, targets: Tensor, settings: SCE, stream: torch.Generator
) -> Tensor:
    return scalable_cross_entropy(
        hidden,
        table,
        targets,
        stream,
        n_buckets=settings.n_buckets or default_size(len(hidden)),
        bucket_positions=settings.bucket_positions or default_size(len(hidden)),
        bucket_items=settings.bucket_items,
        mix=settings.mix,
    )


PREDICTION_LOSSES: Mapping[str, PredictionLoss] = MappingProxyType(
    {"ce": _ce, "bce": _bce, "gbce": _gbce, "sce": _sce}
)
"""By the objective's name; all take valid positions only and average over them."""


@dataclass(frozen=True)
class BatchLoss:
    """The terms of one step's loss, scalars.

    Attributes
    ----------
    total
        What is minimised.
    prediction
        L_pred, in nats.
    regulariser
        L_reg, unweighted; None where it is switched off.
    """

    total: Tensor
    prediction: Tensor
    regulariser: Tensor | None


def batch_loss(
    model: SASRec,
    sequences: PackedSequences,
    batch: Batch,
    config: LossConfig,
    stream: torch.Generator,
    view_stream: torch.Generator,
    importance: Tensor | None = None,
) -> BatchLoss:
    """Compute the loss of one batch (Eq. 8).

    The anchors' view for the regulariser is the last position of the pass that prediction needs
    anyway; only other views cost a further pass. Without a regulariser no further pass is made, and
    no random number drawn for it: alpha = 0 is the objective alone, bit for bit.

    Parameters
    ----------
    sequences
        All training sequences.
    batch
        Anchors and partners among them.
    config
        Which loss.
    stream
        Generator of what the objective samples, on the model's device.
    view_stream
        Generator of the augmentations, likewise.
    importance
        (N,) of each item of the sequences; a regulariser that uses it waits until there is one.
    """
    inputs = sequences.take(batch.anchors, skip_last=1)
    targets = sequences.take(batch.anchors).item_ids  # the item after each of the inputs'
    hidden = model(inputs)  # (N, D)
    objective = config.objective
    prediction = PREDICTION_LOSSES[objective.name](
        hidden, model.item_table, targets, objective, stream
    )
    if not config.is_regularised or (config.update_epochs and importance is None):
        return BatchLoss(prediction, prediction, None)
    step = Step(model, sequences, batch, hidden[inputs.last], view_stream, importance)
    regulariser = REGULARISER_LOSSES[config.regulariser.name](step, config.regulariser)
    return BatchLoss(prediction + config.alpha * regulariser, prediction, regulariser)
