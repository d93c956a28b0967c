"""Batches, same-target partners and negatives, drawn on the device by tensor indexing.

Sequences lie in one flat tensor; a batch is a handful of indices into it. Every random stream has
a generator of its own, seeded from (seed, stream, epoch): drawing from one never shifts another,
and an epoch can be drawn again without replaying those before it, which is what makes a resumed
run equal an uninterrupted one.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from btsr_core.errors import InputError
from btsr_core.sequences.histories import PackedSequences, Pick, picks


def seed_of(*key: int | str) -> int:
    """Return a seed in 0..2^63-1 that depends on every part of `key`."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(device: torch.device, *key: int | str) -> torch.Generator:
    """Return a fresh generator on `device` for the stream that `key` names."""
    return torch.Generator(device).manual_seed(seed_of(*key))


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
class Batch:
    """One step's anchors and their partners, B each; both lists are sorted by length.

    Attributes
    ----------
    anchors, partners
        Inputs: sequences without their target.
    partner_order
        (B,) index into the partners: its k-th entry is the partner of the k-th anchor.
    """

    anchors: Pick
    partners: Pick
    partner_order: Tensor


def epoch_batches(
    train_set: TrainSet, batch_size: int, max_len: int, seed: int, epoch: int
) -> Iterator[Batch]:
    """Yield one epoch: every usable sequence once as an anchor, in random batches.

    Order and partners come from streams of their own, so that a run which ignores the partners
    sees the same batches as one which uses them. Sorting by length happens within a batch: who
    shares one stays independent of length.

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

    own = picks(anchors, inputs[anchors], batch_size)
    other = picks(sorted_partners, inputs[sorted_partners], batch_size)
    starts = range(0, len(anchors), batch_size)
    for start, anchor, partner in zip(starts, own, other, strict=True):
        yield Batch(anchor, partner, back[start : start + batch_size] - start)


def _sort_within_batches(lengths: Tensor, batch_size: int) -> Tensor:
    """Return the order that sorts each stretch of `batch_size` by length."""
    batch = torch.arange(len(lengths), device=lengths.device) // batch_size
    return (batch * (lengths.max() + 1) + lengths).argsort(stable=True)
