"""Everything that the slider shows of one dataset and one choice, as one JSON value.

JupyterLab's widget and the pages of the book show the same value with the same script.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from btsr_core.errors import InputError
from btsr_core.evaluation.metrics import CUTOFFS, PER_USER
from btsr_core.experiment import Prepared
from btsr_core.explorer.curves import (
    COVERAGE,
    METRICS,
    Sweep,
    buckets_of,
    label_of,
    metric_curves,
    score_densities,
    spectra,
    sweeps,
)
from btsr_core.explorer.people import one_seed, people
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
    data: Prepared,
    *,
    reading: str,
    view: View | None = None,
    choice: str = "",
    datasets: Sequence[str] = (),
    dial: Sweep | None = None,
    fixed: bool = True,
    live: bool = False,
) -> Payload:
    """Return what the slider shows.

    Parameters
    ----------
    place
        Records of a dataset.
    data
        The dataset itself: titles, histories.
    reading
        Of the test pool, for metrics; lists are those of the widest reading.
    view
        What is in sight at first; the nearest alpha that there is.
    choice
        Key of `sweeps`; empty for the first.
    datasets
        Names of all that can be chosen; empty for this one alone.
    dial
        Records of one model that serves every alpha, by alpha: the positions of the slider.
    fixed
        For a page without a kernel: a few users, and one choice.
    live
        Whether lists between positions can be asked for; then all items are described.

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
    sweep, first = found[chosen], view or View()
    positions = list(dial or sweep)
    seed, own = one_seed(dial or sweep)
    shown = people(
        data, place.targets, [own.get(alpha) for alpha in positions],
        fixed=fixed, whole_catalogue=live,
    )  # fmt: skip
    labels = {key: label_of(key, one) for key, one in found.items()}
    name, tested = Path(place.dataset).name, place.targets.of(reading)
    buckets = buckets_of(place)
    sources = [_source("trained", "a model for each \N{GREEK SMALL LETTER ALPHA}", sweep, reading,
                       buckets)]  # fmt: skip
    if dial:
        sources.append(_source("dial", "one model for every \N{GREEK SMALL LETTER ALPHA}", dial,
                               reading, buckets))  # fmt: skip
    return {
        "version": VERSION,
        "title": f"{name}, {labels[chosen]}",
        "choices": [
            {"key": key, "label": label} for key, label in labels.items()
            if key == chosen or not fixed
        ],
        "chosen": chosen,
        "datasets": list(datasets) or [place.dataset],
        "dataset": place.dataset,
        "positions": positions,
        "trained": list(sweep),
        "metrics": [_metric(key) for key in METRICS],
        "cutoffs": list(CUTOFFS),
        "default": {
            "metric": first.metric,
            "k": first.k,
            "alpha": min(positions, key=lambda alpha: abs(alpha - first.alpha)),
            "user": 0,
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
        "lists_from": "dial" if dial else f"trained, seed {seed}",
        "live": live,
    }  # fmt: skip


def _source(
    key: str, label: str, sweep: Sweep, reading: str, buckets: Sequence[int]
) -> dict[str, Any]:
    values = metric_curves(sweep, reading, buckets)
    return {"key": key, "label": label, "alphas": list(sweep), "values": values}


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
        known = ", ".join((*PER_USER, COVERAGE))
        raise InputError(f"metric = {name!r}: must be one of {known}")
    return name
