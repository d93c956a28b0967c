"""Mixed precision: which products may be taken in half the bits, and what never is."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

import torch
from torch import Tensor

P = ParamSpec("P")


def product_dtype(like: Tensor) -> torch.dtype:
    """Return the type in which matrix products are taken here and now.

    Parameters
    ----------
    like
        Its own type, unless `torch.autocast` is on for its device and asks for another; that
        leaves double precision alone.
    """
    device = like.device.type
    if like.dtype == torch.float64 or not torch.is_autocast_enabled(device):
        return like.dtype
    return torch.get_autocast_dtype(device)


def in_full_precision(
    function: Callable[Concatenate[Tensor, P], Tensor],
) -> Callable[Concatenate[Tensor, P], Tensor]:
    """Let a function of tensors compute in their own type, whatever `torch.autocast` asks for.

    For what is cheap but delicate, such as correlations: eight bits of a mantissa are too few.
    """

    @wraps(function)
    def computed(first: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        with torch.autocast(first.device.type, enabled=False):
            return function(first, *args, **kwargs)

    return computed
