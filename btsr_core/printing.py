"""What the command line prints: values, a run's metrics, and what the user got wrong."""

import json
from typing import Any

import numpy as np
import typer
from typer.core import TyperGroup

from btsr_core.data.protocol import History
from btsr_core.errors import InputError, explained, interruptible, printable
from btsr_core.evaluation.metrics import CUTOFFS
from btsr_core.runs import Run


def say(text: str, *, err: bool = False) -> None:
    """Print text, whatever data it holds, on standard output or standard error."""
    typer.echo(printable(text), err=err)


class Commands(TyperGroup):
    """The commands, all of which say in a line what the user got wrong or the machine lacks."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is asked for; exit with 2 or 130, without a traceback."""
        try:
            with interruptible(), explained():
                return super().invoke(ctx)
        except InputError as error:
            say(f"btsr: {error}", err=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            say("btsr: interrupted; the same command goes on from the last checkpoint", err=True)
            raise typer.Exit(130) from None


def print_values(values: dict[str, Any], as_json: bool) -> None:
    """Print a flat mapping, as JSON or as aligned lines."""
    if as_json:
        say(json.dumps(values))
        return
    width = max(map(len, values))
    for name, value in values.items():
        say(
            f"{name:<{width}}  {value:.4f}"
            if isinstance(value, float)
            else f"{name:<{width}}  {value}"
        )


def print_run(run: Run, history: History, as_json: bool) -> None:
    """Print the metrics of one history reading, as JSON or as tables."""
    parts = {part: run.metrics(part, history) for part in ("valid", "test")}
    if as_json:
        nulls = {
            part: {name: None if np.isnan(value) else value for name, value in values.items()}
            for part, values in parts.items()
        }
        head = {"run": run.id, "path": str(run.path), "history": history}
        say(json.dumps({**head, "best_epoch": run.summary["best_epoch"], **nulls}))
        return
    say(f"run {run.id} in {run.path}, best epoch {run.summary['best_epoch']}")
    for part, values in parts.items():
        users = run.summary[part][history]["users"]
        say(f"\n{part} ({users} users, history {history})")
        say("        " + "".join(f"{f'@{k}':>9}" for k in CUTOFFS))
        for name in ("hr", "ndcg", "mrr", "cov"):
            cells = "".join(f"{values[f'{name}@{k}']:>9.4f}" for k in CUTOFFS)
            say(f"{name:<8}{cells}")
