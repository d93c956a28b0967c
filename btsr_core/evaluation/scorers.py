"""Scores of items for users: fast ones, and the true ones that decide.

The true score of a model is the inner product in float64, rounded once to float32. Matrix products
in float32 are twice as fast, and the error that they can have at most is known: `rank_block`
computes the true scores where that error could change an order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from btsr_core.data.protocol import EvalSet
from btsr_core.machine.threads import share
from btsr_core.model.sasrec import SASRec
from btsr_core.sequences.histories import PackedSequences, Pick, even_picks

ENCODER_BATCH = 512
"""Histories encoded at a time; a constant, so that block sizes cannot reach the encoder."""


class Scorer(Protocol):
    """Anything that scores items for the users of one evaluation set."""

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""

    def scores(self, rows: Tensor, first: int, out: Tensor) -> Tensor:
        """Fill (b, n) float32 `out` with users' scores of items from `first` on; return it."""

    def margin(self, rows: Tensor) -> Tensor | None:
        """Return (b,) how far `scores` may be from the true ones; None if they are those."""

    def pair_scores(self, rows: Tensor, item_ids: Tensor) -> Tensor:
        """Return (b, m) float32: the true scores of (b, m) items for (b,) users."""


@dataclass(frozen=True)
class EmbeddingScorer:
    """Scores as inner products: r(i) = e_i . z_u.

    Attributes
    ----------
    users
        (U, D) float32.
    items
        (n_items, D) float32.
    """

    users: Tensor
    items: Tensor

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.items)

    def scores(self, rows: Tensor, first: int, out: Tensor) -> Tensor:
        """See `Scorer`."""
        return torch.mm(self.users[rows], self.items[first : first + out.shape[1]].T, out=out)

    def margin(self, rows: Tensor) -> Tensor:
        """See `Scorer`: D products and their sum, and the true score, are each rounded.

        The bound of a sum in any order, (D + 4) u |z| |e|, with the unit of rounding u of what
        PyTorch has been told to multiply in; one per cent is for the rounding of the bound.
        """
        exact = torch.get_float32_matmul_precision() == "highest"
        unit = 2.0**-24 if exact else 2.0**-8  # else it may be bfloat16
        largest = 1.01 * (self.users.shape[1] + 4) * unit * self._largest_norm
        norms: Tensor = torch.linalg.vector_norm(self.users[rows], dim=1)
        return norms * largest

    @cached_property
    def _largest_norm(self) -> Tensor:
        norms: Tensor = torch.linalg.vector_norm(self.items, dim=1)
        return norms.max()

    def pair_scores(self, rows: Tensor, item_ids: Tensor) -> Tensor:
        """See `Scorer`."""
        chosen = self.items.index_select(0, item_ids.flatten()).double()
        chosen = chosen.view(*item_ids.shape, chosen.shape[1])  # (b, m, D)
        # Unlike a matrix product, this adds in the same order whatever b and m are.
        return chosen.mul_(self.users[rows][:, None]).sum(2).float()


@torch.inference_mode()
def encode(model: SASRec, inputs: PackedSequences, max_len: int) -> Tensor:
    """Return the last-position output for every history.

    Histories are encoded in order of length, so that neighbours are alike.

    Returns
    -------
    Tensor
        (U, D) float32 on the sequences' device, zero where a history is empty; the model is left
        in the mode it was in.
    """
    was_training = model.training
    model.eval()
    lengths = inputs.lengths.clamp(max=max_len)
    order = lengths.argsort(stable=True)
    order = order[lengths[order] > 0]
    out = model.item_table.new_zeros(len(lengths), model.item_table.shape[1])

    def work(batches: Iterator[Pick]) -> None:
        for pick in batches:
            out[pick.rows] = model(inputs.take(pick), last_only=True)

    share(work, reversed(even_picks(order, lengths[order], ENCODER_BATCH)), out.device)
    model.train(was_training)
    return out


def model_scorer(model: SASRec, eval_set: EvalSet, max_len: int) -> EmbeddingScorer:
    """Encode an evaluation set's histories with a model, ready for `rank`."""
    device = model.item_table.device
    inputs = PackedSequences.pack(eval_set.inputs, model.n_items, device)
    users = encode(model, inputs, max_len)
    return EmbeddingScorer(users, model.item_table.detach())
