"""Made-up sweeps over alpha, lambda and views, with ranks that a test decides."""

import dataclasses

import numpy as np
from made_up_records import TABLE, made_up_place

from btsr_core.study.records import ALL_ITEMS

ALPHA = {
    "part": "alpha", "models": ["bt-sr"], "seeds": 3,
    "grid": {"alpha": [0.0, 0.2, 0.4], "scaling": ["per-dimension", "sum"]},
}  # fmt: skip
LAM = {"part": "lambda", "models": ["bt-sr"], "seeds": 3, "grid": {"lam": [0.0, 0.1, 0.5]}}
VIEWS = {
    "part": "views", "models": ["bt-sr"], "seeds": 3,
    "grid": {"view": ["partner", "crop", "mask"]},
}  # fmt: skip
PARTS = (TABLE, ALPHA, LAM, VIEWS)


def hits(rate_of, users=400):
    """Return ranks as `made_up_place` wants them: 1 for a share of the targets, else 200.

    Parameters
    ----------
    rate_of
        Function of a loss to that share.
    """

    def ranks(experiment, reading, n):
        rng = np.random.default_rng([experiment.train.seed, len(reading), users])
        return np.where(rng.random(n) < rate_of(experiment.loss), 1, 200)

    return ranks


def place_of(tmp_path, rate_of, cov_of=None, parts=PARTS, **changed):
    """Return a place whose hit rates, and coverages if given, depend on the loss alone."""
    place = made_up_place(tmp_path, parts=parts, users=400, ranks=hits(rate_of), **changed)
    if cov_of is not None:
        for name, record in place.records.items():
            metrics = record.metrics.copy()
            own = (metrics["metric"] == "cov@10") & (metrics["bucket"] == ALL_ITEMS)
            value, seed = cov_of(record.experiment.loss), record.experiment.train.seed
            # Neither differences nor ratios are the same for every seed.
            metrics.loc[own, "value"] = value + 0.01 * (seed - 1) * value**2
            place.records[name] = dataclasses.replace(record, metrics=metrics)
    return place
