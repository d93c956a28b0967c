"""SASRec: a causal Transformer over a user's recent items (§3.1)."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from btsr_core.config import ModelConfig
from btsr_core.model.dropout import attention, dropout
from btsr_core.sequences.histories import Histories

INIT_STD = 0.02
"""Deviation of the initial weights, the usual choice for small Transformers."""


class SASRec(nn.Module):
    """Encode histories into the space of the item embeddings.

    Histories come packed, so there is no padding item: the table has a row an item and no other.
    Positions are counted from the newest item.

    Parameters
    ----------
    n_items
        Size of the catalogue; item ids are 0..n_items-1.
    config
        Shape of the encoder.
    has_mask_token
        Whether the inputs may hold `mask_id`, a learned vector that is no item and never scored.
    projection_dim
        Outputs of the head that `project` applies, for a regulariser alone; 0 is no head.
    """

    def __init__(
        self,
        n_items: int,
        config: ModelConfig,
        *,
        has_mask_token: bool = False,
        projection_dim: int = 0,
    ) -> None:
        super().__init__()
        self.n_items = n_items
        self.item_embedding = nn.Embedding(n_items, config.dim)
        self.position_embedding = nn.Embedding(config.max_len, config.dim)
        self.dropout = config.dropout
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_blocks))
        self.norm = nn.LayerNorm(config.dim)
        # What a regulariser may need comes last, and without a draw before the loop below: all
        # weights before it start as they would without it.
        self.mask_embedding: nn.Embedding | None = None
        if has_mask_token:
            blank = torch.zeros(1, config.dim)
            self.mask_embedding = nn.Embedding(1, config.dim, _weight=blank)
        self.projection: nn.Sequential | None = None
        if projection_dim:
            self.projection = _projection(config.dim, projection_dim)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=INIT_STD)

    @property
    def item_table(self) -> Tensor:
        """(n_items, D) embeddings of the catalogue."""
        return self.item_embedding.weight

    @property
    def mask_id(self) -> int:
        """Stands for a hidden item in the input of a model that has a mask token."""
        return self.n_items

    def forward(self, histories: Histories, *, last_only: bool = False) -> Tensor:
        """Encode every prefix of every history, or the whole histories alone.

        Parameters
        ----------
        histories
            B histories of at most max_len items, N in all; `mask_id` hides an item, where the
            model has a mask token.
        last_only
            Whether only the outputs at the newest items are wanted; the last block then computes
            no others.

        Returns
        -------
        Tensor
            (N, D), or (B, D): the output at an item sees its history up to it, and
            r(i, .) = item_table[i] . output.
        """
        return self.encode(self.embed(histories), histories, last_only=last_only)

    def project(self, z: Tensor) -> Tensor:
        """Map (B, D) outputs to (B, P) by the projection head; without one they stay as they are.

        Scores are taken before the head, which only a regulariser sees.
        """
        if self.projection is None:
            return z
        with torch.autocast(z.device.type, enabled=False):  # few products, delicate losses
            projected: Tensor = self.projection(z)
        return projected

    def embed(self, histories: Histories) -> Tensor:
        """Return (N, D) embeddings of the items of some histories."""
        item_ids = histories.item_ids
        if self.mask_embedding is None:
            embedded: Tensor = self.item_embedding(item_ids)
            return embedded
        hidden = item_ids == self.mask_id
        seen = self.item_embedding(item_ids.clamp(max=self.n_items - 1))
        return torch.where(hidden[:, None], self.mask_embedding.weight[0], seen)

    def encode(self, embedded: Tensor, histories: Histories, *, last_only: bool = False) -> Tensor:
        """Encode histories whose items are embedded already; see `forward`."""
        x = embedded * math.sqrt(embedded.shape[1])
        x = x + self.position_embedding(histories.age)
        x = dropout(x, self.dropout if self.training else 0.0)  # (N, D)
        *inner, final = self.blocks
        for block in inner:
            x = block(x, histories)
        out: Tensor = self.norm(final(x, histories, last_only=last_only))
        return out


def _projection(dim: int, projection_dim: int) -> nn.Sequential:
    """Return a head of two layers; its matrices are left to the caller to draw.

    As those of Barlow Twins (Zbontar et al., ICML 2021) and VICReg (Bardes et al., ICLR 2022), with
    two layers for their three, and layer in the place of batch normalisation: a batch may hold a
    single history.
    """
    sizes = (dim, projection_dim), (projection_dim, projection_dim)
    first, second = (nn.Linear(*size, device="meta").to_empty(device="cpu") for size in sizes)
    for layer in (first, second):
        nn.init.zeros_(layer.bias)
    return nn.Sequential(first, nn.LayerNorm(projection_dim), nn.ReLU(), second)


class Block(nn.Module):
    """Pre-norm causal self-attention, then a position-wise network of inner width D."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.attention_norm = nn.LayerNorm(config.dim)
        self.to_qkv = nn.Linear(config.dim, 3 * config.dim)
        self.to_out = nn.Linear(config.dim, config.dim)
        self.network_norm = nn.LayerNorm(config.dim)
        self.inner = nn.Linear(config.dim, config.dim)
        self.outer = nn.Linear(config.dim, config.dim)
        self.dropout = config.dropout

    def forward(self, x: Tensor, histories: Histories, *, last_only: bool = False) -> Tensor:
        """Map (N, D) to (N, D), or to (B, D) at the newest items."""
        normed = self.attention_norm(x)
        if last_only:
            x, mixed = x[histories.last], self._attend_from_last(normed, histories)
        else:
            mixed = self._attend(normed, histories)
        x = x + dropout(self.to_out(mixed), self._rate)
        hidden = dropout(F.relu(self.inner(self.network_norm(x))), self._rate)
        out: Tensor = x + dropout(self.outer(hidden), self._rate)
        return out

    def _attend(self, x: Tensor, histories: Histories) -> Tensor:
        """Let every item attend to itself and those before it: (N, D) to (N, D)."""
        qkv = _to_rectangles(self.to_qkv(x), histories)  # (P, 3D)
        parts = []
        for part, group in zip(_split(qkv, histories), histories.groups, strict=True):
            # Rows are filled from the left, so no item sees what lies beyond the end of its row.
            q, k, v = (self._heads(t, group.size) for t in part.chunk(3, dim=1))
            mixed = attention(q, k, v, self._rate)
            parts.append(mixed.transpose(1, 2).reshape(group.size * group.width, -1))
        return _to_packed(torch.cat(parts), histories)

    def _attend_from_last(self, x: Tensor, histories: Histories) -> Tensor:
        """Let the newest item of each history attend to all of it: (N, D) to (B, D)."""
        if not torch.is_grad_enabled():
            return self._read_from_last(x, histories)
        dim = x.shape[1]
        weight, bias = self.to_qkv.weight, self.to_qkv.bias
        q_all = F.linear(x[histories.last], weight[:dim], bias[:dim])  # (B, D)
        kv = _to_rectangles(F.linear(x, weight[dim:], bias[dim:]), histories)  # (P, 2D)
        sizes = [group.size for group in histories.groups]
        rows = zip(
            torch.split(q_all, sizes), torch.split(histories.lengths, sizes), _split(kv, histories),
            histories.groups, strict=True,
        )  # fmt: skip
        parts = []
        for own, lengths, part, group in rows:
            q = self._heads(own, group.size)  # (b, heads, 1, D / heads)
            k, v = (self._heads(t, group.size) for t in part.chunk(2, dim=1))
            places = torch.arange(group.width, device=x.device)
            mask = (places < lengths[:, None])[:, None, None]  # (b, 1, 1, T)
            mixed = attention(q, k, v, self._rate, mask)
            parts.append(mixed.reshape(group.size, dim))
        return torch.cat(parts)

    def _read_from_last(self, x: Tensor, histories: Histories) -> Tensor:
        """`_attend_from_last` without keys and values of every item.

        A key matters through q . (K x) = (K' q) . x alone, and the weighted sum of the values V x
        is V times that of the x. So a map for each query takes the place of two for each item.
        Rounding differs, so training does without.
        """
        dim, heads = x.shape[1], self.n_heads
        to_q, to_k, to_v = self.to_qkv.weight.chunk(3)
        bias_q, _, bias_v = self.to_qkv.bias.chunk(3)  # a bias of keys adds the same everywhere
        q = F.linear(x[histories.last], to_q, bias_q).view(-1, heads, dim // heads)
        asked = q.transpose(0, 1) @ to_k.view(heads, dim // heads, dim)  # (heads, B, D)
        # `attention` divides by the root of D, where D / heads is meant.
        asked = (asked * math.sqrt(heads)).transpose(0, 1)[:, None]  # (B, 1, heads, D)
        sizes = [group.size for group in histories.groups]
        rows = zip(
            torch.split(asked, sizes), torch.split(histories.lengths, sizes),
            _split(_to_rectangles(x, histories), histories), histories.groups, strict=True,
        )  # fmt: skip
        parts = []
        for own, lengths, part, group in rows:
            items = part.view(group.size, 1, group.width, dim)
            mask = (torch.arange(group.width, device=x.device) < lengths[:, None])[:, None, None]
            parts.append(attention(own, items, items, self._rate, mask)[:, 0])  # (b, heads, D)
        mixed = torch.cat(parts).transpose(0, 1) @ to_v.view(heads, -1, dim).transpose(1, 2)
        return mixed.transpose(0, 1).reshape(-1, dim) + bias_v

    def _heads(self, x: Tensor, size: int) -> Tensor:
        """Turn (b T, D) into (b, heads, T, D / heads)."""
        return x.view(size, -1, self.n_heads, x.shape[1] // self.n_heads).transpose(1, 2)

    @property
    def _rate(self) -> float:
        return self.dropout if self.training else 0.0


def _split(rectangles: Tensor, histories: Histories) -> tuple[Tensor, ...]:
    """Cut (P, ...) places into those of each group."""
    return torch.split(rectangles, [group.size * group.width for group in histories.groups])


def _to_rectangles(packed: Tensor, histories: Histories) -> Tensor:
    """Lay (N, D) packed items out as (P, D); what stands beyond the end of a row means nothing."""
    if histories.is_rectangular:
        return packed
    there, back = histories.place_to_packed, histories.packed_to_place
    out: Tensor = _Unpack.apply(packed, there, back)  # type: ignore[no-untyped-call]
    return out


def _to_packed(rectangles: Tensor, histories: Histories) -> Tensor:
    """Collect the (N, D) items out of (P, D) places."""
    if histories.is_rectangular:
        return rectangles
    out: Tensor = _Pack.apply(rectangles, histories.packed_to_place)  # type: ignore[no-untyped-call]
    return out


class _Unpack(torch.autograd.Function):
    """A gather whose gradient is a gather too.

    Autograd would add the gradients of all places up, though those beyond the end of a row are
    always zero: nothing that counts has seen them.
    """

    @staticmethod
    def forward(ctx: Any, packed: Tensor, there: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(back)
        return packed.index_select(0, there)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (back,) = ctx.saved_tensors
        return grad.index_select(0, back), None, None


class _Pack(torch.autograd.Function):
    """The way back. No item stands at two places, so its gradient only copies."""

    @staticmethod
    def forward(ctx: Any, rectangles: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(back)
        ctx.n_places = len(rectangles)
        return rectangles.index_select(0, back)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (back,) = ctx.saved_tensors
        out = grad.new_zeros(ctx.n_places, grad.shape[1])
        out[back] = grad
        return out, None
