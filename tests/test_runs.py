"""A run's files are checked before they are used; what is damaged is named, and trained again."""

import copy
import json
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from btsr_core import experiment as door
from btsr_core.cli import app
from btsr_core.errors import InputError
from btsr_core.experiment import run_experiment
from btsr_core.run_files import FILES, SUMS, DamagedRunError, sum_line
from btsr_core.runs import load_run, table_of_runs
from btsr_core.training import train


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    """A run, and what `fit` returned for it."""
    kept = []
    with pytest.MonkeyPatch.context() as patch:
        real = door.fit
        patch.setattr(door, "fit", lambda *a, **o: kept.append(real(*a, **o)) or kept[0])
        run = run_experiment(tiny, runs=tmp_path_factory.mktemp("runs"), progress=False)
    return run, kept[0]


@pytest.fixture
def path(trained, tmp_path):
    """A copy of the run, in a store of its own."""
    run, _ = trained
    shutil.copytree(run.path, tmp_path / "runs" / run.id)
    return tmp_path / "runs" / run.id


@pytest.fixture(scope="module")
def original(trained):
    """The content of its files."""
    return {name: (trained[0].path / name).read_bytes() for name in [*FILES, SUMS]}


@pytest.fixture
def trains_at_once(trained, monkeypatch):
    """Training takes no time: it ends as it did."""
    monkeypatch.setattr(door, "fit", lambda *a, **o: copy.deepcopy(trained[1]))


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def change_json(path, change):
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content) or content))


def change_frame(path, change):
    change(pd.read_parquet(path)).to_parquet(path, index=False)


def change_weights(path, change):
    state = load_file(path)
    change(state)
    save_file(state, path)


def seal(path):
    """Write the sums of a run as it is now, as whoever forges one would."""
    lines = (sum_line(name, (path / name).read_bytes()) for name in FILES)
    (path / SUMS).write_bytes(b"".join(lines))


def a_folder(path):
    path.unlink()
    path.mkdir()


def set_summary(**values):
    return lambda path: change_json(path, lambda summary: summary.update(values))


def set_metric(value):
    def change(summary):
        summary["test"]["full"]["metrics"]["hr@10"] = value

    return lambda path: change_json(path, change)


def set_weight(change):
    return lambda path: change_weights(path, change)


def not_a_number(state):
    next(iter(state.values())).view(-1)[3] = torch.nan


def endless(state):
    next(iter(state.values())).view(-1)[3] = torch.inf


def another_shape(state):
    name = next(iter(state))
    state[name] = torch.zeros(3, 3)


def another_type(state):
    name = next(iter(state))
    state[name] = state[name].double()


def first_item_twice(items):
    return items.iloc[[0, *range(len(items) - 1)]]


def alpha(content):
    content["experiment"]["loss"]["alpha"] = 0.77


IMPOSSIBLE = {
    "another alpha": ("config.json", lambda p: change_json(p, alpha)),
    "no description": ("config.json", lambda p: p.write_text("{}")),
    "half a description": ("config.json", lambda p: p.write_text('{"exper')),
    "no text": ("config.json", lambda p: p.write_bytes(b"\xff\xfe\x00")),
    "versions in a list": ("versions.json", lambda p: p.write_text("[]")),
    "hr@10 = 7": ("metrics.json", set_metric(7)),
    "a negative metric": ("metrics.json", set_metric(-0.1)),
    "an infinite metric": ("metrics.json", set_metric(float("inf"))),
    "no value": ("metrics.json", set_metric(None)),
    "best_epoch > epochs": ("metrics.json", set_summary(best_epoch=99)),
    "an infinite epoch": ("metrics.json", set_summary(best_epoch=float("inf"))),
    "no epoch": ("metrics.json", set_summary(best_epoch=0)),
    "fewer epochs than the history": ("history.json", lambda p: p.write_text("[]")),
    "a history of nan": ("history.json", lambda p: p.write_text('[{"epoch": NaN}]')),
    "metrics in a list": ("metrics.json", lambda p: p.write_text("[]")),
    "metrics in one reading": ("metrics.json", set_summary(test={})),
    "deep metrics": ("metrics.json", lambda p: p.write_text("[" * 100_000 + "]" * 100_000)),
    "NaN": ("model.safetensors", set_weight(not_a_number)),
    "inf": ("model.safetensors", set_weight(endless)),
    "another shape": ("model.safetensors", set_weight(another_shape)),
    "another type": ("model.safetensors", set_weight(another_type)),
    "a tensor less": ("model.safetensors", set_weight(lambda state: state.popitem())),
    "a tensor more": ("model.safetensors", set_weight(lambda s: s.update(more=torch.zeros(2)))),
    "no tensors": ("model.safetensors", lambda p: p.write_bytes(b"")),
    "no ids": ("items.parquet", lambda p: change_frame(p, lambda f: f.drop(columns="item_id"))),
    "no titles": ("items.parquet", lambda p: change_frame(p, lambda f: f.drop(columns="title"))),
    "fewer items": ("items.parquet", lambda p: change_frame(p, lambda f: f.iloc[1:])),
    "an item twice": ("items.parquet", lambda p: change_frame(p, first_item_twice)),
    "no table": ("items.parquet", lambda p: p.write_bytes(b"PAR1")),
    "rank 0": ("ranks.parquet", lambda p: change_frame(p, lambda f: f.assign(rank=0))),
    "fewer users": ("ranks.parquet", lambda p: change_frame(p, lambda f: f.iloc[1:])),
}  # fmt: skip


@pytest.mark.parametrize("sums", ["none", "forged", "as written"])
@pytest.mark.parametrize("damage", IMPOSSIBLE)
def test_what_no_run_can_be_is_named(path, damage, sums):
    name, change = IMPOSSIBLE[damage]
    change(path / name)
    if sums == "forged":
        seal(path)
    elif sums == "none":
        (path / SUMS).unlink()
    with pytest.raises(DamagedRunError) as caught:
        load_run(path)
    said = str(caught.value)
    assert said.endswith("; `btsr train` as before trains the run again")
    assert "\n" not in said
    # Two files may be at odds with each other, and then either can be named.
    blamed = [file for file in FILES if said.startswith(f"{path / file} ")]
    assert blamed == [name] or damage == "fewer items"
    assert sums == "none" or (path / SUMS).exists()


def test_every_flipped_bit_of_a_run_is_found(path, original):
    rng = np.random.default_rng(0)
    files = [*FILES, SUMS]
    sizes = np.array([(path / name).stat().st_size for name in files])
    chosen = [*files, *rng.choice(files, 100 - len(files), p=sizes / sizes.sum())]
    for name in chosen:
        content = bytearray((path / name).read_bytes())
        place = rng.integers(len(content))
        content[place] ^= 1 << int(rng.integers(8))
        (path / name).write_bytes(content)
        with pytest.raises(DamagedRunError, match="is not what SHA256SUMS says"):
            load_run(path)
        (path / name).write_bytes(original[name])
    assert load_run(path).id == path.name


HARMS = {
    "a flipped bit": lambda p: p.write_bytes(bytes([p.read_bytes()[0] ^ 16]) + p.read_bytes()[1:]),
    "a missing file": lambda p: p.unlink(),
    "an empty file": lambda p: p.write_bytes(b""),
    "half a file": lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]),
    "a folder": a_folder,
}


@pytest.mark.usefixtures("trains_at_once")
@pytest.mark.parametrize("harm", HARMS)
def test_the_same_command_repairs_every_file(tiny, path, original, capsys, harm):
    metrics = load_run(path).metrics("test", "full")
    for name in [*FILES, SUMS]:
        HARMS[harm](path / name)
        run = run_experiment(tiny, runs=path.parent, progress=False)
        said = capsys.readouterr().err
        if (harm, name) == ("a missing file", SUMS):  # as a run of before there were sums
            assert not said
        else:
            blamed = path if name == SUMS else path / name  # the sums or what they are of
            assert said.startswith(f"btsr: {blamed}")
            assert said.endswith("; the run is trained again\n")
            assert said.count("\n") == 1
        assert run.metrics("test", "full") == metrics
        assert (path / "model.safetensors").read_bytes() == original["model.safetensors"]
        assert load_run(path) == run


def test_the_sums_are_those_of_sha256sum(path):
    done = subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=path, check=False)
    assert done.returncode == 0
    assert len((path / SUMS).read_text().splitlines()) == len(FILES)


def test_a_run_without_sums_gets_them(path, original):
    (path / SUMS).unlink()
    load_run(path)
    assert (path / SUMS).read_bytes() == original[SUMS]


def test_a_run_without_sums_is_read_where_nothing_can_be_written(path, monkeypatch):
    (path / SUMS).unlink()

    def refuse(*args):
        raise PermissionError(13, "no")

    monkeypatch.setattr("btsr_core.runs.write_text", refuse)
    assert load_run(path).model() is not None


def test_a_file_that_changes_after_the_run_was_opened(path):
    run = load_run(path)
    (path / "ranks.parquet").write_bytes((path / "items.parquet").read_bytes())
    with pytest.raises(DamagedRunError, match=r"ranks\.parquet is not what SHA256SUMS says"):
        run.ranks("test", "full")


def test_a_file_that_may_not_be_read_is_no_damage(path, monkeypatch):
    def refuse(*args):
        raise PermissionError(13, "no", str(path))

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(PermissionError):
        load_run(path)
    table, unusable = table_of_runs(path.parent)
    assert table.empty
    assert len(unusable) == 1
    assert "Permission denied" in unusable[0]


def test_a_retraining_that_is_killed_leaves_nothing_that_looks_whole(path, monkeypatch):
    (path / "ranks.parquet").write_bytes(b"")
    removed = []

    def killed(one):
        if len(removed) == place:
            raise KeyboardInterrupt
        removed.append(one)
        real(one)

    from btsr_core import runs

    real = runs.remove
    monkeypatch.setattr(runs, "remove", killed)
    for place in range(4):  # noqa: B007
        removed.clear()
        with pytest.raises(KeyboardInterrupt):
            runs.discard(path)
        with pytest.raises(InputError):
            load_run(path)


def test_the_list_names_what_cannot_be_used_and_shows_the_rest(path):
    shutil.copytree(path, path.with_name("other"))  # whose name is not what it describes
    (path.with_name("empty")).mkdir()
    result = call("runs", "--runs", path.parent, "--json")
    assert result.exit_code == 1
    assert [row["run"] for row in json.loads(result.stdout)] == [path.name]
    assert result.stderr.count("\n") == 1
    assert f"other/config.json describes the run {path.name}" in result.stderr
    shutil.rmtree(path)
    result = call("runs", "--runs", path.parent)
    assert (result.exit_code, result.stdout) == (1, "")


def test_recommend_refuses_a_damaged_run(path):
    change_weights(path / "model.safetensors", not_a_number)
    seal(path)
    result = call("recommend", path, "--history", "i1,i2")
    assert result.exit_code == 2
    assert "model.safetensors cannot be read (a weight is not a number)" in result.stderr
    assert not result.stdout


def test_a_diverged_training_can_recommend(tiny, tmp_path, monkeypatch):
    real = train.train_epoch

    def diverging(model, adam, train_set, described, epoch, **options):
        if epoch == 2:
            raise FloatingPointError("the loss is not a number after epoch 3")
        return real(model, adam, train_set, described, epoch, **options)

    monkeypatch.setattr(train, "train_epoch", diverging)
    with pytest.raises(InputError, match=r"weights of epoch .*`btsr recommend .*` uses them"):
        run_experiment(tiny, runs=tmp_path, progress=False)
    (path,) = (one for one in tmp_path.iterdir() if one.name != ".locks")
    for name in (path.name[:6], path):
        result = call("recommend", name, "--history", "i1,i2", "--runs", tmp_path)
        assert result.exit_code == 0
        assert len(result.stdout.splitlines()) == 10
        assert "diverged after 2 epochs" in result.stderr
    assert call("runs", "--runs", tmp_path).exit_code == 0
    diverged = path / "diverged.safetensors"
    diverged.write_bytes(diverged.read_bytes()[:-4])
    result = call("recommend", path, "--history", "i1,i2")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_a_killed_writers_files_are_swept(tiny, path, trains_at_once):
    (path / "metrics.json").unlink()
    stray = path / ".model.safetensors.x1y2.tmp"
    stray.write_bytes(b"half")
    run_experiment(tiny, runs=path.parent, progress=False)
    assert not stray.exists()
