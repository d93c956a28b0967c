"""Dials that serve every alpha beside models that are trained for each: as numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from btsr_core.analysis.intervals import FloatArray, Interval
from btsr_core.analysis.pareto import hypervolume, hypervolume_ratios
from btsr_core.dial.choice import ORIGIN, Rival, recorded_dials, rivals
from btsr_core.dial.settings import CHECKED
from btsr_core.dial.training import at_alpha
from btsr_core.pages.frontier_tables import ALPHA
from btsr_core.pages.score_tables import seed_interval
from btsr_core.pages.words import NOTHING
from btsr_core.study.measure import VALIDATION
from btsr_core.study.run import Standing

Rivals = Mapping[str, Rival]
"""Each kind of dial beside the models that are trained for each alpha, by kind."""

TRAINED = f"a model for each {ALPHA}"
SINGLE = f"one model, {ALPHA} ="
"""How the row of the best single model begins."""
MINUTE = 60


def recorded_rivals(place: Standing) -> dict[str, Rival]:
    """Return the dials that are recorded of a dataset beside its trained models."""
    return rivals(place, recorded_dials(place))


def widest(found: Rivals) -> Rival:
    """Return the kind with the most seeds, the first of equals: its trained models stand for all.

    Raises
    ------
    ValueError
        If there is none.
    """
    return max(found.values(), key=lambda one: len(one.seeds))


def area_table(found: Rivals, x: str, y: str, reading: str) -> pd.DataFrame:
    """Return the area that each way of having every alpha reaches, and what it costs.

    Parameters
    ----------
    found
        As `recorded_rivals` gives them.
    x, y
        Metrics of which more is better.
    reading
        Of the test pool.

    Returns
    -------
    DataFrame
        A row a way: the trained models, the one of them that is best on validation, and each dial.
        `seeds`; the mean `area` over the origin; `share` of the trained models' area, the mean
        over seeds with Student's interval `low` to `high`, and the `least` of a seed; `strict`, the
        share of mean points where only counts what exceeds the worst trained mean in both
        respects; `valid`, the share on validation targets; and `epochs` and `seconds` of one
        process, means over seeds.
    """
    rows: dict[str, dict[str, float]] = {}
    if found:
        first = widest(found)
        runs, n = [one for own in first.trained for one in own], len(first.seeds)
        cost = {
            "epochs": sum(one.epochs for one in runs) / n,
            "seconds": sum(one.epochs * one.epoch_seconds for one in runs) / n,
        }
        points = {r: first.trained_points(x, y, r) for r in (reading, VALIDATION)}
        rows[TRAINED] = {**_shares(points, points, reading), **cost}
        best, alone = _best_single(points, reading)
        chosen = [own[best] for own in first.trained]
        rows[f"{SINGLE} {first.alphas[best]:g}"] = {
            **alone,
            "epochs": float(np.mean([one.epochs for one in chosen])),
            "seconds": float(np.mean([one.epochs * one.epoch_seconds for one in chosen])),
        }
    for one in found.values():
        own, others = (
            {r: take(x, y, r) for r in (reading, VALIDATION)}
            for take in (one.dial_points, one.trained_points)
        )
        rows[one.label] = {
            **_shares(own, others, reading),
            "epochs": float(np.mean([dial.epochs for dial in one.dials])),
            "seconds": float(np.mean([dial.epoch_seconds for dial in one.dials])),
        }
    columns = ["seeds", "area", "share", "low", "high", "least", "strict", "valid", "epochs",
               "seconds"]  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _shares(
    points: Mapping[str, FloatArray], others: Mapping[str, FloatArray], reading: str
) -> dict[str, float]:
    """Compare (S, J, 2) points with those of the trained models, by reading."""
    own, trained = points[reading], others[reading]
    ratios = hypervolume_ratios(own, trained)
    interval = seed_interval(ratios)
    worst = tuple(trained.mean(axis=0).min(axis=0).tolist())
    reference = float(worst[0]), float(worst[1])
    strict = [hypervolume(part.mean(axis=0), reference) for part in (own, trained)]
    return {
        "seeds": len(own),
        "area": float(np.mean([hypervolume(one, ORIGIN) for one in own])),
        "share": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "least": float(ratios.min()),
        "strict": strict[0] / strict[1] if strict[1] else float("nan"),
        "valid": float(hypervolume_ratios(points[VALIDATION], others[VALIDATION]).mean()),
    }


def _best_single(points: Mapping[str, FloatArray], reading: str) -> tuple[int, dict[str, float]]:
    """Return the trained alpha whose model alone is best on validation, and its shares."""
    n_alphas = points[reading].shape[1]
    alone = [
        _shares({r: own[:, [place]] for r, own in points.items()}, points, reading)
        for place in range(n_alphas)
    ]
    best = max(range(n_alphas), key=lambda place: alone[place]["valid"])
    return best, alone[best]


def area_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return the area table for reading."""

    def percent(value: float) -> str:
        return NOTHING if np.isnan(value) else f"{100 * value:.1f}"

    interval = [
        NOTHING if np.isnan(low) else f"{percent(low)} to {percent(high)}"
        for low, high in zip(table["low"], table["high"], strict=True)
    ]
    return pd.DataFrame(
        {
            "seeds": table["seeds"].astype(int),
            "area": table["area"].map("{:.5f}".format),
            "of trained (%)": table["share"].map(percent),
            "95 % over seeds": interval,
            "least of a seed (%)": table["least"].map(percent),
            "above the worst (%)": table["strict"].map(percent),
            "on validation (%)": table["valid"].map(percent),
            "epochs": table["epochs"].map("{:.0f}".format),
            "core-minutes": (table["seconds"] / MINUTE).map("{:.0f}".format),
        },
        index=table.index,
    )


@dataclass(frozen=True)
class Turn:
    """How far a way of having every alpha turns a metric from the least alpha to the greatest.

    Attributes
    ----------
    label, metric
        Of what.
    low, high
        Its means over seeds at the ends.
    change
        Mean difference, the high end less the low one, with Student's interval over seeds.
    spread
        Deviation over seeds, its mean over the trained alphas; NaN from one seed.
    """

    label: str
    metric: str
    low: float
    high: float
    change: Interval
    spread: float


def turns(found: Rivals, metrics: Sequence[str], reading: str) -> list[Turn]:
    """Return how far each way turns each metric: the trained models first, then each dial."""
    told = []
    for metric in metrics:
        clouds: dict[str, FloatArray] = {}
        for one in found.values():
            clouds.setdefault(TRAINED, widest(found).trained_points(metric, metric, reading))
            clouds[one.label] = one.dial_points(metric, metric, reading)
        for label, points in clouds.items():
            values = points[..., 0]
            ends = values[:, 0], values[:, -1]
            spread = values.std(axis=0, ddof=1).mean() if len(values) > 1 else float("nan")
            change = seed_interval(ends[1] - ends[0])
            told.append(
                Turn(label, metric, float(ends[0].mean()), float(ends[1].mean()), change, spread)
            )
    return told


@dataclass(frozen=True)
class EqualEpochs:
    """A conditioned model beside trained ones after equally many epochs, on validation targets.

    Attributes
    ----------
    label
        Of the dial.
    alphas
        Where both were validated after every epoch.
    epochs
        (S) of each seed, the last that all of its models have.
    shares
        (S,) of the trained models' area.
    """

    label: str
    alphas: tuple[float, ...]
    epochs: tuple[int, ...]
    shares: FloatArray


def equal_epochs(one: Rival) -> EqualEpochs | None:
    """Compare a dial with trained models at equal epochs; None for one without such curves."""
    wanted = [one.dials[0].config.alpha(share) for share in CHECKED]
    names = [at_alpha("valid_ndcg@10", alpha) for alpha in wanted]
    if not set(names) <= set(one.dials[0].curves):
        return None
    places = {round(alpha, 9): place for place, alpha in enumerate(one.alphas)}
    alphas = [alpha for alpha in wanted if round(alpha, 9) in places]
    metrics = "valid_cov@10", "valid_ndcg@10"
    epochs, ours, theirs = [], [], []
    for dial, models in zip(one.dials, one.trained, strict=True):
        chosen = [models[places[round(alpha, 9)]] for alpha in alphas]
        n = min(dial.epochs, *(model.epochs for model in chosen))
        epochs.append(n)
        ours.append([[dial.curves[at_alpha(m, alpha)][n - 1] for m in metrics] for alpha in alphas])
        theirs.append([[model.curves[m][n - 1] for m in metrics] for model in chosen])
    shares = hypervolume_ratios(np.array(ours), np.array(theirs))
    return EqualEpochs(one.label, tuple(alphas), tuple(epochs), shares)
