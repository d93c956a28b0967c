"""Trials of a search: what may be chosen, and the settings to try, known before any has run.

Optuna's quasi-random sampler proposes them. It spreads few trials evenly over the space and looks
at no result, so all trials can run at once, in any order, and every model has the same budget.
"""

import math
import warnings
from collections.abc import Mapping
from typing import Annotated

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
)
from pydantic import AfterValidator, Field, model_validator

from btsr_core.settings import Description

DIGITS = 4
"""Significant digits of a proposed number: 0.30000000000000004 would be another run than 0.3."""
RANGE = (
    "give either choices, or low < high with a step that leads from low to high at most, or with "
    "log = true and low > 0"
)

Value = bool | int | float | str


def distinct(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return values of which none is there twice; a ValueError says what is wrong with others."""
    if len(set(values)) < len(values):
        raise ValueError(f"something is there twice in {list(values)}")
    return values


Values = Annotated[tuple[Value, ...], AfterValidator(distinct)]
"""None of them twice."""
Number = Annotated[float, Field(allow_inf_nan=False)]


class Choice(Description):
    """What a search may choose for one setting: a list, or a range of numbers."""

    choices: Values = ()
    low: Number | None = None
    high: Number | None = None
    step: Number | None = None
    log: bool = False

    @model_validator(mode="after")
    def _list_or_range(self) -> "Choice":
        is_range = any(one is not None for one in (self.low, self.high, self.step))
        if bool(self.choices) == (is_range or self.log) or (is_range and not self._leads()):
            raise ValueError(RANGE)
        return self

    def _leads(self) -> bool:
        if self.low is None or self.high is None or not self.low < self.high:
            return False
        if self.step is None:
            return self.log and self.low > 0
        # A step that is lost in rounding leads nowhere; one that is all of the range may seem more.
        most = (self.high - self.low) * (1 + 1e-9)
        return not self.log and self.low < self.low + self.step and self.step <= most

    @property
    def some(self) -> tuple[Value, ...]:
        """All choices; of a range both ends and something between, whole where all of it is."""
        if self.choices:
            return self.choices
        assert self.low is not None
        assert self.high is not None
        inner = self.low * (self.high / self.low) ** 0.3 if self.log else self.low
        return self.low, inner + (self.step or 0), self.high


def trials(
    space: Mapping[str, Choice], defaults: Mapping[str, Value], n_trials: int, seed: int
) -> list[dict[str, Value]]:
    """Return the settings of each trial; those of the first are the defaults.

    Parameters
    ----------
    space
        What may be chosen, by setting.
    defaults
        A model's settings; those outside the space stay as they are in every trial.
    n_trials
        How many, at least one. More trials only add to fewer.
    seed
        Of the sampler.
    """
    if n_trials == 1 or not space:
        return [dict(defaults)]
    distributions = {name: _distribution(choice) for name, choice in space.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.QMCSampler(
            seed=seed, scramble=True, warn_independent_sampling=False
        )
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=sampler)
    optuna.logging.set_verbosity(verbosity)
    # The sampler learns the space from a finished trial; its value is never looked at.
    first = {name: _any(distribution) for name, distribution in distributions.items()}
    study.add_trial(optuna.trial.create_trial(params=first, distributions=distributions, value=0.0))
    proposed = [study.ask(distributions).params for _ in range(n_trials - 1)]
    rounded = [{name: _rounded(value) for name, value in one.items()} for one in proposed]
    return [dict(defaults), *({**defaults, **one} for one in rounded)]


def _distribution(choice: Choice) -> BaseDistribution:
    if choice.choices:
        return CategoricalDistribution(choice.choices)
    assert choice.low is not None
    assert choice.high is not None
    return FloatDistribution(choice.low, choice.high, log=choice.log, step=choice.step)


def _any(distribution: BaseDistribution) -> Value:
    """Return some value of a distribution."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]  # type: ignore[return-value]
    assert isinstance(distribution, FloatDistribution)
    return distribution.low


def _rounded(value: Value) -> Value:
    if not isinstance(value, float) or not value:
        return value
    return round(value, DIGITS - 1 - math.floor(math.log10(abs(value))))
