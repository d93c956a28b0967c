from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from btsr_core.analysis.gains import paired_gains, seed_values, user_values
from btsr_core.evaluation.baselines import baseline_rankings
from btsr_core.experiment import prepare
from btsr_core.sweep import run_systems, with_and_without


@pytest.fixture(scope="module")
def systems(tiny, tmp_path_factory, no_processes):
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
    baseline = baseline_rankings(split, split.held_out["full"].test)["Popularity"]
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


def test_runs_of_different_users_cannot_be_paired(systems):
    one, other = systems["BT-SR"]
    strangers = other.ranks("test", "full").assign(user_id="somebody else")
    with pytest.raises(ValueError, match="different users"):
        user_values([one, SimpleNamespace(ranks=lambda *_: strangers)], "hr@5", "test", "full")
