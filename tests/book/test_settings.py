"""From the parameters of a chapter to an experiment, on the chapters that there are."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from btsr_core.book.parameters import inspect_parameters
from btsr_core.book.settings import experiment_of, further_settings
from btsr_core.config import experiment
from btsr_core.errors import InputError
from btsr_core.settings import OBJECTIVES, REGULARISERS, BarlowTwins

BOOK = Path(__file__).parents[2] / "book"
DECLARED = {path.stem: inspect_parameters(path) for path in sorted(BOOK.glob("*.md"))}
TRAINS = [name for name, own in DECLARED.items() if "study" not in own or "objective" in own]
WITH_PAIR = [name for name, declared in DECLARED.items() if "regulariser" in declared]


def chapter(name="training", **given):
    """Return the parameters of a chapter where some were set."""
    defaults = {key: parameter.default for key, parameter in DECLARED[name].items()}
    assert set(given) <= set(defaults)
    return SimpleNamespace(**{**defaults, **given})


@pytest.mark.parametrize("name", TRAINS)
def test_the_defaults_of_a_chapter_are_those_of_an_experiment(name):
    fewer = {"max_epochs": 5} if name == "extend" else {}  # it shows that a run trains, no more
    assert experiment_of(chapter(name)) == experiment(**fewer)


@pytest.mark.parametrize("name", WITH_PAIR)
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("regulariser", REGULARISERS)
def test_any_pair_is_chosen_by_its_names_alone(name, objective, regulariser):
    found = experiment_of(chapter(name, objective=objective, regulariser=regulariser))
    assert found == experiment(objective=objective, regulariser=regulariser)


def test_chapters_have_the_pair():
    assert {"introduction", "loss", "training"} <= set(WITH_PAIR)


def test_parameters_go_where_they_belong():
    found = experiment_of(
        chapter(
            dataset="my.csv", user_col="u", k_core=3, cutoff_quantile=0.8, exclude_seen=False,
            alpha=0.4, lam=0.3, scaling="sum", dropout=0.1, max_epochs=7, patience=2,
        )
    )  # fmt: skip
    assert (found.data.source, found.data.user_col, found.data.k_core) == ("my.csv", "u", 3)
    assert found.data.cutoff_quantile == 0.8
    assert (found.loss.alpha, found.loss.regulariser) == (0.4, BarlowTwins(lam=0.3, scaling="sum"))
    assert (found.model.dropout, found.evaluation.exclude_seen) == (0.1, False)
    assert (found.train.max_epochs, found.train.patience) == (7, 2)


def test_any_further_setting_of_the_experiment():
    found = experiment_of(
        chapter(
            objective="bce",
            regulariser="vicreg",
            settings="n_negatives=16 batch_size=256, lr=1e-2,view=crop  seed=3\nselect_on=full",
        )
    )
    assert found == experiment(
        objective="bce", regulariser="vicreg", n_negatives=16, batch_size=256, lr=0.01,
        view="crop", seed=3,
    )  # fmt: skip
    mixed = experiment_of(chapter(objective="sce", settings="mix=false"))
    assert mixed == experiment(objective="sce", mix=False)
    assert mixed.run_id("f") == experiment(objective="sce", mix=False).run_id("f")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"regulariser": "vicreg", "lam": 0.3}, "lam is no setting of the regulariser 'vicreg'"),
        ({"regulariser": "duorec", "scaling": "sum"}, "scaling is no setting .*barlow-twins"),
        ({"regulariser": "duorec", "settings": "view=crop"}, "view is no setting .*'duorec'"),
        ({"settings": "n_negatives=2"}, "n_negatives is no setting of the objective 'ce'"),
        ({"objective": "bce", "settings": "n_negatives=x"}, "n_negatives = 'x'.*valid integer"),
        ({"objective": "bce", "settings": "n_negatives=0"}, "n_negatives = '0'"),
        ({"objective": "mse"}, "objective = 'mse': must be one of ce, bce"),
        ({"regulariser": "bt"}, "regulariser = 'bt': must be one of none, barlow-twins"),
        ({"settings": "batchsize=2"}, "unknown setting 'batchsize'; known are .*batch_size"),
        ({"settings": "alpha=0.3"}, "has the parameter alpha; set that and leave alpha out"),
        ({"settings": "alpha=0.2", "alpha": 0.3}, "has the parameter alpha"),
        ({"settings": "regulariser=vicreg"}, "has the parameter regulariser"),
        ({"settings": "source=a.csv"}, "has the parameter dataset; set that and leave source out"),
        ({"settings": "dataset=a.csv"}, "has the parameter dataset"),
        ({"settings": "n_seeds=2"}, "has the parameter n_seeds"),
        ({"settings": "dim=8 dim=16"}, "dim is there twice"),
        ({"settings": "dim"}, "'dim' is not of the form NAME=VALUE"),
        ({"settings": "dim = 8"}, "'dim' is not of the form"),
        ({"settings": "dim="}, "'dim=' is not of the form"),
        ({"alpha": -1.0}, "alpha = -1"),
    ],
)
def test_what_would_be_ignored_or_is_wrong_is_refused(given, said):
    with pytest.raises(InputError, match=said):
        experiment_of(chapter(**given))


def test_what_a_chapter_has_chosen_itself():
    base = experiment_of(SimpleNamespace(dataset="x.csv"), regulariser="vicreg", max_epochs=2)
    assert base == experiment(source="x.csv", regulariser="vicreg", max_epochs=2)
    with pytest.raises(InputError, match="about regulariser = 'vicreg'"):
        experiment_of(SimpleNamespace(settings="regulariser=duorec"), regulariser="vicreg")


def test_text_of_settings():
    assert further_settings("") == further_settings(" , ") == {}
    assert further_settings("a=1,b=x=y") == {"a": "1", "b": "x=y"}
