"""Redundancy reduction between two views of a batch: Barlow Twins (§3.3)."""

from typing import Literal

import torch
from torch import Tensor

from btsr_core.machine.precision import in_full_precision


@in_full_precision
def cross_correlation(z_a: Tensor, z_b: Tensor) -> Tensor:
    """Cross-correlation matrix C of two views of a batch (Eq. 6).

    Rows are scaled to unit length, columns centred over the batch, and C holds the cosines between
    the columns of the two views, so every entry lies in [-1, 1]. A column that does not vary over
    the batch (always so in a batch of one) correlates with nothing: its entries are 0, and so is
    its gradient.

    Parameters
    ----------
    z_a, z_b
        (B, D) last-position outputs of the anchors and of their partners, row by row a pair.

    Returns
    -------
    Tensor
        (D, D); `C[i, j]` relates dimension i of the anchors to dimension j of the partners.
    """
    return _standardised_columns(z_a).T @ _standardised_columns(z_b)


def _standardised_columns(z: Tensor) -> Tensor:
    """Scale rows to unit length, then centre the columns and scale them to unit length."""
    length = z.square().sum(1, keepdim=True)  # (B, 1)
    rows = z / torch.where(length > 0, length, 1.0).sqrt()
    centred = rows - rows.mean(0)
    energy = centred.square().sum(0)  # (D,)
    # Entries are at most 1 in size: rounding leaves about eps in each entry of a constant column.
    noise = z.shape[0] * (8 * torch.finfo(z.dtype).eps) ** 2
    varies = energy > noise
    # `where` on both sides of the root: a zero under it would make the gradient NaN, not 0.
    norm = torch.where(varies, energy, 1.0).sqrt()
    return torch.where(varies, centred / norm, 0.0)


def barlow_twins(
    z_a: Tensor, z_b: Tensor, lam: float, scaling: Literal["per-dimension", "sum"]
) -> Tensor:
    """Redundancy-reduction loss between two views of a batch (Eq. 7).

    sum_i (1 - C_ii)^2 + lam * sum_i sum_{j != i} C_ij^2

    Parameters
    ----------
    z_a, z_b
        (B, D) last-position outputs of the anchors and of their partners.
    lam
        Weight of the off-diagonal terms.
    scaling
        `sum` is the equation as printed. `per-dimension` is the public code's: the sum divided by
        D, of a C whose columns are divided by the unbiased deviation but averaged over B, which
        shrinks C by (B - 1) / B.

    Returns
    -------
    Tensor
        Scalar. A batch of one has no correlation: D (`sum`) or 1 (`per-dimension`), no gradient.
    """
    c = cross_correlation(z_a, z_b)
    batch, dim = z_a.shape
    if scaling == "per-dimension":
        c = c * ((batch - 1) / batch)
    diagonal = c.diagonal()
    on = (1 - diagonal).square().sum()
    off = (c - diagonal.diag()).square().sum()
    loss = on + lam * off
    return loss / dim if scaling == "per-dimension" else loss
