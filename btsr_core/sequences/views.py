"""Augmented views of histories: crop, mask, reorder and substitute, by tensor operations alone.

All return new histories; n is the number of items in one. Crop, mask and reorder are those of
CL4SRec (Xie et al., ICDE 2022), substitute is after CoSeRec (Liu et al., 2021). A history of one
item stays as it is, and so do those that are not among `rows`, where that is given.
"""

import torch
from torch import Tensor

from btsr_core.sequences.histories import Histories


def crop(
    histories: Histories, share: float, stream: torch.Generator, rows: Tensor | None = None
) -> Histories:
    """Keep a random contiguous part of floor(share n) items, at least one.

    Parameters
    ----------
    histories
        B histories, N items in all.
    share
        Of the items of a history, 0 to 1.
    stream
        Generator on the histories' device.
    rows
        (B,) bool, which histories; all by default.
    """
    n = histories.lengths
    part = _parts(histories, share).clamp(min=1)
    part = torch.where(_chosen(histories, rows), part, n)
    start = _uniform(n - part, stream)
    place, owner = histories.place, histories.owner
    kept = (place >= start[owner]) & (place < (start + part)[owner])
    return Histories(histories.item_ids[kept], part, histories.groups)


def mask(
    histories: Histories,
    share: float,
    mask_id: int,
    stream: torch.Generator,
    rows: Tensor | None = None,
) -> Histories:
    """Hide floor(share n) random items behind `mask_id`; see `crop` for the parameters."""
    hidden = _some(histories, share, stream, rows)
    return histories.with_items(torch.where(hidden, mask_id, histories.item_ids))


def reorder(
    histories: Histories, share: float, stream: torch.Generator, rows: Tensor | None = None
) -> Histories:
    """Shuffle a random contiguous part of floor(share n) items; see `crop` for the parameters."""
    part = torch.where(_chosen(histories, rows), _parts(histories, share), 0)
    start = _uniform(histories.lengths - part, stream)
    place, owner = histories.place, histories.owner
    inside = (place >= start[owner]) & (place < (start + part)[owner])
    # Sorting by these keys moves nothing but the part: its keys lie between its neighbours'.
    keys = torch.where(inside, start[owner] + _noise(place, stream), place.double())
    return histories.with_items(histories.item_ids[(histories.first[owner] + keys).argsort()])


def substitute(
    histories: Histories, share: float, table: Tensor, stream: torch.Generator
) -> Histories:
    """Replace floor(share n) random items by correlated ones.

    CoSeRec takes the most correlated item by co-occurrence; here that is the most frequent
    successor, `histories.PackedSequences.successors`.

    Parameters
    ----------
    histories, share, stream
        See `crop`.
    table
        (n_items,) the replacement of each item.
    """
    chosen = _some(histories, share, stream, None)
    return histories.with_items(torch.where(chosen, table[histories.item_ids], histories.item_ids))


def two_augmentations(
    histories: Histories,
    mask_id: int,
    shares: tuple[float, float, float],
    stream: torch.Generator,
) -> tuple[Histories, Histories]:
    """Return two views of each history by two different operators, uniform among ordered pairs.

    Parameters
    ----------
    shares
        Of crop, mask and reorder.
    """

    def view(operator: Tensor) -> Histories:
        seen = reorder(histories, shares[2], stream, operator == 2)
        seen = mask(seen, shares[1], mask_id, stream, operator == 1)
        return crop(seen, shares[0], stream, operator == 0)

    first, second = two_operators(histories, stream)
    return view(first), view(second)


def two_operators(histories: Histories, stream: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw (B,) two different of three operators, 0 to 2, uniform among ordered pairs."""
    shape, device = histories.lengths.shape, histories.lengths.device
    first = torch.randint(3, shape, generator=stream, device=device)
    step = torch.randint(1, 3, shape, generator=stream, device=device)
    return first, (first + step) % 3


def _parts(histories: Histories, share: float) -> Tensor:
    """(B,) floor(share n)."""
    return (histories.lengths.double() * share).long()


def _chosen(histories: Histories, rows: Tensor | None) -> Tensor:
    """(B,) bool: the histories that may change."""
    longer = histories.lengths > 1
    return longer if rows is None else longer & rows


def _noise(like: Tensor, stream: torch.Generator) -> Tensor:
    """Uniform in [0, 1), entry by entry; double precision, so that ties are out of the question."""
    return torch.rand(like.shape, generator=stream, device=like.device, dtype=torch.float64)


def _uniform(most: Tensor, stream: torch.Generator) -> Tensor:
    """Whole numbers in 0..most, entry by entry."""
    return (_noise(most, stream) * (most + 1)).long()


def _some(
    histories: Histories, share: float, stream: torch.Generator, rows: Tensor | None
) -> Tensor:
    """(N,) bool: floor(share n) random items of each history."""
    owner = histories.owner
    order = (owner + _noise(owner, stream)).argsort()  # shuffles inside each history
    part = torch.where(_chosen(histories, rows), _parts(histories, share), 0)
    chosen = torch.empty_like(owner, dtype=torch.bool)
    chosen[order] = histories.place < part[owner]
    return chosen
