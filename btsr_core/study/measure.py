"""From a trained run to its record: everything that the book shows of it, measured once."""

import math
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from btsr_core.analysis.buckets import bucket_metrics, distinct_users, popularity_buckets
from btsr_core.analysis.calibration import (
    calibrate,
    rank_confidence,
    reliability,
    summarise_confidence,
)
from btsr_core.analysis.correlation import partner_embeddings, redundancy
from btsr_core.analysis.exposure import exposure_metrics
from btsr_core.analysis.genres import genre_divergence, genre_shares
from btsr_core.analysis.overlap import (
    bin_edges,
    densities,
    kde_densities,
    overlap_factor,
    overlap_interval,
    overlaps_of_few,
    resampled_overlaps,
    score_samples,
    user_auc,
)
from btsr_core.analysis.spectrum import (
    alignment,
    effective_rank,
    notebook_variant,
    uniformity,
    user_spectrum,
)
from btsr_core.config import DataConfig
from btsr_core.data.protocol import EvalSet, History, Split
from btsr_core.evaluation.baselines import baseline_rankings
from btsr_core.evaluation.evaluate import Ranking, evaluate_model
from btsr_core.evaluation.metrics import CUTOFFS, FloatArray, IntArray
from btsr_core.evaluation.scorers import EmbeddingScorer, model_scorer
from btsr_core.experiment import Prepared, item_table
from btsr_core.losses.barlow_twins import cross_correlation
from btsr_core.runs import Run
from btsr_core.study.records import ALL_ITEMS, BEYOND, Record, Targets

READINGS = ("after-cutoff", "full", "events")
"""Of the test pool: the last interaction after what came since the cutoff, or after all of it; or
every interaction since the cutoff in turn."""
WIDEST: History = "full"
"""The reading with the most users, on which scores and embeddings are looked at."""
VALIDATION = "valid"
"""Stands in a record's readings for the validation targets of the full history."""
SHOWN_USERS = 24
"""Test users whose lists are recorded."""
SHOWN_ITEMS = 10
KL_AT = 10

Rows = list[dict[str, Any]]


def evaluation_sets(split: Split) -> dict[str, EvalSet]:
    """Return what is ranked under each reading of the test pool."""
    held_out: dict[str, EvalSet] = {name: part.test for name, part in split.held_out.items()}
    return held_out | {"events": split.events}


def cut_of(config: DataConfig) -> dict[str, Any]:
    """Return the settings that decide how data are cut: part of what targets are of."""
    return config.model_dump(include={"k_core", "cutoff_quantile"})


def measure_targets(data: Prepared) -> Targets:
    """Return who is tested on what in a dataset, and how the untrained baselines do."""
    split = data.split
    users, interactions, buckets = popularity(split)
    rows, baselines = [], []
    for reading, tested in evaluation_sets(split).items():
        ranks = {}
        for name, ranking in baseline_rankings(split, tested).items():
            ranks[name] = np.minimum(ranking.ranks, BEYOND).astype(np.uint8)
            found = list_metrics(reading, ranking, tested, users, buckets)
            baselines += [{"system": name, **row} for row in found]
        numbers, _ = pd.factorize(tested.users)
        rows.append(
            pd.DataFrame(
                {
                    "reading": reading,
                    "user": numbers.astype(np.int32),
                    "item": tested.targets.astype(np.int32),
                    "bucket": (buckets[tested.targets] + 1).astype(np.int8),
                    "history": tested.inputs.lengths.astype(np.int32),
                    **ranks,
                }
            )
        )
    sizes = {
        "dataset": data.interactions.name,
        "fingerprint": data.interactions.fingerprint,
        **cut_of(data.config),
        "n_items": split.n_items,
        "train_users": len(split.train),
        "train_interactions": int(split.train.lengths.sum()),
        "bucket_items": np.bincount(buckets).tolist(),
        "bucket_interactions": np.bincount(buckets, interactions).astype(int).tolist(),
    }
    return Targets(sizes, pd.concat(rows, ignore_index=True), pd.DataFrame(baselines), buckets + 1)


def measure_run(run: Run, data: Prepared) -> Record:
    """Measure a finished run on the data that it was trained on."""
    split, model, options = data.split, run.model(), run.experiment.evaluation
    max_len = run.experiment.model.max_len
    users, _, buckets = popularity(split)
    shares = genre_shares(item_table(data.interactions, split)["genres"].tolist())
    rows: Rows = [_row(VALIDATION, name, value) for name, value in _valid_metrics(run).items()]
    ranks: dict[str, IntArray] = {}
    lists = np.empty((0, SHOWN_ITEMS), np.int64)
    for reading, tested in evaluation_sets(split).items():
        ranking = evaluate_model(model, tested, max_len, exclude_seen=options.exclude_seen)
        rows += list_metrics(reading, ranking, tested, users, buckets)
        if shares.any() and len(tested):
            divergence = genre_divergence(ranking.top_items, tested.inputs, shares, KL_AT)
            rows.append(_row(reading, f"genre-kl@{KL_AT}", _mean(divergence)))
        ranks[reading] = ranking.ranks
        if reading == WIDEST:
            lists = ranking.top_items[:SHOWN_USERS, :SHOWN_ITEMS]
    widest = split.held_out[WIDEST]
    arrays: dict[str, Any] = {}
    if len(widest.test):
        scorer = model_scorer(model, widest.test, max_len)
        valid_scorer = model_scorer(model, widest.valid, max_len)
        parts = (
            _score_measures(scorer, widest.test),
            _embedding_measures(run, scorer, split, max_len),
            _confidence_measures(valid_scorer, widest.valid, scorer, widest.test),
        )
        for numbers, drawn in parts:
            rows += [_row(WIDEST, name, value) for name, value in numbers.items()]
            arrays |= drawn
    return Record(
        run_id=run.id,
        experiment=run.experiment,
        provenance=run.provenance,
        best_epoch=run.summary["best_epoch"],
        epochs=run.summary["epochs"],
        train_seconds=run.summary["train_seconds"],
        metrics=pd.DataFrame(rows),
        curves=run.history,
        ranks=ranks,
        arrays=arrays,
        lists=lists,
    )


def popularity(split: Split) -> tuple[IntArray, IntArray, IntArray]:
    """Return distinct users, interactions and bucket of each item of the catalogue."""
    users = distinct_users(split)
    interactions = np.bincount(split.train.item_ids, minlength=split.n_items)
    return users, interactions, popularity_buckets(users, interactions)


def _row(reading: str, metric: str, value: float, bucket: int = ALL_ITEMS) -> dict[str, Any]:
    return {"reading": reading, "bucket": bucket, "metric": metric, "value": value}


def _mean(values: FloatArray) -> float:
    """Return the mean of what is no NaN; NaN where nothing is left, of which numpy would warn."""
    return math.nan if np.isnan(values).all() else float(np.nanmean(values))


def _valid_metrics(run: Run) -> dict[str, float]:
    return run.metrics("valid", run.experiment.evaluation.select_on)


def list_metrics(
    reading: str, ranking: Ranking, tested: EvalSet, users: IntArray, buckets: IntArray
) -> Rows:
    """Return accuracy, coverage and exposure of some lists, overall and by bucket."""
    overall: Iterable[tuple[str, float]] = chain(
        ranking.metrics().items(),
        exposure_metrics(ranking.top_items, tested.inputs, users, buckets, CUTOFFS).items(),
        [("targets", float(len(tested)))],
    )
    rows = [_row(reading, name, value) for name, value in overall]
    parts = bucket_metrics(ranking.ranks, ranking.top_items, tested.targets, buckets)
    for bucket, values in enumerate(parts, start=1):
        rows += [_row(reading, name, value, bucket) for name, value in values.items()]
    return rows


Measures = tuple[Mapping[str, float], Mapping[str, Any]]


def _score_measures(scorer: EmbeddingScorer, tested: EvalSet) -> Measures:
    """Return how far positives and negatives stand apart (Fig 2 left), and the histograms."""
    samples = score_samples(scorer, tested)
    edges = bin_edges(samples)
    found = densities(samples, edges)
    factor = overlap_factor(found)
    interval = overlap_interval(factor, resampled_overlaps(samples, edges))
    of_few = overlaps_of_few(samples)
    numbers = {
        "overlap": factor,
        "overlap-kde": overlap_factor(kde_densities(samples)),
        "overlap-few": float(of_few.mean()),
        "overlap-few-sd": float(of_few.std(ddof=1)),
        "overlap-low": interval.low,
        "overlap-high": interval.high,
        "auc": _mean(user_auc(samples)),
    }
    drawn = {
        "score-edges": found.edges,
        "score-positive": found.positive,
        "score-negative": found.negative,
    }
    return numbers, drawn


def _embedding_measures(run: Run, scorer: EmbeddingScorer, split: Split, max_len: int) -> Measures:
    """Return the spectrum of the users' embeddings (Eq. 9, Fig 2 right), and what L_BT acts on."""
    spectrum = user_spectrum(scorer.users)
    views = partner_embeddings(run.model(), split, max_len)
    correlation = redundancy(np.asarray(cross_correlation(*views).cpu()))
    numbers = {
        "effective-rank": effective_rank(spectrum.values),
        "effective-rank-centred": effective_rank(spectrum.centred_values),
        "notebook-rank": notebook_variant(spectrum.centred_values),
        "uniformity": uniformity(scorer.users),
        "alignment": alignment(*views),
        "agreement": correlation.agreement,
        "redundancy": correlation.redundancy,
    }
    drawn = {
        "singular-values": spectrum.values,  # noqa: PD011 (no frame)
        "singular-values-centred": spectrum.centred_values,
    }
    return numbers, drawn


def _confidence_measures(
    valid_scorer: EmbeddingScorer, valid: EvalSet, scorer: EmbeddingScorer, tested: EvalSet
) -> Measures:
    """Return confidence and calibration, as trained and after temperature scaling."""
    found = calibrate(valid_scorer, valid, scorer, tested)
    scaled = summarise_confidence(found.scaled)
    numbers = {
        "temperature": found.temperature,
        **summarise_confidence(found.plain),
        **{f"scaled-{name}": value for name, value in scaled.items()},
    }
    drawn: dict[str, Any] = {}
    for bins in ("width", "mass"):
        table = reliability(found.plain, bins)
        drawn |= {
            f"reliability-{bins}-confidence": table.confidence,
            f"reliability-{bins}-accuracy": table.accuracy,
            f"reliability-{bins}-count": table.count,
        }
    by_rank = rank_confidence(scorer, tested)
    drawn |= {
        "rank": by_rank.ranks,
        "rank-probability": by_rank.probability,
        "rank-hit-rate": by_rank.hit_rate,
    }
    return numbers, drawn
