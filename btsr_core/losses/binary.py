"""Binary objectives on sampled negatives: BCE (Eq. 1) and gBCE."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from btsr_core.sequences.sampler import draw_negatives

GATHERED_NUMBERS = 2**24
"""Entries of negatives' embeddings held at a time: 64 MB in single precision."""


def binary_cross_entropy(
    hidden: Tensor,
    item_table: Tensor,
    targets: Tensor,
    n_negatives: int,
    stream: torch.Generator,
    *,
    reduction: Literal["sum", "mean"] = "sum",
    beta: float = 1.0,
) -> Tensor:
    """Tell the next item from K uniform negatives, averaged over positions (Eq. 1).

    -beta log s(r+) - sum_k log(1 - s(r-_k)), with s the logistic function.

    Parameters
    ----------
    hidden
        (N, D) encoder outputs at the valid positions only.
    item_table
        (n_items, D) item embeddings.
    targets
        (N,) next item of each position; never drawn as its negative.
    n_negatives
        K, drawn with replacement.
    stream
        Generator of the negatives, on the tensors' device.
    reduction
        `sum` over the 1 + K terms as in the equation, or their `mean`, as some public code has
        it; the mean makes the term 1 + K times smaller beside a regulariser.
    beta
        Power of the positive probability; see `positive_power`.

    Returns
    -------
    Tensor
        Scalar, in nats.

    Raises
    ------
    InputError
        If the catalogue holds a single item.
    """
    negatives = draw_negatives(targets, len(item_table), n_negatives, stream)  # (N, K)
    own = (hidden * item_table[targets]).sum(1)
    rows = max(1, GATHERED_NUMBERS // (n_negatives * hidden.shape[1]))
    parts = [slice(start, start + rows) for start in range(0, len(hidden), rows)]
    if len(parts) == 1:
        other = _scores(hidden, item_table, negatives)
    else:  # too many embeddings to keep for the backward pass: gather them again there
        other = torch.cat(
            [
                checkpoint(_scores, hidden[p], item_table, negatives[p], use_reentrant=False)
                for p in parts
            ]
        )
    terms = beta * F.softplus(-own) + F.softplus(other).sum(1)  # softplus(x) = -log s(-x)
    loss = terms.mean()
    return loss / (1 + n_negatives) if reduction == "mean" else loss


def _scores(hidden: Tensor, item_table: Tensor, item_ids: Tensor) -> Tensor:
    """Return (N, K) inner products of (N, D) outputs with the embeddings of (N, K) items."""
    scores = torch.einsum("nd,nkd->nk", hidden, F.embedding(item_ids, item_table))
    return scores.to(hidden.dtype)  # in mixed precision the products alone are taken in half


def positive_power(n_negatives: int, n_items: int, t: float) -> float:
    """Return gBCE's beta = a (t (1 - 1/a) + 1/a), where a = K / (n_items - 1) is the sampling rate.

    At t = 0 it is 1, which is BCE; at t = 1 it is a, which undoes the overconfidence that comes
    from seeing few of the negatives.

    Parameters
    ----------
    n_negatives
        K.
    n_items
        Size of the catalogue.
    t
        Calibration, 0 to 1.
    """
    rate = n_negatives / max(n_items - 1, 1)
    return rate * (t * (1 - 1 / rate) + 1 / rate)
