import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from handmade import TINY
from made_up_records import made_up_place
from typer.testing import CliRunner

from btsr_core.cli import app
from btsr_core.errors import InputError
from btsr_core.sealed import KEY, is_sealed
from btsr_core.study.cli import seconds_left
from btsr_core.study.plan import counts, describe
from btsr_core.study.records import TARGETS, read_record, read_records, read_targets
from btsr_core.study.run import run_study, standing
from btsr_core.study.spec import read_study

CPU = torch.device("cpu")

STUDY = """
[search.space]
dropout = {{ low = 0.1, high = 0.5, step = 0.2 }}

[models.plain]
regulariser = "none"

[models.twins]
regulariser = "barlow-twins"

[datasets.walks]
trials = 2
settings = {{ source = "{source}", {settings} }}

[[plan]]
dataset = "walks"
part = "table"
models = ["plain", "twins"]
seeds = 2

[[plan]]
dataset = "walks"
part = "alpha"
models = ["twins"]
seeds = 1
grid.alpha = [0.1, 0.4]
"""
N_RUNS = 8  # two trials and another seed of each model, and two values of alpha


@pytest.fixture
def study_file(tmp_path, tiny_csv):
    settings = ", ".join(f"{name} = {value}" for name, value in TINY.items())
    path = tmp_path / "study.toml"
    path.write_text(STUDY.format(source=tiny_csv, settings=settings))
    return path


def command(folder, *more):
    options = ["--results", folder / "results", "--runs", folder / "runs", *more]
    study = ["--study", folder / "study.toml"]
    return [sys.executable, "-m", "btsr_core", "study", *study, *options]


def call(folder, *more):
    return subprocess.run(
        list(map(str, command(folder, *more))),
        capture_output=True,
        check=False,
        text=True,
    )


def test_a_study_is_trained_recorded_and_then_left_alone(study_file, tmp_path):
    study = read_study(study_file)
    place = standing(study, "walks", tmp_path / "results" / "walks")
    assert seconds_left([place], lambda _: True) is None
    lines = []
    kept = {"runs": tmp_path / "runs", "device": CPU, "processes": 2}
    assert run_study([place], **kept, say=lines.append) == []
    planned = place.planned
    assert all(one.status == "recorded" for one in planned)
    assert len(lines) == len({one.run_id for one in planned}) == N_RUNS
    assert seconds_left([place], lambda _: True) == 0
    assert counts(planned)["walks", "table"] == {"recorded": 4, "missing": 0, "waiting": 0}
    again = standing(study, "walks", place.folder)
    assert again.scores == pytest.approx(place.scores)

    before = {path: path.stat().st_mtime_ns for path in place.folder.iterdir()}
    assert run_study([again], **kept, say=lines.append) == []
    assert len(lines) == N_RUNS
    assert {path: path.stat().st_mtime_ns for path in place.folder.iterdir()} == before

    said = call(tmp_path, "--status")
    assert said.returncode == 0, said.stderr
    assert "missing" in said.stdout
    assert "nothing" not in said.stderr


@pytest.fixture
def recorded(study_file, tmp_path):
    """A study of one run, which is recorded."""
    text = study_file.read_text().replace("trials = 2", "trials = 1").split("[[plan]]")
    own = tmp_path / "walks.csv"
    own.write_text(Path(text[0].split('source = "')[1].split('"')[0]).read_text())
    plan = '[[plan]]\ndataset = "walks"\npart = "table"\nmodels = ["plain"]\nseeds = 1\n'
    study_file.write_text(re.sub('source = "[^"]*"', f'source = "{own}"', text[0]) + plan)
    folder = tmp_path / "results" / "walks"
    place = standing(read_study(study_file), "walks", folder)
    assert not folder.exists()  # only what trains writes
    assert run_study([place], runs=tmp_path / "runs", device=CPU, processes=1) == []
    (path,) = (path for path in folder.glob("*.parquet") if path.name != TARGETS)
    return path


def invoke(folder, *more):
    """Call the command in this process; return its status and what it says."""
    said = CliRunner().invoke(app, list(map(str, command(folder, *more)))[3:])
    assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
    return said.exit_code, said.output


def test_data_that_have_changed_are_said_before_anything_is_trained(recorded, tmp_path):
    own, study = tmp_path / "walks.csv", tmp_path / "study.toml"
    own.write_text("".join(own.read_text().splitlines(keepends=True)[:-1]))
    before = {path: path.read_bytes() for path in recorded.parent.glob("*.parquet")}
    for seeds in (1, 2):  # the same command, and one that would train
        study.write_text(study.read_text().replace("seeds = 1", f"seeds = {seeds}"))
        for more in ([], ["--status"]):
            status, said = invoke(tmp_path, *more)
            assert status == 2
            line = next(line for line in said.splitlines() if "is of other data" in line)
            assert {str(own), str(recorded.parent / TARGETS)} <= set(line.split())
            assert len(re.findall(r"\([0-9a-f]{12}\)", line)) == 2
            assert "choose another folder with --results, or delete" in line
    assert {path: path.read_bytes() for path in recorded.parent.glob("*.parquet")} == before
    assert invoke(tmp_path, "--results", tmp_path / "others")[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("k_core = 2", "k_core = 3", "cut with"),
        ('source = "', 'source = "ml-100k" #', "is of walks"),
    ],
)
def test_data_settings_that_have_changed_are_said(recorded, tmp_path, old, new, said):
    study = tmp_path / "study.toml"
    text = study.read_text()
    if said == "is of walks":
        source = re.search('source = "[^"]*"', text).group()
        text = text.replace(source, 'source = "ml-100k"')
    study.write_text(text.replace(old, new) if said == "cut with" else text)
    status, output = invoke(tmp_path, "--status")
    assert status == 2
    assert said in output


def test_data_that_change_meanwhile_are_not_recorded(recorded, tmp_path):
    recorded.unlink()
    place = standing(read_study(tmp_path / "study.toml"), "walks", recorded.parent)
    own = tmp_path / "walks.csv"
    own.write_text(own.read_text() + "u0,i0,5000\n")
    (failure,) = run_study([place], runs=tmp_path / "runs", device=CPU, processes=1)
    assert "is of other data" in failure
    assert [path.name for path in recorded.parent.glob("*.parquet")] == [TARGETS]


@pytest.mark.parametrize("damage", ["flip", "empty", "folder of targets", "targets", "unsealed"])
def test_what_can_be_made_again_is_and_the_rest_is_named(recorded, tmp_path, damage):
    targets = recorded.parent / TARGETS
    whole = {path: path.read_bytes() for path in (recorded, targets)}
    stray = recorded.parent / "notes.parquet"
    bad = {"flip": recorded, "empty": stray, "folder of targets": targets, "targets": targets}
    path = bad.get(damage, recorded)
    if damage == "flip":
        path.write_bytes(whole[path][:50] + b"x" + whole[path][51:])
    elif damage == "folder of targets":
        path.unlink()
        path.mkdir()
    elif damage == "unsealed":
        for name in whole:
            table = pq.read_table(name)
            said = {key: v for key, v in table.schema.metadata.items() if key != KEY}
            pq.write_table(table.replace_schema_metadata(said), name)
            assert not is_sealed(name)
    else:
        path.write_bytes(b"")
    status, said = invoke(tmp_path, "--status")
    assert status == (0 if damage == "unsealed" else 2)
    assert "table" in said  # the rest is done
    assert said.count(f"{path} cannot be read (") == (damage != "unsealed")
    assert invoke(tmp_path)[0] == status
    again, said = invoke(tmp_path)
    if damage in ("empty", "folder of targets"):  # nobody plans it, or nothing may replace it
        assert again == 2
        assert f"{path} cannot be read (" in said
    else:
        assert again == 0, said
        assert all(map(is_sealed, whole))
        assert pq.read_table(targets).equals(pq.read_table(pa.BufferReader(whole[targets])))


def test_time_left_is_that_of_usual_runs(tmp_path):
    place = made_up_place(tmp_path, without=lambda one: one.point.get("alpha") == 0.4)
    own = [one for one in place.planned if one.model == "bt-sr" and one.status == "recorded"]
    for one, seconds in zip(own, [9999.0, *range(20)], strict=False):
        record = place.records[one.run_id]
        curves = record.curves.iloc[[0, 1, 1]].assign(seconds=[seconds, 1e6, seconds])  # one slow
        place.records[one.run_id] = replace(record, curves=curves, epochs=3)
    left = [one for one in place.planned if one.status != "recorded"]
    assert left
    known = [3 * place.records[one.run_id].curves["seconds"].iloc[0] for one in own]
    expected = np.median(known) * len({one.run_id for one in left})
    assert seconds_left([place], lambda _: True) == pytest.approx(expected)


def test_what_is_not_wanted_is_not_trained(study_file, tmp_path):
    study = read_study(study_file)
    place = standing(study, "walks", tmp_path / "results")
    kept = {"runs": tmp_path / "runs", "device": CPU, "processes": 1}
    wanted = place.planned[0]
    assert run_study([place], **kept, wanted=lambda one: one == wanted) == []
    assert list(place.records) == [wanted.run_id]


def test_a_run_that_fails_is_reported_and_holds_up_no_other(study_file, tmp_path):
    text = study_file.read_text()
    study_file.write_text(text.replace("lr = 0.01", "lr = 1e30"))
    study = read_study(study_file)
    place = standing(study, "walks", tmp_path / "results")
    kept = {"runs": tmp_path / "runs", "device": CPU, "processes": 2}
    failures = run_study([place], **kept)
    assert len(failures) == 4  # all that could begin
    assert all("not a number" in failure and "walks search" in failure for failure in failures)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="kills processes")
def test_a_killed_study_loses_nothing_and_breaks_nothing(study_file, tmp_path):
    folder = tmp_path / "results" / "walks"
    seen = {}
    for _ in range(3):
        log = (tmp_path / "log").open("w")
        told = list(map(str, command(tmp_path)))
        child = subprocess.Popen(told, stdout=log, stderr=log)
        before = len(list(folder.glob("*")))
        while child.poll() is None and len(list(folder.glob("*"))) < before + 2:
            time.sleep(0.01)  # until it has written something, and goes on
        child.send_signal(signal.SIGKILL)
        child.wait()
        targets = read_targets(folder)
        found, faults = read_records(folder, targets) if targets else ({}, {})
        assert not faults  # none is broken
        assert seen.keys() <= found.keys()  # none is lost
        seen = found
    stamps = {name: (folder / f"{name}.parquet").stat().st_mtime_ns for name in seen}
    done = call(tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(read_records(folder, read_targets(folder))[0]) == N_RUNS
    for name, stamp in stamps.items():
        assert (folder / f"{name}.parquet").stat().st_mtime_ns == stamp  # none was trained again


def test_records_do_not_depend_on_how_they_came_about(study_file, tmp_path):
    study = read_study(study_file)
    found = []
    for name, processes in (("one", 1), ("two", 2)):
        place = standing(study, "walks", tmp_path / name)
        kept = {"runs": tmp_path / f"runs-{name}", "device": CPU, "processes": processes}
        run_study([place], **kept, wanted=lambda one: one.point == {"trial": 1})
        found.append(place.records)
    one, two = found
    assert one.keys() == two.keys()
    for name, record in one.items():
        assert record.metrics.equals(two[name].metrics)


def test_an_unknown_dataset_is_refused(study_file, tmp_path):
    with pytest.raises(InputError, match=r"'runs'.*walks"):
        standing(read_study(study_file), "runs", tmp_path)


@pytest.mark.parametrize(
    ("option", "value"), [("--only", "hikes"), ("--part", "tables"), ("--model", "fancy")]
)
def test_the_command_refuses_names_that_the_study_does_not_have(
    study_file, tmp_path, option, value
):
    said = call(tmp_path, option, value)
    assert said.returncode == 2
    assert f"{option} {value}" in said.stderr
    assert not (tmp_path / "results").exists()


def test_a_planned_run_is_described_in_words(study_file, tmp_path):
    place = standing(read_study(study_file), "walks", tmp_path / "results")
    assert describe(place.planned[1]) == "walks search: twins (trial 0), seed 0"
    with pytest.raises(InputError):
        read_record(tmp_path / "none.parquet", place.targets)
