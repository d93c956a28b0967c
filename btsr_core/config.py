"""One experiment, described completely: frozen, validated, with a content hash.

The hash names the run's folder, so two descriptions that train the same model must hash alike and
two that do not must differ: `Experiment.run_id` therefore drops what has no effect (the place of a
data file, the weight of an absent regulariser) and adds what has (the content of the data).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from btsr_core.data.protocol import HISTORIES, History
from btsr_core.errors import InputError
from btsr_core.settings import (
    CHOICES,
    Count,
    CountOrNone,
    Description,
    LossConfig,
    Weight,
    own_settings,
)

RECIPE = 4
"""Part of every hash; raise it when the same description would train to other numbers."""

_Fraction = Annotated[float, Field(gt=0, lt=1)]


class DataConfig(Description):
    """Which interactions, and how they are cut into training, validation and test (§4)."""

    source: str = "ml-100k"
    """Name of a dataset, or path of a CSV or Parquet file."""
    user_col: str = "user_id"
    item_col: str = "item_id"
    time_col: str = "timestamp"
    k_core: CountOrNone = 5
    """Fewest different items of a user, and users of an item, that stay; 0 or 1 keeps all."""
    cutoff_quantile: _Fraction = 0.95
    """Quantile of the timestamps at which the future begins."""


class ModelConfig(Description):
    """Shape of the SASRec encoder (§3.1)."""

    dim: Count = 64
    n_blocks: Count = 2
    n_heads: Count = 1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    max_len: Count = 50
    """Most recent items of a history that the encoder sees (n in the paper)."""

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> "ModelConfig":
        if self.dim % self.n_heads:
            raise ValueError(f"dim {self.dim} is not a multiple of n_heads {self.n_heads}")
        return self


class TrainConfig(Description):
    """Optimisation: Adam, early stopping on validation ndcg@10."""

    batch_size: Count = 128
    """Sequences a step."""
    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-3
    weight_decay: Weight = 1e-6
    """L2 coefficient of Adam."""
    max_epochs: Count = 200
    patience: Count = 20
    """Epochs without a better validation ndcg@10 after which training stops."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the matrix products of a training step and of what they return. Weights, optimiser, layer
    normalisation, softmax over items and losses stay in single precision, and so does evaluation.
    """


class EvalConfig(Description):
    """What is ranked, and which histories choose the best epoch."""

    exclude_seen: bool = True
    """Whether items of the user's input are kept out of the ranking."""
    select_on: History = "full"
    """History reading of the validation set that stops training: `full` has the most users."""


class Experiment(Description):
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
        described = self.without_places()
        if not self.loss.is_regularised:
            described["loss"] = {"objective": described["loss"]["objective"]}
        own = described["loss"].get("regulariser", {})
        if own.get("projection_dim") == 0:
            del own["projection_dim"]  # came later than others: runs without it keep their names
        if self.train.precision == "float32":
            del described["train"]["precision"]  # likewise
        return name_of({"recipe": RECIPE, "fingerprint": fingerprint, **described})

    def without_places(self) -> dict[str, Any]:
        """Return the description without where the data lie, which trains to nothing else."""
        described = self.model_dump()
        for place in ("source", "user_col", "item_col", "time_col"):
            del described["data"][place]
        return described


def name_of(description: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of a description, in whatever order it stands."""
    text = json.dumps(description, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def experiment(**settings: Any) -> Experiment:
    """Build an `Experiment` from flat settings: `experiment(source="ml-100k", alpha=0.3, seed=1)`.

    Every field name is unique across the sections, so a flat name says where it belongs. An
    objective and a regulariser are given by their names, and their own settings beside them:
    `objective="bce", n_negatives=64, regulariser="vicreg", covariance=4`. Settings of another
    choice are refused, but for alpha and lam beside `regulariser="none"`: those are dropped, so
    that a sweep may pass its weights to the run without a regulariser too.

    Raises
    ------
    InputError
        If a name is unknown or a value is out of range; names the parameter and what is allowed.
    """
    sections: dict[str, dict[str, Any]] = {name: {} for name in Experiment.model_fields}
    owners = _sections()
    chosen = {
        kind: settings.get(kind, LossConfig.model_fields[kind].default.name) for kind in CHOICES
    }
    for kind, name in chosen.items():
        if name not in CHOICES[kind]:
            raise InputError(f"{kind} = {name!r}: must be one of {', '.join(CHOICES[kind])}")
    described: dict[str, dict[str, Any]] = {kind: {"name": name} for kind, name in chosen.items()}
    for name, value in settings.items():
        if name == "lam" and chosen["regulariser"] == "none":
            continue
        if name in owners:
            sections[owners[name]][name] = value
            continue
        users = [kind for kind in CHOICES if name in own_settings(kind, chosen[kind])]
        if not users:
            raise _unknown_setting(name, chosen, owners)
        described[users[0]][name] = value
    sections["loss"] |= described
    try:
        return Experiment.model_validate(sections)
    except ValidationError as error:
        first = error.errors()[0]
        where = [str(part) for part in first["loc"] if isinstance(part, str)][-1]  # not a place
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{where} = {first['input']!r}: {message}") from None


def setting_names() -> set[str]:
    """Return every name that `experiment` knows, whatever else is chosen."""
    own = {name for kind in CHOICES for one in CHOICES[kind] for name in own_settings(kind, one)}
    return own | set(_sections())


def _sections() -> dict[str, str]:
    """Return the section of every setting but those of an objective or a regulariser."""
    return {
        field: section
        for section, info in Experiment.model_fields.items()
        for field in info.annotation.model_fields  # type: ignore[union-attr]
    }


def _unknown_setting(name: str, chosen: Mapping[str, str], known: Iterable[str]) -> InputError:
    """Return the error for a setting that does not exist, or not for what was chosen."""
    for kind, others in CHOICES.items():
        users = [other for other in others if name in own_settings(kind, other)]
        if users:
            return InputError(
                f"{name} is no setting of the {kind} {chosen[kind]!r}; it belongs to "
                f"{', '.join(users)}. Choose that {kind} or leave {name} out."
            )
    own = [setting for kind in CHOICES for setting in own_settings(kind, chosen[kind])]
    return InputError(f"unknown setting {name!r}; known are {', '.join(sorted({*known, *own}))}")


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
