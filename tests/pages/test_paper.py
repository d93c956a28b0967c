import pytest

from btsr_core.errors import InputError
from btsr_core.pages.paper import COLUMNS, paper_regimes, paper_values


def test_a_dataset_of_the_paper_has_its_values():
    table = paper_values("beauty-5core").set_index(["system", "metric"])
    assert table.loc[("BT-SR", "ndcg@10"), ["value", "deviation"]].tolist() == [0.0569, 0.0001]
    assert table.loc[("SASRec-CE", "hr@1"), "value"] == 0.0269
    assert table.loc[("BT-SR (SCE)", "ndcg@10"), "value"] == 0.0549
    assert table["deviation"].notna().sum() == 9  # of BT-SR alone
    assert table.index.is_unique


def test_another_dataset_has_none():
    assert list(paper_values("movietweetings-100k").columns) == COLUMNS
    assert paper_values("movietweetings-100k").empty
    assert paper_regimes("ml-1m") == {}


def test_the_two_regimes():
    assert paper_regimes("yelp-2020-5core") == {None: 0.0176, 0.1: 0.018, 0.4: 0.0182}


def test_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="project's folder"):
        paper_values("ml-1m")
