"""The matrix that L_BT works on, C of Eq. 6, and how far it is from the identity."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from btsr_core.analysis.intervals import FloatArray
from btsr_core.data.protocol import Split
from btsr_core.evaluation.scorers import encode
from btsr_core.losses.barlow_twins import cross_correlation
from btsr_core.model.sasrec import SASRec
from btsr_core.sequences.histories import PackedSequences
from btsr_core.sequences.sampler import draw_partners, generator, index_by_target


def partner_embeddings(
    model: SASRec, split: Split, max_len: int, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Return the outputs for all training sequences and for one drawn partner each.

    Sequences whose target no other shares are left out: they would be their own partners.

    Returns
    -------
    tuple[Tensor, Tensor]
        (P, D) each, in double precision.
    """
    device = model.item_table.device
    train_set = index_by_target(PackedSequences.pack(split.train, split.n_items, device))
    store = train_set.sequences
    anchors = train_set.rows[train_set.same_target_count[train_set.rows] > 1]
    partners = draw_partners(train_set, anchors, generator(device, seed, "views"))
    inputs = PackedSequences(store.item_ids, store.ends - 1, store.lengths - 1, store.n_items)
    z = encode(model, inputs, max_len)
    return z[anchors].double(), z[partners].double()


def view_correlation(model: SASRec, split: Split, max_len: int, seed: int = 0) -> FloatArray:
    """Return the (D, D) matrix C (Eq. 6) of `partner_embeddings`."""
    return np.asarray(cross_correlation(*partner_embeddings(model, split, max_len, seed)).cpu())


@dataclass(frozen=True)
class Redundancy:
    """The two things that L_BT pushes on, as sizes.

    Attributes
    ----------
    agreement
        Mean of the diagonal of C: 1 where both views say the same.
    redundancy
        Root mean square of its other entries: 0 where no two dimensions repeat each other.
    """

    agreement: float
    redundancy: float


def redundancy(c: FloatArray) -> Redundancy:
    """Summarise a (D, D) correlation matrix, D >= 2."""
    off = c[~np.eye(len(c), dtype=bool)]
    return Redundancy(float(np.diag(c).mean()), float(np.sqrt((off**2).mean())))
