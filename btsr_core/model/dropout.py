"""Dropout at the price of its random bits.

PyTorch's own costs more on a CPU than the rest of this encoder: it draws one after the other, with
64 bits for every yes or no. Sixteen are enough.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

LEVELS = 2**16
"""Different values of a draw; the rate is rounded to a multiple of 1 / LEVELS."""


def dropout(x: Tensor, rate: float) -> Tensor:
    """Set entries to zero at random and scale the others up, so that the mean stays.

    Draws from the global generator of the tensor's device, as PyTorch's own does.

    Parameters
    ----------
    x
        Any shape.
    rate
        Chance of an entry to be dropped, 0 to 1 (exclusive).
    """
    if not rate:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, rate)
    dropped = round(rate * LEVELS)
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    draws = words.view(torch.int16)[: x.numel()].view(x.shape)  # uniform from -LEVELS / 2 up
    kept = (draws >= dropped - LEVELS // 2) * (LEVELS / (LEVELS - dropped))
    return (x * kept).to(x.dtype)  # half precision times the scale in single is single


def attention(q: Tensor, k: Tensor, v: Tensor, rate: float, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention, causal unless there is a mask, with dropout of the weights.

    Parameters
    ----------
    q, k, v
        (b, heads, S, D / heads) queries, (b, heads, T, D / heads) keys and values.
    rate
        See `dropout`.
    mask
        (b, 1, 1 or S, T) bool, True where a query may see a key.
    """
    if not rate or q.device.type != "cpu":
        return F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, dropout_p=rate, is_causal=mask is None
        )
    if mask is None:
        mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril()
    scores = (q * q.shape[3] ** -0.5) @ k.transpose(2, 3)
    weights = scores.masked_fill(~mask, -torch.inf).softmax(3)
    return dropout(weights, rate) @ v
