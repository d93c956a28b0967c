"""Recorded costs: read whole, or refused with the remedy."""

import json
import math

import pytest
from made_up import model_results, scaling_results, system_results, write_results

from benchmarks import store, tables
from benchmarks.plan import points, systems
from btsr_core.config import experiment
from btsr_core.errors import InputError
from btsr_core.names import CATALOGUE_HEAD, system_name
from btsr_core.pages import costs
from btsr_core.pages.costs import (
    FAILED,
    MEASURED,
    NOT_MEASURED,
    digits,
    provenance_table,
    read_costs,
)


@pytest.fixture
def results():
    return system_results()


@pytest.fixture
def scaling():
    return scaling_results()


def read(folder, **files):
    return read_costs(write_results(folder, **files))


def test_writer_and_reader_agree():
    assert (costs.FORMAT, dict(costs.FILES)) == (store.FORMAT, store.FILES)
    assert costs.DISTURBED == tables.DISTURBED


def test_every_system_has_its_name_and_its_figures(tmp_path):
    table = read(tmp_path).systems.set_index("system")
    assert len(table) == len(systems())
    for one in systems():
        if one.settings.get("system") == "ours":
            loss = experiment(regulariser=one.settings.get("regulariser", "none")).loss
            assert table.loc[system_name(loss), "kind"] == costs.OURS
    assert table.loc[CATALOGUE_HEAD, "kind"] == costs.FLOOR
    assert table.index[table["kind"] == costs.PEER].tolist() == [
        "Padded SASRec", "RecBole", "RecTools",
    ]  # fmt: skip
    assert table.loc["RecBole", "epoch_seconds"] == 200
    assert table.loc["RecBole", "ranked_per_second"] == 100
    assert table.loc["RecBole", "memory_mib"] == 2000  # above what was occupied before
    assert table.loc["RecBole", ["train_load", "rank_load"]].tolist() == [0.01, 0.02]
    assert math.isnan(table.loc[CATALOGUE_HEAD, "ranked_per_second"])
    assert set(table["state"]) == {MEASURED}


def test_every_model_has_its_name_and_its_figures(tmp_path):
    results = model_results()
    del results["measurements"]["ce+duorec"]
    table = read(tmp_path, models=results).models.set_index("system")
    assert list(table.index) == [
        "SASRec-CE", "BT-SR", "SASRec-BCE", "BT-SR (BCE)", "SASRec-SCE", "BT-SR (SCE)", "CL4SRec",
        "DuoRec", "EC4SRec",
    ]  # fmt: skip
    assert table["epoch_seconds"].dropna().tolist() == [10, 11, 12, 13, 14, 15, 16, 18]
    assert table["memory_mib"].dropna().tolist() == [100, 110, 120, 130, 140, 150, 160, 180]
    assert table.loc["DuoRec", "state"] == NOT_MEASURED
    assert table.loc["DuoRec", "reason"] == "not recorded yet"


def test_every_point_lies_where_it_was_measured(tmp_path):
    table = read(tmp_path).points.set_index("point")
    assert list(table.index) == [one.name for one in points()]
    for one in points():
        row = table.loc[one.name]
        assert row["curve"] == one.part
        assert row["items"] == one.settings["items"]
        assert row["length"] == one.settings["max_len"]
        objective = one.settings.get("objective", "ce")
        assert row["system"] == system_name(
            experiment(objective=objective, regulariser="none").loss
        )
    assert table.loc["users-1000x10000", "users"] == 1000
    assert table.loc["users-1000x10000", "ranked_per_second"] == 5000
    assert math.isnan(table.loc["length-50", "ranked_per_second"])
    assert table.loc["length-50", "step_seconds"] == 0.1
    assert table.loc["length-50", "memory_mib"] == 50


def test_what_has_no_figures_keeps_its_row(tmp_path, results, scaling):
    del results["measurements"]["padded"]
    failed = results["measurements"]["recbole"]
    del failed["figures"], failed["versions"]
    failed["failed"] = "no wheels"
    part = scaling["measurements"]["users-100000x10000"]
    part["not_measured"] = "too long"  # beside figures of the users that were tried
    del scaling["measurements"]["catalogue-sce-100000"]
    found = read(tmp_path, systems=results, scaling=scaling)
    table = found.systems.set_index("system")
    assert table.loc["RecBole", ["state", "reason"]].tolist() == [FAILED, "no wheels"]
    assert table.loc["Padded SASRec", "state"] == NOT_MEASURED
    assert table.loc[["RecBole", "Padded SASRec"], "epoch_seconds"].isna().all()
    table = found.points.set_index("point")
    row = table.loc["users-100000x10000"]
    assert (row["state"], row["reason"]) == (NOT_MEASURED, "too long")
    assert math.isnan(row["ranked_per_second"])
    assert math.isnan(row["memory_mib"])
    gap = table.loc["SASRec-SCE, 100,000 items"]
    assert (gap["curve"], gap["items"], gap["state"]) == ("catalogue", 100_000, NOT_MEASURED)
    assert math.isnan(gap["step_seconds"])
    said = provenance_table(found)["recorded"]
    assert "RecBole (failed: no wheels)" in said["without figures"]
    assert "users-100000x10000 (not measured: too long)" in said["without figures"]
    assert "RecBole" not in said.index


def test_unknown_measurements_keep_their_names(tmp_path, results):
    results["measurements"]["another"] = results["measurements"]["padded"]
    table = read(tmp_path, systems=results).systems
    assert table["system"].iloc[-1] == "another"


def test_where_memory_before_cannot_be_told(tmp_path, results):
    results["measurements"]["ours-ce"]["figures"]["baseline_mib"] = None
    row = read(tmp_path, systems=results).systems.iloc[1]
    assert row["state"] == MEASURED
    assert math.isnan(row["memory_mib"])


def test_provenance(tmp_path, results, scaling):
    said = provenance_table(read(tmp_path))["recorded"]
    assert said["machine"] == "Some CPU, 2 cores, 24 GiB; Some OS"
    assert said["data"].startswith("beauty-5core: 20,000 training sequences")
    assert said["model"] == "D = 64, n_blocks = 2, n_heads = 1, batch_size = 256; 2 threads"
    assert said["measured"] == "2025-01-02"
    assert said["commit"] == "0123456789"
    assert said["this project"] == "Python 3.12.1, torch 2.9.0, numpy 2.3.0"
    assert said["RecBole"] == "RecBole 1.0, Python 3.12.1, torch 2.9.0, numpy 2.3.0"
    assert said["disturbed by others"] == said["without figures"] == "nothing"

    results["machine"]["cpu"] = "Another CPU"
    changed = results["measurements"]["ours-ce"]
    changed |= {"commit": f"{'f' * 40}-dirty", "code": "other", "date": "2025-01-05T00:00:00+00:00"}
    changed["figures"]["evaluation_other_load"] = 0.5
    scaling["measurements"]["length-25"]["figures"]["other_load"] = 0.2
    scaling["measurements"]["length-50"]["commit"] = None
    scaling["measurements"]["length-50"]["figures"]["other_load"] = None
    found = provenance_table(read(tmp_path, systems=results, scaling=scaling))["recorded"]
    assert found["machine"].startswith("Another CPU, 2 cores, 24 GiB; Some OS; Some CPU")
    assert found["measured"] == "2025-01-02 to 2025-01-05"
    commits = "0123456789, ffffffffff-dirty, unknown"
    assert found["commit"] == f"{commits}; not all with the same code"
    assert found["disturbed by others"] == "SASRec-CE (0.5 cores); length-25 (0.2 cores)"


@pytest.mark.parametrize("name", costs.FILES.values())
class TestRefusals:
    def refused(self, folder, name, *said):
        with pytest.raises(InputError) as error:
            read_costs(folder)
        for part in (str(folder / name), "`make bench`", *said):
            assert part in str(error.value)

    def test_missing(self, tmp_path, name):
        (write_results(tmp_path) / name).unlink()
        self.refused(tmp_path, name, "nothing has been measured yet")

    @pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 1}'])
    def test_no_results(self, tmp_path, name, text):
        (write_results(tmp_path) / name).write_text(text)
        self.refused(tmp_path, name, "is damaged")

    def test_other_format(self, tmp_path, name):
        (write_results(tmp_path) / name).write_text('{"format": 2, "measurements": {"a": 1}}')
        self.refused(tmp_path, name, "has format 2")

    def test_nothing_in_it(self, tmp_path, name):
        (write_results(tmp_path) / name).write_text('{"format": 1, "measurements": {}}')
        self.refused(tmp_path, name, "holds no measurement")

    @pytest.mark.parametrize("damage", ["no figures", "no figure", "no number"])
    def test_damaged_measurement(self, tmp_path, name, damage):
        path = write_results(tmp_path) / name
        results = json.loads(path.read_text())
        record = next(iter(results["measurements"].values()))
        match damage:
            case "no figures":
                del record["figures"]
            case "no figure":
                del record["figures"]["users_per_second"]
            case "no number":
                record["figures"]["users_per_second"] = "fast"
        path.write_text(json.dumps(results))
        self.refused(tmp_path, name, "is damaged")


def test_damaged_provenance(tmp_path, results):
    del results["measurements"]["ours-ce"]["date"]
    with pytest.raises(InputError, match=r"is damaged \(KeyError\('date'\)\).*`make bench`"):
        read(tmp_path, systems=results)


def test_default_is_what_the_project_records(tmp_path, monkeypatch):
    (tmp_path / "_toc.yml").touch()
    (tmp_path / "book").mkdir()
    write_results(tmp_path / "benchmarks" / "results")
    monkeypatch.chdir(tmp_path / "book")  # where JupyterLab runs a chapter
    assert len(read_costs().systems) == len(systems())


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0391, "0.039"), (0.1, "0.10"), (1, "1.0"), (9.94, "9.9"), (9.96, "10"), (6100, "6,100")],
)
def test_digits(value, text):
    assert digits(value) == text
