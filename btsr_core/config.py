"""One experiment, described completely: frozen, validated, with a content hash.

The hash names the run's folder, so two descriptions that train the same model must hash alike and
two that do not must differ: `Experiment.run_id` therefore drops what has no effect (the place of a
data file, the weight of an absent regulariser) and adds what has (the content of the data).
"""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from btsr_core.errors import InputError
from btsr_core.protocol import HISTORIES, History

Objective = Literal["ce"]
Regulariser = Literal["none", "barlow-twins"]
Scaling = Literal["per-dimension", "sum"]

RECIPE = 1
"""Part of every hash; raise it when the same description would train to other numbers."""

_Count = Annotated[int, Field(ge=1)]
_Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Fraction = Annotated[float, Field(gt=0, lt=1)]


class _Description(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class DataConfig(_Description):
    """Which interactions, and how they are cut into training, validation and test (§4)."""

    source: str = "ml-100k"
    """Name of a dataset, or path of a CSV or Parquet file."""
    user_col: str = "user_id"
    item_col: str = "item_id"
    time_col: str = "timestamp"
    k_core: Annotated[int, Field(ge=0)] = 5
    """Fewest interactions of a user and of an item that stay; 0 or 1 keeps all."""
    cutoff_quantile: _Fraction = 0.95
    """Quantile of the timestamps at which the future begins."""


class ModelConfig(_Description):
    """Shape of the SASRec encoder (§3.1)."""

    dim: _Count = 64
    n_blocks: _Count = 2
    n_heads: _Count = 1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    max_len: _Count = 50
    """Most recent items of a history that the encoder sees (n in the paper)."""

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> "ModelConfig":
        if self.dim % self.n_heads:
            raise ValueError(f"dim {self.dim} is not a multiple of n_heads {self.n_heads}")
        return self


class LossConfig(_Description):
    """L = L_pred + alpha * L_BT (Eq. 8)."""

    objective: Objective = "ce"
    regulariser: Regulariser = "barlow-twins"
    alpha: _Weight = 0.2
    """Weight of the regulariser."""
    lam: _Weight = 0.1
    """Weight of the off-diagonal terms inside L_BT (lambda in Eq. 7)."""
    scaling: Scaling = "per-dimension"
    """`sum` is Eq. 7 as printed; `per-dimension` divides it by D, as the public code does."""

    @property
    def is_regularised(self) -> bool:
        """Whether the regulariser contributes to the loss at all."""
        return self.regulariser != "none" and self.alpha > 0


class TrainConfig(_Description):
    """Optimisation: Adam, early stopping on validation ndcg@10."""

    batch_size: _Count = 128
    """Sequences a step."""
    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-3
    weight_decay: _Weight = 1e-6
    """L2 coefficient of Adam."""
    max_epochs: _Count = 200
    patience: _Count = 20
    """Epochs without a better validation ndcg@10 after which training stops."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


class EvalConfig(_Description):
    """What is ranked, and which histories choose the best epoch."""

    exclude_seen: bool = True
    """Whether items of the user's input are kept out of the ranking."""
    select_on: History = "full"
    """History reading of the validation set that stops training: `full` has the most users."""


class Experiment(_Description):
    """Everything that determines a trained model, but for the data's content."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    train: TrainConfig = TrainConfig()
    evaluation: EvalConfig = EvalConfig()

    def run_id(self, fingerprint: str) -> str:
        """Return the run's name: 16 hexadecimal digits of the canonical description's SHA-256.

        Parameters
        ----------
        fingerprint
            Content hash of the interactions, see `datasets.Interactions`.
        """
        described = self.model_dump()
        for place in ("source", "user_col", "item_col", "time_col"):
            del described["data"][place]
        if not self.loss.is_regularised:
            described["loss"] = {"objective": self.loss.objective}
        canonical = {"recipe": RECIPE, "fingerprint": fingerprint, **described}
        text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def experiment(**settings: Any) -> Experiment:
    """Build an `Experiment` from flat settings: `experiment(source="ml-100k", alpha=0.3, seed=1)`.

    Every field name is unique across the sections, so a flat name says where it belongs.

    Raises
    ------
    InputError
        If a name is unknown or a value is out of range; names the parameter and what is allowed.
    """
    sections: dict[str, dict[str, Any]] = {name: {} for name in Experiment.model_fields}
    owners = {
        field: section
        for section, info in Experiment.model_fields.items()
        for field in info.annotation.model_fields  # type: ignore[union-attr]
    }
    unknown = sorted(set(settings) - set(owners))
    if unknown:
        raise InputError(f"unknown setting {unknown[0]!r}; known are {', '.join(sorted(owners))}")
    for name, value in settings.items():
        sections[owners[name]][name] = value
    try:
        return Experiment.model_validate(sections)
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][-1]) if len(first["loc"]) > 1 else str(first["loc"][0])
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{where} = {first['input']!r}: {message}") from None


def history_reading(name: str) -> History:
    """Return `name` if it is a reading of the history.

    Raises
    ------
    InputError
        If it is none.
    """
    if name not in HISTORIES:
        raise InputError(f"history = {name!r}: must be one of {', '.join(HISTORIES)}")
    return name
