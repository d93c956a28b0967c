"""What is measured, with which settings, in which order."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

from benchmarks.process import Settings, Shape
from btsr_core.names import MODELS, model_key

THREADS = 2
SYSTEM_LIMIT = 900.0
POINT_LIMIT = 240.0
"""Seconds after which a measurement is given up."""

SYNTHETIC = MappingProxyType(
    {"dataset": "synthetic", "users": 300, "test": 100, "items": 200, "max_len": 50}
)
REFERENCE = MappingProxyType({"dataset": "beauty-5core", "max_len": 50})
"""The data of the systems; sequences of a scaling curve are made up in any case."""


@dataclass(frozen=True)
class Measurement:
    """One process's work.

    Attributes
    ----------
    name
        Unique, such as `ours-ce` or `catalogue-sce-10000`.
    part, group
        What `--only` may call it besides its name.
    module
        Run with `python -m`.
    settings
        Passed to it, and stored beside its figures.
    expected
        Rough seconds on two cores, shown before it starts.
    environment
        Of which peer; None for this project's own.
    """

    name: str
    part: str
    group: str
    module: str
    settings: Settings
    expected: float
    environment: str | None = None

    @property
    def is_system(self) -> bool:
        """Whether it needs the reference data; a point of a scaling curve makes up its own."""
        return self.group != "scaling"

    @property
    def limit(self) -> float:
        """Seconds after which it is given up."""
        return SYSTEM_LIMIT if self.is_system else POINT_LIMIT


def systems() -> list[Measurement]:
    """Return the systems that train and evaluate on the same data."""
    own = {
        **_common(),
        **REFERENCE,
        "epochs": 3,
        "train_seconds": 20,
        "evaluation_seconds": 2,
    }
    slow = {**own, "epochs": 1, "train_seconds": 0, "evaluation_batch": 256}
    barlow_twins = {"system": "ours", "regulariser": "barlow-twins"}
    ours = "benchmarks.ours"
    return [
        Measurement("head", "head", "systems", ours, {**own, "system": "head"}, 35),
        Measurement("ours-ce", "ours", "systems", ours, {**own, "system": "ours"}, 50),
        Measurement("ours-ce+bt", "ours", "systems", ours, {**own, **barlow_twins}, 60),
        Measurement("padded", "padded", "systems", ours, {**slow, "system": "padded"}, 110),
        _peer("recbole", slow, 180),
        _peer("rectools", slow, 240),
    ]


def _peer(name: str, settings: Settings, expected: float) -> Measurement:
    module = f"benchmarks.peers.{name}"
    return Measurement(name, "peers", "systems", module, settings, expected, name)


def models() -> list[Measurement]:
    """Return the models of the paper's tables, all of this project, one after the other.

    Only their training differs: no turns with the head, and one evaluation to see that they learn.
    """
    own = {
        **_common(),
        **REFERENCE,
        "system": "ours",
        "epochs": 3,
        "train_seconds": 10,
        "evaluation_seconds": 0,
        "turns": 0,
    }
    return [
        Measurement(
            model_key(objective, regulariser),
            "models",
            "models",
            "benchmarks.ours",
            {**own, "objective": objective, "regulariser": regulariser},
            60,
        )
        for objective, regulariser in MODELS
    ]


def points() -> list[Measurement]:
    """Return the points of the scaling curves."""
    catalogue = [
        _step(name, "catalogue", expected, objective=objective, items=items, steps=steps)
        for items, steps, ce_seconds, sce_seconds in (
            (10**4, 20, 12, 12),
            (10**5, 8, 20, 12),
            (10**6, 2, 45, 25),
        )
        for objective, expected in (("ce", ce_seconds), ("sce", sce_seconds))
        for name in [f"catalogue-{objective}-{items}"]
    ]
    length = [
        _step(f"length-{max_len}", "length", expected, max_len=max_len, steps=3, full_length=True)
        for max_len, expected in ((25, 9), (50, 11), (100, 15), (200, 25))
    ]
    users = [
        _ranking("users", n_users, 10**4, expected)
        for n_users, expected in ((10**3, 8), (10**4, 15), (10**5, 90))
    ]
    return [*catalogue, *length, *users, _ranking("memory", 10**4, 10**6, 180)]


def _step(name: str, curve: str, expected: float, **changed: Any) -> Measurement:
    settings = {
        **_common(),
        "point": "step",
        "objective": "ce",
        "items": 10**4,
        "full_length": False,
        "min_seconds": 2,
        **changed,
    }
    return Measurement(name, curve, "scaling", "benchmarks.scaling", settings, expected)


def _ranking(curve: str, users: int, items: int, expected: float) -> Measurement:
    settings = {
        **_common(),
        "point": "ranking",
        "users": users,
        "items": items,
        "min_seconds": 2,
        "most_seconds": POINT_LIMIT - 40,  # its start, the model and the trial are not counted
    }
    name = f"{curve}-{users}x{items}"
    return Measurement(name, curve, "scaling", "benchmarks.scaling", settings, expected)


def _common() -> Settings:
    return {**asdict(Shape()), "threads": THREADS}


def tiny(measurement: Measurement) -> Measurement:
    """Return a measurement cut down until it takes no time and tells nothing but that it works."""
    small = {
        "items": 300, "users": 300, "steps": 1, "min_seconds": 0, "epochs": 1,
        "train_seconds": 0, "evaluation_seconds": 0, "batch_size": 64, "dim": 16,
    }  # fmt: skip
    changed = {name: small[name] for name in small.keys() & measurement.settings.keys()}
    data = {"dataset": "synthetic"} if measurement.is_system else {}
    return replace(measurement, settings={**measurement.settings, **changed, **data}, expected=8)


def choose(
    measurements: Collection[Measurement], only: Collection[str] | None
) -> list[Measurement]:
    """Return the measurements that are called by name, part or group; all of them by None.

    Raises
    ------
    ValueError
        If nothing is called so; says what there is.
    """
    if only is None:
        return list(measurements)
    names = {n for m in measurements for n in (m.name, m.part, m.group)}
    unknown = [name for name in only if name not in names]
    if unknown:
        parts = dict.fromkeys(n for m in measurements for n in (m.group, m.part))
        raise ValueError(
            f"nothing is called {', '.join(map(repr, unknown))}; there is {', '.join(parts)}, "
            "and each measurement that --list shows"
        )
    return [m for m in measurements if {m.name, m.part, m.group} & set(only)]
