"""Augmented views of histories: crop, mask, reorder and substitute, by tensor operations alone.

All take (B, T) int64 windows, oldest item first, padded on the left, and return new ones; n is the
number of items in a row. Crop, mask and reorder are those of CL4SRec (Xie et al., ICDE 2022),
substitute is after CoSeRec (Liu et al., 2021). A row of one item stays as it is.
"""

import torch
from torch import Tensor


def crop(windows: Tensor, padding_id: int, share: float, stream: torch.Generator) -> Tensor:
    """Keep a random contiguous part of floor(share n) items, at least one, at the right end."""
    n = _lengths(windows, padding_id)
    part = torch.where(n > 1, _parts(n, share).clamp(min=1), n)
    behind = n - part - _uniform(n - part, stream)  # (B, 1) items cut off at the right
    columns = torch.arange(windows.shape[1], device=windows.device)
    moved = windows.gather(1, (columns - behind).clamp(min=0))
    return torch.where(columns >= windows.shape[1] - part, moved, padding_id)


def mask(
    windows: Tensor, padding_id: int, share: float, mask_id: int, stream: torch.Generator
) -> Tensor:
    """Hide floor(share n) random items behind `mask_id`."""
    return torch.where(_some(windows, padding_id, share, stream), mask_id, windows)


def reorder(windows: Tensor, padding_id: int, share: float, stream: torch.Generator) -> Tensor:
    """Shuffle a random contiguous part of floor(share n) items."""
    n = _lengths(windows, padding_id)
    part = _parts(n, share)
    first = windows.shape[1] - n + _uniform(n - part, stream)  # (B, 1) column of the part
    columns = torch.arange(windows.shape[1], device=windows.device)
    inside = (columns >= first) & (columns < first + part)
    # Sorting by these keys moves nothing but the part: its keys lie between its neighbours'.
    keys = torch.where(inside, first + _noise(windows, stream), columns.double())
    return windows.gather(1, keys.argsort(dim=1, stable=True))


def substitute(
    windows: Tensor, padding_id: int, share: float, table: Tensor, stream: torch.Generator
) -> Tensor:
    """Replace floor(share n) random items by correlated ones.

    CoSeRec takes the most correlated item by co-occurrence; here that is the most frequent
    successor, `sampler.PackedSequences.successors`.

    Parameters
    ----------
    table
        (n_items,) the replacement of each item.
    """
    chosen = _some(windows, padding_id, share, stream)
    return torch.where(chosen, table[windows.clamp(max=len(table) - 1)], windows)


def two_augmentations(
    windows: Tensor,
    padding_id: int,
    mask_id: int,
    shares: tuple[float, float, float],
    stream: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Return two views of each row by two different operators, uniform among the ordered pairs.

    Parameters
    ----------
    shares
        Of crop, mask and reorder.
    """
    first = torch.randint(3, windows.shape[:1], generator=stream, device=windows.device)
    step = torch.randint(1, 3, windows.shape[:1], generator=stream, device=windows.device)
    rows = torch.arange(len(windows), device=windows.device)
    one, other = (
        torch.stack(
            [
                crop(windows, padding_id, shares[0], stream),
                mask(windows, padding_id, shares[1], mask_id, stream),
                reorder(windows, padding_id, shares[2], stream),
            ]
        )[operator, rows]
        for operator in (first, (first + step) % 3)
    )
    return one, other


def _lengths(windows: Tensor, padding_id: int) -> Tensor:
    """(B, 1) items of each row."""
    return (windows != padding_id).sum(1, keepdim=True)


def _parts(n: Tensor, share: float) -> Tensor:
    """(B, 1) floor(share n); none of a single item."""
    return torch.where(n > 1, (n.double() * share).long(), 0)


def _noise(windows: Tensor, stream: torch.Generator) -> Tensor:
    """(B, T) uniform in [0, 1); double precision, so that ties are out of the question."""
    device = windows.device
    return torch.rand(windows.shape, generator=stream, device=device, dtype=torch.float64)


def _uniform(most: Tensor, stream: torch.Generator) -> Tensor:
    """Whole numbers in 0..most, entry by entry."""
    return (_noise(most, stream) * (most + 1)).long()


def _some(windows: Tensor, padding_id: int, share: float, stream: torch.Generator) -> Tensor:
    """(B, T) bool: floor(share n) random items of each row."""
    is_item = windows != padding_id
    keys = torch.where(is_item, _noise(windows, stream), 2.0)  # padding sorts last
    rank = keys.argsort(dim=1).argsort(dim=1)
    return rank < _parts(is_item.sum(1, keepdim=True), share)
