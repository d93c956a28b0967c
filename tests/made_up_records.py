"""A made-up study of one dataset, recorded without any training, for what shows records."""

import zlib

import numpy as np
import pandas as pd

from btsr_core.evaluation.metrics import per_user
from btsr_core.study.measure import READINGS, VALIDATION
from btsr_core.study.records import ALL_ITEMS, BEYOND, Record, Targets
from btsr_core.study.run import Standing
from btsr_core.study.spec import Study

MODELS = {
    "sasrec-ce": {"objective": "ce", "regulariser": "none"},
    "bt-sr": {"objective": "ce", "regulariser": "barlow-twins", "alpha": 0.25},
    "sasrec-bce": {"objective": "bce", "regulariser": "none"},
    "duorec": {"objective": "ce", "regulariser": "duorec", "alpha": 0.1},
}
TABLE = {"part": "table", "models": list(MODELS), "seeds": 3}
ALPHA = {"part": "alpha", "models": ["bt-sr"], "seeds": 3, "grid": {"alpha": [0.0, 0.2, 0.4]}}
SHARES = ("cov@10", "gini@10", "tail@10", "upd@10")
EXPOSURE = {"lift@10": 0.5, "novelty@10": 8.0}


def made_up_place(tmp_path, *, parts=(TABLE, ALPHA), users=60, without=lambda _: False,
                  dataset="walks", ranks=None, targets=None):  # fmt: skip
    """Return what is recorded of a dataset.

    Parameters
    ----------
    parts
        Of the plan.
    users
        Test users of every reading; each has three targets under `events`.
    without
        Tells of a planned run that it is not recorded.
    ranks
        Function of (record's experiment, reading, number of targets) to their ranks.
    targets
        Who is tested on what, if not `made_up_targets`.
    """
    study = Study.model_validate({
        "models": MODELS,
        "datasets": {dataset: {}},
        "plan": [{"dataset": dataset, **part} for part in parts],
    })  # fmt: skip
    place = Standing(study, dataset, tmp_path, targets or made_up_targets(users))
    while missing := [one for one in place.planned if one.status == "missing"]:
        missing = [one for one in missing if not without(one)]
        if not missing:
            break
        for one in missing:
            record = made_up_record(one.run_id, one.experiment, place.targets, ranks or _ranks)
            place.records[one.run_id] = record
    return place


def made_up_targets(users, n_items=50):
    """Return targets of `users` users, one each and three under `events`."""
    rng = np.random.default_rng(users)
    buckets = np.repeat([1, 2, 3], [5, 15, n_items - 20])
    parts = []
    for reading in READINGS:
        owners = np.repeat(np.arange(users), 3 if reading == "events" else 1)
        items = rng.integers(n_items, size=len(owners))
        parts.append(pd.DataFrame({
            "reading": reading, "user": owners, "item": items, "bucket": buckets[items],
            "history": rng.integers(1, 40, len(owners)),
            "Popularity": np.minimum(items + 1, BEYOND),
        }))  # fmt: skip
    rows = pd.concat(parts, ignore_index=True)
    baselines = [
        {"system": "Popularity", **row}
        for reading in READINGS
        for row in _metrics(reading, rows[rows["reading"] == reading], "Popularity")
    ]
    sizes = {
        "dataset": "walks", "fingerprint": "0" * 64, "n_items": n_items, "train_users": 200,
        "train_interactions": 3000, "bucket_items": [5, 15, n_items - 20],
        "bucket_interactions": [1000, 1000, 1000],
    }  # fmt: skip
    return Targets(sizes, rows, pd.DataFrame(baselines), buckets)


def made_up_record(run_id, experiment, targets, ranks):
    """Return a record whose accuracy is that of its ranks; the rest is drawn from its name."""
    rng = np.random.default_rng(zlib.crc32(run_id.encode()))
    found, rows = {}, []
    for reading in READINGS:
        tested = targets.of(reading)
        found[reading] = ranks(experiment, reading, len(tested))
        rows += _metrics(reading, tested.assign(own=found[reading]), "own")
        rows += [_row(reading, name, rng.uniform(0.2, 0.6)) for name in SHARES]
        rows += [_row(reading, name, rng.normal(mean, 0.2)) for name, mean in EXPOSURE.items()]
        rows += [_row(reading, "cov@10", rng.uniform(0, 0.6), bucket) for bucket in (1, 2, 3)]
    rows += [_row(VALIDATION, "ndcg@10", 0.1), _row(VALIDATION, "cov@10", 0.2)]
    curves = pd.DataFrame({
        "epoch": [1, 2], "loss_prediction": [3.0, 2.5], "loss_regulariser": [1.0, 0.5],
        "valid_ndcg@10": [0.05, 0.1], "valid_cov@10": [0.1, 0.2], "seconds": [1.0, 1.0],
    })  # fmt: skip
    provenance = {
        "commit": "0123456789abcdef", "torch": "2.13", "finished": "2025-01-02T03:04:05+00:00",
    }  # fmt: skip
    return Record(
        run_id, experiment, provenance, 2, 2, 12.5, pd.DataFrame(rows), curves, found, {},
        np.zeros((0, 10), int),
    )  # fmt: skip


def _ranks(experiment, reading, n):
    name = f"{experiment.loss.model_dump_json()} {experiment.train.seed} {reading}"
    return np.random.default_rng(zlib.crc32(name.encode())).integers(1, 60, n)


def _metrics(reading, tested, column):
    """Return accuracy and the number of targets, overall and by bucket."""
    rows = []
    for bucket in (ALL_ITEMS, 1, 2, 3):
        own = tested if bucket == ALL_ITEMS else tested[tested["bucket"] == bucket]
        rows.append(_row(reading, "targets", len(own), bucket))
        for name in ("hr@1", "hr@10", "ndcg@10"):
            values = per_user(own[column].to_numpy(), name)
            rows.append(_row(reading, name, values.mean() if len(values) else np.nan, bucket))
    return rows


def _row(reading, metric, value, bucket=ALL_ITEMS):
    return {"reading": reading, "bucket": bucket, "metric": metric, "value": float(value)}
