"""What the slider shows of runs along alpha: metrics with intervals over seeds, scores, spectra."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from btsr_core.analysis.intervals import FloatArray
from btsr_core.analysis.significance import seed_bounds
from btsr_core.evaluation.metrics import CUTOFFS, PER_USER
from btsr_core.names import system_name
from btsr_core.pages.dials import DEFAULT_SCALING
from btsr_core.pages.results import runs_of
from btsr_core.settings import LossConfig
from btsr_core.study.measure import WIDEST
from btsr_core.study.records import ALL_ITEMS, Record
from btsr_core.study.run import Standing

PART = "alpha"
"""Part of the study in which alpha varies and nothing else, but for the scaling of L_BT."""
COVERAGE = "cov"
METRICS = (*PER_USER, COVERAGE)
DIGITS = 5
"""Significant ones of every number that leaves for a page."""
BINS = 40
"""Of the densities of scores, which runs have in bins of their own."""

Sweep = Mapping[float, Sequence[Record]]
"""Records by alpha, ascending, one a seed."""
Cell = tuple[str, int]
"""A metric, such as `ndcg@10`, and the bucket of the targets that it is of."""
Numbers = Mapping[float, Mapping[int, FloatArray]]
"""By alpha, ascending, and seed: (cells,) what was measured."""


def sweeps(place: Standing) -> dict[str, dict[float, list[Record]]]:
    """Return what can be chosen: the runs along alpha by objective and scaling of L_BT.

    The default scaling comes first. A single alpha is nothing to slide along and is left out.

    Returns
    -------
    dict
        By a key such as `ce-per-dimension`, records by alpha, ascending.
    """
    found: dict[str, dict[float, list[Record]]] = {}
    for one, record in runs_of(place, PART):
        scaling = str(one.point.get("scaling", DEFAULT_SCALING))
        key = key_of(record.experiment.loss, scaling)
        found.setdefault(key, {}).setdefault(float(one.point[PART]), []).append(record)
    order = sorted(found, key=lambda key: not key.endswith(DEFAULT_SCALING))
    return {key: dict(sorted(found[key].items())) for key in order if len(found[key]) > 1}


def key_of(loss: LossConfig, scaling: str) -> str:
    """Return the key of a choice: what the objective is, and how L_BT is scaled."""
    return f"{loss.objective.name}-{scaling}"


def label_of(key: str, sweep: Sweep) -> str:
    """Return a choice in words: the system, and how its regulariser is scaled."""
    loss = sweep[max(sweep)][0].experiment.loss
    return f"{system_name(loss)}, L_BT {key.partition('-')[2].replace('-', ' ')}"


def cells_of(place: Standing) -> list[Cell]:
    """Return every metric at every cutoff, on all targets and on those of each bucket."""
    buckets = [ALL_ITEMS, *range(1, int(place.targets.buckets.max(initial=0)) + 1)]
    return [(f"{kind}@{k}", bucket) for k in CUTOFFS for kind in METRICS for bucket in buckets]


def trained_numbers(sweep: Sweep, cells: Sequence[Cell], reading: str) -> Numbers:
    """Return what was recorded of a model for each alpha, under a reading of the test pool."""
    return {
        alpha: {
            one.experiment.train.seed: np.array([one.value(name, reading, b) for name, b in cells])
            for one in own
        }
        for alpha, own in sweep.items()
    }


def metric_curves(numbers: Numbers, cells: Sequence[Cell]) -> dict[str, Any]:
    """Return every metric against alpha, overall and by bucket, as the payload has it.

    Levels and differences from alpha = 0 have Student's 95 % intervals over seeds; differences are
    paired by seed. At alpha = 0 the difference is zero and certain.

    Parameters
    ----------
    numbers
        At J values of alpha.
    cells
        What the numbers are.

    Returns
    -------
    dict
        By metric, such as `ndcg@10`, and bucket (as text): J numbers each of `mean`, `low`, `high`,
        `change`, `change_low` and `change_high`, None where there is none. What no run has is left
        out.
    """
    levels = np.stack([seed_bounds(_stacked(own.values(), len(cells))) for own in numbers.values()])
    changes = np.stack([_changes(numbers, alpha, len(cells)) for alpha in numbers])
    found = np.concatenate([levels, changes], axis=1)  # (J, 6, cells)
    fields = ("mean", "low", "high", "change", "change_low", "change_high")
    curves: dict[str, Any] = {}
    for place, (name, bucket) in enumerate(cells):
        if not np.isnan(found[:, 0, place]).all():
            own = zip(fields, found[:, :, place].T, strict=True)
            curves.setdefault(name, {})[str(bucket)] = {what: rounded(row) for what, row in own}
    return curves


def _changes(numbers: Numbers, alpha: float, n_cells: int) -> FloatArray:
    """Return (3, cells): by how much each number differs from that at alpha = 0, with bounds."""
    ours, plain = numbers[alpha], numbers.get(0.0, {})
    seeds = sorted(ours.keys() & plain.keys())
    found = seed_bounds(_stacked([ours[seed] - plain[seed] for seed in seeds], n_cells))
    if alpha == 0 and len(seeds) > 1:
        found[1:] = found[0]
    return found


def _stacked(rows: Iterable[FloatArray], n_cells: int) -> FloatArray:
    """Return (S, cells), also without any row."""
    return np.array(list(rows), dtype=np.float64).reshape(-1, n_cells)


def score_densities(sweep: Sweep) -> dict[str, Any] | None:
    """Return the densities of scores of held-out and of random items, means over seeds.

    Each run has bins of its own; here all have the same, into which its masses are dealt as if
    they lay evenly in its bins. None where nothing is recorded.
    """
    known = {alpha: found for alpha, own in sweep.items() if (found := _having(own, "score-edges"))}
    if not known:
        return None
    ends = [one.arrays["score-edges"][[0, -1]] for own in known.values() for one in own]
    edges = np.linspace(np.min(ends), np.max(ends), BINS + 1)
    overlaps = [_mean(one.value("overlap", WIDEST) for one in own) for own in known.values()]
    return {
        "edges": rounded(edges),
        "alphas": list(known),
        **{
            kind: [
                rounded(np.mean([_rebinned(one, kind, edges) for one in own], axis=0))
                for own in known.values()
            ]
            for kind in ("positive", "negative")
        },
        "overlap": rounded(overlaps),
    }


def _rebinned(record: Record, kind: str, edges: FloatArray) -> FloatArray:
    """Return (bins,) a run's density in other bins; its mass stays where it is, and one."""
    own = np.asarray(record.arrays["score-edges"], dtype=np.float64)
    mass = np.asarray(record.arrays[f"score-{kind}"], dtype=np.float64) * np.diff(own)
    below = np.concatenate([[0.0], np.cumsum(mass)])
    return np.asarray(np.diff(np.interp(edges, own, below)) / np.diff(edges))


def spectra(sweep: Sweep) -> dict[str, Any] | None:
    """Return singular values of the users' embeddings and the effective rank, means over seeds.

    None where nothing is recorded.
    """
    known = {
        alpha: found for alpha, own in sweep.items() if (found := _having(own, "singular-values"))
    }
    if not known:
        return None
    return {
        "alphas": list(known),
        "values": [
            rounded(np.mean([one.arrays["singular-values"] for one in own], axis=0))
            for own in known.values()
        ],
        "effective_rank": rounded(
            [_mean(one.value("effective-rank", WIDEST) for one in own) for own in known.values()]
        ),
    }


def _having(records: Iterable[Record], array: str) -> list[Record]:
    return [one for one in records if array in one.arrays]


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def rounded(values: npt.ArrayLike) -> list[float | None]:
    """Return (n,) numbers of `DIGITS` significant digits, None for NaN: what JSON can hold."""
    return [
        None if np.isnan(value) else float(f"{value:.{DIGITS}g}")
        for value in np.asarray(values, dtype=np.float64)
    ]
