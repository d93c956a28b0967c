"""Every verdict follows the numbers."""

import pytest
from made_up import model_results, scaling_results, system_results, write_results

from btsr_core.pages import cost_sentences as say
from btsr_core.pages.costs import read_costs


@pytest.fixture
def results():
    return system_results()


@pytest.fixture
def scaling():
    return scaling_results()


@pytest.fixture
def of_systems(tmp_path, results):
    def _say(sentence):
        return sentence(read_costs(write_results(tmp_path, systems=results)).systems)

    return _say


@pytest.fixture
def of_points(tmp_path, scaling):
    def _say(sentence):
        return sentence(read_costs(write_results(tmp_path, scaling=scaling)).points)

    return _say


def test_systems(of_systems):
    assert of_systems(say.training_cost) == (
        "An epoch of SASRec-CE takes 10 s, 1.2 times what the catalogue head alone takes. "
        "Slower: BT-SR (1.3 times as long), Padded SASRec (5.0 times as long), "
        "RecBole (20 times as long), RecTools (30 times as long)."
    )
    said = of_systems(say.evaluation_cost)
    assert said.startswith("SASRec-CE ranks the whole catalogue for 2,000 users a second. Slower: ")
    assert "RecBole (20 times as long)" in said
    said = of_systems(say.memory_cost)
    assert said.startswith("Training SASRec-CE takes at most 100 MiB beside imports and data. More")
    assert "RecTools (30 times as much)" in said


def test_a_ratio_measured_in_turns_counts_more(of_systems, results):
    results["measurements"]["ours-ce"]["figures"]["times_head"] = 1.7
    assert "10 s, 1.7 times what the catalogue head" in of_systems(say.training_cost)


def test_faster_and_as_fast(of_systems, results):
    figures = {name: record["figures"] for name, record in results["measurements"].items()}
    figures["recbole"] |= {
        "epoch_seconds": 5, "evaluated_users_per_second": 4000, "training_peak_mib": 350,
    }  # fmt: skip
    figures["padded"] |= {
        "epoch_seconds": 10.2, "evaluated_users_per_second": 1990, "training_peak_mib": 401,
    }  # fmt: skip
    for sentence in (say.training_cost, say.evaluation_cost):
        said = of_systems(sentence)
        assert "Faster: RecBole (0.50 times as long)." in said
        assert "About as fast: Padded SASRec." in said
    said = of_systems(say.memory_cost)
    assert "Less: RecBole (0.50 times as much)." in said
    assert "About as much: Padded SASRec." in said


def test_systems_without_figures(of_systems, results):
    results["measurements"]["recbole"]["failed"] = "no wheels"
    del results["measurements"]["rectools"]
    for sentence in (say.training_cost, say.evaluation_cost, say.memory_cost):
        assert "Without a figure: RecBole (failed), RecTools (not measured)." in of_systems(
            sentence
        )


def test_no_floor(of_systems, results):
    del results["measurements"]["head"]
    said = of_systems(say.training_cost)
    assert said.startswith(
        "An epoch of SASRec-CE takes 10 s (the catalogue head alone, its floor: not measured). "
    )


def test_nothing_to_compare_with(of_systems, results):
    results["measurements"]["ours-ce"]["not_measured"] = "it ran past 900 s"
    for sentence in (say.training_cost, say.evaluation_cost, say.memory_cost):
        assert of_systems(sentence) == (
            "There is no figure of SASRec-CE to compare the others with "
            "(not measured: it ran past 900 s)."
        )


def test_disturbed_systems(of_systems, results):
    results["measurements"]["ours-ce"]["figures"]["other_load"] = 0.3
    results["measurements"]["padded"]["figures"]["evaluation_other_load"] = 0.3
    assert of_systems(say.training_cost).endswith(" Other work disturbed these timings: SASRec-CE.")
    assert of_systems(say.evaluation_cost).endswith(" disturbed these timings: Padded SASRec.")
    assert "disturbed" not in of_systems(say.memory_cost)


def test_models(tmp_path):
    results = model_results()
    results["measurements"]["ce+cl4srec"]["figures"]["other_load"] = 0.3
    said = say.model_cost(read_costs(write_results(tmp_path, models=results)).models)
    assert said.startswith("An epoch of SASRec-CE takes 10 s and at most 100 MiB beside imports")
    assert "Times that, in time and in memory: BT-SR 1.1 and 1.1; SASRec-BCE 1.2 and 1.2;" in said
    assert said.endswith("EC4SRec 1.8 and 1.8. Other work disturbed these timings: CL4SRec.")
    del results["measurements"]["ce+none"]
    nothing = say.model_cost(read_costs(write_results(tmp_path, models=results)).models)
    assert nothing.startswith("There is no figure of SASRec-CE")


def test_catalogue(of_points):
    assert of_points(say.catalogue_cost) == (
        "With 10,000 items a step of SASRec-SCE is slower than one of SASRec-CE (0.16 s against "
        "0.10 s) and takes more memory (80 MiB against 50 MiB). With 1,000,000 items a step of "
        "SASRec-SCE is 8.7 times as fast as one of SASRec-CE (1.1 s against 10 s) and takes less "
        "memory (575 MiB against 4.9 GiB)."
    )


def test_catalogue_alike(of_points, scaling):
    records = scaling["measurements"]
    records["catalogue-sce-10000"]["figures"] = dict(records["catalogue-ce-10000"]["figures"])
    said = of_points(say.catalogue_cost)
    assert "is about as fast as one of SASRec-CE" in said
    assert "takes about as much memory" in said


def test_catalogue_where_only_some_was_measured(of_points, scaling):
    scaling["measurements"]["catalogue-ce-1000000"]["not_measured"] = "it ran past 240 s"
    said = of_points(say.catalogue_cost)
    assert "With 100,000 items a step of SASRec-SCE is 4.0 times as fast" in said
    assert said.endswith(" Without a figure: SASRec-CE, 1,000,000 items (not measured).")
    for name, record in scaling["measurements"].items():
        if name.startswith("catalogue-sce"):
            record["failed"] = "out of memory"
    said = of_points(say.catalogue_cost)
    assert said.startswith("There is no catalogue for which two systems have figures.")
    assert "SASRec-SCE, 10,000 items (failed)" in said


def test_catalogue_without_memory(of_points, scaling):
    for record in scaling["measurements"].values():
        record["figures"]["baseline_mib"] = None
    assert "memory" not in of_points(say.catalogue_cost)
    assert "MiB" not in of_points(say.users_cost)


@pytest.mark.parametrize(
    ("seconds", "how"),
    [(0.4, "in proportion"), (0.9, "more than in proportion"), (0.2, "less than in proportion")],
)
def test_length(of_points, scaling, seconds, how):
    scaling["measurements"]["length-200"]["figures"]["step_seconds"] = seconds
    said = of_points(say.length_cost)
    assert said.startswith("A training step on histories of 200 items takes ")
    assert said.endswith(f"as long as on 25, with 8.0 times the items: {how}.")


def test_length_of_one(of_points, scaling):
    for length in (50, 100, 200):
        scaling["measurements"][f"length-{length}"]["not_measured"] = "too long"
    said = of_points(say.length_cost)
    assert said.startswith("Fewer than two lengths of histories have figures. Without a figure: ")
    assert "length 200 (not measured)" in said


@pytest.mark.parametrize(
    ("speed", "how"),
    [(5100, "about as fast as"), (6000, "faster than"), (3000, "more slowly than")],
)
def test_users(of_points, scaling, speed, how):
    scaling["measurements"]["users-100000x10000"]["figures"]["users_per_second"] = speed
    assert of_points(say.users_cost) == (
        f"100,000 users are evaluated {how} 1,000: {speed:,} a second against 5,000, in 210 MiB "
        "against 12 MiB. Over 1,000,000 items, 10,000 users take 1,020 MiB and 200 s."
    )


def test_users_not_measured(of_points, scaling):
    records = scaling["measurements"]
    records["memory-10000x1000000"]["not_measured"] = "too long"
    said = of_points(say.users_cost)
    assert "Over 1,000,000" not in said
    assert said.endswith(" Without a figure: 10,000 users, 1,000,000 items (not measured).")
    for users in (10**4, 10**5):
        records[f"users-{users}x10000"]["failed"] = "out of memory"
    assert of_points(say.users_cost).startswith("Fewer than two numbers of users have figures.")


def test_disturbed_points(of_points, scaling):
    for name in ("catalogue-ce-10000", "length-50", "users-1000x10000"):
        scaling["measurements"][name]["figures"]["other_load"] = 0.2
    end = " Other work disturbed these timings: "
    assert of_points(say.catalogue_cost).endswith(f"{end}SASRec-CE, 10,000 items.")
    assert of_points(say.length_cost).endswith(f"{end}length 50.")
    assert of_points(say.users_cost).endswith(f"{end}1,000 users, 10,000 items.")
