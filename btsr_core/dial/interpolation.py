"""Models on a straight line between two that were fine-tuned from one start.

Fine-tunes of one start mostly stay in one basin of the loss, where the weights between them work
too (Frankle et al., ICML 2020); a model of two aims can then be dialled by its weights alone
(*rewarded soups*, Rame et al., NeurIPS 2023).
"""

import torch

from btsr_core.training.checkpoint import State


def interpolate(low: State, high: State, share: float) -> State:
    """Return (1 - share) low + share high, weight by weight; the ends exactly.

    Raises
    ------
    ValueError
        If the two do not have the same weights.
    """
    if low.keys() != high.keys():
        raise ValueError(f"the ends differ in {sorted(low.keys() ^ high.keys())}")
    return {name: torch.lerp(tensor, high[name], share) for name, tensor in low.items()}


def ends(low: State, high: State) -> State:
    """Return both ends as one state, for a file."""
    return {f"low/{n}": t for n, t in low.items()} | {f"high/{n}": t for n, t in high.items()}


def between(both: State, share: float) -> State:
    """Return `interpolate` of what `ends` put together."""
    low, high = (
        {n.removeprefix(end): t for n, t in both.items() if n.startswith(end)}
        for end in ("low/", "high/")
    )
    return interpolate(low, high, share)
