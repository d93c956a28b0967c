from pathlib import Path

import pytest
from toy_study import STUDY, write

from btsr_core.errors import InputError
from btsr_core.study.spec import read_study


def test_the_projects_own_study_is_valid():
    study = read_study(Path(__file__).parents[2] / "book" / "study.toml")
    assert {entry.dataset for entry in study.plan} <= set(study.datasets)


def test_defaults_are_source_dataset_and_model(tmp_path):
    study = read_study(write(tmp_path, STUDY))
    assert study.defaults("ml-100k", "twins") == {
        "source": "ml-100k", "patience": 3, "dropout": 0.3, "regulariser": "barlow-twins",
        "alpha": 0.25,
    }  # fmt: skip
    assert set(study.space("twins")) == {"dropout", "alpha"}
    assert set(study.space("plain")) == {"dropout"}


def test_a_study_takes_in_another_dataset(tmp_path):
    study = read_study(write(tmp_path, STUDY))
    wider = study.including("mine", {"source": "mine.csv", "user_col": "u"})
    assert [entry.part for entry in wider.of("mine")] == ["table"]
    assert wider.datasets["mine"].trials == 3
    assert wider.defaults("mine", "plain") == {
        "source": "mine.csv", "patience": 5, "user_col": "u", "regulariser": "none"
    }  # fmt: skip
    assert study.of("mine") == ()
    assert wider.of("ml-100k") == study.of("ml-100k")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("dropout = 0.3", "dropuot = 0.3", "dropuot"),
        ("dropout = 0.3", "dropout = 1.5", "dropout = 1.5"),
        ("high = 0.5, step = 0.2", "high = 1.5, step = 0.2", "dropout = 1.5"),
        ("choices = [0.1, 0.2]", "choices = [0.1, -0.2]", "alpha = -0.2"),
        ("grid.alpha = [0.0, 0.5]", "grid.alhpa = [0.0, 0.5]", "alhpa"),
        ("grid.alpha = [0.0, 0.5]", "grid.n_negatives = [4]", "n_negatives"),
        ('regulariser = "none"', 'regulariser = "nothing"', "nothing"),
        ('models = ["plain", "twins"]', 'models = ["plane", "twins"]', "plane"),
        ('dataset = "ml-100k"', 'dataset = "ml-100m"', "ml-100m"),
        ('part = "table"', 'part = "search"', "search"),
        ("seeds = 2", "seeds = 0", "plan.0.seeds"),
        ("seeds = 2", "seeds = 2\nsead = 1", "sead"),
        ("step = 0.2", "step = 0.2, log = true", "search.space.dropout"),
        ("low = 0.1, ", "", "search.space.dropout"),
        ("[search.space]", "[search.space", "study.toml"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_its_name(tmp_path, old, new, said):
    assert old in STUDY
    with pytest.raises(InputError, match=said.replace(".", r"\.")) as caught:
        read_study(write(tmp_path, STUDY.replace(old, new, 1)))
    assert "study.toml" in str(caught.value)


def test_a_missing_study_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.toml"):
        read_study(tmp_path / "nowhere.toml")
