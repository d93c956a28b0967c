import dataclasses
import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import eval_set, histories_of, pack

from btsr_core.analysis import (
    baseline_rankings,
    paired_gains,
    redundancy,
    seed_values,
    timeline,
    to_dates,
    user_values,
    view_correlation,
)
from btsr_core.config import ModelConfig
from btsr_core.experiment import load_data, prepare
from btsr_core.model import SASRec
from btsr_core.protocol import Split
from btsr_core.sweep import run_systems, with_and_without


def test_redundancy_by_hand():
    found = redundancy(np.array([[1.0, 0.3], [-0.4, 0.5]]))
    assert found.agreement == pytest.approx(0.75)
    assert found.redundancy == pytest.approx(math.sqrt((0.09 + 0.16) / 2))


@pytest.mark.parametrize(
    ("unit", "factor"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)]
)
def test_dates_are_told_from_the_size_of_the_numbers(unit, factor):
    seconds = pd.Series([874_724_710, 893_286_638])  # ml-100k's first and last
    found = to_dates(seconds * factor)
    assert [str(date)[:10] for date in found] == ["1997-09-20", "1998-04-22"]


def test_small_numbers_are_no_dates():
    assert to_dates(pd.Series([1, 2, 3])) is None


def test_correlation_leaves_out_users_without_a_partner():
    lists = [[1, 2, 9], [3, 9], [4, 5, 6, 7], [8]]  # 7 is nobody else's target; 8 has no input
    torch.manual_seed(0)
    model = SASRec(10, ModelConfig(dim=4)).eval()
    split = Split(pack(lists), np.arange(4), np.arange(10), 0, {}, eval_set([], []))
    found = view_correlation(model, split, 50)
    z = [model(histories_of([items]))[-1] for items in ([1, 2], [3])]
    rows = torch.stack(z).detach().double().numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    a = rows - rows.mean(0)
    b = a[::-1]  # each is the other's partner
    expected = (a / np.linalg.norm(a, axis=0)).T @ (b / np.linalg.norm(b, axis=0))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.fixture(scope="module")
def systems(tiny, tmp_path_factory):
    pair = with_and_without(tiny)
    return run_systems(pair, 2, runs=tmp_path_factory.mktemp("runs"), progress=False)


def test_systems_differ_in_the_regulariser_alone(systems):
    for plain, regularised in zip(systems["SASRec-CE"], systems["BT-SR"], strict=True):
        assert plain.id != regularised.id
        assert not plain.experiment.loss.is_regularised
        assert plain.experiment.model_copy(
            update={"loss": None}
        ) == regularised.experiment.model_copy(update={"loss": None})
    seeds = [run.experiment.train.seed for run in systems["BT-SR"]]
    assert all(later == seed + 1 for seed, later in pairwise(seeds))


def test_paired_gains_average_seeds_then_users(systems):
    regularised, plain = systems["BT-SR"], systems["SASRec-CE"]
    found = paired_gains(regularised, plain, ["hr@5"], "full")["hr@5"]
    means = [
        np.mean([run.metrics("test", "full")["hr@5"] for run in runs])
        for runs in (regularised, plain)
    ]
    assert found.mean == pytest.approx(means[0] - means[1])
    assert found.low <= found.mean <= found.high
    same = paired_gains(plain, plain, ["hr@5"], "full")["hr@5"]
    assert (same.mean, same.low, same.high) == (0, 0, 0)


def test_paired_gains_over_a_baseline(systems, tiny):
    split = prepare(tiny.data).split
    baseline = baseline_rankings(split, "full")["Popularity"]
    found = paired_gains(systems["BT-SR"], baseline, ["ndcg@10"], "full")["ndcg@10"]
    mean = np.mean([run.metrics("test", "full")["ndcg@10"] for run in systems["BT-SR"]])
    assert found.mean == pytest.approx(mean - baseline.metrics()["ndcg@10"])


def test_values_by_seed_have_a_row_a_run(systems):
    runs = systems["BT-SR"]
    found = seed_values(runs, "ndcg@10", "test", "full")
    assert found.mean(axis=1).tolist() == pytest.approx(
        [run.metrics("test", "full")["ndcg@10"] for run in runs]
    )
    np.testing.assert_array_equal(user_values(runs, "ndcg@10", "test", "full"), found.mean(axis=0))


def test_runs_of_different_users_cannot_be_paired(systems, tmp_path):
    one, other = systems["BT-SR"]
    table = pd.read_parquet(other.path / "ranks.parquet").assign(user_id="somebody else")
    table.to_parquet(tmp_path / "ranks.parquet")
    with pytest.raises(ValueError, match="different users"):
        user_values([one, dataclasses.replace(other, path=tmp_path)], "hr@5", "test", "full")


def test_timeline_marks_the_users_that_are_held_out(tiny):
    interactions = load_data(tiny.data, progress=False)
    split = prepare(tiny.data).split
    times, cutoff, is_pool = timeline(interactions, tiny.data.k_core, split.cutoff)
    assert len(times) == len(is_pool)
    assert times[~is_pool].max() < cutoff <= times[is_pool].max()
    assert (~is_pool).sum() == len(split.train.item_ids)
