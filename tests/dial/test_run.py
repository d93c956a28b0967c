"""The command, from nothing to a dial that drives the slider."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch
from handmade import TINY
from typer.testing import CliRunner

from btsr_core.cli import app
from btsr_core.dial.artefact import SUFFIX, load_dial
from btsr_core.dial.choice import PLANE, READING, TARGET, chosen_dial, rivals
from btsr_core.dial.records import dials_folder, read_dials
from btsr_core.dial.run import dial_standing, keep_artefact, run_dials
from btsr_core.dial.settings import KINDS
from btsr_core.evaluation.evaluate import evaluate_model
from btsr_core.experiment import prepare
from btsr_core.study.measure import evaluation_sets
from btsr_core.study.records import read_records
from btsr_core.study.run import run_study, standing
from btsr_core.study.spec import read_study

CPU = torch.device("cpu")

STUDY = """
[models.twins]
regulariser = "barlow-twins"

[datasets.walks]
settings = {{ source = "{source}", {settings} }}

[[plan]]
dataset = "walks"
part = "alpha"
models = ["twins"]
seeds = 1
grid.alpha = [0.0, 0.02, 0.04]
grid.scaling = ["per-dimension", "sum"]
"""


def standing_of(folder, results="results"):
    return standing(read_study(folder / "study.toml"), "walks", folder / results / "walks")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_csv, no_processes):
    """A study whose sweep is recorded, and all of its dials."""
    folder = tmp_path_factory.mktemp("study")
    settings = ", ".join(f"{name} = {value}" for name, value in {**TINY, "max_epochs": 2}.items())
    (folder / "study.toml").write_text(STUDY.format(source=tiny_csv, settings=settings))
    assert run_study([standing_of(folder)], runs=folder / "runs", device=CPU, processes=1) == []
    before = {path.name: path.read_bytes() for path in (folder / "results/walks").glob("*.parquet")}
    dials, lines = dial_standing(standing_of(folder)), []
    assert [one.status for one in dials.planned] == ["missing"] * 2
    failures = run_dials([dials], runs=folder / "runs", device=CPU, processes=1, say=lines.append)
    assert (failures, len(lines)) == ([], 2)
    after = {p.name: p.read_bytes() for p in (folder / "results/walks").glob("*.parquet")}
    assert after == before  # the study's own records are not touched
    return folder


@pytest.fixture
def place(folder):
    return standing_of(folder)


def files_of(folder):
    """Return the files below a folder and when each was last written to."""
    found = set()
    for path in folder.rglob("*.*"):
        with suppress(OSError):  # a temporary file may be gone
            found.add((path, path.stat().st_mtime_ns))
    return found


def call(folder, *more, dataset="walks"):
    paths = "--study", folder / "study.toml", "--results", folder / "results"
    options = [*paths, "--runs", folder / "runs", "--device", "cpu", *more]
    return CliRunner().invoke(app, ["dial", dataset, *map(str, options)])


def test_every_dial_is_recorded_and_then_left_alone(folder, place):
    dials = dials_folder(place.folder)
    records, _ = read_dials(dials, place.targets)
    assert sorted(one.config.kind for one in records.values()) == sorted(KINDS)
    assert {one.config.experiment.loss.regulariser.scaling for one in records.values()} == {
        "per-dimension"
    }
    assert (
        len(read_records(place.folder, place.targets)[0]) == 6
    )  # of 6, at alpha = 0 scalings are one, and a trial
    times = {path: path.stat().st_mtime_ns for path in dials.iterdir()}
    for options in (["--status"], []):
        said = call(folder, *options)
        assert said.exit_code == 0, said.output
        assert said.output.count("1 of 1 recorded") >= 2
        assert "the slider is driven by" in said.output
    assert {path: path.stat().st_mtime_ns for path in dials.iterdir()} == times


def test_a_command_that_is_killed_goes_on_where_it_stopped(folder, tmp_path):
    """Killed at whatever it does, it ends with what an uninterrupted one records."""
    results, runs = tmp_path / "results", tmp_path / "runs"
    shutil.copytree(folder / "results", results, ignore=shutil.ignore_patterns("dials"))
    command = [
        sys.executable, "-m", "btsr_core", "dial", "walks", "--study", folder / "study.toml",
        "--results", results, "--runs", runs, "--device", "cpu", "--processes", "1",
    ]  # fmt: skip
    seen = set()
    for _ in range(2):
        process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        before = len(seen)
        while process.poll() is None and len(seen) < before + 6:
            time.sleep(0.01)  # until it has written something, and goes on
            seen |= files_of(runs)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    (tmp_path / "study.toml").write_text((folder / "study.toml").read_text())
    dials = dial_standing(standing_of(tmp_path))
    assert run_dials([dials], runs=runs, device=CPU, processes=1) == []
    found, whole = (
        read_dials(dials_folder(r / "walks"), dials.place.targets)[0]
        for r in (results, folder / "results")
    )
    assert found.keys() == whole.keys()
    for name, record in whole.items():
        again = found[name]
        assert again.metrics.keys() == record.metrics.keys()
        for key, values in record.metrics.items():
            np.testing.assert_array_equal(again.metrics[key], values, str(key))
        left, right = (one.curves.drop(columns="seconds") for one in (again, record))
        assert left.equals(right)
        np.testing.assert_array_equal(again.lists, record.lists)
    assert {path.suffix for path in (runs / "dials").iterdir() if path.is_file()} == {SUFFIX}


def test_the_dial_that_drives_the_slider_stands_beside_the_records(folder, place):
    dials, store = dial_standing(place), folder / "runs"
    found = rivals(place, dials.records)
    chosen = chosen_dial(place)
    files = [path.name for path in dials.folder.glob(f"*{SUFFIX}")]
    if chosen is None:
        assert files == []
        assert all(one.ratios(*PLANE, READING).mean() < TARGET for one in found.values())
        return
    assert files == [chosen.artefact.name] == [f"{chosen.records[0].dial_id}{SUFFIX}"]
    dial = load_dial(chosen.artefact)
    tested = evaluation_sets(prepare(dial.config.experiment.data).split)["events"]
    for alpha in (0.0, 0.03):
        ranking = evaluate_model(dial.model_at(alpha), tested, 6)
        for name, value in ranking.metrics().items():
            assert chosen.records[0].value(name, "events", alpha) == pytest.approx(value, abs=1e-6)
    # Lost, it comes back from the store; and what does not drive the slider goes.
    other = dials.folder / f"other{SUFFIX}"
    other.write_bytes(chosen.artefact.read_bytes())
    chosen.artefact.unlink()
    assert keep_artefact(dials, store) == chosen.artefact
    assert [path.name for path in dials.folder.glob(f"*{SUFFIX}")] == files


def test_without_a_good_dial_no_artefact_is_kept(folder, place, tmp_path):
    elsewhere = replace(place, folder=tmp_path)
    stale = dials_folder(tmp_path) / f"stale{SUFFIX}"
    stale.parent.mkdir()
    stale.touch()
    assert keep_artefact(dial_standing(elsewhere), folder / "runs") is None
    assert not stale.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["walks", "--kind", "guessed"], "conditioned, interpolated"),
        (["elsewhere"], "the study has no dataset"),
    ],
)
def test_what_cannot_be_is_said(folder, arguments, message):
    said = call(folder, *arguments[1:], dataset=arguments[0])
    assert said.exit_code == 2
    assert " ".join(message.split()) in " ".join(said.output.split())
    assert "Traceback" not in said.output
