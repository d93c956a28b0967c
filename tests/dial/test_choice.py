import numpy as np
import pytest
from made_up_dial_records import like_trained, made_up_dials, made_up_rivals
from made_up_records import ALPHA, TABLE, made_up_place

from btsr_core.analysis.pareto import hypervolume
from btsr_core.dial.choice import PLANE, READING, TARGET, chosen_dial, chosen_kind, rivals
from btsr_core.dial.plan import planned_dials, sweep, trained_models
from btsr_core.dial.records import dials_folder, write_dial_record
from btsr_core.dial.settings import KINDS
from btsr_core.study.measure import VALIDATION


@pytest.fixture
def place(tmp_path):
    return made_up_place(tmp_path)


class TestPlan:
    def test_one_of_each_kind_and_seed_over_the_sweep(self, place):
        found = planned_dials(place, ())
        assert [(one.config.seed, one.config.kind) for one in found] == [
            (seed, kind) for seed in (0, 1, 2) for kind in KINDS
        ]
        for one in found:
            assert (one.config.low, one.config.high) == (0.0, 0.4)
            assert one.config.experiment.loss.regulariser.name == "barlow-twins"
            assert one.status == "missing"
        name = found[1].dial_id
        again = planned_dials(place, [name])
        assert [one.dial_id for one in again if one.status == "recorded"] == [name]
        assert str(found[0]) == "walks: a conditioned model, seed 0"

    def test_what_else_varies_stays_at_its_first_value(self, tmp_path):
        grid = {"alpha": [0.0, 0.2], "scaling": ["sum", "per-dimension"]}
        place = made_up_place(tmp_path, parts=(TABLE, {**ALPHA, "grid": grid}))
        regularisers = {one.config.experiment.loss.regulariser.scaling
                        for one in planned_dials(place, ())}  # fmt: skip
        assert regularisers == {"sum"}
        assert list(trained_models(place)) == [0.0, 0.2]
        assert {one.point["scaling"] for one in sweep(place)} == {"sum"}

    def test_without_a_sweep_there_is_none(self, tmp_path):
        one_alpha = {**ALPHA, "grid": {"alpha": [0.2]}}
        assert planned_dials(made_up_place(tmp_path, parts=(TABLE,)), ()) == []
        assert planned_dials(made_up_place(tmp_path, parts=(TABLE, one_alpha)), ()) == []


def test_points_are_those_of_the_records_at_the_same_alphas(place):
    dials = made_up_dials(place)
    one = rivals(place, dials)["conditioned"]
    assert (one.seeds, one.alphas) == ((0, 1, 2), (0.0, 0.2, 0.4))
    ours, theirs = one.dial_points(*PLANE, READING), one.trained_points(*PLANE, READING)
    trained = trained_models(place)
    for s, seed in enumerate(one.seeds):
        dial = next(d for d in dials.values()
                    if (d.config.kind, d.config.seed) == ("conditioned", seed))  # fmt: skip
        for j, alpha in enumerate(one.alphas):
            for m, metric in enumerate(PLANE):
                assert ours[s, j, m] == dial.value(metric, READING, alpha)
                assert theirs[s, j, m] == trained[alpha][seed].value(metric, READING)


def test_shares_of_the_area_seed_by_seed(place):
    one = made_up_rivals(place)["interpolated"]
    expected = [
        hypervolume(ours) / hypervolume(theirs)
        for ours, theirs in zip(
            one.dial_points(*PLANE, READING), one.trained_points(*PLANE, READING), strict=True
        )
    ]
    np.testing.assert_allclose(one.ratios(*PLANE, READING), expected)


def test_a_dial_like_the_trained_models_has_all_of_their_area(place):
    for one in made_up_rivals(place, like_trained(place)).values():
        np.testing.assert_allclose(one.ratios(*PLANE, READING), 1)
        np.testing.assert_allclose(one.ratios(*PLANE, VALIDATION), 1)


@pytest.mark.parametrize(
    ("factors", "chosen"),
    [
        ({"conditioned": 0.99, "interpolated": 1.0}, "interpolated"),
        ({"conditioned": 1.0, "interpolated": 0.99}, "conditioned"),
        ({"conditioned": 0.99, "interpolated": 0.9}, "conditioned"),
        ({"conditioned": 0.98, "interpolated": 0.98}, None),  # 0.98 squared is less than 0.97
    ],
)
def test_the_better_one_that_reaches_the_target_is_chosen(place, factors, chosen):
    found = made_up_rivals(place, like_trained(place, by_kind=factors))
    for kind, factor in factors.items():
        assert found[kind].ratios(*PLANE, READING).mean() == pytest.approx(factor**2)
    assert TARGET == 0.97
    assert chosen_kind(found) == chosen


def test_test_targets_do_not_decide_between_dials_that_reach_it(place):
    base = like_trained(place)

    def value(kind, seed, metric, reading, alpha):
        better = {"conditioned": READING, "interpolated": VALIDATION}[kind]
        return base(kind, seed, metric, reading, alpha) * (1.1 if reading == better else 1.0)

    found = made_up_rivals(place, value)
    shares = {kind: one.ratios(*PLANE, READING).mean() for kind, one in found.items()}
    assert shares["conditioned"] > shares["interpolated"] >= TARGET
    assert chosen_kind(found) == "interpolated"


def test_only_seeds_that_all_have_are_compared(tmp_path):
    place = made_up_place(
        tmp_path, without=lambda one: one.part == "alpha" and one.seed == 1 and one.point["alpha"]
    )
    dials = made_up_dials(place)
    gone = next(name for name, one in dials.items()
                if (one.config.kind, one.config.seed) == ("interpolated", 2))  # fmt: skip
    del dials[gone]
    found = rivals(place, dials)
    assert {kind: one.seeds for kind, one in found.items()} == {
        "conditioned": (0, 2), "interpolated": (0,),
    }  # fmt: skip


def test_nothing_recorded_nothing_chosen(place):
    assert rivals(place, {}) == {}
    assert chosen_kind({}) is None
    assert chosen_dial(place) is None


def test_the_chosen_dial_has_its_records_by_seed_and_its_file(place, tmp_path):
    folder = dials_folder(tmp_path)
    value = like_trained(place, by_kind={"conditioned": 0.9})
    for record in made_up_dials(place, value).values():
        write_dial_record(record, folder)
    found = chosen_dial(place)
    assert found.kind == "interpolated"
    assert [one.config.seed for one in found.records] == [0, 1, 2]
    assert found.artefact is None
    file = folder / f"{found.records[0].dial_id}.safetensors"
    file.touch()
    assert chosen_dial(place).artefact == file
