"""Lists made on demand: what one model for every alpha recommends to one user, at any alpha."""

from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from btsr_core.data.protocol import EvalSet, Sequences
from btsr_core.evaluation.evaluate import evaluate_model
from btsr_core.model.sasrec import SASRec
from btsr_core.study.examples import Examples
from btsr_core.study.measure import SHOWN_ITEMS, WIDEST
from btsr_core.study.records import BEYOND, Targets

WARM = 64
"""Models that are kept, for somebody who drags to and fro."""


class Dial(Protocol):
    """A model for every alpha."""

    @property
    def config(self) -> Any:
        """Of its training: `experiment`."""

    def model_at(self, alpha: float) -> SASRec:
        """Return the model for an alpha, ready to score."""


class LiveLists:
    """The lists of recorded test users of the widest reading, by a dial.

    Parameters
    ----------
    dial
        Makes the models.
    examples, targets
        Of the data that it was trained on; the histories are whole.
    """

    def __init__(self, dial: Dial, examples: Examples, targets: Targets) -> None:
        self._histories = examples.histories
        self._targets = targets.of(WIDEST)["item"].to_numpy(np.int64, copy=True)
        self._settings = dial.config.experiment
        self._model_at = lru_cache(WARM)(dial.model_at)

    def of(self, row: int, alpha: float) -> tuple[list[int], int | None]:
        """Return the best items of a user and the target's rank, as the records have them.

        Only this user is scored.

        Parameters
        ----------
        row
            Of the user among the test users.
        alpha
            Within the dial's range.

        Returns
        -------
        tuple
            Items of the catalogue, best first; the rank, or None from `BEYOND` on.

        Raises
        ------
        InputError
            If alpha lies outside of the range.
        """
        history = self._histories[row]
        alone = EvalSet(
            Sequences(history, np.zeros(1, np.int64), np.array([len(history)])),
            self._targets[row : row + 1],
            np.array([row]),
        )
        found = evaluate_model(
            self._model_at(round(alpha, 6)),
            alone,
            self._settings.model.max_len,
            exclude_seen=self._settings.evaluation.exclude_seen,
            k=SHOWN_ITEMS,
        )
        rank = int(found.ranks[0])
        items = [int(item) for item in found.top_items[0] if item >= 0]
        return items, rank if rank < BEYOND else None
