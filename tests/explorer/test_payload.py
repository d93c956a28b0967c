"""The whole payload, for pages and for the lab, with and without a dial."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from made_up_dials import ALPHA as BOTH_SCALINGS
from made_up_records import ALPHA, TABLE, made_up_place

from btsr_core.config import DataConfig
from btsr_core.errors import InputError
from btsr_core.evaluation.metrics import CUTOFFS
from btsr_core.experiment import prepare
from btsr_core.explorer import sentences
from btsr_core.explorer.curves import cells_of, sweeps
from btsr_core.explorer.dials import dial_numbers, positions_of
from btsr_core.explorer.payload import View, explorer_payload, metric_kind
from btsr_core.study.examples import examples_of
from btsr_core.study.measure import measure_targets

FIRST = "ce-per-dimension"
GRID = np.round(np.linspace(0, 0.4, 41), 9)


@pytest.fixture(scope="module")
def data(tiny_csv):
    return prepare(DataConfig(source=str(tiny_csv), k_core=1))


@pytest.fixture(scope="module")
def examples(data):
    return examples_of(data)


@pytest.fixture(scope="module")
def targets(data):
    return measure_targets(data)


def with_lists(place, n_items, users=4):
    """Give the records lists that depend on alpha and seed alone."""
    for own in (own for sweep in sweeps(place).values() for own in sweep.items()):
        alpha, records = own
        for record in records:
            rng = np.random.default_rng([round(100 * alpha), record.experiment.train.seed])
            lists = np.stack([rng.permutation(n_items)[:10] for _ in range(users)])
            place.records[record.run_id] = dataclasses.replace(record, lists=lists)
    return place


@pytest.fixture
def place(tmp_path, targets, data):
    made = made_up_place(tmp_path, parts=(TABLE, BOTH_SCALINGS), targets=targets)
    return with_lists(made, data.split.n_items)


def made_up_dial(seed, n_items, users=4):
    """Return the record of a dial whose ndcg@10 is alpha plus a tenth of its seed."""
    rng = np.random.default_rng(seed)
    lists = np.stack([[rng.permutation(n_items)[:10] for _ in range(users)] for _ in GRID])

    def values(metric, reading, bucket=0):
        known = (metric, bucket) == ("ndcg@10", 0)
        return GRID * (1 + seed) + 0.1 * seed if known else np.full(len(GRID), np.nan)

    return SimpleNamespace(
        alphas=GRID, lists=lists, ranks=np.full((len(GRID), users), 5 + seed),
        config=SimpleNamespace(seed=seed), values=values,
    )  # fmt: skip


class TestPayload:
    def test_as_agreed(self, place, examples):
        found = explorer_payload(place, examples, reading="events")
        assert found["positions"] == found["trained"] == [0.0, 0.2, 0.4]
        assert found["default"]["alpha"] == 0.2
        assert (found["default"]["metric"], found["default"]["k"]) == ("ndcg", 10)
        assert found["cutoffs"] == list(CUTOFFS)
        assert [one["key"] for one in found["metrics"]] == ["hr", "ndcg", "mrr", "cov"]
        assert [one["key"] for one in found["sources"]] == ["trained"]
        assert [one["key"] for one in found["choices"]] == [found["chosen"]] == ["ce-per-dimension"]
        assert found["datasets"] == [found["dataset"]] == ["walks"]
        assert found["seeds"] == [0, 1, 2]
        assert found["n_targets"] == len(place.targets.of("events"))
        assert found["n_users"] == place.targets.of("events")["user"].nunique()
        assert found["lists_from"] == "trained, seed 0"
        assert not found["live"]

    def test_is_json(self, place, examples):
        found = explorer_payload(place, examples, reading="events")
        assert json.loads(json.dumps(found, allow_nan=False)) == found

    def test_levels_are_means_of_what_was_recorded(self, place, examples):
        found = explorer_payload(place, examples, reading="full", choice="ce-sum")
        own = found["sources"][0]["values"]["hr@10"]
        for bucket in map(int, own):
            for alpha, mean in zip([0.0, 0.2, 0.4], own[str(bucket)]["mean"], strict=True):
                records = sweeps(place)["ce-sum"][alpha]
                wanted = np.mean([one.value("hr@10", "full", bucket) for one in records])
                assert mean == pytest.approx(wanted, rel=1e-4)

    def test_lists_and_ranks_are_of_the_least_seed(self, place, data, examples):
        found = explorer_payload(place, examples, reading="events", fixed=False)
        for position, records in enumerate(sweeps(place)["ce-per-dimension"].values()):
            for row, user in enumerate(found["users"]):
                assert user["number"] == row
                titles = [found["items"][item]["title"] for item in user["lists"][position]]
                assert titles == [str(data.split.items[item]) for item in records[0].lists[row]]
                assert user["target_rank"][position] == records[0].ranks["full"][row]

    def test_a_file_is_named_without_its_folder(self, tmp_path, targets, data, examples):
        file = "/home/somebody/walks.csv"
        made = made_up_place(tmp_path, parts=(TABLE, ALPHA), targets=targets, dataset=file)
        found = explorer_payload(with_lists(made, data.split.n_items), examples, reading="events")
        assert found["datasets"] == [found["dataset"]] == ["walks.csv"]
        assert "somebody" not in json.dumps(found)

    def test_for_the_lab(self, place, examples):
        found = explorer_payload(
            place, examples, reading="events", datasets=["walks", "b"], fixed=False
        )
        assert [one["key"] for one in found["choices"]] == ["ce-per-dimension", "ce-sum"]
        assert found["datasets"] == ["walks", "b"]
        assert len(found["users"]) == 4

    def test_in_sight_at_first(self, place, examples):
        view = View("cov", 5, 0.33)
        found = explorer_payload(place, examples, reading="events", view=view)["default"]
        assert (found["metric"], found["k"], found["alpha"]) == ("cov", 5, 0.4)

    def test_one_seed(self, tmp_path, targets, examples):
        parts = tuple({**part, "seeds": 1} for part in (TABLE, ALPHA))
        found = explorer_payload(
            made_up_place(tmp_path, parts=parts, targets=targets), examples, reading="events"
        )
        own = found["sources"][0]["values"]["ndcg@10"]["0"]
        assert own["low"] == own["change_high"] == [None] * 3
        assert found["users"] == []  # made-up records have no lists
        assert "one seed has no interval" in sentences.what_alpha_does(found)

    def test_unknown_choice(self, place, examples):
        with pytest.raises(InputError, match="choice = 'x': must be one of ce-per-dimension"):
            explorer_payload(place, examples, reading="events", choice="x")

    def test_nothing_along_alpha(self, tmp_path, targets, examples):
        place = made_up_place(tmp_path, parts=(TABLE,), targets=targets)
        with pytest.raises(InputError, match="no runs along alpha are recorded of walks"):
            explorer_payload(place, examples, reading="events")


class TestDial:
    @pytest.fixture
    def dial(self, data):
        return {FIRST: [made_up_dial(seed, data.split.n_items) for seed in (0, 1)]}

    def test_positions_in_the_lab(self, place, data, dial, examples):
        found = explorer_payload(
            place, examples, reading="events", dials=dial, fixed=False, live=True
        )
        assert found["positions"] == GRID.tolist()
        assert found["trained"] == [0.0, 0.2, 0.4]
        assert found["lists_from"] == "dial"
        assert found["live"]
        assert len(found["items"]) == data.split.n_items
        for user in found["users"]:
            assert len(user["lists"]) == len(user["target_rank"]) == len(GRID)
            assert set(user["target_rank"]) == {5}
        at = GRID.tolist().index(0.13)
        assert found["users"][2]["lists"][at] == dial[FIRST][0].lists[at, 2].tolist()

    def test_fewer_positions_on_a_page(self, place, data, dial, examples):
        found = explorer_payload(place, examples, reading="events", dials=dial)
        assert len(found["positions"]) <= 26
        assert {0.0, 0.2, 0.4} <= set(found["positions"])
        at = found["positions"].index(0.2)
        own = next(user for user in found["users"])
        titles = [found["items"][item]["title"] for item in own["lists"][at]]
        row = dial[FIRST][0].lists[GRID.tolist().index(0.2), own["number"]]
        assert titles == [str(data.split.items[item]) for item in row]

    def test_numbers_by_hand(self, place, dial):
        """Of seed 0 it is alpha, of seed 1 twice that and a tenth."""
        cells = cells_of(place)
        numbers = dial_numbers(dial[FIRST], cells, "events", [0.0, 0.1])
        at = cells.index(("ndcg@10", 0))
        assert [numbers[0.1][seed][at] for seed in (0, 1)] == pytest.approx([0.1, 0.3])

    def test_serves_its_choice_alone(self, place, examples, dial):
        found = explorer_payload(
            place, examples, reading="events", choice="ce-sum", dials=dial, fixed=False, live=True
        )
        assert [one["key"] for one in found["sources"]] == ["trained"]
        assert not found["live"]

    def test_source(self, place, examples, dial):
        source = explorer_payload(place, examples, reading="events", dials=dial)["sources"][1]
        own = source["values"]["ndcg@10"]["0"]
        at = source["alphas"].index(0.2)
        assert own["mean"][at] == pytest.approx((0.2 + 0.5) / 2, rel=1e-4)
        assert own["change"][at] == pytest.approx(0.3, rel=1e-4)
        half = 12.7062 * 0.1  # changes are 0.2 and 0.4
        assert own["change_low"][at] == pytest.approx(0.3 - half, rel=1e-4)

    def test_thinned_evenly_with_both_ends(self, dial):
        assert positions_of(dial[FIRST], (), 5) == [0.0, 0.1, 0.2, 0.3, 0.4]
        assert positions_of(dial[FIRST], (0.05,), 5) == [0.0, 0.05, 0.1, 0.2, 0.3, 0.4]
        assert positions_of(dial[FIRST], (), 41) == GRID.tolist()


def test_metric_kind():
    assert metric_kind("cov") == "cov"
    with pytest.raises(InputError, match="metric = 'ndcg@10': must be one of hr, ndcg, mrr, cov"):
        metric_kind("ndcg@10")


class TestSentences:
    def payload(self, change, low, high, seeds=5):
        own = {"mean": [0.1, 0.2, 0.3], "change": change, "change_low": low, "change_high": high}
        return {
            "title": "walks, BT-SR", "seeds": list(range(seeds)), "reading": "events",
            "noun": "film", "default": {"metric": "ndcg", "k": 10},
            "sources": [{
                "label": "runs", "alphas": [0.0, 0.2, 0.4], "values": {"ndcg@10": {"0": own}},
            }],
        }  # fmt: skip

    def test_told_apart(self):
        said = sentences.what_alpha_does(self.payload([0, 0.1, 0.2], [0, -1, 0.1], [0, 1, 0.3]))
        assert "ndcg@10 changes by +0.2000 (+0.1000 to +0.3000)" in said
        assert "at 1 of 2 values of \N{GREEK SMALL LETTER ALPHA} (0.4)" in said

    def test_not_told_apart(self):
        said = sentences.what_alpha_does(self.payload([0, 0.1, 0.2], [0, -1, -1], [0, 1, 1]))
        assert "at no \N{GREEK SMALL LETTER ALPHA} can it be told from no change" in said
        assert "over 5 seeds" in said

    def test_without_zero(self):
        nothing = [None] * 3
        said = sentences.what_alpha_does(self.payload(nothing, nothing, nothing))
        assert "= 0 is not recorded, so no change can be told" in said

    def test_lists_beside_chance(self):
        """Lists of alpha 0.4 share half with those of 0; those of other seeds at 0 a tenth less."""

        def run(seed, items):
            train = SimpleNamespace(seed=seed)
            experiment = SimpleNamespace(train=train)
            return SimpleNamespace(experiment=experiment, lists=np.array([items]))

        ten = np.arange(10)
        sweep = {0.0: [run(0, ten), run(1, ten + 4)], 0.4: [run(0, ten + 5), run(1, ten + 9)]}
        said = sentences.whose_lists_change({"noun": "film"}, sweep)
        assert "Of the 10 films in a list 5.0 are others" in said
        assert "exchanges 4.0: turning" in said
        assert "exchanges 1.0 more than training again does" in said
        alone = {alpha: own[:1] for alpha, own in sweep.items()}
        assert "with one seed nobody can tell" in sentences.whose_lists_change(
            {"noun": "film"}, alone
        )

    def test_no_lists(self, place):
        empty = {0.0: [], 0.4: []}
        assert "No list is recorded" in sentences.whose_lists_change({"noun": "film"}, empty)
