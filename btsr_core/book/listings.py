"""Code shown in the book as it stands in its file, so that it cannot grow out of date."""

import ast
from pathlib import Path

from btsr_core.errors import InputError

ROOT = Path(__file__).parents[2]
"""Of the checkout, which holds the package and its tests."""


def listing(path: str, *names: str) -> str:
    """Return a file of the project, or some of its definitions, beneath a comment with its name.

    Parameters
    ----------
    path
        Relative to the project, such as `btsr_core/losses/vicreg.py`.
    *names
        Top-level functions, classes and variables, shown in this order; none for the whole file.

    Raises
    ------
    InputError
        If there is no such file or no such definition in it.
    """
    file = ROOT / path
    if not file.is_file():
        raise InputError(f"no {file}: chapters show code of the project they are part of")
    source = file.read_text(encoding="utf-8").strip("\n")
    parts = [_definition(path, source, name) for name in names] or [source]
    return f"# {path}\n\n" + "\n\n\n".join(parts)


def _definition(path: str, source: str, name: str) -> str:
    """Return the lines of a top-level statement: its decorators, and a string that explains it."""
    lines = source.splitlines()
    body = ast.parse(source).body
    for place, statement in enumerate(body):
        if name not in _defined(statement):
            continue
        first = min(
            [statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))]
        )
        last = statement.end_lineno
        for follower in body[place + 1 : place + 2]:
            is_text = isinstance(follower, ast.Expr) and isinstance(follower.value, ast.Constant)
            if is_text and isinstance(statement, ast.Assign | ast.AnnAssign):
                last = follower.end_lineno
        return "\n".join(lines[first - 1 : last])
    raise InputError(f"{path} defines no {name}")


def _defined(statement: ast.stmt) -> set[str]:
    """Return the names that a statement defines."""
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case _:
            return set()
