"""Contrast between the rows of a batch: InfoNCE, and what pulls negative views together."""

import torch
import torch.nn.functional as F
from torch import Tensor

from btsr_core.machine.precision import in_full_precision


@in_full_precision
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


@in_full_precision
def negative_contrast(negatives: Tensor, positives: Tensor, temperature: float) -> Tensor:
    """Supervised-contrastive loss of EC4SRec's negative views (Wang et al., CIKM 2022).

    Negative views are a class of their own: each attracts the others, against all positive views.
    That is Eq. 2 (L_out) of Khosla et al. (NeurIPS 2020) with the N negative views n as anchors,
    and the others together with the positive views p as A(k):

    mean_k mean_{l != k} -log( exp(n_k . n_l / tau) / D_k )
    D_k = sum_{m != k} exp(n_k . n_m / tau) + sum_m exp(n_k . p_m / tau)

    Rows are not scaled to unit length.

    Parameters
    ----------
    negatives
        (N, D) last-position outputs of the negative views.
    positives
        (M, D) those of the positive views.
    temperature
        tau.

    Returns
    -------
    Tensor
        Scalar; 0 for a single negative view, which has no others to attract.
    """
    n = len(negatives)
    if n < 2:
        return 0 * negatives.sum()
    scores = negatives @ torch.cat([negatives, positives]).T / temperature  # (N, N + M)
    own = torch.eye(n, dtype=torch.bool, device=scores.device)
    among = scores[:, :n].masked_fill(own, 0)
    below = torch.cat([scores[:, :n].masked_fill(own, -torch.inf), scores[:, n:]], dim=1)
    return (below.logsumexp(1) - among.sum(1) / (n - 1)).mean()
