import numpy as np
import pytest
from made_up_dials import ALPHA, VIEWS, place_of
from made_up_records import TABLE, made_up_place, made_up_targets

from btsr_core.pages import dial_claims as claims
from btsr_core.pages.claims import Finding

READING = "full"


def alpha_of(loss):
    return loss.alpha if loss.is_regularised else 0.0


def verdicts(place):
    return [one.verdict for one in claims.alpha_claims(place, READING)]


def test_a_world_as_the_paper_says(tmp_path):
    """hr falls by 2 % and stays above, coverage doubles."""
    place = place_of(
        tmp_path, lambda loss: 0.5 - 0.02 * alpha_of(loss) / 0.4,
        lambda loss: 0.2 + 0.5 * alpha_of(loss), parts=(ALPHA,),
    )  # fmt: skip
    low, little, raised, doubled, _ = claims.alpha_claims(place, READING)
    assert low.verdict == "holds"
    assert little.verdict == "holds"
    assert raised.verdict == "does not hold"  # hr@10 falls here with hr@1
    assert doubled.verdict == "holds"
    assert "\N{GREEK SMALL LETTER ALPHA} 0.4 beside 0.0" in doubled.ours
    assert str(doubled.basis) == "walks, history full, 400 users, 400 targets, 3 seeds"


def test_the_opposite(tmp_path):
    place = place_of(
        tmp_path, lambda loss: 0.2 + 0.5 * alpha_of(loss), lambda loss: 0.3 - 0.5 * alpha_of(loss),
        parts=(ALPHA,),
    )  # fmt: skip
    assert verdicts(place)[:4] == ["does not hold", "holds", "holds", "does not hold"]


def test_a_dear_hr_at_1(tmp_path):
    place = place_of(tmp_path, lambda loss: 0.5 - 0.5 * alpha_of(loss), parts=(ALPHA,))
    assert claims.alpha_claims(place, READING)[1].verdict == "does not hold"


@pytest.mark.parametrize(
    ("without", "verdict"),
    [
        (lambda one: one.seed > 0, "cannot be told"),  # one seed
        (lambda one: True, "not recorded"),
    ],
)
def test_too_little_is_recorded(tmp_path, without, verdict):
    place = place_of(
        tmp_path, lambda loss: 0.2 + 0.5 * alpha_of(loss), parts=(ALPHA,), without=without
    )
    assert verdicts(place) == [verdict] * 5
    assert claims.scaling_matters(place, READING).verdict == verdict


def test_without_a_low_alpha_nothing_is_told_of_it(tmp_path):
    place = place_of(
        tmp_path, lambda loss: 0.2 + 0.5 * alpha_of(loss), parts=(ALPHA,),
        without=lambda one: one.point.get("alpha") == 0.0,
    )  # fmt: skip
    found = claims.alpha_claims(place, READING)
    assert [one.verdict for one in found[:4]] == ["not recorded"] * 4
    assert all("(none recorded)" in one.ours for one in found[:4])


def tail_ranks(rate):
    """Return ranks that hit every target, but of bucket 3 only the share that `rate` says."""

    def ranks(experiment, reading, n):
        buckets = made_up_buckets(reading)
        drawn = np.random.default_rng([experiment.train.seed, n]).random(n)
        return np.where((buckets < 3) | (drawn < rate(experiment.loss)), 1, 200)

    return ranks


def made_up_buckets(reading):
    return made_up_targets(400).of(reading)["bucket"].to_numpy()


@pytest.mark.parametrize(
    ("start", "end", "verdict"),
    [
        (0.01, 0.3, "holds"),
        (0.3, 0.6, "does not hold"),  # rises, but not from near zero
        (0.01, 0.01, "cannot be told"),
    ],
)
def test_the_tail(tmp_path, start, end, verdict):
    ranks = tail_ranks(lambda loss: end if alpha_of(loss) > 0.2 else start)
    place = made_up_place(tmp_path, parts=(TABLE, ALPHA), users=400, ranks=ranks)
    assert claims.alpha_claims(place, READING)[4].verdict == verdict
    (found,) = claims.tail_claims(place, READING)  # BT-SR of the table has alpha 0.25
    assert found.verdict == verdict
    assert found.page == "buckets"
    assert "SASRec-CE, then BT-SR" in found.ours


@pytest.mark.parametrize(
    ("of_the_sum", "verdict"), [(0.2, "holds"), (0.51, "does not hold"), (0.445, "cannot be told")]
)
def test_scalings(tmp_path, of_the_sum, verdict):
    def rate(loss):
        return of_the_sum if loss.is_regularised and loss.regulariser.scaling == "sum" else 0.5

    found = claims.scaling_matters(place_of(tmp_path, rate, parts=(ALPHA,)), READING)
    assert found.verdict == verdict
    assert "D = 64" in found.claim
    assert "over \N{GREEK SMALL LETTER ALPHA} 0.2, 0.4" in found.ours  # 0 has no scaling


def test_one_scaling_tells_nothing_of_the_other(tmp_path):
    alone = {**ALPHA, "grid": {"alpha": [0.0, 0.2]}}
    found = claims.scaling_matters(place_of(tmp_path, lambda _: 0.5, parts=(alone,)), READING)
    assert found.verdict == "not recorded"


@pytest.mark.parametrize(
    ("crop", "mask", "verdict"),
    [
        (0.3, 0.3, "holds"),
        (0.3, 0.6, "does not hold"),
        (0.3, 0.505, "does not hold"),  # no loss at all
        (0.3, 0.46, "cannot be told"),
    ],
)
def test_views(tmp_path, crop, mask, verdict):
    rates = {"partner": 0.5, "crop": crop, "mask": mask}
    place = place_of(tmp_path, lambda loss: rates[loss.regulariser.view], parts=(VIEWS,))
    found = claims.view_claim(place, READING)
    assert found.verdict == verdict
    assert list(claims.view_changes(place, "ndcg@10", READING)) == ["crop", "mask"]
    assert found.page == "views"


def test_the_partner_alone(tmp_path):
    place = place_of(
        tmp_path, lambda _: 0.5, parts=(VIEWS,), without=lambda one: one.part != "search"
    )  # the trial has the partner's view
    found = claims.view_claim(place, READING)
    assert isinstance(found, Finding)
    assert found.verdict == "not recorded"
