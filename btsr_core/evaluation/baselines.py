"""What a model must beat: popularity, and the items that most often followed the last one."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from btsr_core.data.protocol import EvalSet, Split
from btsr_core.evaluation.evaluate import Ranking, rank
from btsr_core.evaluation.scorers import Scorer
from btsr_core.names import POPULARITY, TRANSITIONS


@dataclass(frozen=True)
class PopularityScorer:
    """Every user gets the same scores: the training interactions of each item.

    Attributes
    ----------
    counts
        (n_items,) float32.
    """

    counts: Tensor

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.counts)

    def scores(self, rows: Tensor, first: int, out: Tensor) -> Tensor:
        """See `scorers.Scorer`."""
        return out.copy_(self.counts[first : first + out.shape[1]].expand(len(rows), -1))

    def margin(self, _: Tensor) -> None:
        """See `scorers.Scorer`: these are the true ones."""

    def pair_scores(self, rows: Tensor, item_ids: Tensor) -> Tensor:
        """See `scorers.Scorer`."""
        return self.counts[item_ids]


@dataclass(frozen=True)
class TransitionScorer:
    """Scores by how often an item directly followed the user's last one in training.

    Equal counts, and so all items after a last item never followed by any, are ordered by
    popularity, which adds less than one transition.

    Attributes
    ----------
    last_items
        (U,) newest item of each user's history.
    starts, next_items, counts
        Transitions as a sparse matrix by rows: those out of item i are entries
        `starts[i]:starts[i + 1]`.
    popularity
        (n_items,) float32 in [0, 1).
    """

    last_items: Tensor
    starts: Tensor
    next_items: Tensor
    counts: Tensor
    popularity: Tensor

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.popularity)

    def scores(self, rows: Tensor, first: int, out: Tensor) -> Tensor:
        """See `scorers.Scorer`."""
        last = first + out.shape[1]
        out.copy_(self.popularity[first:last].expand(len(rows), -1))
        user, entry = self._entries(rows)
        item = self.next_items[entry]
        here = (item >= first) & (item < last)
        out[user[here], item[here] - first] += self.counts[entry[here]]
        return out

    def margin(self, _: Tensor) -> None:
        """See `scorers.Scorer`: these are the true ones."""

    def pair_scores(self, rows: Tensor, item_ids: Tensor) -> Tensor:
        """See `scorers.Scorer`."""
        out = self.popularity[item_ids]  # (b, m)
        user, entry = self._entries(rows)
        match = self.next_items[entry, None] == item_ids[user]  # at most one entry a pair
        at, place = match.nonzero(as_tuple=True)
        out[user[at], place] += self.counts[entry[at]]
        return out

    def _entries(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return all transitions out of the users' last items: (position in `rows`, entry)."""
        begin = self.starts[self.last_items[rows]]
        size = self.starts[self.last_items[rows] + 1] - begin
        user = torch.arange(len(rows)).repeat_interleave(size)
        offset = torch.arange(len(user)) - (size.cumsum(0) - size)[user]
        return user, begin[user] + offset


def item_counts(split: Split) -> np.ndarray:
    """Return (n_items,) int64: training interactions of each item."""
    return np.bincount(split.train.item_ids, minlength=split.n_items)


def popularity_scorer(split: Split) -> PopularityScorer:
    """Rank by training interactions, the same list for everyone but for items seen."""
    return PopularityScorer(torch.as_tensor(item_counts(split)).float())


def transition_scorer(split: Split, eval_set: EvalSet) -> TransitionScorer:
    """Rank by the training transitions out of each user's last item."""
    ids, n_items = split.train.item_ids, split.n_items
    follows = np.ones(len(ids), dtype=bool)
    follows[split.train.starts] = False  # the first item of a sequence follows none
    at = np.flatnonzero(follows)
    codes, counts = np.unique(ids[at - 1] * n_items + ids[at], return_counts=True)
    starts = np.searchsorted(codes, np.arange(n_items + 1) * n_items)
    popularity = item_counts(split)
    return TransitionScorer(
        last_items=torch.as_tensor(eval_set.inputs.last_items()),
        starts=torch.as_tensor(starts),
        next_items=torch.as_tensor(codes % n_items),
        counts=torch.as_tensor(counts).float(),
        popularity=torch.as_tensor(popularity / (popularity.max() + 1)).float(),
    )


def baseline_rankings(
    split: Split, tested: EvalSet, *, exclude_seen: bool = True
) -> dict[str, Ranking]:
    """Rank for some users by popularity, and by the transitions out of their last item."""
    scorers: dict[str, Scorer] = {
        POPULARITY: popularity_scorer(split),
        TRANSITIONS: transition_scorer(split, tested),
    }
    return {
        name: rank(scorer, tested, exclude_seen=exclude_seen) for name, scorer in scorers.items()
    }
