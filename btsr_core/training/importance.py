"""How much each item of a history matters to what the model would recommend: gradient saliency."""

import torch
from torch import Tensor

from btsr_core.model.sasrec import SASRec
from btsr_core.sequences.histories import Histories, PackedSequences, picks

BATCH = 512
"""Histories explained at a time."""
MOST_SCORES = 2**24
"""Scores held at a time: 64 MiB in single precision."""


def item_importance(model: SASRec, sequences: PackedSequences, max_len: int) -> Tensor:
    """Explain the model's best score for every training input, item by item.

    With e_i the catalogue's embeddings, z the last-position output without dropout, and x_t in R^D
    the input embedding of the item at place t,

    a_t = sum_d | d(max_i e_i . z) / d(x_td) |,    importance_t = a_t / sum_s a_s

    the saliency of Simonyan et al. (ICLR workshop, 2014), by which EC4SRec (Wang et al., CIKM 2022)
    explains a sequence. The magnitude is taken before the sum: summed with their signs the
    derivatives cancel, because layer normalisation undoes whatever is added to all of x_t alike.
    No random number is drawn, and the model is left in the mode it was in.

    Parameters
    ----------
    sequences
        All training sequences. The input is a sequence without its last item, the target.
    max_len
        Newest items of an input that the model sees.

    Returns
    -------
    Tensor
        (N,) aligned with the sequences' `item_ids`. It sums to one over an input, uniform where no
        item has a gradient, and is 0 at targets and at items that are too old to be seen.
    """
    was_training = model.training
    model.eval()
    lengths = (sequences.lengths - 1).clamp(max=max_len)
    order = lengths.argsort(stable=True)
    order = order[lengths[order] > 0]
    found = model.item_table.new_zeros(len(sequences.item_ids))
    for pick in picks(order, lengths[order], BATCH):
        places = sequences.places(pick, skip_last=1)
        found[places] = _shares(_saliency(model, sequences.take(pick, skip_last=1)), pick.lengths)
    model.train(was_training)
    return found


@torch.enable_grad()
def _saliency(model: SASRec, histories: Histories) -> Tensor:
    """(N,) magnitudes of the best score's derivatives, summed over the embedding."""
    embedded = model.embed(histories).detach().requires_grad_()
    z = model.encode(embedded, histories, last_only=True)
    table = model.item_table.detach()
    rows = max(1, MOST_SCORES // len(table))
    best = torch.cat([(part @ table.T).argmax(1) for part in torch.split(z.detach(), rows)])
    # Histories do not see one another, so one gradient of the sum holds those of all.
    (gradient,) = torch.autograd.grad((table[best] * z).sum(), embedded)
    return gradient.abs().sum(1)


def _shares(values: Tensor, lengths: Tensor) -> Tensor:
    """Divide (N,) values by their sum over each history; equal shares where that is zero."""
    n = lengths.repeat_interleave(lengths, output_size=len(values))
    owner = torch.arange(len(lengths), device=lengths.device)
    owner = owner.repeat_interleave(lengths, output_size=len(values))
    sums = values.new_zeros(len(lengths)).index_add_(0, owner, values)[owner]
    return torch.where(sums > 0, values / sums, 1 / n)
