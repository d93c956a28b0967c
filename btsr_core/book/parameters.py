"""Parameters of a chapter: named, typed and documented once, in its `parameters` cell.

The cell is Python that a reader edits: `alpha: float = 0.2  # weight of the regulariser`. Its
annotations decide which names papermill may set and to what; a name that it does not have, or a
value of another type, is refused instead of being ignored.
"""

import ast
import difflib
import io
import math
import os
import tokenize
from collections.abc import Callable, Iterable, Mapping
from dataclasses import make_dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple

from btsr_core.errors import InputError
from btsr_core.files import user_path

Scalar = bool | int | float | str

_TYPES: dict[str, type[Scalar]] = {kind.__name__: kind for kind in (bool, int, float, str)}
_WORDS: dict[type[Scalar], str] = {
    bool: "true or false (bool)",
    int: "a whole number (int)",
    float: "a number (float)",
    str: "text (str)",
}
_INJECTED = "# Parameters"  # first line of the cell that papermill adds
_OF_PAPERMILL = {"PAPERMILL_INPUT_PATH", "PAPERMILL_OUTPUT_PATH"}  # its --inject-paths


class Parameter(NamedTuple):
    """One line of a parameters cell."""

    type: type[Scalar]
    default: Scalar
    help: str
    """The comment behind the assignment."""


def read_parameters(namespace: Mapping[str, Any]) -> Any:
    """Return the parameters of the running chapter as an immutable object: `p.alpha`.

    Parameters
    ----------
    namespace
        `globals()` of the notebook: the parameters cell has run, and papermill's cell if any.

    Raises
    ------
    InputError
        If papermill set a name that the parameters cell does not have, or a value is mistyped.
    """
    declared = {
        name: _named_type(name, getattr(annotation, "__name__", annotation))
        for name, annotation in namespace.get("__annotations__", {}).items()
    }
    for name in _injected_names(namespace.get("In", ())):
        if name not in declared and name not in _OF_PAPERMILL:
            raise unknown_parameter(name, declared)
    values = {name: convert(name, kind, namespace[name]) for name, kind in declared.items()}
    return make_dataclass("Parameters", declared.items(), frozen=True)(**values)


def inspect_parameters(path: Path) -> dict[str, Parameter]:
    """Return the parameters of a chapter by name, in the order of its parameters cell.

    A chapter without such a cell has none.

    Raises
    ------
    InputError
        If there are two such cells, or one holds anything but annotated assignments of literals.
    """
    from btsr_core.book.chapters import read_chapter  # noqa: PLC0415 (takes a second, kernels need it not)

    cells = [
        cell.source
        for cell in read_chapter(path).cells
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", ())
    ]
    if len(cells) > 1:
        raise InputError(f"{path} has {len(cells)} cells tagged `parameters`; keep one")
    source = cells[0] if cells else ""
    comments = _comments(source)
    found = {}
    for statement in ast.parse(source).body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                kind = _named_type(name, ast.unparse(statement.annotation))
                line = statement.end_lineno or statement.lineno
                default = convert(name, kind, _literal(path, name, value))
                found[name] = Parameter(kind, default, comments.get(line, ""))
            case _:
                raise InputError(
                    f"{path}: `{ast.unparse(statement)}` in the parameters cell is not of the form "
                    "`name: type = value`"
                )
    return found


def check_values(path: Path, values: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return `values` for a chapter, each of its parameter's type, before the chapter runs.

    Text is accepted where it can mean only one thing: `"0.4"` for a float, `"true"` for a bool.

    Raises
    ------
    InputError
        If a name is unknown to the chapter or a value does not fit its type.
    """
    declared = inspect_parameters(path)
    for name in values:
        if name not in declared:
            raise unknown_parameter(name, declared)
    return {name: convert(name, declared[name].type, value) for name, value in values.items()}


def given_values(texts: Iterable[str], dataset: str | None) -> dict[str, str]:
    """Return the values of parameters that a command line gives as NAME=VALUE.

    Parameters
    ----------
    texts
        As given.
    dataset
        Name of a dataset, or a file: its absolute path is what chapters take, which run elsewhere.

    Raises
    ------
    InputError
        If a text is something else, or there is no such dataset.
    """
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"-p {text}: write -p NAME=VALUE")
        values[name.strip()] = value
    if dataset is not None:
        from btsr_core.data.datasets import DATASETS  # noqa: PLC0415 (imports pandas)

        path = user_path(dataset)
        if dataset not in DATASETS and not os.path.isfile(path):
            raise InputError(
                f"--dataset {dataset} is neither a file nor a dataset; named are "
                f"{', '.join(DATASETS)}"
            )
        values["dataset"] = dataset if dataset in DATASETS else str(path.resolve())
    return values


def unknown_parameter(name: str, allowed: Iterable[str]) -> InputError:
    """Return the error for a parameter that is not among `allowed`, naming the likely one."""
    names = sorted(allowed)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return InputError(f"unknown parameter {name!r}{hint} (known: {', '.join(names) or 'none'})")


def convert(name: str, kind: type[Scalar], value: Any) -> Scalar:
    """Return `value` as a `kind`, or refuse it; nothing is rounded, truncated or guessed."""
    converted = _converted(kind, value)
    if converted is None:
        hint = ""
        if kind is str:  # papermill -p turns 007 into 7 and True into a boolean
            hint = f"; with papermill, write -r {name} ... for text that looks like a number"
        shown = f"{value!r} ({type(value).__name__})"
        raise InputError(f"parameter {name!r} must be {_WORDS[kind]}, not {shown}{hint}")
    return converted


def _converted(kind: type[Scalar], value: Any) -> Scalar | None:
    """Return None for what does not fit."""
    if kind is bool and isinstance(value, str):  # papermill leaves `true` as text
        return {"true": True, "false": False}.get(value.lower())
    if kind in (bool, str):
        return value if isinstance(value, kind) else None
    readable = Integral | str if kind is int else Real | str
    if isinstance(value, bool) or not isinstance(value, readable):  # a bool is an int to Python
        return None
    read: Callable[[Any], int | float] = int if kind is int else float
    try:
        number = read(value)
    except (ValueError, OverflowError):
        return None
    return number if isinstance(number, int) or math.isfinite(number) else None


def _named_type(parameter: str, annotation: str) -> type[Scalar]:
    if annotation not in _TYPES:
        raise InputError(
            f"parameter {parameter!r} is annotated {annotation}; use one of {', '.join(_TYPES)}"
        )
    return _TYPES[annotation]


def _literal(path: Path, name: str, value: ast.expr) -> Any:
    try:
        return ast.literal_eval(value)
    except ValueError:
        raise InputError(
            f"{path}: the default of {name!r} is `{ast.unparse(value)}`, not a literal"
        ) from None


def _comments(source: str) -> dict[int, str]:
    """Return the text of the comments of a cell by line number."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.lstrip("# ").rstrip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }


def _injected_names(history: Iterable[str]) -> list[str]:
    """Return the names that papermill's cell assigns, from IPython's history of inputs.

    The names of the namespace itself would not do: they include whatever a reader has defined.
    """
    return [
        target.id
        for cell in history
        if cell.split("\n", 1)[0].rstrip() == _INJECTED
        for statement in ast.parse(cell).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    ]
