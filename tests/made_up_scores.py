"""Made-up records that hold scores, spectra and probabilities too, on top of `made_up_records`."""

import dataclasses
import zlib

import numpy as np
import pandas as pd
from made_up_records import made_up_place

FULL = "full"
TABLE = {"part": "table", "models": ["sasrec-ce", "bt-sr", "sasrec-bce", "duorec"], "seeds": 4}
ALPHA = {"part": "alpha", "models": ["bt-sr"], "seeds": 2, "grid": {"alpha": [0.0, 0.2, 0.4]}}
USUAL = {
    "overlap": 0.5, "overlap-kde": 0.51, "overlap-few": 0.6, "overlap-few-sd": 0.06, "auc": 0.8,
    "effective-rank": 20.0, "effective-rank-centred": 22.0, "notebook-rank": 8.0,
    "uniformity": -2.0, "alignment": 1.0, "agreement": 0.5, "redundancy": 0.2,
    "temperature": 1.2, "confidence": 0.1, "accuracy": 0.01, "entropy": 5.0, "nll": 6.0,
    "ece-width": 0.09, "ece-mass": 0.09, "hr@1": 0.03,
}  # fmt: skip
"""Of a plain system; a seed moves each by a per cent or so."""


def scored_place(tmp_path, *, effect=None, parts=(TABLE, ALPHA), **given):
    """Return a made-up study whose records hold what `measure` takes from scores.

    Parameters
    ----------
    effect
        By metric, the factor by which Barlow Twins changes it.
    parts, **given
        As for `made_up_place`.
    """
    place = made_up_place(tmp_path, parts=parts, **given)
    for run_id, record in place.records.items():
        place.records[run_id] = with_scores(record, effect or {})
    return place


def with_scores(record, effect):
    """Return a record with what `measure` takes from scores added to it."""
    rng = np.random.default_rng(zlib.crc32(record.run_id.encode()))
    twins = record.experiment.loss.regulariser_name == "barlow-twins"
    values = {
        name: value * (effect.get(name, 1) if twins else 1) * rng.uniform(0.99, 1.01)
        for name, value in USUAL.items()
    }
    values |= {"overlap-low": values["overlap"] - 0.05, "overlap-high": values["overlap"] + 0.05}
    scaled = ("confidence", "accuracy", "entropy", "nll", "ece-width", "ece-mass")
    values |= {f"scaled-{name}": values[name] * 0.9 for name in scaled}
    rows = pd.DataFrame(
        [{"reading": FULL, "bucket": 0, "metric": m, "value": v} for m, v in values.items()]
    )
    old = record.metrics
    is_old = (old["reading"] != FULL) | (old["bucket"] != 0) | ~old["metric"].isin(values)
    return dataclasses.replace(
        record, metrics=pd.concat([old[is_old], rows]), arrays=_arrays(record, rng)
    )


def _arrays(record, rng):
    edges = np.linspace(-3, 3, 13)
    drawn = {"score-positive": rng.normal(0.8, 1, 60), "score-negative": rng.normal(0, 1, 6000)}
    singular = 10 * 0.8 ** np.arange(8) * rng.uniform(0.9, 1)
    ranks = np.array([*range(1, 11), 20, 50])
    arrays = {
        "score-edges": edges,
        **{name: np.histogram(x, edges, density=True)[0] for name, x in drawn.items()},
        "singular-values": singular, "singular-values-centred": np.append(singular[:-1], 1e-12),
        "rank": ranks, "rank-probability": np.linspace(0.9, 0.5, 12),
        "rank-hit-rate": np.r_[np.full(10, 0.01), 0.0, 0.0],
    }  # fmt: skip
    for bins in ("width", "mass"):
        arrays |= {
            f"reliability-{bins}-confidence": np.array([0.1, 0.3, np.nan]),
            f"reliability-{bins}-accuracy": np.array(
                [0.0, record.experiment.train.seed % 2, np.nan]
            ),
            f"reliability-{bins}-count": np.array([45, 15, 0]),
        }
    return arrays
