"""One experiment, described completely: frozen, validated, with a content hash.

The hash names the run's folder, so two descriptions that train the same model must hash alike and
two that do not must differ: `Experiment.run_id` therefore drops what has no effect (the place of a
data file, the weight of an absent regulariser) and adds what has (the content of the data).
"""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from btsr_core.errors import InputError
from btsr_core.protocol import HISTORIES, History

ObjectiveName = Literal["bce", "gbce", "ce", "sce"]
Regulariser = Literal["none", "barlow-twins"]
Scaling = Literal["per-dimension", "sum"]

RECIPE = 3
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
    """Fewest different items of a user, and users of an item, that stay; 0 or 1 keeps all."""
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


class CE(_Description):
    """Full-softmax cross-entropy (Eq. 3)."""

    name: Literal["ce"] = "ce"


class BCE(_Description):
    """Binary cross-entropy on sampled negatives (Eq. 1)."""

    name: Literal["bce"] = "bce"
    n_negatives: _Count = 1
    """K; one is SASRec's own choice."""
    reduction: Literal["sum", "mean"] = "sum"
    """Over the 1 + K terms: `sum` is Eq. 1."""


class GBCE(_Description):
    """BCE whose positive probability is raised to a power below one, as in gSASRec."""

    name: Literal["gbce"] = "gbce"
    n_negatives: _Count = 256
    """K; the default and that of t are gSASRec's."""
    t: Annotated[float, Field(ge=0, le=1)] = 0.75
    """Calibration: 0 is BCE, 1 undoes the overconfidence that sampling causes."""


class SCE(_Description):
    """Softmax over hard negatives found by random buckets (Eq. 4)."""

    name: Literal["sce"] = "sce"
    bucket_items: _Count = 256
    """Items a bucket."""
    n_buckets: Annotated[int, Field(ge=0)] = 0
    """Buckets a batch; 0 takes floor(2 sqrt(N)) for N positions, as its authors do."""
    bucket_positions: Annotated[int, Field(ge=0)] = 0
    """Positions a bucket; 0 likewise."""
    mix: bool = True
    """Whether directions are mixtures of the positions, or plain Gaussian."""


Objective = Annotated[CE | BCE | GBCE | SCE, Field(discriminator="name")]
OBJECTIVES: Mapping[str, type[CE | BCE | GBCE | SCE]] = MappingProxyType(
    {"ce": CE, "bce": BCE, "gbce": GBCE, "sce": SCE}
)


class LossConfig(_Description):
    """L = L_pred + alpha * L_BT (Eq. 8)."""

    objective: Objective = CE()
    regulariser: Regulariser = "barlow-twins"
    alpha: _Weight = 0.2
    """Weight of the regulariser."""
    lam: _Weight = 0.1
    """Weight of the off-diagonal terms inside L_BT (lambda in Eq. 7)."""
    scaling: Scaling = "per-dimension"
    """`sum` is Eq. 7 as printed; `per-dimension` divides it by D, as the public code does."""

    @field_validator("objective", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

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
            described["loss"] = {"objective": described["loss"]["objective"]}
        canonical = {"recipe": RECIPE, "fingerprint": fingerprint, **described}
        text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def experiment(**settings: Any) -> Experiment:
    """Build an `Experiment` from flat settings: `experiment(source="ml-100k", alpha=0.3, seed=1)`.

    Every field name is unique across the sections, so a flat name says where it belongs. An
    objective is given by its name, and its own settings beside it: `objective="bce",
    n_negatives=64`.

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
    chosen = settings.get("objective", "ce")
    objective: dict[str, Any] = {"name": chosen}
    for name, value in settings.items():
        if name in objective_settings(chosen):
            objective[name] = value
        elif name in owners:
            sections[owners[name]][name] = value
        else:
            raise _unknown_setting(name, chosen, owners)
    sections["loss"]["objective"] = objective
    try:
        return Experiment.model_validate(sections)
    except ValidationError as error:
        first = error.errors()[0]
        where = "objective" if first["type"].startswith("union_tag") else str(first["loc"][-1])
        value = chosen if where == "objective" else first["input"]
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{where} = {value!r}: {message}") from None


def objective_settings(name: str) -> list[str]:
    """Return the names of an objective's own settings; none for an unknown objective."""
    if name not in OBJECTIVES:
        return []
    return [field for field in OBJECTIVES[name].model_fields if field != "name"]


def _unknown_setting(name: str, objective: str, known: Mapping[str, str]) -> InputError:
    """Return the error for a setting that does not exist, or not for this objective."""
    users = [other for other in OBJECTIVES if name in objective_settings(other)]
    if users:
        return InputError(
            f"{name} is no setting of the objective {objective!r}; it belongs to "
            f"{', '.join(users)}. Choose that objective or leave {name} out."
        )
    names = sorted({*known, *objective_settings(objective)})
    return InputError(f"unknown setting {name!r}; known are {', '.join(names)}")


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
