"""Made-up dials beside a made-up study, recorded without any training."""

import numpy as np
import pandas as pd

from btsr_core.dial.choice import rivals
from btsr_core.dial.measure import grid
from btsr_core.dial.plan import planned_dials
from btsr_core.dial.records import STAGES, DialRecord
from btsr_core.dial.settings import CHECKED
from btsr_core.dial.training import at_alpha
from btsr_core.study.measure import READINGS, VALIDATION

USERS, ITEMS = 4, 10
METRICS = ("ndcg@10", "cov@10", "hr@10", "mrr@10")


def made_up_dial(config, dial_id, value, *, epochs=4):
    """Return a dial whose metrics are `value(metric, reading, alpha)`."""
    alphas = grid(config)
    readings = (*READINGS, VALIDATION)
    metrics = {
        (reading, bucket, metric): np.array([value(metric, reading, a) for a in alphas])
        for reading in readings for bucket in (0, 1, 2, 3) for metric in METRICS
    }  # fmt: skip
    stages, curves = [("conditioned", np.nan, epochs, epochs, 10.0)], {}
    if config.kind == "interpolated":
        stages = [
            ("start", 0.2, 2, epochs, 10.0),
            ("low", 0.0, 1, 1, 2.0),
            ("high", 0.4, 1, 1, 3.0),
        ]
    else:
        for share in CHECKED:
            alpha = config.alpha(share)
            for metric in METRICS:
                name = at_alpha(f"valid_{metric}", alpha)
                curves[name] = [value(metric, VALIDATION, alpha)] * epochs
    table = pd.DataFrame(stages, columns=STAGES)
    named = np.repeat(table["stage"].to_numpy(), table["epochs"])
    rows = pd.DataFrame({"stage": named, "epoch": 1.0, "seconds": 2.0, "valid_ndcg@10": 0.1})
    rows = rows.assign(**curves)
    rng = np.random.default_rng(config.seed)
    return DialRecord(
        dial_id=dial_id,
        config=config,
        provenance={"commit": "c0ffee", "device": "cpu"},
        stages=table,
        alphas=alphas,
        metrics=metrics,
        curves=rows,
        lists=rng.integers(0, 50, (len(alphas), USERS, ITEMS)),
        ranks=rng.integers(1, 101, (len(alphas), USERS)),
    )


def made_up_dials(place, value=None, **options):
    """Return every planned dial of a place by name.

    Parameters
    ----------
    value
        Function of (kind, seed, metric, reading, alpha) to a number between 0 and 1.
    """
    found = {}
    for one in planned_dials(place, ()):
        kind, seed = one.config.kind, one.config.seed

        def own(metric, reading, alpha, kind=kind, seed=seed):
            return (value or half)(kind, seed, metric, reading, alpha)

        found[one.dial_id] = made_up_dial(one.config, one.dial_id, own, **options)
    return found


def half(kind, seed, metric, reading, alpha):
    """More coverage and less accuracy with more alpha, whatever the kind."""
    return 0.5 + (alpha if metric.startswith("cov") else -alpha) / 4 + 0.001 * seed


def like_trained(place, factor=1.0, by_kind=None):
    """Return a `value` that is a factor of the trained models' metric at the alpha below."""
    from btsr_core.dial.plan import trained_models

    trained = trained_models(place)

    def value(kind, seed, metric, reading, alpha):
        below = max(a for a in trained if a <= alpha + 1e-9)
        record = trained[below][seed]
        # What is not made up of trained models is the same everywhere.
        return (by_kind or {}).get(kind, factor) * np.nan_to_num(
            record.value(metric, reading), nan=0.1
        )

    return value


def made_up_rivals(place, value=None, **options):
    """Return the dials of a place beside its trained models."""
    return rivals(place, made_up_dials(place, value, **options))
