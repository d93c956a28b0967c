"""`python -m btsr_core` is the command line."""

from btsr_core.cli import app

app(prog_name="btsr")
