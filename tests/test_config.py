import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from btsr_core.config import (
    OBJECTIVES,
    SCE,
    Experiment,
    LossConfig,
    experiment,
    objective_settings,
)
from btsr_core.errors import InputError


def test_settings_find_their_section():
    built = experiment(source="x.csv", alpha=0.4, seed=3, dim=32)
    assert (built.data.source, built.loss.alpha) == ("x.csv", 0.4)
    assert (built.train.seed, built.model.dim) == (3, 32)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"alhpa": 0.3}, "alhpa"),
        ({"alpha": -1}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"alpha": "banana"}, "banana"),
        ({"objective": "mse"}, "objective"),
        ({"dim": 10, "n_heads": 3}, "multiple"),
        ({"cutoff_quantile": 1.0}, "cutoff_quantile"),
        ({"patience": 0}, "patience"),
        ({"objective": "bce", "n_negatives": 0}, "n_negatives"),
        ({"objective": "gbce", "t": 2}, "t = 2"),
    ],
)
def test_wrong_settings_are_named(settings, said):
    with pytest.raises(InputError, match=said):
        experiment(**settings)


def test_descriptions_are_frozen():
    with pytest.raises(ValidationError):
        Experiment().train.seed = 1  # type: ignore[misc]


@given(st.floats(0, 1, exclude_min=True), st.integers(0, 9))
def test_the_same_description_has_the_same_id_after_json(alpha, seed):
    built = experiment(alpha=alpha, seed=seed)
    again = Experiment.model_validate_json(built.model_dump_json())
    assert again == built
    assert again.run_id("f") == built.run_id("f")


# For every field a second value: each must change the id, or be named below as without effect.
OTHER = {
    "k_core": 3, "cutoff_quantile": 0.9, "dim": 32, "n_blocks": 1, "n_heads": 2, "dropout": 0.1,
    "max_len": 20, "regulariser": "none", "alpha": 0.5, "lam": 0.3, "scaling": "sum",
    "batch_size": 64, "lr": 0.01, "weight_decay": 0.1, "max_epochs": 9, "patience": 9, "seed": 1,
    "exclude_seen": False, "select_on": "after-cutoff",
}  # fmt: skip
WITHOUT_EFFECT = {"source": "a.csv", "user_col": "u", "item_col": "i", "time_col": "t"}
OBJECTIVE = {"objective"}  # see below


def test_every_field_counts_in_the_id_or_is_known_not_to():
    fields = {
        f for section in Experiment.model_fields.values() for f in section.annotation.model_fields
    }
    assert fields == set(OTHER) | set(WITHOUT_EFFECT) | OBJECTIVE
    default = Experiment().run_id("f")
    for name, value in OTHER.items():
        assert experiment(**{name: value}).run_id("f") != default, name
    for name, value in WITHOUT_EFFECT.items():
        assert experiment(**{name: value}).run_id("f") == default, name
    assert Experiment().run_id("other data") != default


def test_an_absent_regulariser_has_no_parameters():
    plain = experiment(regulariser="none").run_id("f")
    assert experiment(regulariser="none", alpha=0.5, lam=0.3).run_id("f") == plain
    assert experiment(alpha=0.0, scaling="sum").run_id("f") == plain


OTHER_OF_OBJECTIVE = {
    "bce": {"n_negatives": 2, "reduction": "mean"},
    "gbce": {"n_negatives": 2, "t": 0.9},
    "ce": {},
    "sce": {"bucket_items": 64, "n_buckets": 5, "bucket_positions": 5, "mix": False},
}


def test_every_setting_of_every_objective_counts_in_the_id():
    assert set(OTHER_OF_OBJECTIVE) == set(OBJECTIVES)
    ids = {experiment(objective=name).run_id("f") for name in OBJECTIVES}
    assert len(ids) == len(OBJECTIVES)
    for name, others in OTHER_OF_OBJECTIVE.items():
        assert set(others) == set(objective_settings(name))
        for setting, value in others.items():
            changed = experiment(**{"objective": name, setting: value}).run_id("f")
            assert changed not in ids, (name, setting)
            ids.add(changed)


def test_a_setting_of_another_objective_is_refused():
    with pytest.raises(InputError, match="belongs to bce, gbce"):
        experiment(objective="ce", n_negatives=3)


def test_an_objective_by_its_name_alone():
    assert LossConfig(objective="sce").objective == SCE()
