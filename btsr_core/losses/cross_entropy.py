"""Full-softmax cross-entropy whose logits never exist all at once (Eq. 3)."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from btsr_core.machine.precision import product_dtype

CHUNK_LOGITS = {"cpu": 2**20, "cuda": 2**26}
"""Logits held at a time: 4 MB in single precision, which stays in the caches of a CPU, or 256 MB,
which keeps a GPU busy."""
CHUNK_ROWS = 32
"""Fewest positions a chunk, whatever the catalogue: thinner matrix products waste the processor."""


def cross_entropy(hidden: Tensor, item_table: Tensor, targets: Tensor) -> Tensor:
    """Full-softmax next-item loss, averaged over positions (Eq. 3).

    Positions are taken in chunks, and the gradient is formed while a chunk's logits are at hand.
    That costs the same three matrix products as keeping all logits, and memory for one chunk.
    Under `torch.autocast` they are taken in its type; softmax and sums stay in the tensors' own.

    Parameters
    ----------
    hidden
        (N, D) encoder outputs at the valid positions only.
    item_table
        (n_items, D) item embeddings; row j scores item j.
    targets
        (N,) next item of each position.

    Returns
    -------
    Tensor
        Scalar, in nats. It can be differentiated once.
    """
    loss: Tensor = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden, item_table, targets, product_dtype(hidden)
    )
    return loss


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, item_table: Tensor, targets: Tensor, dtype: torch.dtype
    ) -> Tensor:
        n, n_items = len(hidden), len(item_table)
        rows = max(CHUNK_ROWS, CHUNK_LOGITS[hidden.device.type] // n_items)
        total = hidden.new_zeros(())
        wants_hidden, wants_table, *_ = ctx.needs_input_grad
        grad_hidden = torch.empty_like(hidden) if wants_hidden else None
        grad_table = torch.zeros_like(item_table) if wants_table else None
        held = torch.empty(min(rows, n), n_items, dtype=dtype, device=hidden.device)
        # Factors of the products. Where their type is the tensors' own, `to` hands these back.
        left, right = hidden.to(dtype), item_table.to(dtype)
        for start in range(0, n, rows):
            part = slice(start, start + rows)
            own = targets[part, None]
            logits = torch.mm(left[part], right.T, out=held[: len(own)]).to(hidden.dtype)
            own_logit, top = logits.gather(1, own), logits.amax(1, keepdim=True)
            weights = logits.sub_(top).exp_()  # in the logits' place, as is all that follows
            sums = weights.sum(1, keepdim=True)
            total += (top + sums.log() - own_logit).sum()
            if grad_hidden is None and grad_table is None:
                continue
            # d loss / d logits = (softmax - one-hot of the target) / N
            slope = weights.div_(sums * n)
            slope.scatter_add_(1, own, torch.full_like(own, -1 / n, dtype=slope.dtype))
            slope = held[: len(own)].copy_(slope) if dtype != hidden.dtype else slope
            if grad_hidden is not None:
                grad_hidden[part] = slope @ right
            if grad_table is not None and dtype == hidden.dtype:
                grad_table.addmm_(slope.T, left[part])
            elif grad_table is not None:
                grad_table += slope.T @ left[part]  # the sum over chunks in full
        ctx.save_for_backward(grad_hidden, grad_table)
        return total / n

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        grad_hidden, grad_table = ctx.saved_tensors
        return (
            None if grad_hidden is None else grad_hidden * grad,
            None if grad_table is None else grad_table * grad,
            None,
            None,
        )
