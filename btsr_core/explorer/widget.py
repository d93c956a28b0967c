"""The slider in JupyterLab: what can be set from Python and by hand, in step."""

import time
from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from btsr_core.book.vendored import plotly_script
from btsr_core.errors import InputError
from btsr_core.explorer.assets import front_end, style_sheet
from btsr_core.explorer.payload import metric_kind
from btsr_core.explorer.shelf import Shelf
from btsr_core.pages.pairs import cutoff_of

CLOSE = 1e-9
"""How far alpha may be from a position, for it went through text."""


class Explorer(anywidget.AnyWidget):
    """The slider over alpha.

    Attributes
    ----------
    alpha
        One of the positions; any value between them where a dial makes lists.
    metric, k
        Such as `ndcg` and 10.
    user
        Position among the users shown, from 0.
    dataset, choice
        Whose runs; another one loads them, and the rest is kept as far as it exists there.
    payload
        What is shown; see `explorer_payload`. It follows from the dataset and the choice.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    payload = traitlets.Dict().tag(sync=True)
    alpha = traitlets.Float().tag(sync=True)
    metric = traitlets.Unicode().tag(sync=True)
    k = traitlets.Int().tag(sync=True)
    user = traitlets.Int().tag(sync=True)
    dataset = traitlets.Unicode().tag(sync=True)
    choice = traitlets.Unicode().tag(sync=True)

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        payload = shelf.payload(shelf.datasets[0])
        super().__init__(
            _esm=plotly_script() + front_end(),
            _css=style_sheet(),
            payload=payload,
            dataset=payload["dataset"],
            choice=payload["chosen"],
            **payload["default"],
        )
        self.on_msg(self._answer)

    @traitlets.validate("alpha")
    def _check_alpha(self, proposal: Any) -> float:
        alpha, positions = float(proposal["value"]), self.payload["positions"]
        nearest = nearest_position(alpha, positions)
        if abs(nearest - alpha) <= CLOSE:
            return nearest
        if self.payload["live"] and positions[0] < alpha < positions[-1]:
            return alpha
        listed = ", ".join(f"{one:g}" for one in positions)
        raise InputError(f"alpha = {alpha:g}: must be one of {listed}")

    @traitlets.validate("metric")
    def _check_metric(self, proposal: Any) -> str:
        return metric_kind(proposal["value"])

    @traitlets.validate("k")
    def _check_k(self, proposal: Any) -> int:
        return cutoff_of(proposal["value"])

    @traitlets.validate("user")
    def _check_user(self, proposal: Any) -> int:
        user, n = int(proposal["value"]), len(self.payload["users"])
        if 0 <= user < max(n, 1):  # user 0 of none is nobody
            return user
        raise InputError(f"user = {user}: must lie between 0 and {n - 1}, for {n} users are shown")

    @traitlets.validate("dataset")
    def _check_dataset(self, proposal: Any) -> str:
        return str(self._shelf.payload(proposal["value"])["dataset"])

    @traitlets.validate("choice")
    def _check_choice(self, proposal: Any) -> str:
        return str(self._shelf.payload(self.dataset, proposal["value"])["chosen"])

    @traitlets.observe("dataset")
    def _take_up_dataset(self, _change: Any) -> None:
        if self.dataset != self.payload["dataset"]:
            self._show(self._shelf.payload(self.dataset))

    @traitlets.observe("choice")
    def _take_up_choice(self, _change: Any) -> None:
        if self.choice != self.payload["chosen"]:
            self._show(self._shelf.payload(self.dataset, self.choice))

    def _show(self, payload: dict[str, Any]) -> None:
        """Show other runs, as far as they go at the alpha and the user in sight."""
        alpha = nearest_position(self.alpha, payload["positions"])
        user = min(self.user, max(len(payload["users"]) - 1, 0))
        with self.hold_sync():
            self.payload, self.choice = payload, payload["chosen"]
            self.alpha, self.user = alpha, user

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what was set by hand; what cannot be is put back, and said."""
        before = {name: getattr(self, name) for name in sync_data if self.has_trait(name)}
        try:
            super().set_state(sync_data)
        except InputError as error:
            for name, value in before.items():
                setattr(self, name, value)
            self.send_state(list(before))
            self.send({"type": "error", "message": str(error)})

    def _answer(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Answer a question of the front end: the list of a user at any alpha."""
        if not isinstance(content, dict) or content.get("type") != "lists":
            return
        started = time.perf_counter()
        asked = {name: content.get(name) for name in ("id", "alpha", "user")}
        try:
            alpha, user = float(content["alpha"]), int(content["user"])
            found, rank = self._shelf.lists(self.dataset, self.choice, user, alpha)
        except (InputError, KeyError, TypeError, ValueError, IndexError) as error:
            self.send({"type": "error", "id": asked["id"], "message": str(error)})
            return
        took = 1000 * (time.perf_counter() - started)
        self.send({"type": "lists", **asked, "list": found, "target_rank": rank, "ms": took})


def nearest_position(alpha: float, positions: Sequence[float]) -> float:
    """Return the position next to alpha, the lower of equals."""
    return min(positions, key=lambda one: abs(one - alpha))
