"""On what recorded figures were measured: machine, data, model, versions, commit and day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from btsr_core.names import PEERS
from btsr_core.pages.words import short_commit


@dataclass(frozen=True)
class Provenance:
    """What the figures were measured on. Usually there is one of each.

    Attributes
    ----------
    machines, data, models
        In words.
    dates
        Days, in order.
    commits
        Of the project, shortened; `-dirty` where code had been changed.
    codes
        How many states of the code the figures come from.
    versions
        Of each environment, by whose it is.
    """

    machines: tuple[str, ...]
    data: tuple[str, ...]
    models: tuple[str, ...]
    dates: tuple[str, ...]
    commits: tuple[str, ...]
    codes: int
    versions: Mapping[str, str]


def provenance_of(*files: Mapping[str, Any]) -> Provenance:
    """Return what the measurements in some results files were made on."""
    records = {name: one for file in files for name, one in file["measurements"].items()}
    versions: dict[str, list[str]] = {}
    for name, record in records.items():
        if "versions" in record:
            environment = PEERS.get(name, name) if "packages" in record else "this project"
            versions.setdefault(environment, []).append(_versions(record["versions"]))
    every = records.values()
    return Provenance(
        machines=_distinct(_machine(file["machine"]) for file in files),
        data=_distinct(_data(file["data"]) for file in files if file.get("data")),
        models=_distinct(_model(record["settings"]) for record in every),
        dates=tuple(sorted({record["date"][:10] for record in every})),
        commits=_distinct(short_commit(record["commit"]) for record in every),
        codes=len({record["code"] for record in every}),
        versions={name: "; ".join(_distinct(found)) for name, found in versions.items()},
    )


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _machine(found: Mapping[str, Any]) -> str:
    return f"{found['cpu']}, {found['cores']} cores, {found['memory_gib']} GiB; {found['os']}"


def _data(sizes: Mapping[str, Any]) -> str:
    return (
        f"{sizes['dataset']}: {sizes['users']:,} training sequences with {sizes['targets']:,} "
        f"targets, {sizes['items']:,} items, {sizes['test_users']:,} test users"
    )


def _model(settings: Mapping[str, Any]) -> str:
    return (
        f"D = {settings['dim']}, n_blocks = {settings['n_blocks']}, "
        f"n_heads = {settings['n_heads']}, batch_size = {settings['batch_size']}; "
        f"{settings['threads']} threads"
    )


def _versions(found: Mapping[str, Any]) -> str:
    shown = {"recbole": "RecBole", "rectools": "RecTools", "python": "Python", "torch": "torch",
             "numpy": "numpy"}  # fmt: skip
    return ", ".join(f"{label} {found[name]}" for name, label in shown.items() if name in found)
