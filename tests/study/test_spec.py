import random
import re
from pathlib import Path

import pytest
from toy_study import STUDY, write

from btsr_core.errors import InputError
from btsr_core.study.plan import planned_runs
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


TWICE = """
[[plan]]
dataset = "ml-100k"
part = "table"
models = ["plain"]
seeds = 1
"""


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
        ("[search.space]", "[search.space", "line 2"),
        ("step = 0.2", "step = 0", "low < high with a step"),
        ("step = 0.2", "step = -0.2", "low < high with a step"),
        ("step = 0.2", "step = 0.5", "low < high with a step"),
        ("step = 0.2", "step = 1e-300", "low < high with a step"),
        ("step = 0.2", "log = false", "low < high with a step"),
        (", step = 0.2", "", "low < high with a step"),
        ("low = 0.1, high = 0.5, step = 0.2", "low = 0.0, high = 0.5, log = true", "low > 0"),
        ("low = 0.1, high = 0.5", "low = nan, high = 0.5", "search.space.dropout.low"),
        ("step = 0.2", "step = 0.2, choices = [0.1]", "search.space.dropout: give either"),
        (
            "choices = [0.1, 0.2]",
            "choices = [0.1, 0.1]",
            "models.twins.search.alpha.choices: .*twice",
        ),
        ("choices = [0.1, 0.2]", "choices = []", "models.twins.search.alpha"),
        ('regulariser = "none"', "search = 3", "models.plain.search"),
        ("[models.plain]", "[models]\na = 3\n[models.plain]", "models.a"),
        (
            'regulariser = "none"',
            "lr = [1]",
            "models.plain.lr: must be true, false, a number or a text",
        ),
        ("seeds = 2", 'seeds = "2"', "plan.0.seeds"),
        ("seeds = 2", "seeds = 2.0", "plan.0.seeds"),
        ("seeds = 2", "seeds = 1000000000", "plan.0.seeds"),
        ("trials = 2", "trials = 1000000000", "datasets.ml-100k.trials"),
        ("patience = 3", 'patience = "3"', "patience = '3'"),
        ("patience = 3", "patience = true", "patience = True"),
        ("[search.space]", "[search]\nseed = 4294967296\n[search.space]", "search.seed"),
        ("grid.alpha = [0.0, 0.5]", "grid.alpha = []", "plan.1.grid.alpha"),
        ("grid.alpha = [0.0, 0.5]", "grid.alpha = [0.5, 0.5]", "plan.1.grid.alpha: .*twice"),
        ("grid.alpha = [0.0, 0.5]", "grid.alpha = 0.5", "plan.1.grid.alpha"),
        (
            "grid.alpha = [0.0, 0.5]",
            'grid.source = ["ml-1m"]',
            "plan.1.grid.source: only a dataset",
        ),
        ("grid.alpha = [0.0, 0.5]", "grid.k_core = [2]", "plan.1.grid.k_core: only a dataset"),
        ("grid.alpha = [0.0, 0.5]", "grid.seed = [2]", "plan.1.grid.seed: seeds are"),
        ('regulariser = "none"', "k_core = 2", "models.plain.k_core: only a dataset"),
        (
            "[search.space]",
            "[search.space]\nk_core = {choices = [1, 2]}",
            "search.space.k_core: only",
        ),
        ("patience = 3", "seed = 3", "datasets.ml-100k.settings.seed: seeds are"),
        ("patience = 5", "seed = 3", "other.settings.seed: seeds are"),
        ('models = ["plain", "twins"]', 'models = ["plain", "plain"]', "plan.0.models: .*twice"),
        ("[other]", TWICE + "[other]", "plan.2: table has plain"),
        ('part = "table"', 'part = ""', "part ''"),
        ('part = "table"', 'part = "a\\u001bb"', r"part 'a\\x1bb'"),
        ("[datasets.ml-100k]", '[datasets."../../x"]\n[datasets.ml-100k]', "dataset '../../x'"),
        ("[datasets.ml-100k]", '[datasets."/tmp/x"]\n[datasets.ml-100k]', "dataset '/tmp/x'"),
        ("[datasets.ml-100k]", '[datasets.".."]\n[datasets.ml-100k]', r"dataset '\.\.'"),
        ("[datasets.ml-100k]", '[datasets.".x"]\n[datasets.ml-100k]', r"dataset '\.x'"),
        ("[datasets.ml-100k]", '[datasets.""]\n[datasets.ml-100k]', "dataset ''"),
        ("[datasets.ml-100k]", f"[datasets.{'x' * 300}]\n[datasets.ml-100k]", "dataset 'xxx"),
        ("[datasets.ml-100k]", "[datasets.ml-100k]\n[datasets.ml-100k]", "line 14"),
        (
            "[datasets.ml-100k]",
            "[datasets.x]\nsettings.dropuot = 1\n[datasets.ml-100k]",
            "datasets.x.settings.dropuot: unknown",
        ),
        ("[models.plain]", "[models.idle]\nalpha = -1\n[models.plain]", "model idle: alpha = -1"),
        (
            "step = 0.2 }",
            "step = 0.2 }\nn_blocks = { low = 1, high = 4, log = true }",
            "n_blocks = 1.5",
        ),
        ("step = 0.2 }", "step = 0.2 }\ndim = { low = 1, high = 3, log = true }", "dim = 1.3"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_its_name(tmp_path, old, new, said):
    assert old in STUDY
    with pytest.raises(InputError, match=said) as caught:
        read_study(write(tmp_path, STUDY.replace(old, new, 1)))
    assert "study.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_study_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.toml"):
        read_study(tmp_path / "nowhere.toml")


def test_what_is_no_text_is_named(tmp_path):
    path = tmp_path / "study.toml"
    path.write_bytes(STUDY.encode("utf-16"))
    with pytest.raises(InputError, match=r"study\.toml is no UTF-8 text.*save it as UTF-8"):
        read_study(path)
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        read_study(tmp_path)
    path.write_text("a = " + "[" * 10_000)
    with pytest.raises(InputError, match=r"study\.toml"):
        read_study(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_study(tmp_path / ("x" * 300))


def test_whatever_a_study_says_it_is_planned_or_refused_in_one_line(tmp_path):
    """Changed anywhere at random, a study is read and planned, or refused by name."""
    rng = random.Random(0)
    pieces = [
        "0",
        "-1",
        "1e999",
        "nan",
        "true",
        '""',
        "[]",
        "{}",
        '"../x"',
        '"seed"',
        "low",
        "step",
    ]
    tokens = re.findall(r"[\w.-]+|\"[^\"]*\"|\s+|.", STUDY)
    refused = []
    for _ in range(300):
        changed = list(tokens)
        for _ in range(rng.randint(1, 2)):
            place = rng.randrange(len(changed))
            other = rng.choice([*pieces, rng.choice(tokens), "", "\x00", "\u202e"])
            changed[place : place + rng.randint(0, 2)] = [other]
        try:
            study = read_study(write(tmp_path, "".join(changed)))
            for dataset in study.datasets:
                planned_runs(study, dataset, "content", {})
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > 100
    assert [said for said in refused if "\n" in said] == []


def test_settings_that_no_dataset_has_are_refused_of_ones_own_too(tmp_path):
    study = read_study(write(tmp_path, STUDY))
    with pytest.raises(InputError, match=r"mine\.csv\.settings\.seed"):
        study.including("mine.csv", {"seed": "3"})
