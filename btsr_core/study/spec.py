"""The study as data: which experiments there are to be, read from a TOML file and checked.

A file has three kinds of entry: models (settings of a loss, and what a search may choose for it),
datasets (settings that all models share there, and the trials that each may use), and a plan: what
is trained on which dataset, with how many seeds, in the order of its worth.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from btsr_core.config import experiment
from btsr_core.errors import InputError
from btsr_core.settings import Count, Description

SEARCH = "search"
"""Name of the part that the trials of a search make up."""

Value = bool | int | float | str


class Choice(Description):
    """What a search may choose for one setting: a list, or a range of numbers."""

    choices: tuple[Value, ...] = ()
    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool = False

    @model_validator(mode="after")
    def _list_or_range(self) -> "Choice":
        is_range = self.low is not None and self.high is not None and self.low < self.high
        if bool(self.choices) == is_range or (self.log and self.step):
            raise ValueError("give either choices, or low < high with a step or log = true")
        return self


class Search(Description):
    """How settings are searched: for every model alike."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Of the sampler, and of the training of all trials."""
    space: Mapping[str, Choice] = {}
    """What every model may choose."""


class Model(Description):
    """A model: its settings, and what it may choose beyond the common space."""

    settings: Mapping[str, Value]
    search: Mapping[str, Choice] = {}

    @model_validator(mode="before")
    @classmethod
    def _settings_stand_beside_the_search(cls, value: Any) -> Any:
        own = dict(value)
        return {"search": own.pop("search", {}), "settings": own}


class Dataset(Description):
    """What all models share on a dataset."""

    trials: Count = 1
    """Of every model's search; the first is its defaults."""
    settings: Mapping[str, Value] = {}


class Part(Description):
    """What is trained for one purpose, on any dataset."""

    part: str
    """What it is for; entries of one part and dataset are shown together."""
    models: Annotated[tuple[str, ...], Field(min_length=1)]
    seeds: Count
    grid: Mapping[str, tuple[Value, ...]] = {}
    """Settings to vary around what the search chose: every combination is trained."""


class Entry(Part):
    """One entry of the plan."""

    dataset: str


class Other(Dataset):
    """What is trained on a dataset that the study does not name."""

    plan: tuple[Part, ...] = ()


class Study(Description):
    """All of a study."""

    search: Search = Search()
    models: Mapping[str, Model]
    datasets: Mapping[str, Dataset]
    plan: tuple[Entry, ...] = ()
    other: Other = Other()

    @model_validator(mode="after")
    def _names_exist(self) -> "Study":
        for part in (*self.plan, *self.other.plan):
            if part.part == SEARCH:
                raise ValueError(f"part {SEARCH!r} is what the trials are called; choose another")
            for name in part.models:
                if name not in self.models:
                    raise ValueError(f"the plan names the model {name!r}: add it")
        for entry in self.plan:
            if entry.dataset not in self.datasets:
                raise ValueError(f"the plan names the dataset {entry.dataset!r}: add it")
        return self

    def space(self, model: str) -> dict[str, Choice]:
        """Return what the search may choose for a model."""
        return {**self.search.space, **self.models[model].search}

    def defaults(self, dataset: str, model: str) -> dict[str, Value]:
        """Return the settings of a model's first trial on a dataset, its source included."""
        shared = self.datasets[dataset].settings
        return {"source": dataset, **shared, **self.models[model].settings}

    def including(self, dataset: str, settings: Mapping[str, Value]) -> "Study":
        """Return the study with all parts of the `other` plan on a dataset.

        A dataset that the study has keeps what is planned for it, and gets what is not.

        Parameters
        ----------
        dataset
            What it is called; also its source, unless the settings have another.
        settings
            How it is read and cut, and whatever else is to differ for all its models.
        """
        shared = self.datasets.get(dataset, self.other)
        own = Dataset(trials=shared.trials, settings={**shared.settings, **settings})
        there = {entry.part for entry in self.of(dataset)}
        more = [part for part in self.other.plan if part.part not in there]
        return Study(
            search=self.search,
            models=self.models,
            datasets={**self.datasets, dataset: own},
            plan=(*self.plan, *(Entry(dataset=dataset, **part.model_dump()) for part in more)),
            other=self.other,
        )

    def of(self, dataset: str) -> tuple[Entry, ...]:
        """Return the entries of one dataset, in order."""
        return tuple(entry for entry in self.plan if entry.dataset == dataset)


def read_study(path: Path) -> Study:
    """Read a study and check every setting in it.

    Raises
    ------
    InputError
        If the file is missing, is no TOML, or says something that cannot be trained; names the
        entry and what is allowed.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        study = Study.model_validate(raw)
    except FileNotFoundError:
        raise InputError(f"no study {path}; run this in the project's folder") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{path}: {where + ': ' if where else ''}{message}") from None
    whole = study.including("any other dataset", {})
    for entry in whole.plan:
        for model in entry.models:
            _check(path, whole, entry, model)
    return study


def _check(path: Path, study: Study, entry: Entry, model: str) -> None:
    """Refuse settings that do not exist for a model, or are out of range, before any training."""
    settings = study.defaults(entry.dataset, model)
    edges: list[dict[str, Value]] = [{}]
    for name, choice in study.space(model).items():
        ends = choice.choices or (choice.low, choice.high)
        edges += [{name: end} for end in ends if end is not None]
    edges += [{name: value} for name, values in entry.grid.items() for value in values]
    for edge in edges:
        try:
            experiment(**{**settings, **edge})
        except InputError as error:
            raise InputError(f"{path}: model {model} on {entry.dataset}: {error}") from None
