"""The one training loop: early stopping on validation ndcg@10, checkpoints, resume."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from tqdm import tqdm

from btsr_core.config import Experiment
from btsr_core.data.protocol import EvalSet, Split
from btsr_core.errors import InputError, printable
from btsr_core.evaluation.evaluate import evaluate_model
from btsr_core.losses.objectives import batch_loss
from btsr_core.model.sasrec import SASRec
from btsr_core.sequences.histories import PackedSequences
from btsr_core.sequences.sampler import (
    TrainSet,
    epoch_batches,
    generator,
    index_by_target,
    seed_of,
)
from btsr_core.settings import LossConfig
from btsr_core.training.checkpoint import Progress, diverged, resume, save_checkpoint
from btsr_core.training.importance import item_importance

VALIDATION_K = 10
SELECTION_METRIC = f"ndcg@{VALIDATION_K}"
ADAM_BETAS = (0.9, 0.98)
CHECKPOINT_SECONDS = 10.0
"""Least time between two checkpoints: a kill loses at most this much work, and the epoch begun."""

Losses = Callable[[int], Iterable[LossConfig]]
"""From an epoch, counted from 0, to the loss of each of its batches in turn."""
Validate = Callable[[EvalSet], dict[str, float]]
"""From validation users to what is recorded of them, `valid_ndcg@10` among it."""


def build_model(experiment: Experiment, n_items: int, device: torch.device) -> SASRec:
    """Return the untrained model of an experiment: the same weights on every device."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed_of(experiment.train.seed, "weights"))
        model = SASRec(
            n_items,
            experiment.model,
            has_mask_token=experiment.loss.uses_mask_token,
            projection_dim=experiment.loss.projection_dim,
        )
        return model.to(device)


def fit(
    experiment: Experiment,
    split: Split,
    *,
    device: torch.device,
    checkpoint: Path | None = None,
    show_progress: bool = True,
) -> tuple[SASRec, Progress]:
    """Train to the end, from a checkpoint if there is one, and return the best epoch's model.

    On a CPU with a fixed number of threads the same experiment gives the same numbers bit for
    bit, resumed or not: every epoch's randomness is derived from (seed, epoch) alone, and what
    was begun with some number of threads goes on with it.

    Parameters
    ----------
    experiment
        What to train.
    split
        Training sequences and validation sets.
    device
        Where to train.
    checkpoint
        File that holds the state between sessions; None keeps none.
    show_progress
        Whether to draw a bar on standard error.

    Raises
    ------
    InputError
        If the validation set is empty, or the loss stops being a number; a `DivergedError` if it
        was one for some epochs, and a checkpoint is kept.
    """
    model = build_model(experiment, split.n_items, device)
    progress = fit_model(
        model, experiment, split, checkpoint=checkpoint, show_progress=show_progress
    )
    return model, progress


def fit_model(
    model: SASRec,
    experiment: Experiment,
    split: Split,
    *,
    checkpoint: Path | None = None,
    show_progress: bool = True,
    losses: Losses | None = None,
    validate: Validate | None = None,
    keep: Literal["best", "last"] = "best",
) -> Progress:
    """Train a model in place to the end, from the weights that it has; see `fit`.

    Parameters
    ----------
    model
        Ends with the weights of the epoch kept.
    losses
        Of every batch; the experiment's by default.
    validate
        What measures an epoch; by default the model ranks the catalogue, see `validation_metrics`.
    keep
        Which epoch: the one with the best validation ndcg@10, or the last, for which no patience
        runs out.
    """
    valid = split.held_out[experiment.evaluation.select_on].valid
    if not len(valid):
        raise InputError(
            f"no user is left to validate on with select_on={experiment.evaluation.select_on!r}; "
            "lower cutoff_quantile or k_core"
        )
    adam = torch.optim.Adam(
        model.parameters(),
        lr=experiment.train.lr,
        betas=ADAM_BETAS,
        weight_decay=experiment.train.weight_decay,
    )
    device = model.item_table.device
    train_set = index_by_target(PackedSequences.pack(split.train, split.n_items, device))
    begun = checkpoint and resume(checkpoint, model, adam, experiment)
    progress = begun or Progress([], 0, {}, torch.get_num_threads())
    saved_at = time.monotonic()
    with (
        _threads(progress.threads),
        tqdm(
            total=experiment.train.max_epochs,
            initial=progress.epoch,
            disable=not show_progress,
            unit="epoch",
            desc=printable(describe(experiment)),
        ) as bar,
    ):
        while not progress.is_finished(experiment):
            started = time.perf_counter()
            if progress.epoch in experiment.loss.update_epochs:
                progress.importance = item_importance(
                    model, train_set.sequences, experiment.model.max_len
                )
            try:
                trained = train_epoch(
                    model,
                    adam,
                    train_set,
                    experiment,
                    progress.epoch,
                    importance=progress.importance,
                    losses=losses and losses(progress.epoch),
                )
            except FloatingPointError as error:
                raise diverged(error, progress, checkpoint) from None
            found = validate(valid) if validate else validation_metrics(model, valid, experiment)
            seconds = time.perf_counter() - started
            record = {"epoch": progress.epoch + 1, **trained, **found, "seconds": seconds}
            progress.history.append(record)
            if keep == "last" or _is_best(progress):
                progress.best_epoch = progress.epoch
                progress.best_state = {n: t.clone() for n, t in model.state_dict().items()}
            bar.update()
            score = found[f"valid_{SELECTION_METRIC}"]
            bar.set_postfix({SELECTION_METRIC: f"{score:.4f}", "best": progress.best_epoch})
            finished = progress.is_finished(experiment)
            if checkpoint is not None and (
                finished or time.monotonic() - saved_at > CHECKPOINT_SECONDS
            ):
                save_checkpoint(checkpoint, model, adam, progress, experiment)
                saved_at = time.monotonic()
    model.load_state_dict(progress.best_state)
    model.eval()
    return progress


def validation_metrics(model: SASRec, valid: EvalSet, experiment: Experiment) -> dict[str, float]:
    """Rank the catalogue for validation users; return hr, ndcg, mrr and cov at `VALIDATION_K`."""
    ranking = evaluate_model(
        model,
        valid,
        experiment.model.max_len,
        exclude_seen=experiment.evaluation.exclude_seen,
        k=VALIDATION_K,
    )
    metrics = ranking.metrics()
    return {
        f"valid_{m}@{VALIDATION_K}": metrics[f"{m}@{VALIDATION_K}"]
        for m in ("hr", "ndcg", "mrr", "cov")
    }


@contextmanager
def _threads(n: int) -> Iterator[None]:
    """Compute with `n` threads of the CPU for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe(experiment: Experiment) -> str:
    """Return a short label of an experiment, as on its progress bar."""
    loss = experiment.loss
    name = f"SASRec-{loss.objective.name.upper()}"
    if loss.is_regularised:
        changed = loss.regulariser.model_dump(exclude_defaults=True)
        told = {"alpha": loss.alpha, **changed}
        words = ", ".join(f"{setting} {value}" for setting, value in told.items())
        name += f" + {loss.regulariser.name} ({words})"
    return f"{name}, seed {experiment.train.seed}"


def train_epoch(
    model: SASRec,
    adam: torch.optim.Adam,
    train_set: TrainSet,
    experiment: Experiment,
    epoch: int,
    *,
    importance: Tensor | None = None,
    losses: Iterable[LossConfig] | None = None,
) -> dict[str, float]:
    """Run one epoch and return its mean losses, each batch weighted by its sequences.

    Parameters
    ----------
    importance
        Of the sequences' items, see `objectives.batch_loss`. The loss of a regulariser that waits
        for it is not among those returned.
    losses
        Of each batch in turn, drawn before it is begun; the experiment's by default.

    Raises
    ------
    FloatingPointError
        If the loss or a weight stops being a number.
    """
    config, sequences = experiment.train, train_set.sequences
    mixed = config.precision == "bfloat16"
    device = train_set.rows.device
    sums = torch.zeros(3, dtype=torch.float64, device=device)  # sequences, prediction, regulariser
    model.train()
    stream, view_stream = (
        generator(device, config.seed, name, epoch) for name in ("objective", "views")
    )
    # Seeding reaches the generators of all GPUs, so all of them are put back.
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed_of(config.seed, "dropout", epoch))
        batches = epoch_batches(
            train_set, config.batch_size, experiment.model.max_len, config.seed, epoch
        )
        for batch, described in zip(batches, losses or repeat(experiment.loss), strict=False):
            with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
                loss = batch_loss(
                    model, sequences, batch, described, stream, view_stream, importance
                )
            adam.zero_grad(set_to_none=True)
            loss.total.backward()  # type: ignore[no-untyped-call]
            adam.step()
            size = len(batch.partner_order)
            sums[0] += size
            sums[1] += loss.prediction.detach() * size
            if loss.regulariser is not None:
                sums[2] += loss.regulariser.detach() * size
    n, prediction, regulariser = sums.tolist()
    weights = all(bool(weight.isfinite().all()) for weight in model.parameters())
    if not (weights and math.isfinite(prediction + regulariser)):
        raise FloatingPointError(f"the loss or a weight is not a number after epoch {epoch + 1}")
    means = {"loss_prediction": prediction / n}
    if loss.regulariser is not None:
        means["loss_regulariser"] = regulariser / n
    return means


def _is_best(progress: Progress) -> bool:
    """Whether the last epoch beats all before it; a tie keeps the earlier."""
    scores = [record[f"valid_{SELECTION_METRIC}"] for record in progress.history]
    return progress.best_epoch == 0 or scores[-1] > scores[progress.best_epoch - 1]
