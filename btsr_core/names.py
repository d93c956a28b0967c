"""What systems are called, in every table, figure and sentence of the book."""

from collections.abc import Mapping
from types import MappingProxyType

from btsr_core.settings import LossConfig

POPULARITY = "Popularity"
TRANSITIONS = "Last-item transitions"
BASELINES = (POPULARITY, TRANSITIONS)
"""The rankings that nothing is trained for."""

MODELS = (
    ("ce", "none"),
    ("ce", "barlow-twins"),
    ("bce", "none"),
    ("bce", "barlow-twins"),
    ("sce", "none"),
    ("sce", "barlow-twins"),
    ("ce", "cl4srec"),
    ("ce", "duorec"),
    ("ce", "ec4srec"),
)
"""Objective and regulariser of each system in the paper's Tables 1 and 2."""

CATALOGUE_HEAD = "Catalogue head alone"
PEERS: Mapping[str, str] = MappingProxyType(
    {"padded": "Padded SASRec", "recbole": "RecBole", "rectools": "RecTools"}
)
"""What `benchmarks` measures beside this project, by its names there."""


def model_key(objective: str, regulariser: str) -> str:
    """Return what `benchmarks` calls one of the `MODELS`."""
    return f"{objective}+{regulariser}"


def system_name(loss: LossConfig) -> str:
    """Return the name of a SASRec by its loss: `SASRec-CE`, `BT-SR`, `BT-SR (BCE, crop view)`.

    A regulariser that has made a name for its system keeps it, and what differs from what that
    name stands for is added. Weights are not: systems that differ in nothing else share a name.
    """
    objective, regulariser = loss.objective, loss.regulariser
    plain = f"SASRec-{objective.label}"
    if not loss.is_regularised:
        return plain
    name, notes = f"{plain} + {regulariser.label}", []
    if regulariser.system:
        name = regulariser.system
        if objective.label != LossConfig().objective.label:
            notes.append(objective.label)
    view = getattr(regulariser, "view", None)
    if view is not None and view != type(regulariser).model_fields["view"].default:
        notes.append(f"{view} view")
    return f"{name} ({', '.join(notes)})" if notes else name
