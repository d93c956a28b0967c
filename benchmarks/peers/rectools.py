"""SASRec of RecTools: its own data preparation, Lightning training and recommendation.

RecTools trains on whole sequences, padded on the left to `max_len`, with logits at every position,
padded ones too. What it recommends comes as a table of users and items, which its metrics then
read; both belong to its evaluation.
"""

import logging
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as lightning
import torch
from rectools import Columns
from rectools.dataset import Dataset
from rectools.metrics import MRR, NDCG, HitRate, calc_metrics
from rectools.models import SASRecModel
from rectools.models.nn.item_net import IdEmbeddingsItemNet

from benchmarks.data import IntArray, load
from benchmarks.process import (
    Figures,
    Settings,
    Shape,
    Timing,
    evaluation_figures,
    forget_peak,
    peak_mib,
    repeat,
    resident_mib,
    serve,
    system_figures,
)

WARM_UP_BATCHES = 8
CUTOFFS = (1, 5, 10)


class EpochClock(lightning.Callback):  # type: ignore[misc]
    """Tells when each epoch began and ended, and its loss."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float]] = []
        self.loss = float("nan")

    def on_train_epoch_start(self, *_: Any) -> None:
        """Begin."""
        self.started = time.perf_counter()

    def on_train_epoch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """End."""
        self.spans.append((self.started, time.perf_counter()))
        self.loss = float(trainer.callback_metrics["train_loss"])


def interactions(sequences: list[IntArray]) -> pd.DataFrame:
    """Return sequences as a table of interactions, one a day."""
    lengths = np.array([len(sequence) for sequence in sequences])
    days = np.concatenate([np.arange(length) for length in lengths])
    return pd.DataFrame(
        {
            Columns.User: np.repeat(np.arange(len(sequences)), lengths),
            Columns.Item: np.concatenate(sequences),
            Columns.Weight: 1.0,
            Columns.Datetime: pd.to_datetime(days, unit="D"),
        }
    )


def build(settings: Settings, epochs: int) -> SASRecModel:
    """Return an untrained model of the measurement's shape; the rest is RecTools' default."""
    shape = Shape.of(settings)

    def trainer() -> lightning.Trainer:
        return lightning.Trainer(
            accelerator="cpu",
            devices=1,
            min_epochs=epochs,
            max_epochs=epochs,
            callbacks=[EpochClock()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    return SASRecModel(
        n_blocks=shape.n_blocks,
        n_heads=shape.n_heads,
        n_factors=shape.dim,
        dropout_rate=shape.dropout,
        session_max_len=shape.max_len,
        loss="softmax",
        lr=shape.lr,
        batch_size=shape.batch_size,
        epochs=epochs,
        item_net_block_types=(IdEmbeddingsItemNet,),
        recommend_batch_size=settings["evaluation_batch"],
        recommend_torch_device="cpu",
        recommend_n_threads=settings["threads"],
        get_trainer_func=trainer,
    )


def clock_of(model: SASRecModel) -> EpochClock:
    """Return the clock that ran along: Lightning's trainer is a copy of what was passed in."""
    return next(c for c in model.fit_trainer.callbacks if isinstance(c, EpochClock))


def measure(settings: Settings, path: Path | None) -> Figures:
    """Time an epoch and evaluations of RecTools' SASRec."""
    torch.set_num_threads(settings["threads"])
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    data = load(path)
    warm_up = data.head(WARM_UP_BATCHES * settings["batch_size"])
    train = Dataset.construct(interactions(data.sequences()))
    test = Dataset.construct(interactions(data.histories()))
    users = np.arange(len(data.test_targets))
    targets = pd.DataFrame({Columns.User: users, Columns.Item: data.test_targets})
    baseline = resident_mib()

    build(settings, 1).fit(Dataset.construct(interactions(warm_up.sequences())))
    lightning.seed_everything(0, verbose=False)
    model = build(settings, settings["epochs"])
    fit = repeat(lambda: model.fit(train))
    clock = clock_of(model)
    figures = system_figures(
        users=len(data.lengths),
        epoch=Timing([end - start for start, end in clock.spans], fit.other_load),
        baseline_mib=baseline,
        training_peak_mib=peak_mib(),
        loss=clock.loss,
    )

    metrics = {
        f"{name}@{k}": metric(k)
        for k in CUTOFFS
        for name, metric in (("hr", HitRate), ("ndcg", NDCG), ("mrr", MRR))
    }

    def evaluate() -> dict[str, float]:
        best = model.recommend(users, test, k=max(CUTOFFS), filter_viewed=True)
        return dict(calc_metrics(metrics, best, targets))

    told = forget_peak()
    result = evaluate()
    timing = repeat(evaluate, min_seconds=settings["evaluation_seconds"])
    figures |= evaluation_figures(len(users), timing, peak_mib() if told else None)
    items = len(model.data_preparator.get_known_item_ids())
    return {**figures, "items": items, "ndcg@10": round(float(result["ndcg@10"]), 5)}


if __name__ == "__main__":
    serve(measure)
