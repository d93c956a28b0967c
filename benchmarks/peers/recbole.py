"""SASRec of RecBole, with its own data loader, trainer and evaluator.

RecBole makes every prefix of a sequence a sample and scores the catalogue at its last position: an
epoch has the same targets as ours, and encodes as many histories as there are targets. The prefixes
are written as RecBole's own augmentation would make them, since only ready-made samples
(`benchmark_filename`) let the test users' histories differ from the training sequences.
"""

import logging
import os
import tempfile
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.trainer import Trainer
from recbole.utils import get_model, init_seed

from benchmarks.data import Benchmark, IntArray, load
from benchmarks.process import (
    Figures,
    Settings,
    Shape,
    evaluation_figures,
    forget_peak,
    peak_mib,
    repeat,
    resident_mib,
    serve,
    system_figures,
)

NAME = "sequences"
WARM_UP_BATCHES = 8
CUTOFFS = (1, 5, 10)

Sample = tuple[str, IntArray, int]  # user, history, next item


def training_samples(data: Benchmark, max_len: int) -> Iterable[Sample]:
    """Yield every prefix of every training sequence, with the item after it."""
    for user, sequence in enumerate(data.sequences()):
        for end in range(max(1, len(sequence) - max_len), len(sequence)):
            yield f"u{user}", sequence[max(0, end - max_len) : end], int(sequence[end])


def test_samples(data: Benchmark, max_len: int) -> Iterable[Sample]:
    """Yield the newest part of every test user's history, with the target."""
    for user, (history, target) in enumerate(zip(data.histories(), data.test_targets, strict=True)):
        yield f"t{user}", history[-max_len:], int(target)


def write(samples: Iterable[Sample], path: Path) -> None:
    """Write samples in RecBole's format."""
    with path.open("w", encoding="utf-8") as out:
        out.write("user_id:token\titem_id_list:token_seq\titem_id:token\n")
        for user, history, target in samples:
            out.write(f"{user}\t{' '.join(map(str, history))}\t{target}\n")


def configure(settings: Settings, folder: Path) -> Config:
    """Return RecBole's configuration for the measurement's shape."""
    shape = Shape.of(settings)
    return Config(
        model="SASRec",
        dataset=NAME,
        config_dict={
            "data_path": str(folder),
            "checkpoint_dir": str(folder / "saved"),
            "benchmark_filename": ["train", "test", "test"],
            "alias_of_item_id": ["item_id_list"],
            "load_col": {"inter": ["user_id", "item_id_list", "item_id"]},
            "MAX_ITEM_LIST_LENGTH": shape.max_len,
            "n_layers": shape.n_blocks,
            "n_heads": shape.n_heads,
            "hidden_size": shape.dim,
            "inner_size": shape.dim,
            "hidden_act": "relu",
            "hidden_dropout_prob": shape.dropout,
            "attn_dropout_prob": shape.dropout,
            "loss_type": "CE",
            "train_neg_sample_args": None,
            "learning_rate": shape.lr,
            "train_batch_size": shape.batch_size,
            "eval_batch_size": settings["evaluation_batch"],
            "metrics": ["Hit", "NDCG", "MRR"],
            "topk": list(CUTOFFS),
            "use_gpu": False,
            "show_progress": False,
        },
    )


def measure(settings: Settings, path: Path | None) -> Figures:
    """Time an epoch and evaluations of RecBole's SASRec."""
    torch.set_num_threads(settings["threads"])
    logging.disable(logging.WARNING)
    data, shape = load(path), Shape.of(settings)
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)  # RecBole writes logs and checkpoints beside itself
        folder = Path(name)
        (folder / NAME).mkdir()
        write(training_samples(data, shape.max_len), folder / NAME / f"{NAME}.train.inter")
        write(test_samples(data, shape.max_len), folder / NAME / f"{NAME}.test.inter")
        config = configure(settings, folder)
        init_seed(config["seed"], config["reproducibility"])
        dataset = create_dataset(config)
        train, _, test = data_preparation(config, dataset)
        baseline = resident_mib()
        model = get_model("SASRec")(config, train.dataset)
        trainer = Trainer(config, model)
        figures = _trained(trainer, train, data, settings, baseline)
        told = forget_peak()
        result = trainer.evaluate(test, load_best_model=False)
        timing = repeat(
            lambda: trainer.evaluate(test, load_best_model=False),
            min_seconds=settings["evaluation_seconds"],
        )
        os.chdir("/")
    figures |= evaluation_figures(len(data.test_targets), timing, peak_mib() if told else None)
    return {**figures, "samples": len(train.dataset), "ndcg@10": float(result["ndcg@10"])}


def _trained(
    trainer: Trainer,
    train: Any,
    data: Benchmark,
    settings: Settings,
    baseline_mib: float | None,
) -> Figures:
    """Time epochs of RecBole's trainer, after some of its batches to warm up."""
    trainer._train_epoch(list(islice(train, WARM_UP_BATCHES)), 0)
    losses: list[float] = []
    epoch = repeat(
        lambda: losses.append(trainer._train_epoch(train, len(losses) + 1)),
        at_least=settings["epochs"],
    )
    return system_figures(
        users=len(data.lengths),
        epoch=epoch,
        baseline_mib=baseline_mib,
        training_peak_mib=peak_mib(),
        loss=losses[-1] / len(train),
    )


if __name__ == "__main__":
    serve(measure)
