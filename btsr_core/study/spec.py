"""The study as data: which experiments there are to be, read from a TOML file and checked.

A file has three kinds of entry: models (settings of a loss, and what a search may choose for it),
datasets (settings that all models share there, and the trials that each may use), and a plan: what
is trained on which dataset, with how many seeds, in the order of its worth.
"""

import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, model_validator

from btsr_core.config import DataConfig, Experiment, experiment, setting_names
from btsr_core.errors import InputError
from btsr_core.settings import Description
from btsr_core.study.search import Choice, Value, Values, distinct

SEARCH = "search"
"""Name of the part that the trials of a search make up."""
MOST_SEEDS, MOST_RUNS, MOST_LETTERS = 1000, 100_000, 100
Few = Annotated[int, Field(ge=1, le=MOST_SEEDS)]


class Search(Description):
    """How settings are searched: for every model alike."""

    seed: Annotated[int, Field(ge=0, lt=2**31 - MOST_SEEDS)] = 0
    """Of the sampler, and of the training of all trials."""
    space: Mapping[str, Choice] = {}
    """What every model may choose."""


class Model(Description):
    """A model: its settings, and what it may choose beyond the common space."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Value] = Field(init=False)
    search: Mapping[str, Choice] = {}

    @property
    def settings(self) -> Mapping[str, Value]:
        """Its settings, which stand beside the search."""
        return self.__pydantic_extra__


class Dataset(Description):
    """What all models share on a dataset."""

    trials: Few = 1
    """Of every model's search; the first is its defaults."""
    settings: Mapping[str, Value] = {}


class Part(Description):
    """What is trained for one purpose, on any dataset."""

    part: str
    """What it is for; entries of one part and dataset are shown together."""
    models: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(distinct)]
    seeds: Few
    grid: Mapping[str, Annotated[Values, Field(min_length=1)]] = {}
    """Settings to vary around what the search chose: every combination is trained."""

    @model_validator(mode="after")
    def _is_bounded(self) -> "Part":
        n = math.prod([len(self.models), self.seeds, *map(len, self.grid.values())])
        if n > MOST_RUNS:
            raise ValueError(f"{n} runs: at most {MOST_RUNS} are planned at once")
        return self

    @property
    def points(self) -> Iterator[dict[str, Value]]:
        """Every combination of what the grid varies."""
        for values in product(*self.grid.values()):
            yield dict(zip(self.grid, values, strict=True))


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

    @model_validator(mode="after")
    def _settings_stand_where_they_count(self) -> "Study":
        data = set(DataConfig.model_fields)
        everywhere = [
            ("search.space", self.search.space, data),
            *(
                (f"models.{name}", (*m.settings, *m.search), data)
                for name, m in self.models.items()
            ),
            *((f"{where}.grid", part.grid, data) for where, part in self.parts()),
            *(
                (f"datasets.{name}.settings", d.settings, set())
                for name, d in self.datasets.items()
            ),
            ("other.settings", self.other.settings, set()),
        ]
        for where, names, others in everywhere:
            for name in names:
                if name in others:
                    raise ValueError(f"{where}.{name}: only a dataset's settings say which data")
                if name == "seed":
                    raise ValueError(f"{where}.seed: seeds are those from search.seed on")
        return self

    @model_validator(mode="after")
    def _nothing_is_planned_twice(self) -> "Study":
        seen = set()
        for where, part in self.parts():
            for model, point in product(part.models, part.points):
                dataset = getattr(part, "dataset", None)
                run = (dataset, part.part, model, *sorted(point.items()))
                if run in seen:
                    raise ValueError(f"{where}: {part.part} has {model} {point or ''} twice")
                seen.add(run)
        return self

    def parts(self) -> Iterator[tuple[str, Part]]:
        """Yield all parts of both plans, each with where it stands."""
        for where, plan in (("plan", self.plan), ("other.plan", self.other.plan)):
            for number, part in enumerate(plan):
                yield f"{where}.{number}", part

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

        Raises
        ------
        InputError
            If the settings hold one that is not a dataset's.
        """
        shared = self.datasets.get(dataset, self.other)
        own = Dataset(trials=shared.trials, settings={**shared.settings, **settings})
        there = {entry.part for entry in self.of(dataset)}
        more = [part for part in self.other.plan if part.part not in there]
        plan = (*self.plan, *(Entry(dataset=dataset, **part.model_dump()) for part in more))
        changed = {"datasets": {**self.datasets, dataset: own}, "plan": plan}
        try:
            return Study(**{**dict(self), **changed})
        except ValidationError as error:
            raise InputError(_in_words(error)) from None

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
    study = _well_formed(path)
    parts = [part.part for _, part in study.parts()]
    for kind, names in (("dataset", study.datasets), ("model", study.models), ("part", parts)):
        for name in names:
            if not _is_name(name):
                raise InputError(
                    f"{path}: {kind} {name!r}: a name has 1 to {MOST_LETTERS} letters (bytes of "
                    "UTF-8), begins with no dot, and has no slash, backslash or control character"
                )
    whole = study.including("any other dataset", {})
    for name, dataset in study.datasets.items():
        unknown = dataset.settings.keys() - setting_names()
        if unknown:
            raise InputError(f"{path}: datasets.{name}.settings.{min(unknown)}: unknown setting")
        if not study.of(name):
            whole = whole.including(name, {})
    for name in study.models:
        entries = [entry for entry in whole.plan if name in entry.models]
        for entry in entries:
            where = f"model {name} on {entry.dataset}"
            _check(f"{path}: {where}", whole, name, whole.defaults(entry.dataset, name), entry)
        if not entries:
            _check(f"{path}: model {name}", whole, name, whole.models[name].settings, None)
    return study


def _well_formed(path: Path) -> Study:
    """Read a study whose entries are each of the right type, and fit each other."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        # As JSON, where a list may stand for a tuple though nothing else for what it is not.
        return Study.model_validate_json(json.dumps(raw, default=str), strict=True)
    except FileNotFoundError:
        raise InputError(f"no study {path}; run this in the project's folder") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 text ({error}); save it as UTF-8") from None
    except ValidationError as error:
        raise InputError(f"{path}: {_in_words(error)}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); name a file") from None
    except (ValueError, RecursionError) as error:  # that of TOML has the line
        raise InputError(f"{path}: {error}") from None


def _in_words(error: ValidationError) -> str:
    """Return the first thing that is wrong, after where it is, in one line."""
    first = error.errors()[0]
    where, message = list(first["loc"]), first["msg"].removeprefix("Value error, ")
    if where and where[-1] in {"bool", "int", "float", "str"}:
        where.pop()
        message = "must be true, false, a number or a text"
    named = [str(part) if str(part).isprintable() else repr(part) for part in where]
    return ": ".join(filter(None, [".".join(named), message]))


def _is_name(name: str) -> bool:
    """Whether a name can be that of a folder, wherever it stands, and be printed."""
    length = len(name.encode())
    plain = name.isprintable() and not set(name) & set("/\\")
    return 0 < length <= MOST_LETTERS and plain and not name.startswith(".")


def _check(
    where: str, study: Study, model: str, settings: Mapping[str, Value], part: Part | None
) -> None:
    """Refuse settings that do not exist for a model, or are out of range, before any training."""
    space = study.space(model)
    trials = [{}, *({name: value} for name, choice in space.items() for value in choice.some)]
    for trial, point in product(trials, part.points if part else [{}]):
        given = {**settings, **trial, **point}
        try:
            read = _read(experiment(**given))
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        for name, value in given.items():
            kind = _kind(read.get(name))
            if kind in (bool, float, str) and _kind(value) is not kind:
                raise InputError(f"{where}: {name} = {value!r}: must be such as {read[name]!r}")


def _read(described: Experiment) -> dict[str, Any]:
    """Return every setting of an experiment, as it was read."""
    sections = described.model_dump()
    loss = sections.pop("loss")
    parts = (*sections.values(), loss.pop("objective"), loss.pop("regulariser"), loss)
    return {name: value for part in parts for name, value in part.items()}


def _kind(value: object) -> type:
    """Return what a value is, where numbers are of one kind."""
    return float if type(value) is int else type(value)
