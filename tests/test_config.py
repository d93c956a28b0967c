import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from btsr_core.config import RECIPE, Experiment, experiment
from btsr_core.errors import InputError
from btsr_core.settings import (
    CHOICES,
    SCE,
    BarlowTwins,
    LossConfig,
    VICReg,
    own_settings,
)


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
        ({"objective": "mse"}, "objective = 'mse': must be one of ce, bce"),
        ({"dim": 10, "n_heads": 3}, "multiple"),
        ({"cutoff_quantile": 1.0}, "cutoff_quantile"),
        ({"patience": 0}, "patience"),
        ({"precision": "float16"}, "precision = 'float16'"),
        ({"objective": "bce", "n_negatives": 0}, "n_negatives"),
        ({"objective": "gbce", "t": 2}, "t = 2"),
        ({"regulariser": "bt", "lam": 0.3}, "regulariser = 'bt': must be one of none, barlow"),
        ({"lam": -1}, "lam = -1"),
        ({"view": "shuffle"}, "shuffle"),
        ({"view": "crop", "view_share": 1.5}, "view_share = 1.5"),
        ({"view": "dropout", "view_share": 0.5}, "belongs to crop, mask, reorder, substitute"),
        ({"regulariser": "duorec", "temperature": 0}, "temperature = 0"),
        ({"projection_dim": -1}, "projection_dim = -1"),
        ({"regulariser": "ec4srec", "positive_share": 0}, "positive_share = 0"),
        ({"regulariser": "ec4srec", "update_epochs": (0, 5)}, "update_epochs = 0"),
        ({"regulariser": "ec4srec", "update_epochs": (5, 5)}, "ascending"),
        ({"regulariser": "ec4srec", "update_epochs": ()}, "update_epochs = "),
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
    "max_len": 20, "alpha": 0.5, "batch_size": 64, "lr": 0.01, "weight_decay": 0.1,
    "max_epochs": 9, "patience": 9, "seed": 1, "exclude_seen": False, "select_on": "after-cutoff",
    "precision": "bfloat16",
}  # fmt: skip
WITHOUT_EFFECT = {"source": "a.csv", "user_col": "u", "item_col": "i", "time_col": "t"}


def test_every_field_counts_in_the_id_or_is_known_not_to():
    fields = {
        f for section in Experiment.model_fields.values() for f in section.annotation.model_fields
    }
    assert fields == set(OTHER) | set(WITHOUT_EFFECT) | set(CHOICES)  # see below
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
    assert experiment(alpha=0.0, regulariser="cl4srec", mask=0.5).run_id("f") == plain


ONE_VIEW = {"view": "dropout", "projection_dim": 16}
OTHER_OF = {
    "objective": {
        "bce": {"n_negatives": 2, "reduction": "mean"},
        "gbce": {"n_negatives": 2, "t": 0.9},
        "ce": {},
        "sce": {"bucket_items": 64, "n_buckets": 5, "bucket_positions": 5, "mix": False},
    },
    "regulariser": {
        "none": {},
        "barlow-twins": {"lam": 0.3, "scaling": "sum", **ONE_VIEW},
        "vicreg": {"invariance": 9, "variance": 9, "covariance": 9, **ONE_VIEW},
        "cl4srec": {"crop": 0.5, "mask": 0.5, "reorder": 0.5, "temperature": 0.5},
        "duorec": {"temperature": 0.5, "drop_same_target": True},
        "ec4srec": {
            "positive_share": 0.5,
            "negative_share": 0.5,
            "temperature": 0.5,
            "negative_temperature": 0.5,
            "negative_weight": 0.3,
            "update_epochs": (15, 31),
        },
    },
}


@pytest.mark.parametrize("kind", CHOICES)
def test_every_setting_of_every_choice_counts_in_the_id(kind):
    assert set(OTHER_OF[kind]) == set(CHOICES[kind])
    ids = {experiment(**{kind: name}).run_id("f") for name in CHOICES[kind]}
    assert len(ids) == len(CHOICES[kind])
    for name, others in OTHER_OF[kind].items():
        assert set(others) == set(own_settings(kind, name)) - {"view_share"}  # see below
        for setting, value in others.items():
            changed = experiment(**{kind: name, setting: value}).run_id("f")
            assert changed not in ids, (name, setting)
            ids.add(changed)


@pytest.mark.parametrize("regulariser", ["barlow-twins", "vicreg"])
@pytest.mark.parametrize("view", ["crop", "mask", "reorder", "substitute"])
def test_the_share_of_a_view_counts_and_its_default_is_no_other_description(regulariser, view):
    default = experiment(regulariser=regulariser, view=view)
    share = default.loss.regulariser.view_share
    named = experiment(regulariser=regulariser, view=view, view_share=share)
    assert named.run_id("f") == default.run_id("f")
    other = experiment(regulariser=regulariser, view=view, view_share=0.5)
    assert other.run_id("f") != default.run_id("f")


def test_flat_names_are_unique_across_sections_and_choices():
    fields = [
        f for section in Experiment.model_fields.values() for f in section.annotation.model_fields
    ]
    own = [
        {setting for name in CHOICES[kind] for setting in own_settings(kind, name)}
        for kind in CHOICES
    ]
    names = [*fields, *own[0], *own[1]]
    assert len(names) == len(set(names))


def test_settings_of_objective_and_regulariser_stand_side_by_side():
    loss = experiment(objective="bce", n_negatives=7, regulariser="vicreg", covariance=4).loss
    assert loss.objective.n_negatives == 7
    assert loss.regulariser == VICReg(covariance=4)
    assert experiment(lam=0.4).loss.regulariser == BarlowTwins(lam=0.4)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"objective": "ce", "n_negatives": 3}, "objective 'ce'; it belongs to bce, gbce"),
        ({"regulariser": "none", "scaling": "sum"}, "regulariser 'none'; it belongs to barlow"),
        ({"regulariser": "duorec", "view": "crop"}, "it belongs to barlow-twins, vicreg"),
        ({"temperature": 2}, "it belongs to cl4srec, duorec"),
    ],
)
def test_a_setting_of_another_choice_is_refused(settings, said):
    with pytest.raises(InputError, match=said):
        experiment(**settings)


def test_a_choice_by_its_name_alone():
    loss = LossConfig(objective="sce", regulariser="vicreg")
    assert (loss.objective, loss.regulariser) == (SCE(), VICReg())


def test_runs_from_before_projection_heads_and_precision_keep_their_names():
    without = Experiment().model_dump()
    del without["loss"]["regulariser"]["projection_dim"]
    del without["train"]["precision"]
    for place in ("source", "user_col", "item_col", "time_col"):
        del without["data"][place]
    canonical = json.dumps(
        {"recipe": RECIPE, "fingerprint": "f", **without}, sort_keys=True, separators=(",", ":")
    )
    assert Experiment().run_id("f") == hashlib.sha256(canonical.encode()).hexdigest()[:16]


def test_importance_only_where_a_regulariser_uses_it():
    assert experiment(regulariser="ec4srec").loss.update_epochs == (15, 30)
    for epochs in ([2, 7], "2+7"):
        described = experiment(regulariser="ec4srec", update_epochs=epochs)
        assert described.loss.update_epochs == (2, 7)
    assert experiment(regulariser="ec4srec", alpha=0.0).loss.update_epochs == ()
    assert experiment().loss.update_epochs == ()


def test_a_projection_head_only_where_a_regulariser_uses_it():
    for regulariser in ("barlow-twins", "vicreg"):
        described = {"regulariser": regulariser, "projection_dim": 5}
        assert experiment(**described).loss.projection_dim == 5
        assert experiment(**described, alpha=0.0).loss.projection_dim == 0
        assert experiment(regulariser=regulariser).loss.projection_dim == 0
    assert experiment(regulariser="duorec").loss.projection_dim == 0


@pytest.mark.parametrize(
    ("settings", "uses"),
    [
        ({}, False),
        ({"view": "mask"}, True),
        ({"view": "crop"}, False),
        ({"regulariser": "cl4srec"}, True),
        ({"regulariser": "ec4srec"}, True),
        ({"regulariser": "cl4srec", "alpha": 0.0}, False),
        ({"regulariser": "duorec"}, False),
    ],
)
def test_a_mask_token_only_where_a_view_masks(settings, uses):
    assert experiment(**settings).loss.uses_mask_token == uses
