"""From a trained dial to its record: metrics and lists on a fine grid of alphas."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from btsr_core.dial.artefact import Dial
from btsr_core.dial.records import DialRecord, FloatArray, IntArray
from btsr_core.dial.settings import DialConfig
from btsr_core.dial.training import Trained
from btsr_core.evaluation.evaluate import evaluate_model
from btsr_core.experiment import Prepared
from btsr_core.study.measure import (
    SHOWN_ITEMS,
    SHOWN_USERS,
    VALIDATION,
    WIDEST,
    evaluation_sets,
    list_metrics,
    popularity,
)
from btsr_core.study.records import ALL_ITEMS
from btsr_core.study.rows import Key

STEP = 0.01
"""Between two alphas of the grid, or a little less: both ends of the range belong to it."""


def grid(config: DialConfig) -> FloatArray:
    """Return (A,) alphas where a dial is measured, ascending."""
    steps = max(1, int(np.ceil(np.round((config.high - config.low) / STEP, 6))))
    alphas: FloatArray = np.round(np.linspace(config.low, config.high, steps + 1), 9)
    return alphas


def measure_dial(trained: Trained, data: Prepared, provenance: Mapping[str, Any]) -> DialRecord:
    """Measure a dial on the data that it was trained on, everywhere on its grid."""
    dial, alphas = trained.dial, grid(trained.dial.config)
    users, _, buckets = popularity(data.split)
    found = [_measure(dial, data, float(alpha), users, buckets) for alpha in alphas]
    numbers = [numbers for numbers, _, _ in found]
    return DialRecord(
        dial_id=dial.dial_id,
        config=dial.config,
        provenance=provenance,
        stages=trained.stages,
        alphas=alphas,
        metrics={key: np.array([one[key] for one in numbers]) for key in numbers[0]},
        curves=trained.curves,
        lists=np.stack([lists for _, lists, _ in found]),
        ranks=np.stack([ranks for _, _, ranks in found]),
    )


def _measure(
    dial: Dial, data: Prepared, alpha: float, users: IntArray, buckets: IntArray
) -> tuple[dict[Key, float], np.ndarray, np.ndarray]:
    """Return all metrics at one alpha, and lists and ranks of the users that are shown."""
    experiment, split, model = dial.config.experiment, data.split, dial.model_at(alpha)
    options = {"exclude_seen": experiment.evaluation.exclude_seen}
    numbers: dict[Key, float] = {}
    shown = None
    for reading, tested in evaluation_sets(split).items():
        ranking = evaluate_model(model, tested, experiment.model.max_len, **options)
        for row in list_metrics(reading, ranking, tested, users, buckets):
            numbers[reading, row["bucket"], row["metric"]] = row["value"]
        if reading == WIDEST:
            shown = ranking
    assert shown is not None  # the widest is one of the readings
    valid = split.held_out[experiment.evaluation.select_on].valid
    ranking = evaluate_model(model, valid, experiment.model.max_len, **options)
    for name, value in ranking.metrics().items():
        numbers[VALIDATION, ALL_ITEMS, name] = value
    return numbers, shown.top_items[:SHOWN_USERS, :SHOWN_ITEMS], shown.ranks[:SHOWN_USERS]
