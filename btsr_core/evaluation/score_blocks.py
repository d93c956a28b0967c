"""The scores of some users, a block at a time, with -inf where nothing may be recommended."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from btsr_core.evaluation.scorers import Scorer

WIDTH = 64
"""Blocks of scores are as wide as a multiple of this, as `largest_values` likes it: 8 times 8."""


@dataclass(frozen=True)
class Users:
    """Some users of an evaluation set, and what counts for them.

    Attributes
    ----------
    scorer
        Scores for these and other users.
    rows
        (b,) users.
    seen_user, seen_item
        (s,) places in `rows`, ascending, and item ids: what may not be recommended.
    """

    scorer: Scorer
    rows: Tensor
    seen_user: Tensor
    seen_item: Tensor

    def scores(self, item_block: int, room: Tensor) -> Iterator[tuple[slice, int, Tensor]]:
        """Yield each block of scores with the users' places and the id of its first item.

        They are written to `room`, (h, n) for h users at a time and n a multiple of `WIDTH`; -inf
        stands where an item may not be recommended, and where there is none.
        """
        n_items, held, device = self.scorer.n_items, len(room), self.rows.device
        starts = range(0, len(self.rows), held)
        edges = torch.arange(0, len(self.rows) + held, held, device=device)
        cuts = torch.searchsorted(self.seen_user, edges).tolist()
        for first in range(0, n_items, item_block):
            n = min(item_block, n_items - first)
            for start, (low, high) in zip(starts, pairwise(cuts), strict=True):
                rows = self.rows[start : start + held]
                scores = room[: len(rows), : padded(n)]
                self.scorer.scores(rows, first, scores[:, :n])
                scores[:, n:] = -torch.inf
                user, item = self.seen_user[low:high] - start, self.seen_item[low:high] - first
                if n < n_items:
                    here = (item >= 0) & (item < n)
                    user, item = user[here], item[here]
                scores[user, item] = -torch.inf
                yield slice(start, start + len(rows)), first, scores


def padded(n: int) -> int:
    """Return the width of a block of n items."""
    return -(-n // WIDTH) * WIDTH
