"""A file whose name, columns and ids are markup, script, formulas and control characters."""

from pathlib import Path

import numpy as np
import pandas as pd

HOSTILE = (
    "<img src=x onerror=alert(1)><script>alert(1)</script><b class='hostile'>R&D</b> a<b &lt; "
    '<a href="https://hostile.invalid">$x$ $$y$$ \\(z\\)</a> {{ x }} `tick` %{y} </td></title>'
)
CONTROLS = "\x1b[31m\x9b\x07"
COLUMNS = ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "a<b R&D $x$")


def hostile_csv(folder: Path) -> Path:
    """Write a file in which every id is hostile, and the name too; return its path."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(40):
        start, length = rng.integers(12), 10
        items = (start + np.arange(length)) % 12
        times = (1000 if user >= 34 else 0) + 10 * user + np.arange(length)
        rows += [
            (f"{user}{HOSTILE}{CONTROLS}", f"{item}{HOSTILE}{CONTROLS}", time)
            for item, time in zip(items, times, strict=True)
        ]
    # A slash ends a folder's name: the path has `</script>` in it, and the file's name the rest.
    name = HOSTILE.split("https://", maxsplit=1)[0].replace("/", "")
    path = folder / "<script>alert(1)<" / f"script>{name}$x$ {CONTROLS}.csv"
    path.parent.mkdir(parents=True)
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(path, index=False)
    return path
