import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_dials import ALPHA, PARTS, place_of
from made_up_records import TABLE, made_up_place

from btsr_core.evaluation.metrics import per_user
from btsr_core.pages import dials
from btsr_core.pages.results import systems


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return made_up_place(tmp_path_factory.mktemp("records"), parts=PARTS)


def test_sweeps_by_scaling_in_the_order_of_the_plan(place):
    found = dials.sweeps(place, "alpha", "alpha")
    assert list(found) == ["per-dimension", "sum"]
    assert [list(sweep) for sweep in found.values()] == [[0.0, 0.2, 0.4]] * 2
    for scaling, sweep in found.items():
        for alpha, records in sweep.items():
            assert [one.experiment.train.seed for one in records] == [0, 1, 2]
            losses = [one.experiment.loss for one in records]
            assert {loss.is_regularised * loss.alpha for loss in losses} == {alpha}
            if alpha:
                assert {one.experiment.loss.regulariser.scaling for one in records} == {scaling}


def test_what_is_not_recorded_is_left_out_of_sweeps(tmp_path):
    place = made_up_place(
        tmp_path, parts=(TABLE, ALPHA), without=lambda one: one.point.get("alpha") == 0.2
    )
    assert list(dials.sweeps(place, "alpha", "alpha")["sum"]) == [0.0, 0.4]
    assert dials.sweeps(place, "lambda", "lam") == {"per-dimension": {}}


def test_regularised_systems_stand_beside_the_plain_one_of_their_objective(place):
    found = dials.beside_plain(systems(place))
    assert [row[:2] for row in found] == [("SASRec-CE", "BT-SR"), ("SASRec-CE", "DuoRec")]
    ours = found[0][3]
    assert ours == systems(place)["BT-SR"]
    assert dials.beside_plain({"BT-SR": ours}) == []


@pytest.mark.parametrize("reading", ["after-cutoff", "events"])
@pytest.mark.parametrize("bucket", [0, 1, 3])
def test_values_by_user_have_the_mean_over_targets(place, reading, bucket):
    """The plain mean over the targets of a bucket; and what they add to the mean over all."""
    (record, *_) = systems(place)["BT-SR"]
    rows = place.targets.of(reading)
    total, n = 0.0, 0
    for rank, own in zip(record.ranks[reading], rows["bucket"], strict=True):
        if bucket in (0, own):
            total += 1 / math.log2(rank + 1) if rank <= 10 else 0
            n += 1
    values = dials.values_by_user([record], "ndcg@10", reading, place.targets, bucket)
    assert values.mean() == pytest.approx(total / n)
    assert values.shape == (1, rows[rows["bucket"].eq(bucket) | (bucket == 0)]["user"].nunique())
    part = dials.values_by_user(
        [record], "ndcg@10", reading, place.targets, bucket, others_as_zero=True
    )
    assert part.mean() == pytest.approx(total / len(rows))


@settings(max_examples=12)
@given(
    st.sampled_from(["after-cutoff", "full", "events"]),
    st.sampled_from(["hr@1", "hr@10", "ndcg@10"]),
)
def test_parts_of_buckets_add_up(place, reading, metric):
    _, _, plain, ours = dials.beside_plain(systems(place))[0]
    found = dials.contributions([ours], [plain], metric, reading, place.targets)
    assert list(found) == [0, 1, 2, 3]
    parts = [found[bucket].mean for bucket in (1, 2, 3)]
    assert sum(parts) == pytest.approx(found[0].mean, abs=1e-12)
    expected = np.mean(
        [
            per_user(a.ranks[reading], metric).mean() - per_user(b.ranks[reading], metric).mean()
            for a, b in zip(ours, plain, strict=True)
        ]
    )
    assert found[0].mean == pytest.approx(expected, abs=1e-12)


def test_parts_of_coverage_count_by_items(place):
    _, _, plain, ours = dials.beside_plain(systems(place))[0]
    found = dials.contributions([ours], [plain], "cov@10", "full", place.targets)
    for bucket, share in ((1, 0.1), (2, 0.3), (3, 0.6)):  # 5, 15 and 30 of 50 items
        own = [
            a.value("cov@10", "full", bucket) - b.value("cov@10", "full", bucket)
            for a, b in zip(ours, plain, strict=True)
        ]
        assert found[bucket].mean == pytest.approx(share * np.mean(own))
        assert found[bucket].low < found[bucket].mean < found[bucket].high


def test_levels_are_what_is_recorded(place):
    records = systems(place)["DuoRec"]
    for metric in ("hr@10", "cov@10"):
        for bucket in (1, 3):
            found = dials.level([records], metric, "events", place.targets, bucket)
            known = [one.value(metric, "events", bucket) for one in records]
            assert found.mean == pytest.approx(np.mean(known))
            assert found.low < found.mean < found.high


def test_only_common_seeds_are_compared(place):
    plain, ours = (systems(place)[name] for name in ("SASRec-CE", "BT-SR"))
    assert dials.seeds_of([plain[1:], ours], [ours[:2]]) == [1]
    found = dials.difference([ours[:2]], [plain[1:]], "hr@10", "full", place.targets)
    expected = ours[1].value("hr@10", "full") - plain[1].value("hr@10", "full")
    assert found.mean == pytest.approx(expected)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_no_common_seed(place):
    plain, ours = (systems(place)[name] for name in ("SASRec-CE", "BT-SR"))
    for compare in (dials.difference, dials.relative_difference):
        for metric in ("hr@10", "cov@10"):
            found = compare([ours[:1]], [plain[1:]], metric, "full", place.targets)
            assert np.isnan([found.mean, found.low, found.high]).all()


def test_a_side_is_the_mean_of_its_systems(place):
    a, b, c = (systems(place)[name] for name in ("SASRec-CE", "BT-SR", "DuoRec"))
    found = dials.difference([a, b], [c], "hr@10", "full", place.targets)
    own = [np.mean([one.value("hr@10", "full") for one in some]) for some in (a, b, c)]
    assert found.mean == pytest.approx((own[0] + own[1]) / 2 - own[2])


def test_relative_coverage_is_a_ratio_of_geometric_means(tmp_path):
    """(0.2, 0.2004) against (0.1, 0.1001), whose logarithms differ by nearly log 2."""
    place = place_of(
        tmp_path, lambda _: 0.5, lambda loss: 0.2 if loss.is_regularised else 0.1, parts=(TABLE,)
    )
    plain, ours = (systems(place)[name][1:] for name in ("SASRec-CE", "BT-SR"))
    found = dials.relative_difference([ours], [plain], "cov@10", "full", place.targets)
    expected = math.sqrt(0.2 * 0.2004 / (0.1 * 0.1001)) - 1
    assert found.mean == pytest.approx(expected)
    logs = np.log([0.2 / 0.1, 0.2004 / 0.1001])
    half = 12.7062 * logs.std(ddof=1) / math.sqrt(2)  # Student's t of one degree of freedom
    assert found.low == pytest.approx(math.exp(logs.mean() - half) - 1, rel=1e-4)
    assert found.high == pytest.approx(math.exp(logs.mean() + half) - 1, rel=1e-4)


def test_a_bucket_without_targets(place):
    rows = place.targets.rows
    targets = place.targets.__class__(
        place.targets.sizes, rows[rows["bucket"] != 3], place.targets.baselines,
        place.targets.buckets,
    )  # fmt: skip
    (record, *_) = systems(place)["BT-SR"]
    ranks = {
        reading: values[(rows[rows["reading"] == reading]["bucket"] != 3).to_numpy()]
        for reading, values in record.ranks.items()
    }
    some = [dataclasses.replace(record, ranks=ranks)]
    assert dials.values_by_user(some, "hr@10", "full", targets, 3).shape == (1, 0)
    assert math.isnan(dials.level([some], "hr@10", "full", targets, 3).mean)
    assert dials.contributions([some], [some], "hr@10", "full", targets)[3].mean == 0


def test_scores_are_a_row_a_value(place):
    frame = dials.scores(systems(place), ["hr@10"], "events", [0, 2])
    assert len(frame) == 4 * 3 * 2
    (record, *_) = systems(place)["DuoRec"]
    own = frame[(frame["system"] == "DuoRec") & (frame["seed"] == 0) & (frame["bucket"] == 2)]
    assert own["value"].item() == record.value("hr@10", "events", 2)
