"""From names in a configuration to the loss of a batch: L = L_pred + alpha * L_BT (Eq. 8)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from btsr_core.config import LossConfig
from btsr_core.losses import barlow_twins, cross_entropy
from btsr_core.model import SASRec
from btsr_core.sampler import Batch, PackedSequences


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
        L_BT, unweighted; None where it is switched off.
    """

    total: Tensor
    prediction: Tensor
    regulariser: Tensor | None


def batch_loss(
    model: SASRec, sequences: PackedSequences, batch: Batch, config: LossConfig
) -> BatchLoss:
    """Compute the loss of one batch (Eq. 8).

    The anchors' view for the regulariser is the last position of the pass that prediction needs
    anyway; only the partners cost a second pass. Without a regulariser no second pass is made, and
    no random number drawn for it: alpha = 0 is the objective alone, bit for bit.
    """
    valid_hidden, targets, last = [], [], []
    for group in batch.anchors:
        inputs = sequences.windows(group.rows, group.width, skip_last=1)
        hidden = model(inputs)  # (b, T, D)
        valid = inputs != sequences.padding_id
        valid_hidden.append(hidden[valid])
        targets.append(sequences.windows(group.rows, group.width)[valid])
        last.append(hidden[:, -1])
    prediction = cross_entropy(torch.cat(valid_hidden), model.item_table, torch.cat(targets))
    if not config.is_regularised:
        return BatchLoss(prediction, prediction, None)
    z_b = torch.cat(
        [
            model(sequences.windows(group.rows, group.width, skip_last=1))[:, -1]
            for group in batch.partners
        ]
    )
    regulariser = barlow_twins(
        torch.cat(last), z_b[batch.partner_order], config.lam, config.scaling
    )
    return BatchLoss(prediction + config.alpha * regulariser, prediction, regulariser)
