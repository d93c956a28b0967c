"""SASRec as it is usually written: to be measured against, and for nothing else.

Every history is padded on the left to `max_len`; every padded position goes through the encoder and
gets a logit for every item; the loss then ignores those positions. Evaluation scores users x items
a batch at a time. Its equations are those of `btsr_core.model.sasrec`, with padding masked as a
key, so that the same weights give the same loss and ranks; a test checks it.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.data import Benchmark, IntArray
from benchmarks.process import Shape
from btsr_core.evaluation.metrics import CUTOFFS, summarise

USERS_A_BATCH = 256
"""Users scored at a time."""


class PaddedSASRec(nn.Module):
    """A causal Transformer over windows of fixed width; the id `n_items` is padding."""

    def __init__(self, n_items: int, shape: Shape) -> None:
        super().__init__()
        self.n_items = n_items
        self.item_embedding = nn.Embedding(n_items + 1, shape.dim, padding_idx=n_items)
        self.position_embedding = nn.Embedding(shape.max_len, shape.dim)
        self.dropout = nn.Dropout(shape.dropout)
        self.blocks = nn.ModuleList(PaddedBlock(shape) for _ in range(shape.n_blocks))
        self.norm = nn.LayerNorm(shape.dim)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.02)
        with torch.no_grad():
            self.item_embedding.weight[n_items].zero_()

    def forward(self, item_ids: Tensor) -> Tensor:
        """Map (B, T) item ids to (B, T, D); T is always `max_len`."""
        length = item_ids.shape[1]
        places = torch.arange(length)
        x = self.item_embedding(item_ids) * math.sqrt(self.item_embedding.embedding_dim)
        x = self.dropout(x + self.position_embedding(places))
        causal = torch.ones(length, length, dtype=torch.bool).tril()
        is_item = (item_ids != self.n_items)[:, None, None, :]  # (B, 1, 1, T)
        mask = (causal & is_item) | torch.eye(length, dtype=torch.bool)  # (B, 1, T, T)
        for block in self.blocks:
            x = block(x, mask)
        out: Tensor = self.norm(x)
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        """Score every item at every position: (..., D) to (..., n_items)."""
        return hidden @ self.item_embedding.weight[: self.n_items].T


class PaddedBlock(nn.Module):
    """Attention and a network of inner width D, each behind a norm and beside a residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        dim = shape.dim
        self.n_heads, self.rate = shape.n_heads, shape.dropout
        self.attention_norm, self.network_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.to_qkv, self.to_out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.inner, self.outer = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (B, T, D) to (B, T, D)."""
        size = (*x.shape[:2], self.n_heads, x.shape[2] // self.n_heads)
        parts = self.to_qkv(self.attention_norm(x)).chunk(3, dim=2)
        q, k, v = (part.view(size).transpose(1, 2) for part in parts)  # (B, heads, T, D / heads)
        rate = self.rate if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=rate)
        x = x + self.dropout(self.to_out(mixed.transpose(1, 2).reshape(x.shape)))
        hidden = self.dropout(F.relu(self.inner(self.network_norm(x))))
        out: Tensor = x + self.dropout(self.outer(hidden))
        return out


def pad(sequences: list[IntArray], max_len: int, padding_id: int) -> Tensor:
    """Return the newest items of each sequence, padded on the left: (U, max_len)."""
    out = np.full((len(sequences), max_len), padding_id, dtype=np.int64)
    for row, sequence in zip(out, sequences, strict=True):
        newest = sequence[-max_len:]
        row[max_len - len(newest) :] = newest
    return torch.from_numpy(out)


@dataclass(frozen=True, eq=False)
class PaddedData:
    """Training windows: (U, max_len) inputs, and targets one step later."""

    inputs: Tensor
    targets: Tensor

    @classmethod
    def of(cls, data: Benchmark, max_len: int) -> "PaddedData":
        """Pad the training sequences of a benchmark."""
        sequences, padding_id = data.sequences(), int(data.n_items)
        inputs = pad([s[:-1] for s in sequences], max_len, padding_id)
        return cls(inputs, pad([s[1:] for s in sequences], max_len, padding_id))


def padded_loss(model: PaddedSASRec, inputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy over the catalogue, averaged over the positions that hold an item."""
    logits = model.logits(model(inputs))  # (B, T, n_items)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=model.n_items)


def train_padded_epoch(
    model: PaddedSASRec, adam: torch.optim.Adam, data: PaddedData, batch_size: int
) -> float:
    """Run one epoch in random order and return its mean loss."""
    model.train()
    losses = []
    for rows in torch.split(torch.randperm(len(data.inputs)), batch_size):
        loss = padded_loss(model, data.inputs[rows], data.targets[rows])
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


@torch.no_grad()
def padded_ranks(
    model: PaddedSASRec, data: Benchmark, max_len: int, k: int = max(CUTOFFS)
) -> tuple[IntArray, IntArray]:
    """Rank the catalogue without the seen items: (U,) rank of each target, (U, k) best items."""
    model.eval()
    histories, targets = data.histories(), torch.from_numpy(data.test_targets)
    inputs = pad(histories, max_len, model.n_items)
    k = min(k, model.n_items)
    ranks, best = [], []
    for rows in torch.split(torch.arange(len(targets)), USERS_A_BATCH):
        scores = model.logits(model(inputs[rows])[:, -1])  # (b, n_items)
        for row, user in zip(scores, rows.tolist(), strict=True):
            row[torch.from_numpy(histories[user])] = -torch.inf
        own = scores.gather(1, targets[rows, None])
        ranks.append(1 + (scores > own).sum(1))
        best.append(scores.topk(k).indices)
    return torch.cat(ranks).numpy(), torch.cat(best).numpy()


def evaluate_padded(model: PaddedSASRec, data: Benchmark, max_len: int, k: int) -> dict[str, float]:
    """Return the metrics of the test users."""
    ranks, best = padded_ranks(model, data, max_len, k)
    return summarise(ranks, best, model.n_items)
