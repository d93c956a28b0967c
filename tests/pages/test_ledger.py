import numpy as np
from made_up_records import ALPHA, TABLE, made_up_place

from btsr_core.pages.claims import Basis, Finding
from btsr_core.pages.ledger import (
    accuracy_claim,
    ledger,
    ledger_sentence,
    ledger_table,
    ledgers,
    verdict_table,
    verdicts_sentence,
)
from btsr_core.pages.words import NOTHING


def ranks(best):
    """Return what gives regularised systems ranks of 1, or others, with some noise."""

    def of(experiment, reading, n):
        is_best = experiment.loss.is_regularised == best
        rng = np.random.default_rng(experiment.train.seed + 10 * is_best)
        return rng.integers(1, 4 if is_best else 12, n)

    return of


def test_accuracy_is_judged_on_each_objective_with_and_without(tmp_path):
    better = accuracy_claim(made_up_place(tmp_path, parts=(TABLE,), ranks=ranks(True)), "full")
    assert better.verdict == "holds"
    assert "BT-SR less SASRec-CE +0." in better.ours
    assert str(better.basis) == "walks, history full, 60 users, 60 targets, 3 seeds"
    worse = accuracy_claim(made_up_place(tmp_path, parts=(TABLE,), ranks=ranks(False)), "full")
    assert worse.verdict == "does not hold"


def test_nothing_recorded_leaves_every_claim_open(tmp_path):
    place = made_up_place(tmp_path, without=lambda _: True)
    findings = ledger(place, "full")
    assert {one.verdict for one in findings} == {"not recorded"}
    assert ledger_sentence(findings, "walks").endswith(f"of {len(findings)} no run is recorded.")


def test_the_ledger_names_a_page_for_every_claim(tmp_path):
    findings = ledger(made_up_place(tmp_path), "events")
    pages = {one.page for one in findings}
    assert pages == {"accuracy", "sensitivity", "buckets", "views", "overlap", "spectra",
                     "calibration"}  # fmt: skip
    assert len({one.claim for one in findings}) == len(findings)


BASIS = Basis("walks", "full", 60, 60, 3)
FINDINGS = [
    Finding("a", "b", "c < d", "holds", "views", BASIS),
    Finding("e", "f", "g", "does not hold", "drafts", BASIS),
    Finding("h", "i", "j", "holds", "views", BASIS),
]


def test_pages_of_the_book_are_links():
    shown = ledger_table(FINDINGS, ["views"]).to_html()
    assert shown.count('<a href="views.html">views</a>') == 2
    assert "drafts.html" not in shown
    assert "c &lt;\xa0d" in shown
    assert shown.count('<span class="verdict yes">holds</span>') == 2
    assert shown.count('<span class="verdict no">does not hold</span>') == 1


def test_what_is_not_recorded_shows_no_numbers():
    open_one = Finding("a", "b", "nan of nothing", "not recorded", "views", BASIS)
    assert "nan" not in ledger_table([open_one], []).to_html()


def test_the_ledger_in_a_sentence():
    assert ledger_sentence(FINDINGS, "walks") == (
        "Of the 3 claims examined on walks, 2 hold, 1 does not and 0 cannot be told from what is "
        "recorded."
    )


def test_the_verdicts_of_datasets_stand_side_by_side():
    elsewhere = [
        Finding("e", "f", "g", "holds", "drafts", BASIS),
        Finding("h", "i", "j", "not recorded", "views", BASIS),
        Finding("k < l", "m", "n", "cannot be told", "views", BASIS),
    ]
    found = {"walks": FINDINGS, "strolls": elsewhere}
    styler = verdict_table(found)
    table = styler.data
    assert table["the paper claims"].tolist() == ["a", "e", "h", "k < l"]
    assert ["holds" in cell for cell in table["walks"]] == [True, False, True, False]
    assert (table.loc[2, "walks"], table.loc[2, "strolls"]) == ("not", "holds")
    shown = styler.to_html()
    assert "k &lt;\xa0l" in shown
    assert shown.count('<span class="verdict no">not</span>') == 1
    assert shown.count('<span class="verdict yes">holds</span>') == 3
    assert table.loc[3, "strolls"] == table.loc[1, "strolls"] == table.loc[4, "walks"] == NOTHING
    assert verdicts_sentence(found) == (
        "Of 5 verdicts on 2 datasets, 3 say that a claim holds (2 on walks and 1 on strolls); 1 "
        "that it does not (1 on walks); 1 that these data cannot tell."
    )


def test_datasets_without_a_table_or_records_have_no_ledger(tmp_path):
    place = made_up_place(tmp_path, parts=(TABLE,))
    empty = made_up_place(tmp_path, dataset="strolls", without=lambda _: True)
    other = made_up_place(tmp_path, dataset="runs", parts=(ALPHA,))
    assert list(ledgers([place, empty, other], "full")) == ["walks"]
