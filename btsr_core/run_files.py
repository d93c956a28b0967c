"""The files of a run, and what they must hold: everything is checked before any of it is used.

`SHA256SUMS`, which `sha256sum -c` reads too, holds the sums of the others. A run of before there
were sums is judged by its content alone.
"""

import hashlib
import os
from collections.abc import Callable, Collection
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import pandas as pd
import torch
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator
from safetensors.torch import load

from btsr_core.config import Experiment
from btsr_core.data.protocol import HISTORIES, History
from btsr_core.errors import InputError, is_damage
from btsr_core.evaluation.metrics import CUTOFFS, PER_USER
from btsr_core.settings import Count, Weight
from btsr_core.training.checkpoint import DIVERGED, State, load_state
from btsr_core.training.train import build_model

CONFIG, VERSIONS, HISTORY, METRICS = "config.json", "versions.json", "history.json", "metrics.json"
WEIGHTS, ITEMS, RANKS = "model.safetensors", "items.parquet", "ranks.parquet"
FILES = (CONFIG, VERSIONS, ITEMS, WEIGHTS, HISTORY, RANKS, METRICS)
"""Of a run, in the order in which they are written."""
SUMS = "SHA256SUMS"
NOT_AS_WRITTEN = f"is not what {SUMS} says"
REPAIR = "; `btsr train` as before trains the run again"

T = TypeVar("T")
_HISTORY = TypeAdapter(list[dict[str, Annotated[float, Field(allow_inf_nan=False)]]])
_VERSIONS = TypeAdapter(dict[str, Any])


class DamagedRunError(InputError):
    """A run that is not what was written; `run_experiment` trains it again."""


class _Described(BaseModel):
    """Content of `config.json`."""

    experiment: Experiment
    fingerprint: str


class _Evaluation(BaseModel):
    users: Annotated[int, Field(ge=0)]
    metrics: dict[str, Annotated[float, Field(ge=0, le=1)] | None]


class _Summary(BaseModel):
    """Content of `metrics.json`."""

    best_epoch: Count
    epochs: Count
    train_seconds: Weight
    finished: str | None = None
    valid: dict[History, _Evaluation]
    test: dict[History, _Evaluation]

    @model_validator(mode="after")
    def _is_possible(self) -> "_Summary":
        names = {f"{name}@{k}" for name in (*PER_USER, "cov") for k in CUTOFFS}
        for part in (self.valid, self.test):
            if set(part) != set(HISTORIES) or any(
                names - set(one.metrics) for one in part.values()
            ):
                raise ValueError("a metric is missing")
            if any(one.users and None in one.metrics.values() for one in part.values()):
                raise ValueError("a metric has no value")
        if self.best_epoch > self.epochs:
            raise ValueError(f"best_epoch {self.best_epoch} of {self.epochs}")
        return self


class Checked(NamedTuple):
    """What is known of a run whose files are sound; of a training that diverged `sums` is empty."""

    experiment: Experiment
    summary: dict[str, Any]
    sums: bytes


def is_finished(path: Path) -> bool:
    """Whether a folder holds a finished run, sound or not."""
    return any(os.path.lexists(path / name) for name in (SUMS, METRICS))


def check_finished(path: Path) -> Checked:
    """Check every file of a finished run against the others and against the sums, if it has any.

    Raises
    ------
    DamagedRunError
        If a file is missing, or is not what was written or can be.
    """
    contents = {name: content_of(path / name) for name in FILES}
    lines = [sum_line(name, content) for name, content in contents.items()]
    sums = b"".join(lines)
    if os.path.lexists(path / SUMS) and (written := content_of(path / SUMS)) != sums:
        altered = [name for name, line in zip(FILES, lines, strict=True) if line not in written]
        raise damaged(path / (altered[0] if altered else SUMS), NOT_AS_WRITTEN)

    def parse(name: str, reader: Callable[[bytes], T]) -> T:
        return parsed(path / name, contents[name], reader)

    experiment = _experiment(path, contents[CONFIG])
    parse(VERSIONS, _VERSIONS.validate_json)
    summary = parse(METRICS, _Summary.model_validate_json)
    items = parse(ITEMS, _items)
    parse(WEIGHTS, lambda content: _check_weights(load(content), experiment, len(items)))
    if len(parse(HISTORY, _HISTORY.validate_json)) != summary.epochs:
        raise damaged(path / HISTORY, f"has not the {summary.epochs} epochs of {METRICS}")
    users = sum(one.users for part in (summary.valid, summary.test) for one in part.values())
    if len(parse(RANKS, _ranks)) != users:
        raise damaged(path / RANKS, f"has not the {users} users of {METRICS}")
    return Checked(experiment, summary.model_dump(), sums)


def check_diverged(path: Path) -> Checked:
    """Check what is kept of a training whose loss stopped being a number.

    Raises
    ------
    InputError
        If its weights, its description or its catalogue are missing or damaged.
    """
    summary, state = load_state(path / DIVERGED)
    experiment = _experiment(path, content_of(path / CONFIG))
    items = parsed(path / ITEMS, content_of(path / ITEMS), _items)
    parsed(path / DIVERGED, b"", lambda _: _check_weights(state, experiment, len(items)))
    return Checked(experiment, summary, b"")


def content_of(path: Path) -> bytes:
    """Return the content of a file of a run, whose lack is damage."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise damaged(path, "is missing, or no file") from None


def sum_line(name: str, content: bytes) -> bytes:
    """Return the line of a file as `sha256sum` writes it."""
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode()


def parsed(path: Path, content: bytes, reader: Callable[[bytes], T]) -> T:
    """Read the content of a file of a run; whatever is wrong with it is the run's fault."""
    try:
        return reader(content)
    except Exception as error:
        if not is_damage(error):
            raise
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise damaged(path, f"cannot be ({place}: {first['msg']})") from None
        raise damaged(path, f"cannot be read ({str(error).partition(chr(10))[0]})") from None


def damaged(path: Path, what: str) -> DamagedRunError:
    """Return the error for a file of a run, which says what helps."""
    return DamagedRunError(f"{path} {what}{REPAIR}")


def frame_of(content: bytes) -> pd.DataFrame:
    """Read a table."""
    return pd.read_parquet(BytesIO(content))


def _experiment(path: Path, content: bytes) -> Experiment:
    """Return what `config.json` describes, which must be what the folder is named after."""
    described = parsed(path / CONFIG, content, _Described.model_validate_json)
    name = described.experiment.run_id(described.fingerprint)
    if name != path.name:
        raise damaged(path / CONFIG, f"describes the run {name}")
    return described.experiment


def _items(content: bytes) -> pd.DataFrame:
    frame = _with_columns(content, {"item_id", "title", "genres"})
    if not frame["item_id"].is_unique:
        raise ValueError("an item is there twice")
    return frame


def _ranks(content: bytes) -> pd.DataFrame:
    frame = _with_columns(content, {"part", "history", "user_id", "item_id", "rank"})
    if not (frame["rank"] >= 1).all():
        raise ValueError("a rank is below 1")
    return frame


def _with_columns(content: bytes, wanted: Collection[str]) -> pd.DataFrame:
    frame = frame_of(content)
    if missing := sorted({*wanted} - {*frame}):
        raise ValueError(f"it has no column {missing[0]}")
    return frame


def _check_weights(state: State, experiment: Experiment, n_items: int) -> None:
    """Refuse other tensors than those of the experiment's model, and what is not a number."""
    with torch.device("meta"):  # shapes alone
        model = build_model(experiment, n_items, torch.device("meta"))
    found, wanted = (
        {name: (tensor.shape, tensor.dtype) for name, tensor in some.items()}
        for some in (state, model.state_dict())
    )
    if found != wanted:
        names = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
        raise ValueError(f"the model's tensors are others: {names[0]}")
    if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
        raise ValueError("a weight is not a number")
