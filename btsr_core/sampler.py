"""Batches, same-target partners and negatives, drawn on the device by tensor indexing.

Sequences lie in one flat tensor; a batch is a handful of indices into it. Every random stream has
a generator of its own, seeded from (seed, stream, epoch): drawing from one never shifts another,
and an epoch can be drawn again without replaying those before it, which is what makes a resumed
run equal an uninterrupted one.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from btsr_core.errors import InputError
from btsr_core.protocol import Sequences

LENGTH_GROUPS = 4
"""Parts, by length, of one random batch. Each is trimmed to its own longest sequence, so little is
computed for padding, while who shares a batch stays independent of length."""


def seed_of(*key: int | str) -> int:
    """Return a seed in 0..2^63-1 that depends on every part of `key`."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(device: torch.device, *key: int | str) -> torch.Generator:
    """Return a fresh generator on `device` for the stream that `key` names."""
    return torch.Generator(device).manual_seed(seed_of(*key))


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
    padding_id
        Written where a window reaches before the oldest item.
    """

    item_ids: Tensor
    ends: Tensor
    lengths: Tensor
    padding_id: int

    @classmethod
    def pack(cls, sequences: Sequences, padding_id: int, device: torch.device) -> "PackedSequences":
        """Copy `sequences` to `device`."""
        return cls(
            item_ids=torch.as_tensor(sequences.item_ids, device=device),
            ends=torch.as_tensor(sequences.starts + sequences.lengths, device=device),
            lengths=torch.as_tensor(sequences.lengths, device=device),
            padding_id=padding_id,
        )

    def windows(self, rows: Tensor, width: int, skip_last: int = 0) -> Tensor:
        """Return the newest items of some sequences, padded on the left.

        Parameters
        ----------
        rows
            (B,) which sequences.
        width
            Items a window holds.
        skip_last
            Newest items to leave out: 1 turns training sequences into inputs.

        Returns
        -------
        Tensor
            (B, width) int64.
        """
        back = torch.arange(width, 0, -1, device=rows.device) + skip_last  # steps from the end
        reach = back <= self.lengths[rows, None]  # (B, width)
        places = (self.ends[rows, None] - back).clamp_(min=0)
        return torch.where(reach, self.item_ids[places], self.padding_id)

    @cached_property
    def successors(self) -> Tensor:
        """(n_items,) for each item the other item that most often comes right after it.

        The lower id of equals; an item that nothing else follows is its own successor.
        """
        begins = torch.zeros(len(self.item_ids) + 1, dtype=torch.bool, device=self.ends.device)
        begins[self.ends - self.lengths] = True  # no successor crosses from sequence to sequence
        first, second = self.item_ids[:-1], self.item_ids[1:]
        follows = ~begins[1:-1] & (first != second)
        pairs = (first * self.padding_id + second)[follows]
        pairs, counts = torch.unique(pairs, return_counts=True)  # sorted: lower ids first
        pairs = pairs[counts.argsort(stable=True, descending=True)]
        pairs = pairs[(pairs // self.padding_id).argsort(stable=True)]
        items, n = torch.unique_consecutive(pairs // self.padding_id, return_counts=True)
        best = pairs[n.cumsum(0) - n]
        found = torch.arange(self.padding_id, device=self.ends.device)
        found[items] = best % self.padding_id
        return found


@dataclass(frozen=True)
class TrainSet:
    """Training sequences, indexed by their target (their last item).

    Attributes
    ----------
    sequences
        All training sequences.
    rows
        (R,) those with at least an input and a target, sorted by target.
    same_target_start, same_target_count, place
        (U,) for each of them: where its target's stretch of `rows` starts, how long the stretch
        is, and where in it the sequence stands.
    """

    sequences: PackedSequences
    rows: Tensor
    same_target_start: Tensor
    same_target_count: Tensor
    place: Tensor


def index_by_target(sequences: PackedSequences) -> TrainSet:
    """Sort sequences by target, so that a partner is one random index away.

    Raises
    ------
    InputError
        If no sequence has two items.
    """
    usable = (sequences.lengths >= 2).nonzero().squeeze(1)
    if not len(usable):
        raise InputError(
            "no training sequence has two items, so there is nothing to learn from; "
            "lower cutoff_quantile or supply users with longer histories"
        )
    target, order = sequences.item_ids[sequences.ends[usable] - 1].sort(stable=True)
    rows = usable[order]
    _, group, counts = torch.unique_consecutive(target, return_inverse=True, return_counts=True)
    starts = counts.cumsum(0) - counts

    def by_sequence(values: Tensor) -> Tensor:
        return torch.zeros_like(sequences.lengths).index_put_((rows,), values)

    return TrainSet(
        sequences=sequences,
        rows=rows,
        same_target_start=by_sequence(starts[group]),
        same_target_count=by_sequence(counts[group]),
        place=by_sequence(torch.arange(len(rows), device=rows.device) - starts[group]),
    )


def draw_partners(train_set: TrainSet, rows: Tensor, stream: torch.Generator) -> Tensor:
    """Draw for each anchor another sequence with the same target, uniformly (§3.2).

    An anchor whose target no other sequence shares is its own partner.

    Parameters
    ----------
    rows
        (B,) anchors, out of `train_set.rows`.

    Returns
    -------
    Tensor
        (B,) partners.
    """
    count = train_set.same_target_count[rows]
    draw = torch.rand(rows.shape, generator=stream, device=rows.device, dtype=torch.float64)
    others = (count - 1).clamp(min=0)
    step = 1 + (draw * others).long()  # 1..count-1: a full circle less oneself; 1 when alone
    place = (train_set.place[rows] + step) % count
    return train_set.rows[train_set.same_target_start[rows] + place]


def draw_negatives(
    targets: Tensor, n_items: int, n_negatives: int, stream: torch.Generator
) -> Tensor:
    """Draw items other than the target, uniformly and with replacement.

    Parameters
    ----------
    targets
        (...) item ids.

    Returns
    -------
    Tensor
        (..., n_negatives) item ids in 0..n_items-1.

    Raises
    ------
    InputError
        If the catalogue holds a single item.
    """
    if n_items < 2:
        raise InputError("a catalogue of one item has no negatives")
    shape = (*targets.shape, n_negatives)
    draw = torch.randint(n_items - 1, shape, generator=stream, device=targets.device)
    return draw + (draw >= targets[..., None])  # step over the target


@dataclass(frozen=True)
class Group:
    """Sequences of similar length, and the width that their windows need."""

    rows: Tensor
    width: int


@dataclass(frozen=True)
class Batch:
    """One step's anchors and their partners, each in groups of similar length.

    Attributes
    ----------
    anchors, partners
        Groups; together B sequences each.
    partner_order
        (B,) index into the concatenated partners: its k-th entry is the partner of the k-th of
        the concatenated anchors.
    """

    anchors: tuple[Group, ...]
    partners: tuple[Group, ...]
    partner_order: Tensor


def epoch_batches(
    train_set: TrainSet, batch_size: int, max_len: int, seed: int, epoch: int
) -> Iterator[Batch]:
    """Yield one epoch: every usable sequence once as an anchor, in random batches.

    Order and partners come from streams of their own, so that a run which ignores the partners
    sees the same batches as one which uses them.

    Parameters
    ----------
    batch_size
        Sequences a batch; the last may be smaller.
    max_len
        Longest input.
    seed, epoch
        Name the streams.
    """
    device = train_set.rows.device
    order = generator(device, seed, "order", epoch)
    shuffle = torch.randperm(len(train_set.rows), generator=order, device=device)
    anchors = train_set.rows[shuffle]
    partners = draw_partners(train_set, anchors, generator(device, seed, "partners", epoch))

    inputs = (train_set.sequences.lengths - 1).clamp(max=max_len)  # (U,) length of each input
    anchor_order = _sort_within_batches(inputs[anchors], batch_size)
    anchors, partners = anchors[anchor_order], partners[anchor_order]
    partner_order = _sort_within_batches(inputs[partners], batch_size)
    sorted_partners = partners[partner_order]
    back = torch.empty_like(partner_order)
    back[partner_order] = torch.arange(len(back), device=device)

    anchor_groups = _groups(anchors, inputs, batch_size)
    partner_groups = _groups(sorted_partners, inputs, batch_size)
    starts = range(0, len(anchors), batch_size)
    for start, own, other in zip(starts, anchor_groups, partner_groups, strict=True):
        yield Batch(own, other, back[start : start + batch_size] - start)


def _sort_within_batches(lengths: Tensor, batch_size: int) -> Tensor:
    """Return the order that sorts each stretch of `batch_size` by length."""
    batch = torch.arange(len(lengths), device=lengths.device) // batch_size
    return (batch * (lengths.max() + 1) + lengths).argsort(stable=True)


def _groups(rows: Tensor, inputs: Tensor, batch_size: int) -> list[tuple[Group, ...]]:
    """Cut batches, each sorted by length, into groups; one read of the device for all widths."""
    stops: list[list[int]] = []
    for start in range(0, len(rows), batch_size):
        size = min(batch_size, len(rows) - start)
        cuts = {start + size * part // LENGTH_GROUPS for part in range(LENGTH_GROUPS + 1)}
        stops.append(sorted(cuts))
    newest = torch.tensor([stop - 1 for cuts in stops for stop in cuts[1:]], device=rows.device)
    widths = iter(inputs[rows[newest]].tolist())  # the last of a sorted group is its longest
    return [
        tuple(Group(rows[first:last], next(widths)) for first, last in pairwise(cuts))
        for cuts in stops
    ]
