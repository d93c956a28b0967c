"""Everything that the slider shows of one dataset and one choice, as one JSON value.

JupyterLab's widget and the pages of the book show the same value with the same script.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from btsr_core.errors import InputError
from btsr_core.evaluation.metrics import CUTOFFS
from btsr_core.explorer.curves import (
    COVERAGE,
    METRICS,
    Cell,
    Numbers,
    cells_of,
    label_of,
    metric_curves,
    score_densities,
    spectra,
    sweeps,
    trained_numbers,
)
from btsr_core.explorer.dials import (
    MOST_POSITIONS,
    DialRecord,
    dial_lists,
    dial_numbers,
    positions_of,
    trained_lists,
)
from btsr_core.explorer.people import people, typical_user
from btsr_core.study.examples import Examples
from btsr_core.study.run import Standing

VERSION = 1
BUCKET_NAMES = ("head", "middle", "tail")
LABELS: Mapping[str, tuple[str, str]] = {COVERAGE: ("coverage", "share of the catalogue")}
"""What a metric is called, and its unit, where that is not its key."""

Payload = dict[str, Any]


class View(NamedTuple):
    """What is in sight at first."""

    metric: str = "ndcg"
    k: int = 10
    alpha: float = 0.2


def explorer_payload(
    place: Standing,
    examples: Examples,
    *,
    reading: str,
    view: View | None = None,
    choice: str = "",
    datasets: Sequence[str] = (),
    dials: Mapping[str, Sequence[DialRecord]] = MappingProxyType({}),
    fixed: bool = True,
    live: bool = False,
) -> Payload:
    """Return what the slider shows.

    Parameters
    ----------
    place
        Records of a dataset.
    examples
        Titles of its items, histories of some users.
    reading
        Of the test pool, for metrics; lists are those of the widest reading.
    view
        What is in sight at first; the nearest alpha that there is.
    choice
        Key of `sweeps`; empty for the first.
    datasets
        Names of all that can be chosen; empty for this one alone.
    dials
        By choice, records of models that serve every alpha, one a seed: the positions of the
        slider. The first one's lists are shown.
    fixed
        For a page without a kernel: a few users, and one choice.
    live
        Whether lists between a dial's positions can be asked for; then all items are described.

    Raises
    ------
    InputError
        If nothing is recorded along alpha, or not of this choice.
    """
    found = sweeps(place)
    if not found:
        raise InputError(
            f"no runs along alpha are recorded of {place.dataset}; "
            f"`btsr study --only {place.dataset} --part alpha` trains what the study plans"
        )
    chosen = choice or next(iter(found))
    if chosen not in found:
        raise InputError(f"choice = {choice!r}: must be one of {', '.join(found)}")
    sweep, first, dial = found[chosen], view or View(), dials.get(chosen, ())
    live = live and bool(dial)
    cells, alpha = cells_of(place), "\N{GREEK SMALL LETTER ALPHA}"
    numbers = trained_numbers(sweep, cells, reading)
    sources = [_source("trained", f"a model for each {alpha}", numbers, cells)]
    if dial:
        most = MOST_POSITIONS if fixed else len(dial[0].alphas)
        positions, lists = positions_of(dial, sweep, most), dial_lists(dial[0])
        lists_from = "dial"
        turned = dial_numbers(dial, cells, reading, positions)
        sources.append(_source("dial", f"one model for every {alpha}", turned, cells))
    else:
        positions = list(sweep)
        seed, lists = trained_lists(sweep)
        lists_from = f"trained, seed {seed}"
    shown = people(
        examples, place.targets, [lists.get(one) for one in positions],
        fixed=fixed, whole_catalogue=live,
    )  # fmt: skip
    labels = {key: label_of(key, one) for key, one in found.items()}
    name, tested = Path(place.dataset).name, place.targets.of(reading)
    return {
        "version": VERSION,
        "title": f"{name}, {labels[chosen]}",
        "choices": [
            {"key": key, "label": label} for key, label in labels.items()
            if key == chosen or not fixed
        ],
        "chosen": chosen,
        "datasets": list(datasets) or [name],
        "dataset": place.dataset if datasets else name,  # a page does not tell a file's folder
        "positions": positions,
        "trained": list(sweep),
        "metrics": [_metric(key) for key in METRICS],
        "cutoffs": list(CUTOFFS),
        "default": {
            "metric": first.metric,
            "k": first.k,
            "alpha": min(positions, key=lambda one: abs(one - first.alpha)),
            "user": typical_user(shown["users"]),
        },
        "reading": reading,
        "n_users": int(tested["user"].nunique()),
        "n_targets": len(tested),
        "seeds": sorted({one.experiment.train.seed for own in sweep.values() for one in own}),
        "sources": sources,
        "densities": score_densities(sweep),
        "spectrum": spectra(sweep),
        "bucket_names": list(BUCKET_NAMES),
        **shown,
        "lists_from": lists_from,
        "live": live,
    }  # fmt: skip


def _source(key: str, label: str, numbers: Numbers, cells: Sequence[Cell]) -> dict[str, Any]:
    values = metric_curves(numbers, cells)
    return {"key": key, "label": label, "alphas": list(numbers), "values": values}


def _metric(key: str) -> dict[str, str]:
    label, unit = LABELS.get(key, (key, ""))
    return {"key": key, "label": label, "unit": unit}


def metric_kind(name: str) -> str:
    """Return `name` if it is a metric without its cutoff, such as `ndcg`.

    Raises
    ------
    InputError
        If it is none.
    """
    if name not in METRICS:
        raise InputError(f"metric = {name!r}: must be one of {', '.join(METRICS)}")
    return name
