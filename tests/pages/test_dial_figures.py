import numpy as np
import pandas as pd
import pytest
from made_up_dials import PARTS
from made_up_records import made_up_place

from btsr_core.pages import bucket_figures, dial_figures, dial_sentences, dial_tables, dials
from btsr_core.pages.results import along, systems

METRICS = ["hr@1", "hr@10", "ndcg@10", "cov@10"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return made_up_place(tmp_path_factory.mktemp("records"), parts=PARTS)


@pytest.fixture(scope="module")
def sweep(place):
    return dials.sweeps(place, "alpha", "alpha")["per-dimension"]


def test_curves_show_every_seed_and_the_means(sweep):
    frame = dials.scores(sweep, METRICS, "full")
    figure = dial_figures.curves({"one": frame, "other": frame}, "alpha", "A title")
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [len(trace.x) for trace in marks] == [9] * 8  # three values, three seeds
    assert [trace.showlegend for trace in lines] == [True, *[False] * 3] * 2
    own = [record.value("hr@1", "full") for record in sweep[0.2]]
    assert lines[0].y[1] == pytest.approx(np.mean(own))
    assert figure.layout.title.text.startswith("A title")
    assert {axis.title.text for axis in figure.select_xaxes()} == {"alpha"}


def test_nothing_recorded_is_said_in_the_figure():
    empty = dials.scores({}, METRICS, "full")
    figure = dial_figures.curves({"one": empty}, "alpha", "A title")
    assert "no run is recorded" in figure.to_json()


def test_relative_changes(place, sweep):
    changes = dial_tables.beside_first(sweep, METRICS, "full", place.targets)
    assert sorted(set(changes["system"])) == [0.2, 0.4]  # not the base itself
    row = changes.query("system == 0.4 and metric == 'hr@10' and seed == 1")
    base, ours = (sweep[alpha][1].value("hr@10", "full") for alpha in (0.0, 0.4))
    assert row["value"].item() == pytest.approx(ours / base - 1)
    means = changes[changes["seed"] == dial_tables.MEAN]
    known = means[means["metric"] != "hr@1"]  # of so few hits that a resample may have none
    assert (known["low"] < known["value"]).all()
    figure = dial_figures.relative_curves(changes, "alpha", "A title")
    large = [trace for trace in figure.data if trace.error_y.array is not None]
    assert len(large) == len(METRICS)
    assert large[0].y == pytest.approx(100 * means[means["metric"] == "hr@1"]["value"])
    table = dial_tables.relative_table({"sum": changes})
    assert list(table.index) == ["sum, 0.2", "sum, 0.4"]
    assert list(table.columns) == METRICS
    assert "%" in table.loc["sum, 0.2", "hr@1"]


def test_nothing_beside_nothing(place):
    changes = dial_tables.beside_first({}, METRICS, "full", place.targets)
    assert changes.empty
    assert dial_tables.relative_table({"sum": changes}).empty


def test_views(place):
    found = along(place, "views", "view")
    changes = dial_tables.relative_changes(
        found, found["partner"], ["hr@10", "cov@10"], "full", place.targets
    )
    names = {"crop": "BT-SR (crop view)", "mask": "BT-SR (mask view)"}
    figure = dial_figures.relative_views(changes, names, "Partner view", -0.06)
    assert figure.layout.yaxis.ticktext == tuple(names.values())
    drawn = [shape.x0 for shape in figure.layout.shapes]
    assert drawn == [0, -6, 0]  # the paper's drop is of accuracy


def test_buckets(place):
    found = systems(place)
    levels = dial_tables.levels(found, ["hr@10", "cov@10"], "events", place.targets)
    figure = bucket_figures.bucket_levels(levels)
    listed = [trace.name for trace in figure.data if trace.showlegend]
    assert listed == list(found)  # once each
    assert figure.layout.xaxis2.ticktext[2] == "bucket 3 (least popular)"
    parts = dial_tables.bucket_parts(dials.beside_plain(found), "hr@10", "events", place.targets)
    for seed in (-1, 0, 2):
        own = parts[(parts["system"] == "BT-SR minus SASRec-CE") & (parts["seed"] == seed)]
        total = own[own["bucket"] == 0]["value"].item()
        assert own[own["bucket"] > 0]["value"].sum() == pytest.approx(total)
    figure = bucket_figures.bucket_contributions(parts)
    titles = [note.text for note in figure.layout.annotations]
    assert titles == ["all targets", "bucket 1", "bucket 2", "bucket 3"]


def test_sizes_of_buckets(place):
    table = dial_tables.bucket_sizes(place.targets)
    assert list(table["items"]) == ["5 (10.0 %)", "15 (30.0 %)", "30 (60.0 %)"]
    n = (place.targets.of("full")["bucket"] == 1).sum()
    assert table["targets, full"].iloc[0].startswith(f"{n} (")


class TestSentences:
    def test_origin(self):
        rows = [
            ("A minus B", 0, "hr@10", -1, 0.3, 0.1, 0.5),
            ("A minus B", 1, "hr@10", -1, 0.1, 0, 0.2),
            ("A minus B", 2, "hr@10", -1, 0.2, 0.1, 0.3), ("C minus B", 1, "hr@10", -1, 0, -1, 1),
        ]  # fmt: skip
        columns = ["system", "bucket", "metric", "seed", "value", "low", "high"]
        said = dial_sentences.origin(pd.DataFrame(rows, columns=columns))
        assert "A minus B: bucket 2 (+0.2000)." in said
        assert said.endswith("In no bucket: C minus B.")
        nothing = dial_sentences.origin(pd.DataFrame(columns=columns))
        assert nothing.startswith("No regularised system")

    def test_best_value(self, sweep):
        means = {
            value: np.mean([one.value("ndcg@10", "full") for one in records])
            for value, records in sweep.items()
        }
        said = dial_sentences.best_value(sweep, "ndcg@10", "full")
        assert f"highest at {max(means, key=means.get)} (" in said
        assert dial_sentences.best_value({}, "ndcg@10", "full") == "ndcg@10 is known nowhere."

    def test_decorrelation(self, place):
        lam = dials.sweeps(place, "lambda", "lam")["per-dimension"]
        said = dial_sentences.decorrelation_effect(place, lam, "full", ["hr@10", "cov@10"])
        assert "over λ 0.1, 0.5, beside λ = 0" in said
        assert "3 seeds" in said
        alone = {0.1: lam[0.1]}
        said = dial_sentences.decorrelation_effect(place, alone, "full", ["hr@10"])
        assert "are needed" in said
        one_seed = {value: records[:1] for value, records in lam.items()}
        said = dial_sentences.decorrelation_effect(place, one_seed, "full", ["hr@10"])
        assert said.startswith("No metric tells")
        assert "(no interval)" in said
