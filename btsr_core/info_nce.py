"""Contrast between two views of a batch, the batch's other rows as negatives: InfoNCE."""

import torch
import torch.nn.functional as F
from torch import Tensor


def info_nce(z_a: Tensor, z_b: Tensor, temperature: float, targets: Tensor | None = None) -> Tensor:
    """InfoNCE as in CL4SRec and DuoRec: dot products, no projection, negatives from both views.

    With z the 2B stacked rows and p(k) = (k + B) mod 2B the place of the other view of row k,

    mean_k -log( exp(z_k . z_p(k) / tau) / sum_{l != k} exp(z_k . z_l / tau) )

    Parameters
    ----------
    z_a, z_b
        (B, D) last-position outputs of the two views, row by row a pair.
    temperature
        tau.
    targets
        (B,) target items of the pairs: rows of another pair with the same target are left out of
        the sum, because they are no negatives. None leaves out none.

    Returns
    -------
    Tensor
        Scalar; 0 for a batch of one, which has no negatives.
    """
    z = torch.cat([z_a, z_b])  # (2B, D)
    places = torch.arange(len(z), device=z.device)
    positives = places.roll(-len(z_a))  # p(k)
    left_out = torch.eye(len(z), dtype=torch.bool, device=z.device)
    if targets is not None:
        doubled = targets.repeat(2)
        left_out = doubled[:, None] == doubled
        left_out = left_out & (places != positives[:, None])
    scores = (z @ z.T / temperature).masked_fill(left_out, -torch.inf)
    return F.cross_entropy(scores, positives)
