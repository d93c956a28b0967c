"""How many directions the embeddings of users fill (§4, Eq. 9, Fig 2 right), and how evenly.

All in double precision: a collapsed direction is a small singular value, and not rounding.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from btsr_core.errors import InputError
from btsr_core.sequences.sampler import generator

FloatArray = npt.NDArray[np.float64]

NOTEBOOK_USERS = 1000
PAIRS_HELD = 2**20
"""Inner products of pairs at a time: 8 MB."""


@dataclass(frozen=True)
class Spectrum:
    """Singular values of user embeddings, largest first.

    Attributes
    ----------
    values
        (min(U, D),) of all users, as they are: what Eq. 9 takes.
    centred_values
        (min(U, 1000, D),) of at most 1,000 users drawn at random, less their mean: what the public
        notebook takes.
    """

    values: FloatArray
    centred_values: FloatArray


def user_spectrum(users: Tensor, seed: int = 0) -> Spectrum:
    """Return both spectra of (U, D) embeddings; the users of the second depend on U and `seed`."""
    stream = generator(users.device, seed, "spectrum")
    order = torch.randperm(len(users), generator=stream, device=users.device)
    some = users[order[:NOTEBOOK_USERS]]
    return Spectrum(singular_values(users, centred=False), singular_values(some, centred=True))


def singular_values(users: Tensor, *, centred: bool) -> FloatArray:
    """Return the (min(U, D),) singular values of (U, D) embeddings, largest first.

    Parameters
    ----------
    users
        In any precision; computed in float64.
    centred
        Whether to subtract the mean over users first.

    Raises
    ------
    InputError
        If an entry is no finite number, as after a diverged training.
    """
    matrix = users.detach().double()
    if not torch.isfinite(matrix).all():
        raise InputError("an output is not a finite number: training diverged; lower lr or alpha")
    if centred and len(matrix):
        matrix = matrix - matrix.mean(0)
    return np.asarray(torch.linalg.svdvals(matrix).cpu().numpy())


def effective_rank(values: FloatArray) -> float:
    """Return exp(-sum p_i log p_i), p_i = sigma_i / sum sigma (Eq. 9).

    It lies between 1, one direction, and the number of non-zero singular values, all equal. The
    zero matrix has rank 0; no value gives NaN.
    """
    if not len(values):
        return float("nan")
    total = values.sum()
    return float(np.exp(_entropy_sum(values / total))) if total > 0 else 0.0


def notebook_variant(values: FloatArray) -> float:
    """Return the public notebook's sum of -s log s, s = sigma / sigma_max.

    It is no number of directions: 0 where there is one, and 0 again where all are equal. 0 for the
    zero matrix; no value gives NaN.
    """
    if not len(values):
        return float("nan")
    largest = values.max()
    return _entropy_sum(values / largest) if largest > 0 else 0.0


def _entropy_sum(shares: FloatArray) -> float:
    """Return the sum of -x log x, where 0 log 0 = 0."""
    positive = shares[shares > 0]
    return float(-(positive * np.log(positive)).sum())


def alignment(a: Tensor, b: Tensor) -> float:
    """Return the mean squared distance of partners on the unit sphere; lower is closer.

    The loss of Wang and Isola (*Understanding Contrastive Representation Learning through
    Alignment and Uniformity on the Hypersphere*, ICML 2020) with exponent 2.

    Parameters
    ----------
    a, b
        (P, D) embeddings, row by row of sequences with the same target; scaled to length 1 here.

    Returns
    -------
    float
        In 0..4; NaN without a pair.
    """
    apart = F.normalize(a.detach().double(), dim=1) - F.normalize(b.detach().double(), dim=1)
    return float(apart.square().sum(1).mean())


def uniformity(z: Tensor) -> float:
    """Return the log of the mean of exp(-2 |z_i - z_j|^2) over pairs i < j; lower is more even.

    Of Wang and Isola with t = 2; see `alignment`. The work grows with the square of N.

    Parameters
    ----------
    z
        (N, D) embeddings; scaled to length 1 here.

    Returns
    -------
    float
        In -8..0, 0 where all are the same; NaN without a pair.
    """
    n = len(z)
    if n < 2:
        return float("nan")
    unit = F.normalize(z.detach().double(), dim=1)
    squares = unit.square().sum(1)  # 1, or 0 for a row of zeros
    rows = max(1, PAIRS_HELD // n)
    total = unit.new_zeros(())
    for start in range(0, n, rows):
        own, others = unit[start : start + rows], unit[start:]  # pairs below are counted already
        distance = squares[start : start + rows, None] + squares[start:] - 2 * own @ others.T
        total += torch.exp(-2 * distance.clamp_(min=0)).triu_(1).sum()
    return float(torch.log(total / (n * (n - 1) / 2)))
