"""All that the widget can be asked for, each made once and kept."""

import threading
from typing import Any

from btsr_core.errors import InputError
from btsr_core.experiment import Prepared, prepare
from btsr_core.explorer.curves import PART, sweeps
from btsr_core.explorer.live import LiveLists
from btsr_core.explorer.payload import Payload, View, explorer_payload
from btsr_core.pages.results import open_recorded, results_folder
from btsr_core.study.run import Standing, data_config


class Shelf:
    """Payloads by dataset and choice.

    Attributes
    ----------
    datasets
        Names of those that have runs along alpha; the chapter's own comes first.
    """

    def __init__(
        self, place: Standing, data: Prepared, parameters: Any, reading: str, view: View
    ) -> None:
        self._parameters, self._reading, self._view = parameters, reading, view
        self._places = {place.dataset: (place, data)}
        self._payloads: dict[tuple[str, str], Payload] = {}
        self._live: dict[tuple[str, str], LiveLists] = {}
        self._lock = threading.Lock()
        folder = results_folder(parameters)
        planned = [name for name in place.study.datasets
                   if any(entry.part == PART for entry in place.study.of(name))]  # fmt: skip
        recorded = [name for name in planned if any((folder / name).glob("*.parquet"))]
        self.datasets = list(dict.fromkeys([place.dataset, *recorded]))

    def payload(self, dataset: str, choice: str = "") -> Payload:
        """Return what the slider shows of a dataset; of its first choice unless one is named.

        Raises
        ------
        InputError
            If the dataset or the choice is unknown, its data can be had from nowhere, or nothing
            along alpha is recorded of it.
        """
        if dataset not in self.datasets:
            raise InputError(f"dataset = {dataset!r}: must be one of {', '.join(self.datasets)}")
        with self._lock:
            if (dataset, choice) not in self._payloads:
                self._make(dataset, choice)
            return self._payloads[dataset, choice]

    def _make(self, dataset: str, choice: str) -> None:
        if dataset not in self._places:
            place = open_recorded(dataset, self._parameters)
            config = data_config(place.study, dataset)
            mirror = self._parameters.mirror
            self._places[dataset] = place, prepare(config, mirror=mirror, progress=False)
        place, data = self._places[dataset]
        made = explorer_payload(
            place, data, reading=self._reading, view=self._view, choice=choice,
            datasets=self.datasets, fixed=False,
        )  # fmt: skip
        self._payloads[dataset, choice] = self._payloads[dataset, made["chosen"]] = made

    def lists(
        self, dataset: str, choice: str, user: int, alpha: float
    ) -> tuple[list[int], int | None]:
        """Return the list of a user of a payload at any alpha, and the target's rank.

        Raises
        ------
        InputError
            If there is no dial of this choice, or no such user or alpha.
        """
        users = self.payload(dataset, choice)["users"]
        if (dataset, choice) not in self._live:
            raise InputError(f"no dial of {dataset}, {choice} is at hand: lists cannot be made")
        if not 0 <= user < len(users):
            raise InputError(f"user = {user}: must lie between 0 and {len(users) - 1}")
        return self._live[dataset, choice].of(users[user]["number"], alpha)

    def fill(self) -> None:
        """Make everything, so that nothing has to be waited for; what cannot be made is left."""
        for dataset in self.datasets:
            try:
                self.payload(dataset)
                for choice in sweeps(self._places[dataset][0]):
                    self.payload(dataset, choice)
            except InputError:  # said when somebody asks for it
                continue
