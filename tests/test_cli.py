import inspect
import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from btsr_core import cli
from btsr_core.cli import app
from btsr_core.config import Experiment
from btsr_core.data.datasets import DATASETS
from btsr_core.evaluation.metrics import CUTOFFS
from btsr_core.runs import find_run
from btsr_core.settings import CHOICES, CL4SRec, DuoRec, EC4SRec, VICReg, own_settings

RUN = CliRunner()


def call(*arguments):
    return RUN.invoke(app, [str(argument) for argument in arguments])


SMALL = ("--k-core", 2, "--max-epochs", 2, "--batch-size", 16)


@pytest.fixture(scope="module")
def trained(tiny_csv, tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    result = call(
        "train", tiny_csv, "--objective", "ce", "--regulariser", "barlow-twins", "--alpha", 0.2,
        "--lam", 0.1, "--seed", 0, "--runs", runs, *SMALL, "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return runs, json.loads(result.stdout)


def test_train_prints_the_run_and_both_sets_of_metrics(trained):
    _, said = trained
    names = {f"{name}@{k}" for name in ("hr", "ndcg", "mrr", "cov") for k in CUTOFFS}
    assert set(said["valid"]) == set(said["test"]) == names
    assert said["history"] == "after-cutoff"


def test_train_again_gives_the_same_run(trained, tiny_csv):
    runs, said = trained
    again = call("train", tiny_csv, "--runs", runs, *SMALL, "--json")
    assert json.loads(again.stdout) == said
    table = call("train", tiny_csv, "--runs", runs, *SMALL)
    assert "ndcg" in table.stdout


def test_regularisers_take_their_own_settings_and_their_runs_load(tiny_csv, tmp_path):
    options = ("--runs", tmp_path, *SMALL, "--json")
    said = []
    for own in (
        ("cl4srec", "--crop", 0.5, "--mask", 0.4, "--reorder", 0.5, "--temperature", 2),
        (
            "vicreg",
            "--view",
            "mask",
            "--view-share",
            0.5,
            "--invariance",
            3,
            "--variance",
            4,
            "--covariance",
            2,
            "--projection-dim",
            5,
        ),
        ("duorec", "--drop-same-target", "--alpha", 0.1),
        (
            "ec4srec",
            "--positive-share",
            0.5,
            "--negative-share",
            0.6,
            "--negative-temperature",
            0.2,
            "--negative-weight",
            0.3,
            "--update-epochs",
            1,
            "--update-epochs",
            2,
        ),
    ):
        result = call("train", tiny_csv, "--regulariser", *own, *options)
        assert result.exit_code == 0, result.output
        said.append(json.loads(result.stdout)["run"])
    rows = {r["run"]: r for r in json.loads(call("runs", "--runs", tmp_path, "--json").stdout)}
    assert [rows[run]["regulariser"] for run in said] == ["cl4srec", "vicreg", "duorec", "ec4srec"]
    assert [rows[run]["view"] for run in said] == ["", "mask", "", ""]
    losses = [find_run(run, tmp_path).experiment.loss for run in said]
    assert [loss.regulariser for loss in losses] == [
        CL4SRec(crop=0.5, mask=0.4, reorder=0.5, temperature=2),
        VICReg(
            view="mask",
            view_share=0.5,
            invariance=3,
            variance=4,
            covariance=2,
            projection_dim=5,
        ),
        DuoRec(drop_same_target=True),
        EC4SRec(
            positive_share=0.5,
            negative_share=0.6,
            negative_temperature=0.2,
            negative_weight=0.3,
            update_epochs=(1, 2),
        ),
    ]
    for run in said:  # some have a mask token, which is no item, and one has a projection head
        result = call("recommend", run, "--history", "i1,i2", "--runs", tmp_path)
        assert result.exit_code == 0, result.output


def test_recommend(trained):
    runs, said = trained
    result = call(
        "recommend", said["run"][:8], "--history", "i1,i2,i3", "--k", 4, "--runs", runs, "--json"
    )
    items = [row["item_id"] for row in json.loads(result.stdout)]
    assert len(items) == 4
    assert not {"i1", "i2", "i3"} & set(items)
    lines = call("recommend", said["run"], "--history", "i1, i2", "--k", 3, "--runs", runs).stdout
    assert [line.split()[0] for line in lines.splitlines()] == ["1", "2", "3"]


def test_recommend_takes_ids_that_hold_commas(trained):
    runs, said = trained
    result = call("recommend", said["run"], "--history", 'i1,"a,b"', "--runs", runs)
    assert "not in the catalogue: a,b" in result.stderr


def test_recommend_wants_a_name(trained):
    assert call("recommend", "", "--history", "i1", "--runs", trained[0]).exit_code == 2


def test_recommend_passes_over_unknown_items_and_says_so(trained):
    runs, said = trained
    known = call("recommend", said["run"], "--history", "i1", "--runs", runs, "--json")
    mixed = call("recommend", said["run"], "--history", "i1,nope", "--runs", runs, "--json")
    assert mixed.stdout == known.stdout
    assert "nope" in mixed.stderr
    none = call("recommend", said["run"], "--history", "nope", "--runs", runs)
    assert none.exit_code == 2
    assert "nope" in none.stderr


def test_runs_lists_what_is_there(trained, tmp_path):
    runs, said = trained
    rows = json.loads(call("runs", "--runs", runs, "--json").stdout)
    assert [row["run"] for row in rows] == [said["run"]]
    assert "no finished run" in call("runs", "--runs", tmp_path).stdout


@pytest.mark.parametrize("history", ["after-cutoff", "full"])
def test_split_prints_the_sizes(tiny_csv, history):
    result = call("split", tiny_csv, "--k-core", 2, "--history", history, "--json")
    assert set(json.loads(result.stdout)) == {
        "train_users", "train_items", "train_interactions", "usable_pool",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("split", "ml-100kk"), "ml-100k"),
        (("split", "ml-100k", "--history", "all"), "after-cutoff"),
        (("split", "{csv}", "--user-col", "person"), "person"),
        (("train", "{csv}", "--alpha", "-1"), "alpha"),
        (("train", "{csv}", "--objective", "mse"), "ce"),
        (("train", "{csv}", "--n-negatives", "5"), "bce"),
        (("train", "{csv}", "--regulariser", "none", "--scaling", "sum"), "barlow-twins"),
        (("train", "{csv}", "--regulariser", "infonce"), "duorec"),
        (("recommend", "feed", "--history", "1", "--runs", "nowhere"), "feed"),
    ],
)
def test_mistakes_are_explained_without_a_traceback(tiny_csv, arguments, said):
    result = call(*(str(a).format(csv=tiny_csv) for a in arguments))
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_datasets_lists_licences():
    result = call("datasets")
    assert result.exit_code == 0
    assert result.stdout.count("licence:") == result.stdout.count("cite:") == len(DATASETS)


def test_python_dash_m():
    done = subprocess.run(
        [sys.executable, "-m", "btsr_core", "--help"], capture_output=True, text=True, check=True
    )
    assert "recommend" in done.stdout


def test_an_interrupt_says_how_to_go_on(tiny_csv, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run_experiment", interrupted)
    result = call("train", tiny_csv)
    assert result.exit_code == 130
    assert "goes on" in result.stderr


def test_every_setting_of_an_experiment_is_an_option_of_train():
    options = set(inspect.signature(cli.train).parameters) - cli._NO_SETTINGS
    settings = {
        field
        for section in Experiment.model_fields.values()
        for field in section.annotation.model_fields
    }
    own = {n for kind, names in CHOICES.items() for name in names for n in own_settings(kind, name)}
    assert options == settings | own
