"""The command, from nothing to a dial that drives the slider."""

import subprocess
import sys

import pytest
import torch
from handmade import TINY

from btsr_core.dial.records import dials_folder, read_dials
from btsr_core.dial.settings import KINDS
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
seeds = 2
grid.alpha = [0.0, 0.02, 0.04]
grid.scaling = ["per-dimension", "sum"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_csv):
    """A study whose sweep is recorded, and no dial."""
    folder = tmp_path_factory.mktemp("study")
    settings = ", ".join(f"{name} = {value}" for name, value in {**TINY, "max_epochs": 2}.items())
    (folder / "study.toml").write_text(STUDY.format(source=tiny_csv, settings=settings))
    place = standing(read_study(folder / "study.toml"), "walks", folder / "results" / "walks")
    assert run_study([place], runs=folder / "runs", device=CPU, processes=2) == []
    return folder


@pytest.fixture
def place(folder):
    return standing(read_study(folder / "study.toml"), "walks", folder / "results" / "walks")


def call(folder, *more):
    command = [sys.executable, "-m", "btsr_core", "dial", "walks"]
    options = ["--study", folder / "study.toml", "--results", folder / "results"]
    said = [*command, *options, "--runs", folder / "runs", "--device", "cpu", *more]
    return subprocess.run(
        list(map(str, said)), capture_output=True, check=False, text=True, timeout=300
    )


def test_dials_are_trained_recorded_and_then_left_alone(folder, place):
    before = {path.name: path.read_bytes() for path in place.folder.glob("*.parquet")}
    said = call(folder, "--status")
    assert (said.returncode, said.stdout.count("0 of 2 recorded")) == (0, 2), said.stderr
    assert not dials_folder(place.folder).exists()
    said = call(folder)
    assert said.returncode == 0, said.stderr
    assert said.stdout.count("2 of 2 recorded") == 2
    records = read_dials(dials_folder(place.folder))
    assert sorted((one.config.kind, one.config.seed) for one in records.values()) == [
        (kind, seed) for kind in sorted(KINDS) for seed in (0, 1)
    ]
    assert {one.config.experiment.loss.regulariser.scaling for one in records.values()} == {
        "per-dimension"
    }
    # The study's own records are neither touched nor confused with those of dials.
    assert {p.name: p.read_bytes() for p in place.folder.glob("*.parquet")} == before
    assert len(read_records(place.folder)) == 11  # of 12: at alpha = 0 scalings are one
    times = {path: path.stat().st_mtime_ns for path in dials_folder(place.folder).iterdir()}
    assert call(folder).returncode == 0
    assert {p: p.stat().st_mtime_ns for p in dials_folder(place.folder).iterdir()} == times
