"""SASRec: a causal Transformer over a user's recent items (§3.1)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from btsr_core.config import ModelConfig

INIT_STD = 0.02
"""Deviation of the initial weights, the usual choice for small Transformers."""


class SASRec(nn.Module):
    """Encode histories into the space of the item embeddings.

    The item table has `n_items` rows and one padding row of zeros, which is never scored and never
    learns. Positions are counted from the newest item, so padding on the left moves nothing.

    Parameters
    ----------
    n_items
        Size of the catalogue; item ids are 0..n_items-1 and n_items is the padding id.
    config
        Shape of the encoder.
    has_mask_token
        Whether the inputs may hold `mask_id`, a learned vector that is no item and never scored.
    """

    def __init__(self, n_items: int, config: ModelConfig, *, has_mask_token: bool = False) -> None:
        super().__init__()
        self.n_items = n_items
        self.item_embedding = nn.Embedding(n_items + 1, config.dim, padding_idx=n_items)
        self.position_embedding = nn.Embedding(config.max_len, config.dim)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_blocks))
        self.norm = nn.LayerNorm(config.dim)
        self.mask_embedding: nn.Embedding | None = None
        if has_mask_token:
            # Last, and without a draw before the loop below: all other weights start as they
            # would without it.
            blank = torch.zeros(1, config.dim)
            self.mask_embedding = nn.Embedding(1, config.dim, _weight=blank)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=INIT_STD)
        with torch.no_grad():
            self.item_embedding.weight[n_items].zero_()

    @property
    def item_table(self) -> Tensor:
        """(n_items, D) embeddings of the catalogue, without the padding row."""
        return self.item_embedding.weight[: self.n_items]

    @property
    def mask_id(self) -> int:
        """Stands for a hidden item in the input of a model that has a mask token."""
        return self.n_items + 1

    def forward(self, item_ids: Tensor) -> Tensor:
        """Encode every prefix of every history.

        Parameters
        ----------
        item_ids
            (B, T) int64, T <= max_len, oldest item first, padded on the left with `n_items`;
            `mask_id` hides an item, where the model has a mask token.

        Returns
        -------
        Tensor
            (B, T, D); position t sees items up to t, and r(i, t) = item_table[i] . out[:, t].
            At padding the output is finite and means nothing.
        """
        length = item_ids.shape[1]
        is_item = item_ids != self.n_items  # (B, T)
        ages = torch.arange(length - 1, -1, -1, device=item_ids.device)  # newest item has age 0
        x = self._embed(item_ids) * math.sqrt(self.item_embedding.embedding_dim)
        x = self.dropout(x + self.position_embedding(ages))  # (B, T, D)
        mask = attention_mask(is_item)
        for block in self.blocks:
            x = block(x, mask)
        out: Tensor = self.norm(x)
        return out

    def _embed(self, item_ids: Tensor) -> Tensor:
        if self.mask_embedding is None:
            embedded: Tensor = self.item_embedding(item_ids)
            return embedded
        hidden = item_ids == self.mask_id
        seen = self.item_embedding(torch.where(hidden, self.n_items, item_ids))
        return torch.where(hidden[..., None], self.mask_embedding.weight[0], seen)


def attention_mask(is_item: Tensor) -> Tensor:
    """Return who may attend to whom: (B, 1, T, T) bool, True where query t may see key s.

    Queries see items at or before themselves, never padding. Every position also sees itself, so
    that a row of padding has something to average and stays finite.
    """
    length = is_item.shape[1]
    ones = torch.ones(length, length, dtype=torch.bool, device=is_item.device)
    return ((ones.tril() & is_item[:, None, :]) | ones.tril().triu())[:, None]


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
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (B, T, D) to (B, T, D) under a (B, 1, T, T) mask."""
        x = x + self.dropout(self._attend(self.attention_norm(x), mask))
        hidden = self.dropout(F.relu(self.inner(self.network_norm(x))))
        out: Tensor = x + self.dropout(self.outer(hidden))
        return out

    def _attend(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, length, dim = x.shape
        heads = (batch, length, self.n_heads, dim // self.n_heads)
        q, k, v = (part.view(heads).transpose(1, 2) for part in self.to_qkv(x).chunk(3, dim=2))
        rate = self.dropout.p if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=rate)
        out: Tensor = self.to_out(mixed.transpose(1, 2).reshape(batch, length, dim))
        return out
