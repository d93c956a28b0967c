"""What there is of each dataset, and all that the widget can be asked for, made once and kept."""

import threading
from dataclasses import dataclass
from typing import Any

from btsr_core.dial.artefact import load_dial
from btsr_core.dial.choice import Chosen, chosen_dial
from btsr_core.errors import InputError
from btsr_core.experiment import prepare
from btsr_core.explorer.curves import PART, key_of, sweeps
from btsr_core.explorer.live import LiveLists
from btsr_core.explorer.payload import Payload, View, explorer_payload
from btsr_core.pages.dials import DEFAULT_SCALING
from btsr_core.pages.results import open_recorded, results_folder
from btsr_core.study.examples import Examples, examples_of, read_examples
from btsr_core.study.run import Standing, data_config


@dataclass(frozen=True, eq=False)
class Stock:
    """What the slider is made of, for one dataset.

    Attributes
    ----------
    place
        Records.
    examples
        Titles of its items, histories of some users.
    dial
        One model for every alpha, if any is recorded that does as well as models for each.
    """

    place: Standing
    examples: Examples
    dial: Chosen | None

    @property
    def dialled(self) -> str:
        """The choice that the dial serves; empty without one."""
        if self.dial is None:
            return ""
        loss = self.dial.records[0].config.experiment.loss
        return key_of(loss, str(getattr(loss.regulariser, "scaling", DEFAULT_SCALING)))

    def payload(self, **options: Any) -> Payload:
        """Return `explorer_payload` of it, with its dial."""
        dials = {self.dialled: self.dial.records} if self.dial else {}
        return explorer_payload(self.place, self.examples, dials=dials, **options)


def stock_of(place: Standing, mirror: str) -> Stock:
    """Return what there is of a dataset.

    Raw data is asked for only where histories are not recorded, and done without where some of the
    rest is.

    Raises
    ------
    InputError
        If the data can be had from nowhere, or a record of a dial cannot be read.
    """
    examples = read_examples(place.folder)
    if examples is None or not examples.is_whole:
        try:
            config = data_config(place.study, place.dataset)
            examples = examples_of(prepare(config, mirror=mirror, progress=False))
        except InputError:
            if examples is None:
                raise
    return Stock(place, examples, chosen_dial(place))


class Shelf:
    """Payloads by dataset and choice.

    Attributes
    ----------
    datasets
        Names of those that have runs along alpha; the chapter's own comes first.
    """

    def __init__(self, stock: Stock, parameters: Any, reading: str, view: View) -> None:
        place = stock.place
        self._parameters, self._reading, self._view = parameters, reading, view
        self._stocks = {place.dataset: stock}
        self._payloads: dict[tuple[str, str], Payload] = {}
        self._live: dict[str, LiveLists] = {}
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
        if dataset not in self._stocks:
            place = open_recorded(dataset, self._parameters)
            self._stocks[dataset] = stock_of(place, self._parameters.mirror)
        stock = self._stocks[dataset]
        artefact = stock.dial.artefact if stock.dial else None
        if artefact and stock.examples.is_whole and dataset not in self._live:
            self._live[dataset] = LiveLists(
                load_dial(artefact), stock.examples, stock.place.targets
            )
        made = stock.payload(
            reading=self._reading, view=self._view, choice=choice, datasets=self.datasets,
            fixed=False, live=dataset in self._live,
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
        payload = self.payload(dataset, choice)
        users = payload["users"]
        if not payload["live"]:
            raise InputError(f"no dial of {dataset}, {choice} is at hand: lists cannot be made")
        if not 0 <= user < len(users):
            raise InputError(f"user = {user}: must lie between 0 and {len(users) - 1}")
        return self._live[dataset].of(users[user]["number"], alpha)

    def fill(self) -> None:
        """Make everything, so that nothing has to be waited for; what cannot be made is left."""
        for dataset in self.datasets:
            try:
                self.payload(dataset)
                for choice in sweeps(self._stocks[dataset].place):
                    self.payload(dataset, choice)
            except InputError:  # said when somebody asks for it
                continue
