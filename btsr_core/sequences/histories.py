"""Histories on a device, one after the other in one tensor, without padding.

Sequences are short (half of those of Beauty have six items or fewer) while the longest have fifty.
So whatever works item by item runs on packed items, and only attention, which works sequence by
sequence, sees rectangles: those of a few groups of similar length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise

import torch
from torch import Tensor

from btsr_core.data.protocol import Sequences

GROUP_ENDS = (0.5, 0.75, 0.875, 1.0)
"""Where a batch sorted by length is cut into groups: the few longest stay by themselves."""


@dataclass(frozen=True)
class Group:
    """Neighbours in a batch that attention handles as one rectangle.

    Attributes
    ----------
    size
        How many histories.
    width
        At least the length of the longest of them.
    """

    size: int
    width: int


@dataclass(frozen=True)
class Histories:
    """Some histories, packed: the second begins where the first ends.

    N counts their items, B the histories, P the places of all groups' rectangles. What is known
    to the host is never asked of the device.

    Attributes
    ----------
    item_ids
        (N,) int64, oldest first within a history.
    lengths
        (B,) items of each, at least one.
    groups
        Cut the B histories, in order.
    """

    item_ids: Tensor
    lengths: Tensor
    groups: tuple[Group, ...]

    @property
    def is_rectangular(self) -> bool:
        """Whether the groups' rectangles are full, so that the packed items lie as in them."""
        return sum(group.size * group.width for group in self.groups) == len(self.item_ids)

    @cached_property
    def owner(self) -> Tensor:
        """(N,) which history an item belongs to."""
        rows = torch.arange(len(self.lengths), device=self.lengths.device)
        return rows.repeat_interleave(self.lengths, output_size=len(self.item_ids))

    @cached_property
    def place(self) -> Tensor:
        """(N,) items before it in its history."""
        return torch.arange(len(self.item_ids), device=self.lengths.device) - self.first[self.owner]

    @cached_property
    def age(self) -> Tensor:
        """(N,) items after it in its history: the newest has age 0."""
        return self.lengths[self.owner] - 1 - self.place

    @cached_property
    def first(self) -> Tensor:
        """(B,) where each history begins."""
        return self.lengths.cumsum(0) - self.lengths

    @cached_property
    def last(self) -> Tensor:
        """(B,) where the newest item of each stands."""
        return self.lengths.cumsum(0) - 1

    @cached_property
    def _row_starts(self) -> Tensor:
        """(B,) where each history's row begins among the P places of the rectangles."""
        rows, start = [], 0
        for group in self.groups:
            stop = start + group.size * group.width
            rows.append(torch.arange(start, stop, group.width, device=self.lengths.device))
            start = stop
        return torch.cat(rows)

    @cached_property
    def packed_to_place(self) -> Tensor:
        """(N,) place of each item among the rectangles, whose rows are filled from the left."""
        return self._row_starts[self.owner] + self.place

    @cached_property
    def place_to_packed(self) -> Tensor:
        """(P,) item at each place; beyond the end of a history, some other item."""
        starts = torch.split(self.first, [group.size for group in self.groups])
        places = [
            (start[:, None] + torch.arange(group.width, device=start.device)).flatten()
            for start, group in zip(starts, self.groups, strict=True)
        ]
        return torch.cat(places).clamp_(max=len(self.item_ids) - 1)

    def with_items(self, item_ids: Tensor) -> "Histories":
        """Return histories of the same lengths with other items."""
        return Histories(item_ids, self.lengths, self.groups)


@dataclass(frozen=True)
class Pick:
    """Which histories to take from a store, and how many items of each.

    Attributes
    ----------
    rows
        (B,) sequences.
    lengths
        (B,) newest items to take of each, at least one.
    n_items
        Sum of the lengths, known to the host.
    groups
        See `Histories`.
    """

    rows: Tensor
    lengths: Tensor
    n_items: int
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class PackedSequences:
    """Sequences on a device: views into one flat tensor.

    Attributes
    ----------
    item_ids
        (N,) int64, all sequences one after the other.
    ends
        (U,) one past the newest item of each sequence.
    lengths
        (U,) items of each sequence.
    n_items
        Size of the catalogue.
    """

    item_ids: Tensor
    ends: Tensor
    lengths: Tensor
    n_items: int

    @classmethod
    def pack(cls, sequences: Sequences, n_items: int, device: torch.device) -> "PackedSequences":
        """Copy `sequences` to `device`."""
        return cls(
            item_ids=torch.as_tensor(sequences.item_ids, device=device),
            ends=torch.as_tensor(sequences.starts + sequences.lengths, device=device),
            lengths=torch.as_tensor(sequences.lengths, device=device),
            n_items=n_items,
        )

    def take(self, pick: Pick, skip_last: int = 0) -> Histories:
        """Return the newest items of some sequences.

        Parameters
        ----------
        pick
            Which sequences, and how many items of each.
        skip_last
            Newest items to leave out: 1 turns training sequences into inputs.
        """
        return Histories(self.item_ids[self.places(pick, skip_last)], pick.lengths, pick.groups)

    def places(self, pick: Pick, skip_last: int = 0) -> Tensor:
        """Return where in `item_ids` the items stand that `take` takes."""
        ahead = self.ends[pick.rows] - skip_last - pick.lengths.cumsum(0)
        places = torch.arange(pick.n_items, device=self.ends.device)
        places += ahead.repeat_interleave(pick.lengths, output_size=pick.n_items)
        return places

    @cached_property
    def successors(self) -> Tensor:
        """(n_items,) for each item the other item that most often comes right after it.

        The lower id of equals; an item that nothing else follows is its own successor.
        """
        begins = torch.zeros(len(self.item_ids) + 1, dtype=torch.bool, device=self.ends.device)
        begins[self.ends - self.lengths] = True  # no successor crosses from sequence to sequence
        first, second = self.item_ids[:-1], self.item_ids[1:]
        follows = ~begins[1:-1] & (first != second)
        pairs = (first * self.n_items + second)[follows]
        pairs, counts = torch.unique(pairs, return_counts=True)  # sorted: lower ids first
        pairs = pairs[counts.argsort(stable=True, descending=True)]
        pairs = pairs[(pairs // self.n_items).argsort(stable=True)]
        items, n = torch.unique_consecutive(pairs // self.n_items, return_counts=True)
        best = pairs[n.cumsum(0) - n]
        found = torch.arange(self.n_items, device=self.ends.device)
        found[items] = best % self.n_items
        return found


def picks(rows: Tensor, lengths: Tensor, batch_size: int) -> list[Pick]:
    """Cut sequences into batches, each of which is sorted by length already.

    Parameters
    ----------
    rows
        (R,) sequences.
    lengths
        (R,) items to take of each, at least one.
    batch_size
        Sequences a batch; the last may be smaller.

    Returns
    -------
    list[Pick]
        One a batch; the device is read once for all of them.
    """
    if not len(rows):
        return []
    starts = range(0, len(rows), batch_size)
    sizes = [min(batch_size, len(rows) - start) for start in starts]
    cuts = [_cuts(size) for size in sizes]
    stops = [start + cut for start, own in zip(starts, cuts, strict=True) for cut in own[1:]]
    total = lengths.cumsum(0)
    ends = torch.tensor(stops, device=rows.device) - 1
    widths = iter(lengths[ends].tolist())  # the last of a sorted group is its longest
    taken = total[[start + size - 1 for start, size in zip(starts, sizes, strict=True)]].tolist()
    found = []
    for start, size, own, n in zip(starts, sizes, cuts, _steps(taken), strict=True):
        groups = tuple(Group(stop - first, next(widths)) for first, stop in pairwise(own))
        part = slice(start, start + size)
        found.append(Pick(rows[part], lengths[part], n, groups))
    return found


def even_picks(rows: Tensor, lengths: Tensor, batch_size: int) -> list[Pick]:
    """Cut sequences that are sorted by length into batches whose groups are of one length each.

    Their rectangles are full, so that nothing needs to be laid out. What `picks` does instead suits
    batches drawn at random, which would have too many groups.

    Parameters
    ----------
    rows
        (R,) sequences.
    lengths
        (R,) items to take of each, at least one, ascending.
    batch_size
        Sequences a batch; the last may be smaller.
    """
    widths, sizes = torch.unique_consecutive(lengths, return_counts=True)
    found: list[Pick] = []
    groups: list[Group] = []
    start = 0
    for width, size in zip(widths.tolist(), sizes.tolist(), strict=True):
        left = size
        while left:
            taken = sum(group.size for group in groups)
            own = min(left, batch_size - taken)
            groups.append(Group(own, width))
            left -= own
            stop = start + taken + own
            if taken + own == batch_size or stop == len(rows):
                part = slice(start, stop)
                n_items = sum(group.size * group.width for group in groups)
                found.append(Pick(rows[part], lengths[part], n_items, tuple(groups)))
                groups, start = [], stop
    return found


def _cuts(size: int) -> list[int]:
    return sorted({0, *(max(1, int(size * share)) for share in GROUP_ENDS)})


def _steps(totals: Sequence[int]) -> list[int]:
    return [total - before for before, total in pairwise(chain([0], totals))]
