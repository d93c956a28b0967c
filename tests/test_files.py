"""Paths are meant as the user writes them."""

import os
import pwd
from pathlib import Path

import pytest
from typer.testing import CliRunner

from btsr_core.book.execute import Job, shown_files
from btsr_core.book.parameters import given_values
from btsr_core.cli import app
from btsr_core.data.datasets import load_interactions
from btsr_core.errors import InputError
from btsr_core.files import (
    cache_dir,
    mirror_dir,
    project_root,
    records_dir,
    results_dir,
    runs_dir,
    study_file,
    user_path,
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "place", [runs_dir, records_dir, results_dir, study_file, mirror_dir, user_path]
)
def test_a_tilde_is_the_home_folder_in_every_path(home, place):
    assert place("~/x") == place(Path("~/x")) == home / "x"


@pytest.mark.parametrize(
    ("name", "place"), [("RUNS", runs_dir), ("CACHE", cache_dir), ("MIRROR", mirror_dir)]
)
def test_a_tilde_in_the_environment(home, monkeypatch, name, place):
    monkeypatch.setenv(f"BTSR_{name}", "~/x")
    assert place() == home / "x"


def test_what_is_not_given_lies_in_the_project():
    root = project_root()
    assert (runs_dir(""), records_dir(None)) == (root / "runs", root / "book" / "results")
    assert study_file("") == root / "book" / "study.toml"


def test_a_tilde_in_options_and_parameters(home, tiny_csv):
    (home / "walks.csv").write_bytes(tiny_csv.read_bytes())
    assert load_interactions("~/walks.csv", progress=False).name == "walks"
    assert given_values([], "~/walks.csv") == {"dataset": str(home / "walks.csv")}
    (home / "results" / "walks").mkdir(parents=True)
    record = home / "results" / "walks" / "x.parquet"
    record.write_bytes(b"")
    chapter = home / "chapter.md"
    chapter.write_text("")
    shown = shown_files(home, chapter, {"study"}, {"results": "~/results"})
    assert shown == (record,)
    job = Job(chapter, home / "x.ipynb", {"dataset": "~/walks.csv", "settings": "a=1," * 100})
    assert list(job.ingredients("")["files"]) == ["dataset"]


def test_a_tilde_in_options_of_the_command_line(home):
    said = CliRunner().invoke(app, ["runs", "--runs", "~/x"]).stdout
    assert said == f"no finished run in {home / 'x'}\n"


@pytest.fixture
def nobody(monkeypatch):
    """A user without a home folder, whom the system does not know."""

    def unknown(*_):
        raise KeyError("unknown")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("BTSR_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert os.path.expanduser("~") == "~"


@pytest.mark.usefixtures("nobody")
def test_without_a_home_folder():
    with pytest.raises(InputError, match="set BTSR_CACHE to a folder"):
        cache_dir()
    with pytest.raises(InputError, match=r"^~/x: no home folder is known"):
        runs_dir("~/x")
    result = CliRunner().invoke(app, ["split", "ml-100k"])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
