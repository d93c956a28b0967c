"""Scalable cross-entropy: a softmax over hard negatives found by random buckets (Eq. 4)."""

import math

import torch
from torch import Tensor


def scalable_cross_entropy(
    hidden: Tensor,
    item_table: Tensor,
    targets: Tensor,
    stream: torch.Generator,
    *,
    n_buckets: int,
    bucket_positions: int,
    bucket_items: int,
    mix: bool = True,
) -> Tensor:
    """Cross-entropy of positions against the items that share a bucket with them (Eq. 4).

    Each bucket is a random direction with the positions and the items of largest projection on it,
    an approximate search for maximal inner products. Inside a bucket every position is scored
    against every item and its own target. A position in several buckets keeps its largest loss;
    the result is the mean over positions in some bucket.

    Parameters
    ----------
    hidden
        (N, D) encoder outputs at the valid positions only.
    item_table
        (n_items, D) item embeddings.
    targets
        (N,) next item of each position.
    stream
        Generator of the directions, on the tensors' device.
    n_buckets, bucket_positions
        How many buckets, and positions in each; at most N are used.
    bucket_items
        Items in each; at most n_items are used.
    mix
        Whether directions are random mixtures of the positions themselves, or plain Gaussian.

    Returns
    -------
    Tensor
        Scalar, in nats.
    """
    n, dim = hidden.shape
    # In full whatever the precision: of rounded projections too many tie for a place.
    with torch.no_grad(), torch.autocast(hidden.device.type, enabled=False):
        directions = torch.randn(
            (n_buckets, n if mix else dim),
            generator=stream, device=hidden.device, dtype=hidden.dtype,
        )  # fmt: skip
        if mix:
            directions = directions @ hidden
        positions = (directions @ hidden.T).topk(min(bucket_positions, n)).indices  # (b, p)
        items = (directions @ item_table.T).topk(min(bucket_items, len(item_table))).indices
    bucketed = hidden[positions]  # (b, p, D)
    logits = (bucketed @ item_table[items].transpose(1, 2)).to(hidden.dtype)  # (b, p, i)
    own = (hidden * item_table[targets]).sum(1)[positions]  # (b, p)
    is_target = items[:, None, :] == targets[positions][:, :, None]
    logits = logits.masked_fill(is_target, -torch.inf)
    losses = torch.cat([own[:, :, None], logits], 2).logsumexp(2) - own  # (b, p), each >= 0
    worst = hidden.new_full((n,), -torch.inf)
    worst = worst.scatter_reduce(0, positions.flatten(), losses.flatten(), "amax")
    return worst[worst > -torch.inf].mean()


def default_size(n: int) -> int:
    """Return floor(2 sqrt(N)), at least 1: the authors' number of buckets, and of positions."""
    return max(1, math.floor(2 * math.sqrt(n)))
