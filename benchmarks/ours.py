"""Train and evaluate with this project, the catalogue head alone, and the padded implementation.

One process measures one of them: `python -m benchmarks.ours JSON`.
"""

import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.data import Benchmark, IntArray, load
from benchmarks.padded import PaddedData, PaddedSASRec, evaluate_padded, train_padded_epoch
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
from btsr_core.config import Experiment, experiment
from btsr_core.data.protocol import EvalSet, Sequences
from btsr_core.evaluation.evaluate import evaluate_model
from btsr_core.losses.cross_entropy import cross_entropy
from btsr_core.machine.allocator import keep_freed_memory
from btsr_core.model.sasrec import SASRec
from btsr_core.sequences.histories import PackedSequences
from btsr_core.sequences.sampler import TrainSet, index_by_target
from btsr_core.training.importance import item_importance
from btsr_core.training.train import ADAM_BETAS, build_model, train_epoch

CPU = torch.device("cpu")
WARM_UP_BATCHES = 8
LIST_LENGTH = 10
"""Best items that an evaluation keeps, as validation after each epoch does."""


def experiment_of(settings: Settings) -> Experiment:
    """Return the experiment with a measurement's shape, objective and regulariser."""
    shape = Shape.of(settings)
    return experiment(
        objective=settings.get("objective", "ce"),
        regulariser=settings.get("regulariser", "none"),
        dim=shape.dim,
        n_blocks=shape.n_blocks,
        n_heads=shape.n_heads,
        max_len=shape.max_len,
        dropout=shape.dropout,
        batch_size=shape.batch_size,
        lr=shape.lr,
    )


def train_set_of(data: Benchmark) -> TrainSet:
    """Return the training sequences as `train_epoch` wants them."""
    sequences = Sequences(data.item_ids, data.starts, data.lengths)
    return index_by_target(PackedSequences.pack(sequences, int(data.n_items), CPU))


def eval_set_of(data: Benchmark) -> EvalSet:
    """Return the test users as `evaluate_model` wants them."""
    inputs = Sequences(data.test_item_ids, data.test_starts, data.test_lengths)
    return EvalSet(inputs, data.test_targets, np.arange(len(data.test_targets)))


class Trainer:
    """A model of ours with its optimiser, trained epoch after epoch."""

    def __init__(self, config: Experiment, n_items: int) -> None:
        self.config = config
        self.model: SASRec = build_model(config, n_items, CPU)
        settings = config.train
        self.adam = torch.optim.Adam(
            self.model.parameters(),
            lr=settings.lr,
            betas=ADAM_BETAS,
            weight_decay=settings.weight_decay,
        )
        self.epoch = 0
        self.loss = float("nan")
        self.importance: torch.Tensor | None = None

    def run(self, train_set: TrainSet) -> None:
        """Train one epoch."""
        losses = train_epoch(
            self.model, self.adam, train_set, self.config, self.epoch, importance=self.importance
        )
        self.loss, self.epoch = losses["loss_prediction"], self.epoch + 1

    def let_all_set_in(self, train_set: TrainSet) -> None:
        """Let a regulariser that waits for the importance of items begin now."""
        if self.config.loss.update_epochs:
            self.importance = item_importance(
                self.model, train_set.sequences, self.config.model.max_len
            )

    def evaluate(self, eval_set: EvalSet) -> dict[str, float]:
        """Rank the catalogue and return all metrics."""
        ranking = evaluate_model(self.model, eval_set, self.config.model.max_len, k=LIST_LENGTH)
        return ranking.metrics()


def measure_ours(settings: Settings, path: Path | None) -> Figures:
    """Time epochs and evaluations of this project."""
    data = load(path)
    train_set, eval_set = train_set_of(data), eval_set_of(data)
    warm_up = train_set_of(data.head(WARM_UP_BATCHES * settings["batch_size"]))
    baseline = resident_mib()
    trainer = Trainer(experiment_of(settings), int(data.n_items))
    trainer.run(warm_up)
    trainer.let_all_set_in(train_set)
    epoch = repeat(
        lambda: trainer.run(train_set),
        at_least=settings["epochs"],
        min_seconds=settings["train_seconds"],
    )
    figures = system_figures(
        users=len(data.lengths),
        epoch=epoch,
        baseline_mib=baseline,
        training_peak_mib=peak_mib(),
        loss=trainer.loss,
    )
    if settings.get("turns", settings["epochs"]):
        figures["times_head"] = _times_head(trainer, train_set, data, settings)
    return figures | _evaluated(
        lambda: trainer.evaluate(eval_set), len(eval_set), settings["evaluation_seconds"]
    )


def _times_head(
    trainer: Trainer, train_set: TrainSet, data: Benchmark, settings: Settings
) -> float:
    """Return how many times the catalogue head alone an epoch takes.

    They take turns, because the speed of many machines drifts within minutes by more than the two
    differ; the median of the turns.
    """
    head = _head(data, Shape.of(settings))
    head(WARM_UP_BATCHES)
    ratios = []
    for _ in range(settings["epochs"]):
        alone = repeat(head).median
        ratios.append(repeat(lambda: trainer.run(train_set)).median / alone)
    return round(statistics.median(ratios), 3)


def measure_padded(settings: Settings, path: Path | None) -> Figures:
    """Time epochs and evaluations of the padded implementation."""
    data = load(path)
    shape = Shape.of(settings)
    windows = PaddedData.of(data, shape.max_len)
    baseline = resident_mib()
    torch.manual_seed(0)
    model = PaddedSASRec(int(data.n_items), shape)
    adam = torch.optim.Adam(model.parameters(), lr=shape.lr, betas=ADAM_BETAS)
    losses: list[float] = []

    def run(windows: PaddedData) -> None:
        losses.append(train_padded_epoch(model, adam, windows, shape.batch_size))

    users = WARM_UP_BATCHES * shape.batch_size
    run(PaddedData(windows.inputs[:users], windows.targets[:users]))
    epoch = repeat(
        lambda: run(windows), at_least=settings["epochs"], min_seconds=settings["train_seconds"]
    )
    figures = system_figures(
        users=len(data.lengths),
        epoch=epoch,
        baseline_mib=baseline,
        training_peak_mib=peak_mib(),
        loss=losses[-1],
    )
    return figures | _evaluated(
        lambda: evaluate_padded(model, data, shape.max_len, LIST_LENGTH),
        len(data.test_targets),
        settings["evaluation_seconds"],
    )


def _evaluated(evaluate: Callable[[], dict[str, float]], users: int, seconds: float) -> Figures:
    told = forget_peak()
    metrics = evaluate()
    timing = repeat(evaluate, min_seconds=seconds)
    figures = evaluation_figures(users, timing, peak_mib() if told else None)
    return {**figures, "ndcg@10": round(metrics["ndcg@10"], 5)}


def head_batches(data: Benchmark, shape: Shape, seed: int = 0) -> list[IntArray]:
    """Return the targets of each batch of an epoch: all that the catalogue head sees of it."""
    order = np.random.default_rng(seed).permutation(len(data.lengths))
    targets = [sequence[1:][-shape.max_len :] for sequence in data.sequences()]
    batches = np.split(order, range(shape.batch_size, len(order), shape.batch_size))
    return [np.concatenate([targets[user] for user in batch]) for batch in batches]


def head_epoch(batches: list[torch.Tensor], noise: torch.Tensor, table: torch.Tensor) -> float:
    """Take the loss and its gradients for an epoch's worth of positions; return its mean."""
    losses = []
    for targets in batches:
        hidden = noise[: len(targets)].requires_grad_()
        table.grad = None
        loss = cross_entropy(hidden, table, targets)
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(loss.item())
    return sum(losses) / len(losses)


def measure_head(settings: Settings, path: Path | None) -> Figures:
    """Time an epoch of the catalogue head alone: no encoder, no optimiser, nothing to load."""
    data = load(path)
    shape = Shape.of(settings)
    baseline = resident_mib()
    head = _head(data, shape)
    head(WARM_UP_BATCHES)
    epoch = repeat(
        head,
        at_least=settings["epochs"],
        min_seconds=settings["train_seconds"],
    )
    figures = system_figures(
        users=len(data.lengths),
        epoch=epoch,
        baseline_mib=baseline,
        training_peak_mib=peak_mib(),
    )
    positions = data.n_targets(shape.max_len)
    flop = 6 * positions * int(data.n_items) * shape.dim
    return {**figures, "positions": positions, "gflop": round(1e-9 * flop)}


def _head(data: Benchmark, shape: Shape) -> Callable[..., float]:
    """Return an epoch of the catalogue head alone, or of its first batches."""
    batches = [torch.from_numpy(targets) for targets in head_batches(data, shape)]
    stream = torch.Generator().manual_seed(0)
    noise = torch.randn(max(map(len, batches)), shape.dim, generator=stream)
    table = 0.02 * torch.randn(int(data.n_items), shape.dim, generator=stream)
    table.requires_grad_()
    return lambda most=None: head_epoch(batches[:most], noise, table)


SYSTEMS = {"ours": measure_ours, "head": measure_head, "padded": measure_padded}


def measure(settings: Settings, path: Path | None) -> Figures:
    """Measure the system that the settings name."""
    torch.set_num_threads(settings["threads"])
    keep_freed_memory()  # as `run_experiment` does; the padded implementation gains from it too
    return SYSTEMS[settings["system"]](settings, path)


if __name__ == "__main__":
    serve(measure)
