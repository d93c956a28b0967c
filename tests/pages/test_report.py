import numpy as np
import pandas as pd
import pytest
import torch

from btsr_core.analysis.correlation import Redundancy
from btsr_core.analysis.gains import paired_gains
from btsr_core.analysis.intervals import Interval
from btsr_core.data.timeline import timeline
from btsr_core.evaluation.baselines import baseline_rankings
from btsr_core.experiment import load_data, prepare
from btsr_core.pages import figures, report, sentences, template
from btsr_core.settings import CHOICES, LossConfig, VICReg, own_settings
from btsr_core.sweep import run_systems, with_and_without


@pytest.fixture(scope="module")
def split(tiny):
    return prepare(tiny.data).split


@pytest.fixture(scope="module")
def systems(tiny, tmp_path_factory, no_processes):
    pair = with_and_without(tiny)
    return run_systems(pair, 2, runs=tmp_path_factory.mktemp("runs"), progress=False)


@pytest.fixture(scope="module")
def points(systems, split):
    return report.metric_points(
        baseline_rankings(split, split.held_out["full"].test), systems, "full"
    )


def test_metric_table_is_mean_and_deviation_over_seeds(points, systems):
    table = report.metric_table(points, ["ndcg@10", "cov@10"])
    values = [run.metrics("test", "full")["ndcg@10"] for run in systems["BT-SR"]]
    assert table.loc["BT-SR", ("ndcg@10", "mean")] == pytest.approx(np.mean(values))
    assert table.loc["BT-SR", ("ndcg@10", "std")] == pytest.approx(np.std(values, ddof=1))
    assert np.isnan(table.loc["Popularity", ("ndcg@10", "std")])
    text = report.formatted(table)
    assert "±" in text.loc["BT-SR", "cov@10"]
    assert "±" not in text.loc["Popularity", "cov@10"]


def test_loss_table_holds_the_hand_computed_values():
    eye = torch.eye(3, dtype=torch.float64)
    table = report.loss_table(eye, {"same": eye, "swapped": eye[[0, 2, 1]]}, 0.1)
    assert table.loc["same"].tolist()[:3] == ["0.000", "1.500", "0.150"]
    assert table.loc["swapped"].tolist()[:3] == ["4.500", "3.000", "4.800"]


def test_side_by_side_ticks_the_target_and_lists_nothing_seen(systems, split):
    test = split.held_out["full"].test
    for user in range(len(test)):
        table = report.side_by_side(systems, split, "full", user, k=split.n_items)
        target = str(split.items[test.targets[user]])
        history = [str(split.items[item]) for item in test.inputs.to_lists()[user]]
        assert [cell for cell in table["history"] if cell] == history[::-1]
        assert table["took next"].iloc[0] == target
        for name in systems:
            listed = [cell for cell in table[name] if cell]
            assert not set(history) & {cell.removesuffix(" ✓") for cell in listed}
            ticked = [cell for cell in listed if cell.endswith("✓")]
            assert ticked == ([] if target in history else [f"{target} ✓"])


def test_side_by_side_of_nobody(systems, split):
    nobody = len(split.held_out["full"].test)
    assert report.side_by_side(systems, split, "full", nobody, k=3).empty


def test_split_table_and_run_table(split, systems):
    sizes = report.split_table(split)
    assert sizes.loc["test users", "history full"] == f"{len(split.held_out['full'].test):,}"
    runs = report.run_table(systems)
    assert runs["run"].tolist() == [run.id for found in systems.values() for run in found]
    assert set(runs.loc["SASRec-CE", "regulariser"]) == {"none"}
    assert set(runs.loc["BT-SR", "regulariser"]) == {"barlow-twins"}


def test_interactions_are_described(tiny):
    interactions = load_data(tiny.data, progress=False)
    column = report.describe_interactions(interactions)[interactions.name]
    assert column["users"] == "120"
    assert column["first"] == str(interactions.frame["timestamp"].min())


def test_vicreg_table_holds_the_hand_computed_values():
    square = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    views = {"flipped": (square, square.flip(0)), "flat": (0 * square, 0 * square)}
    table = report.vicreg_table(views, VICReg(invariance=2, variance=3, covariance=4))
    assert table.loc["flipped"].tolist() == ["4.000", "0.000", "0.000", "8.000"]
    assert table.loc["flat"].tolist() == ["0.000", "0.990", "0.000", "2.970"]


def test_every_choice_is_listed_with_its_settings():
    for kind, choices in CHOICES.items():
        table = report.choices_table(kind)
        assert list(table.index) == list(choices)
        for name, row in table.iterrows():
            assert row["what it is"]
            listed = [setting.partition("=")[0] for setting in row["settings"].split()]
            assert listed == own_settings(kind, name)
    assert "n_negatives=1 reduction=sum" in set(report.choices_table("objective")["settings"])


def test_loss_change_tells_the_first_epoch_and_the_last(systems):
    run = systems["BT-SR"][0]
    said = sentences.loss_change(run)
    first, last = run.history["loss_regulariser"].iloc[[0, -1]]
    assert f"Barlow Twins from {first:.3f} to {last:.3f}" in said
    assert "BT-SR" in said


@pytest.mark.usefixtures("no_processes")
def test_another_pair_is_drawn_and_told_under_its_own_names(tiny, split, tmp_path):
    """Nothing between the runs and the page knows the default's names."""
    loss = LossConfig(objective="bce", regulariser={"name": "vicreg", "view": "crop"})
    pair = with_and_without(tiny.model_copy(update={"loss": loss}))
    systems = run_systems(pair, 1, runs=tmp_path, progress=False)
    plain, regularised = systems
    baselines = baseline_rankings(split, split.held_out["full"].test)
    points = report.metric_points(baselines, systems, "full")
    table = report.metric_table(points, ["ndcg@10", "cov@10"])
    said = sentences.trade(table, systems, "ndcg@10", "cov@10")
    assert "BT-SR" not in said
    assert f"{regularised} recommends" in said
    gains = {plain: paired_gains(systems[regularised], systems[plain], ["hr@5"], "full")}
    for figure, names in (
        (figures.frontier(points, "ndcg@10", "cov@10"), [*baselines, *systems]),
        (figures.learning_curves(systems), [*systems] * 2),
        (figures.differences(gains, regularised), [f"minus {plain}"]),
    ):
        assert [trace.name for trace in figure.data] == names


def every_figure(tiny, split, systems, points):
    interactions = load_data(tiny.data, progress=False)
    users = split.held_out["full"].test.inputs.lengths
    others = {
        "SASRec-CE": systems["SASRec-CE"],
        **baseline_rankings(split, split.held_out["full"].test),
    }
    gains = {n: paired_gains(systems["BT-SR"], o, ["hr@5"], "full") for n, o in others.items()}
    yield figures.timeline(*timeline(interactions, tiny.data.k_core, split.cutoff))
    yield figures.history_lengths({"after-cutoff": users[:0], "full": users})
    yield figures.concentration(np.array([5, 1, 1]), 0.4)
    yield figures.correlation_maps({"a": np.eye(3), "b": np.eye(3)}, "C", numbers=True)
    yield figures.learning_curves(systems)
    yield figures.frontier(points, "ndcg@10", "cov@10")
    yield figures.differences(gains, "BT-SR")
    yield figures.loss_terms(systems["BT-SR"][0])


def test_every_figure_has_a_title_and_named_axes(tiny, split, systems, points):
    for figure in every_figure(tiny, split, systems, points):
        assert figure.layout.title.text
        assert figure.layout.template.layout.font.family == template.TEMPLATE.layout.font.family
        titles = [axis.title.text for axis in (*figure.select_xaxes(), *figure.select_yaxes())]
        assert any(titles[: len(titles) // 2])
        assert any(titles[len(titles) // 2 :])
        assert len(figure.data)


def test_timeline_bars_count_every_interaction(tiny, split):
    interactions = load_data(tiny.data, progress=False)
    times, cutoff, is_pool = timeline(interactions, tiny.data.k_core, split.cutoff)
    figure = figures.timeline(times, cutoff, is_pool)
    assert [int(np.sum(bar.y)) for bar in figure.data] == [(~is_pool).sum(), is_pool.sum()]


def test_sentences_follow_the_numbers():
    up, unclear = Interval(0.02, 0.01, 0.03), Interval(0.02, -0.01, 0.05)
    down = Interval(-0.02, -0.03, -0.01)
    pair = ("BT-SR", "popularity")
    assert "BT-SR lies above popularity" in sentences.verdict("hr@10", pair, up, 100, 3)
    assert "BT-SR lies below popularity" in sentences.verdict("hr@10", pair, down, 100, 3)
    assert "cannot tell BT-SR and popularity" in sentences.verdict("hr@10", pair, unclear, 100, 1)
    assert "1 seed:" in sentences.verdict("hr@10", pair, unclear, 100, 1)
    assert "0 test users cannot" in sentences.verdict("hr@10", pair, up, 0, 1)
    assert "1 test user cannot" in sentences.verdict("hr@10", pair, up, 1, 1)
    low, high = Redundancy(0.1, 0.05), Redundancy(0.3, 0.02)
    better = sentences.decorrelation({"untrained": low, "Plain": low, "New": high})
    assert "agree more under New than under Plain" in better
    assert "each other less" in better
    worse = sentences.decorrelation({"untrained": low, "Plain": high, "New": low})
    assert "agree less" in worse
    assert "each other more" in worse
    alike = Redundancy(0.3004, 0.0199996)  # as printed
    same = sentences.decorrelation({"untrained": low, "Plain": high, "New": alike})
    assert "agree no more or less" in same
    assert "each other no more or less" in same


def test_the_margin_of_few_users():
    said = sentences.sample_size("ml-100k", {"after-cutoff": 94, "full": 114})
    assert "94 test users" in said
    assert "6.1 percentage points from 94" in said  # 1.96 sqrt(0.1 * 0.9 / 94)
    assert "5.5 percentage points from 114" in said
    one_sided = sentences.sample_size("x", {"after-cutoff": 0, "full": 100})
    assert "within 5.9 percentage points from 100 users" in one_sided
    assert "too few" in sentences.sample_size("x", {"after-cutoff": 0, "full": 9})


def test_nothing_measured_is_said(systems):
    points = pd.DataFrame(
        {"system": ["Popularity", "SASRec-CE", "BT-SR"], "ndcg@10": np.nan, "cov@10": np.nan}
    )
    table = report.metric_table(points, ["ndcg@10", "cov@10"])
    assert "no test user" in sentences.trade(table, systems, "ndcg@10", "cov@10")
    assert report.formatted(table).notna().all(axis=None)


@pytest.mark.parametrize("times", [[0.0, 0.2, 0.6], [1, 2, 3], [1e9, 1.1e9, 1.2e9]])
def test_timeline_of_any_numbers(times):
    figure = figures.timeline(pd.Series(times), times[1], np.array([False, True, True]))
    for bar in figure.data:
        assert len(set(bar.x)) == len(bar.x)  # every bin has a place of its own


@pytest.mark.parametrize(
    ("plain", "regularised", "said"),
    [(0.1, 0.2, "both models beat"), (0.01, 0.2, "only New beats"), (0.01, 0.02, "neither")],
)
def test_the_trade_names_who_beats_the_best_baseline(plain, regularised, said):
    points = pd.DataFrame(
        {
            "system": ["Popularity", "Last-item transitions", "Plain", "New"],
            "ndcg@10": [0.03, 0.05, plain, regularised],
            "cov@10": [0.01, 0.2, 0.3, 0.4],
        }
    )
    table = report.metric_table(points, ["ndcg@10", "cov@10"])
    sentence = sentences.trade(table, ("Plain", "New"), "ndcg@10", "cov@10")
    assert said in sentence
    assert sentence.startswith("New recommends 40.0 % of the catalogue where Plain recommends 30.0")
    assert "last-item transitions (0.050)" in sentence


def test_a_narrow_cell_keeps_signs_with_their_numbers():
    table = pd.DataFrame({"a": ["0.1 \N{PLUS-MINUS SIGN} 0.2", "-1 to 2"], "b": ["< 0.001", 7]})
    shown = report.as_text(table).to_html()
    for text in ("0.1 \N{PLUS-MINUS SIGN}\xa00.2", "-1 to\xa02", "&lt;\xa00.001", ">7<"):
        assert text in shown
    assert table.loc[1, "a"] == "-1 to 2"
