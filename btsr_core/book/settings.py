"""From the parameters of a chapter to the experiment that they describe."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from btsr_core.book.parameters import Scalar, check_values, inspect_parameters
from btsr_core.config import Experiment, experiment, setting_names
from btsr_core.errors import InputError
from btsr_core.settings import CHOICES, LossConfig, own_settings

FURTHER = "settings"
"""The parameter for what has none of its own: `n_negatives=16 batch_size=256`."""

_SETTING_OF = {"dataset": "source"}  # parameters that chapters call by another name


def experiment_of(parameters: Any, **decided: Any) -> Experiment:
    """Return the experiment that the parameters of a chapter describe.

    Parameters that are no settings, such as `n_seeds`, are left to the chapter. So that another
    regulariser can be chosen by its name alone, a parameter that it has no use for is passed over
    as long as it has its default; a value that would have no effect is refused.

    Parameters
    ----------
    parameters
        As `read_parameters` gives them.
    **decided
        Settings that the chapter has chosen itself.

    Raises
    ------
    InputError
        If a setting is unknown, out of range, without effect, or given twice.
    """
    given = vars(parameters)
    known = setting_names()
    named = {_SETTING_OF.get(name, name): value for name, value in given.items()}
    own = {name: value for name, value in named.items() if name in known}
    further = further_settings(given.get(FURTHER, ""))
    for name in further:
        if name in given or name in own:
            parameter = next(p for p in given if name in (p, _SETTING_OF.get(p)))
            raise has_parameter(given[FURTHER], name, parameter)
        if name in decided:
            raise InputError(
                f"{FURTHER} = {given[FURTHER]!r}: this chapter is about {name} = {decided[name]!r}"
            )
    asked = {**own, **further, **decided}
    chosen = {kind: str(asked.get(kind, _default(LossConfig, kind).name)) for kind in CHOICES}
    idle = {name for name, value in own.items() if _is_idle(name, value, chosen)}
    return experiment(**{name: value for name, value in asked.items() if name not in idle})


def checked_values(path: Path, given: Mapping[str, str]) -> dict[str, Scalar]:
    """Return values for a chapter, each of its type, checked as the chapter itself would.

    Raises
    ------
    InputError
        As `check_values` and `experiment_of`; names the chapter.
    """
    try:
        checked = check_values(path, given)
        defaults = {name: one.default for name, one in inspect_parameters(path).items()}
        described = defaults | checked
        if described.get("max_epochs") == 0 == defaults["max_epochs"]:
            described["max_epochs"] = 1  # stands for what the study says
        experiment_of(SimpleNamespace(**described))
    except InputError as error:
        raise InputError(f"{path.parent.name}/{path.name}: {error}") from None
    return checked


def further_settings(text: str) -> dict[str, str]:
    """Return the settings in a text: NAME=VALUE, separated by spaces or commas.

    Values stay text; `experiment` reads them as what they are.

    Raises
    ------
    InputError
        If a part of the text is something else, or a name comes twice.
    """
    found: dict[str, str] = {}
    for part in filter(None, re.split(r"[\s,]+", text)):
        name, _, value = part.partition("=")
        if not name or not value:
            raise InputError(
                f"{FURTHER} = {text!r}: {part!r} is not of the form NAME=VALUE; "
                "write several with spaces or commas between them"
            )
        if name in found:
            raise InputError(f"{FURTHER} = {text!r}: {name} is there twice")
        found[name] = value
    return found


def shared_settings(text: str) -> str:
    """Return what belongs to no objective and no regulariser, of a text of settings.

    It is for chapters that choose neither: the models of a study have losses of their own.
    """
    owned = {
        name
        for kind, choices in CHOICES.items()
        for choice in choices
        for name in own_settings(kind, choice)
    }
    found = further_settings(text).items()
    return " ".join(f"{name}={value}" for name, value in found if name not in owned)


def has_parameter(text: str, name: str, parameter: str) -> InputError:
    """Return the error for a setting in a text of settings that the chapter has a parameter for."""
    return InputError(
        f"{FURTHER} = {text!r}: this chapter has the parameter {parameter}; "
        f"set that and leave {name} out of {FURTHER}"
    )


def _is_idle(name: str, value: Any, chosen: Mapping[str, str]) -> bool:
    """Whether a value is the default of something that was not chosen."""
    for kind, choices in CHOICES.items():
        owners = [choice for choice in choices if name in own_settings(kind, choice)]
        if owners:
            defaults = [_default(choices[owner], name) for owner in owners]
            return chosen[kind] not in owners and value in defaults
    return False


def _default(description: Any, name: str) -> Any:
    return description.model_fields[name].default
