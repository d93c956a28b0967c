import dataclasses

import numpy as np
import pytest
from made_up_scores import FULL, TABLE, scored_place, with_scores

from btsr_core.pages import score_sentences as say
from btsr_core.pages import score_tables as tables
from btsr_core.pages.results import systems
from btsr_core.pages.words import signed

LABELS = {"overlap": ("overlap", 3)}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return scored_place(tmp_path_factory.mktemp("records"), effect={"overlap": 0.8})


@pytest.fixture
def found(place):
    return systems(place)


def changed(records, **values):
    """Return records with other values of the full reading, a list a metric."""
    made = []
    for order, record in enumerate(records):
        rows = record.metrics.copy()
        is_own = (rows["reading"] == FULL) & (rows["bucket"] == 0)
        for metric, given in values.items():
            rows.loc[is_own & (rows["metric"] == metric.replace("_", "-")), "value"] = given[order]
        made.append(dataclasses.replace(record, metrics=rows))
    return made


def test_protocol_counts_what_is_recorded(tmp_path, place):
    said = say.protocol(place)
    assert "history full: 60 test users, 60 targets, 50 items" in said
    assert "16 of 16 planned runs are recorded, with 4 seeds" in said
    assert "60 test users, 180 targets" in say.protocol(place, "events")
    fewer = scored_place(tmp_path, parts=(TABLE,), without=lambda one: one.seed > 0)
    assert "4 of 16 planned runs are recorded, with 1 seed." in say.protocol(fewer)


def test_changes_that_can_be_told(found):
    compared = tables.changes(found, ["overlap"], FULL)
    said = say.told(compared, LABELS)
    assert said.startswith("Of 2 comparisons over seeds 1 can be told")
    assert (
        "overlap is lower under BT-SR than under SASRec-CE "
        f"({signed(compared[0].test.difference, 3)})" in said
    )
    assert "DuoRec" not in said
    assert "none of 1 comparison can" in say.told(compared[1:], LABELS)
    assert say.told([], LABELS).startswith("No system")


def test_units_name_the_widest_and_the_narrowest(found):
    wide = found["DuoRec"][0]
    arrays = {**wide.arrays, "score-edges": 4 * wide.arrays["score-edges"]}
    found["DuoRec"] = [dataclasses.replace(wide, arrays=arrays)]
    said = say.units(found)
    assert "it is 6.0 under SASRec-CE and 24.0 under DuoRec" in said
    assert "Fewer than two" in say.units({"DuoRec": found["DuoRec"]})


def test_steadiness_of_users_and_seeds(found):
    said = say.steadiness({"BT-SR": changed(found["BT-SR"], overlap=[0.4, 0.6, 0.4, 0.6])})
    assert f"seeds of one system differ by {np.std([0.4, 0.6] * 2, ddof=1):.3f}" in said
    assert "nothing says how far another seed" in say.steadiness({"a": found["BT-SR"][:1]})


def test_figures_of_few_users(found):
    values = {"overlap": 0.5, "overlap_kde": 0.52, "overlap_few": 0.61, "overlap_few_sd": 0.07}
    one = changed(found["BT-SR"], **{name: [value] * 4 for name, value in values.items()})
    said = say.few_users({"BT-SR": one})
    assert "densities overlap by 0.520 where bins do by 0.500" in said
    assert "30 random users" in said
    assert said.endswith("overlap by 0.610, with a standard deviation of 0.070 between one draw of "
                         "users and another.")  # fmt: skip
    few = changed(one, overlap_few=[np.nan] * 4, overlap_few_sd=[np.nan] * 4)
    assert say.few_users({"BT-SR": few}).endswith("by 0.500, on average over runs.")


def test_order_of_systems_by_two_measures(found):
    three = {name: found[name] for name in ("SASRec-CE", "BT-SR", "DuoRec")}
    values = {"effective_rank": (1, 2, 3), "effective_rank_centred": (3, 2, 1),
              "notebook_rank": (1, 3, 2), "overlap": (3, 2, 1), "auc": (1, 1, 1),
              "hr@1": (1, 2, 3)}  # fmt: skip
    ordered = {
        name: changed(records, **{m: [v[place]] * 4 for m, v in values.items()})
        for place, (name, records) in enumerate(three.items())
    }
    said = say.measures_of_rank(ordered)
    assert "Of 3 pairs of systems, the public notebook's number orders 67 %" in said
    assert said.endswith("centred embeddings 0 %.")
    said = say.separation_and_accuracy(ordered, "hr@1", FULL)
    assert "better hr@1 (full) in 100 %" in said
    assert "higher AUC in 0 %" in said
    assert "higher hr@1 (full) in 100 %" in say.rank_and_metric(ordered, "hr@1", FULL)
    alone = {"DuoRec": found["DuoRec"]}
    for said in (
        say.measures_of_rank(alone),
        say.separation_and_accuracy(alone, "hr@1", FULL),
        say.rank_and_metric(alone, "hr@1", FULL),
    ):
        assert said.startswith("Fewer than two")


def test_caution_about_the_calibration_error(found):
    values = {"accuracy": [0.01, 0.02], "confidence": [0.1, 0.2], "ece_width": [0.095, 0.1],
              "hr@1": [0.03, 0.02]}  # fmt: skip
    said = say.calibration_caution({"BT-SR": changed(found["BT-SR"][:2], **values)})
    assert "the target for 1.0 to 2.0 % of" in said
    assert "without them, for 2.0 to 3.0 %" in said
    assert "a seen item stands first for at least 2.0 %" in said
    assert "mean confidence is 10.0 to 20.0 %, and in 1 of 2 runs" in said
    values |= {"hr@1": [0.01, 0.02], "ece_width": [0.1, 0.2]}
    said = say.calibration_caution({"BT-SR": changed(found["BT-SR"][:2], **values)})
    assert "seen item stands first" not in said
    assert "in all 2 runs" in said


def test_binary_claims(found):
    said = say.binary_claims(found)
    assert "SASRec-BCE gives its first item 90 % and was right for 1.0 %" in said
    assert "hits a user where 0.10 came, too confident" in said
    assert "No system" in say.binary_claims({"BT-SR": found["BT-SR"]})
    record = found["SASRec-BCE"][0]
    for factor, words in ((0.5, "too modest"), (1.05, "as claimed")):
        arrays = {**record.arrays, "rank-probability": factor * record.arrays["rank-hit-rate"]}
        own = {"SASRec-BCE": [dataclasses.replace(record, arrays=arrays)]}
        assert say.binary_claims(own).endswith(f"{words}.")


def test_temperatures(found):
    said = say.temperatures(
        {
            name: changed(found[name], temperature=values)
            for name, values in (
                ("BT-SR", [1.5] * 4), ("DuoRec", [0.5] * 4), ("SASRec-CE", [0.5, 1.5] * 2),
            )
        }
    )  # fmt: skip
    assert "BT-SR 1.50 (too sure)" in said
    assert "DuoRec 0.50 (not sure enough)" in said
    assert "SASRec-CE 1.00 (one or the other by seed)" in said


def test_made_up_scores_replace_what_was_there(found):
    record = with_scores(found["BT-SR"][0], {})
    assert not record.metrics.duplicated(["reading", "bucket", "metric"]).any()
