import pytest
from made_up_scores import TABLE, scored_place

from btsr_core.pages import score_claims
from btsr_core.pages.claims import sentence


def finding(place, name):
    return getattr(score_claims, f"{name}_finding")(place)


@pytest.mark.parametrize(
    ("name", "effect", "verdict"),
    [
        ("separation", {"overlap": 0.8}, "holds"),
        ("separation", {"overlap": 1.2}, "does not hold"),
        ("separation", {}, "cannot be told"),
        ("confidence", {"confidence": 1.5}, "holds"),
        ("confidence", {"confidence": 0.5}, "does not hold"),
        ("calibration", {"ece-mass": 0.5, "nll": 0.8}, "holds"),
        ("calibration", {"ece-mass": 0.5}, "cannot be told"),
        ("calibration", {"ece-mass": 0.5, "nll": 1.2}, "does not hold"),
    ],
)
def test_verdicts_follow_the_data(tmp_path, name, effect, verdict):
    found = finding(scored_place(tmp_path, effect=effect, parts=(TABLE,)), name)
    assert found.verdict == verdict
    assert str(found.basis) == "walks, history full, 60 users, 60 targets, 4 seeds"
    assert "BT-SR less SASRec-CE " in found.ours


@pytest.mark.parametrize(
    ("dataset", "factor", "verdict"),
    [
        ("yelp-2020-5core", 1.5, "holds"),
        ("yelp-2020-5core", 0.5, "does not hold"),
        ("gowalla", 1.5, "holds"),
        ("ml-1m", 0.5, "holds"),
        ("ml-100k", 1.5, "does not hold"),
        ("ml-1m", 1.0, "cannot be told"),
        ("beauty-5core", 1.5, "cannot be told"),
    ],
)
def test_rank_is_claimed_by_dataset(tmp_path, dataset, factor, verdict):
    effect = {"effective-rank": factor}
    place = scored_place(tmp_path, effect=effect, parts=(TABLE,), dataset=dataset)
    found = finding(place, "rank")
    assert found.verdict == verdict
    assert ("does not speak of" in found.ours) == dataset.startswith("beauty")


def test_every_pair_has_to_agree(tmp_path):
    """Without a system that lacks the regulariser there is nothing to tell."""
    only = {**TABLE, "models": ["bt-sr"]}
    for found in score_claims.score_findings(scored_place(tmp_path, parts=(only,))):
        assert found.verdict == "not recorded"
        assert sentence(found).endswith(".")


def test_one_seed_cannot_tell(tmp_path):
    one = {**TABLE, "seeds": 1}
    place = scored_place(tmp_path, effect={"overlap": 0.1}, parts=(one,))
    for found in score_claims.score_findings(place):
        assert found.verdict == "cannot be told"
        assert "one seed has no spread" in found.ours
    assert [one.page for one in score_claims.score_findings(place)] == [
        "overlap", "spectra", "calibration", "calibration",
    ]  # fmt: skip
