"""Variance, invariance and covariance between two views of a batch: VICReg."""

import torch
import torch.nn.functional as F
from torch import Tensor

from btsr_core.machine.precision import in_full_precision

EPSILON = 1e-4
"""Added to a variance before its root, as its authors do; keeps the gradient finite at zero."""


@in_full_precision
def vicreg(
    z_a: Tensor, z_b: Tensor, *, invariance: float, variance: float, covariance: float
) -> Tensor:
    """Variance-invariance-covariance loss (Bardes et al., ICLR 2022, Eqs. 1-6).

    With Cov the unbiased covariance matrix of a view over the batch,

    invariance * mean_bd (z_a - z_b)^2
    + variance * mean_z mean_d max(0, 1 - sqrt(Cov(z)_dd + epsilon))
    + covariance * sum_z sum_i sum_{j != i} Cov(z)_ij^2 / D

    Means and sums are those of the authors' code, to which their weights 25, 25, 1 belong; the
    paper prints the first term without dividing by D, and the second as a sum over the views.
    Rows are not scaled to unit length, unlike those of Barlow Twins.

    Parameters
    ----------
    z_a, z_b
        (B, D) last-position outputs of the two views, row by row a pair.
    invariance, variance, covariance
        Weights of the terms.

    Returns
    -------
    Tensor
        Scalar. A batch of one has no variance: its covariance matrix counts as zero.
    """
    covariances = torch.stack([_covariance(z) for z in (z_a, z_b)])  # (2, D, D)
    variances = covariances.diagonal(dim1=1, dim2=2)  # (2, D)
    off_diagonal = covariances - variances.diag_embed()
    spread = F.relu(1 - (variances + EPSILON).sqrt()).mean()
    redundancy = off_diagonal.square().sum() / z_a.shape[1]
    return invariance * F.mse_loss(z_a, z_b) + variance * spread + covariance * redundancy


def _covariance(z: Tensor) -> Tensor:
    """Return the unbiased (D, D) covariance matrix of the columns; zeros for one row."""
    centred = z - z.mean(0)
    return centred.T @ centred / max(len(z) - 1, 1)
