"""The widget: set from Python and by hand, checked, and answering for a user at any alpha."""

import numpy as np
import pytest
import torch
from made_up_dials import ALPHA as BOTH_SCALINGS
from made_up_records import TABLE, made_up_place

from btsr_core.book.vendored import plotly_script
from btsr_core.config import DataConfig
from btsr_core.errors import InputError
from btsr_core.evaluation.evaluate import evaluate_model
from btsr_core.experiment import prepare
from btsr_core.explorer import display
from btsr_core.explorer.live import LiveLists
from btsr_core.explorer.payload import View
from btsr_core.explorer.shelf import Shelf, Stock
from btsr_core.explorer.widget import Explorer
from btsr_core.study.examples import examples_of
from btsr_core.study.measure import SHOWN_ITEMS, measure_targets
from btsr_core.training.train import build_model


class MadeUpDial:
    """Untrained models, another for each alpha."""

    def __init__(self, tiny, n_items):
        self.config = type("Config", (), {"experiment": tiny})
        self.n_items, self.made = n_items, []

    def model_at(self, alpha):
        if not 0 <= alpha <= 0.5:
            raise InputError(f"alpha = {alpha:g} is outside of what this dial serves")
        self.made.append(alpha)
        train = self.config.experiment.train.model_copy(update={"seed": round(1000 * alpha)})
        described = self.config.experiment.model_copy(update={"train": train})
        return build_model(described, self.n_items, torch.device("cpu")).eval()


@pytest.fixture(scope="module")
def data(tiny_csv):
    return prepare(DataConfig(source=str(tiny_csv), k_core=1))


@pytest.fixture(scope="module")
def examples(data):
    return examples_of(data)


@pytest.fixture(scope="module")
def targets(data):
    return measure_targets(data)


@pytest.fixture
def shelf(tmp_path, data, examples, targets):
    place = made_up_place(tmp_path, parts=(TABLE, BOTH_SCALINGS), targets=targets)
    for record in place.records.values():
        rng = np.random.default_rng(record.experiment.train.seed)
        object.__setattr__(record, "lists", rng.integers(0, data.split.n_items, (5, 10)))
    asked = type("Asked", (), {"study": "", "results": str(tmp_path), "mirror": ""})
    return Shelf(Stock(place, examples, None), asked, "events", View())


@pytest.fixture
def widget(shelf):
    shown = Explorer(shelf)
    said = []
    shown.send = said.append
    shown.said = said
    return shown


class TestTraits:
    def test_begins_with_the_first_choice(self, widget):
        assert (widget.dataset, widget.choice) == ("walks", "ce-per-dimension")
        assert (widget.alpha, widget.metric, widget.k) == (0.2, "ndcg", 10)
        assert widget.payload["chosen"] == "ce-per-dimension"
        assert len(widget.payload["users"]) == 5

    def test_are_set_from_python(self, widget):
        widget.alpha, widget.metric, widget.k, widget.user = 0.4, "cov", 5, 3
        assert (widget.alpha, widget.metric, widget.k, widget.user) == (0.4, "cov", 5, 3)
        widget.alpha = 0.2 + 1e-12
        assert widget.alpha == 0.2

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("alpha", 0.3, "alpha = 0.3: must be one of 0, 0.2, 0.4"),
            ("metric", "auc", "metric = 'auc': must be one of"),
            ("k", 7, "k = 7: must be one of 1, 5, 10, 20, 50"),
            ("user", 5, "user = 5: must lie between 0 and 4"),
            ("user", -1, "user = -1"),
            ("dataset", "x", "dataset = 'x': must be one of walks"),
            ("choice", "x", "choice = 'x': must be one of ce-per-dimension, ce-sum"),
        ],
    )
    def test_are_checked(self, widget, name, value, message):
        before = getattr(widget, name)
        with pytest.raises(InputError, match=message):
            setattr(widget, name, value)
        assert getattr(widget, name) == before

    def test_another_choice_brings_its_payload(self, widget):
        widget.alpha, widget.user = 0.4, 2
        widget.choice = "ce-sum"
        assert widget.payload["chosen"] == "ce-sum"
        assert (widget.alpha, widget.user) == (0.4, 2)

    def test_what_is_wrong_by_hand_is_put_back_and_said(self, widget):
        widget.set_state({"alpha": 0.33})
        assert widget.alpha == 0.2
        (said,) = widget.said
        assert said["type"] == "error"
        assert "alpha = 0.33" in said["message"]


class TestLive:
    def test_lists_are_those_of_an_evaluation(self, tiny, data, examples, targets):
        dial = MadeUpDial(tiny, data.split.n_items)
        lists = LiveLists(dial, examples, targets)
        tested = data.split.held_out["full"].test
        ranking = evaluate_model(dial.model_at(0.123), tested, tiny.model.max_len, k=SHOWN_ITEMS)
        for row in range(len(examples.histories)):
            items, rank = lists.of(row, 0.123)
            assert items == [item for item in ranking.top_items[row].tolist() if item >= 0]
            assert rank == (ranking.ranks[row] if ranking.ranks[row] <= 100 else None)

    def test_models_are_kept(self, tiny, data, examples, targets):
        dial = MadeUpDial(tiny, data.split.n_items)
        lists = LiveLists(dial, examples, targets)
        for alpha in (0.1, 0.2, 0.1, 0.2):
            lists.of(0, alpha)
        assert dial.made == [0.1, 0.2]

    def test_answer(self, widget, shelf, tiny, data, examples, targets):
        shelf._live["walks"] = LiveLists(MadeUpDial(tiny, data.split.n_items), examples, targets)
        shelf._payloads["walks", "ce-per-dimension"]["live"] = True
        widget._answer(widget, {"type": "lists", "id": 7, "alpha": 0.31, "user": 1}, [])
        (said,) = widget.said
        assert (said["type"], said["id"], said["alpha"], said["user"]) == ("lists", 7, 0.31, 1)
        assert said["list"] == shelf._live["walks"].of(1, 0.31)[0]
        assert said["ms"] >= 0

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ({"type": "lists", "id": 1, "alpha": 0.2, "user": 0}, "no dial of walks"),
            ({"type": "lists", "id": 1, "user": 0}, "alpha"),
        ],
    )
    def test_what_cannot_be_answered_is_said(self, widget, content, message):
        widget._answer(widget, content, [])
        (said,) = widget.said
        assert said["type"] == "error"
        assert message in said["message"]

    def test_other_messages_are_no_questions(self, widget):
        widget._answer(widget, {"type": "hello"}, [])
        assert widget.said == []


def test_everything_is_made_once(shelf):
    shelf.fill()
    first = shelf.payload("walks")
    assert shelf.payload("walks", "ce-per-dimension") is first
    assert shelf.payload("walks", "ce-sum") is shelf.payload("walks", "ce-sum")


def test_plotly_is_wrapped_for_a_module():
    module = plotly_script()
    assert module.startswith("if (!globalThis.Plotly) {")
    assert len(module) < 5e6


def test_a_kernel_without_a_browser_makes_no_widget(monkeypatch, shelf, examples):
    place = shelf._stocks["walks"].place
    monkeypatch.setattr(display, "stock_of", lambda *_: Stock(place, examples, None))
    monkeypatch.delenv(display.OF_A_SESSION, raising=False)
    shown = display.explorer(place, shelf._parameters, reading="events", view=View())
    assert not hasattr(shown, "_esm")
    monkeypatch.setenv(display.OF_A_SESSION, "slider.md")
    shown = display.explorer(place, shelf._parameters, reading="events", view=View())
    assert isinstance(shown, Explorer)
