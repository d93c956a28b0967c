"""`btsr`, also `python -m btsr_core`: the command line, which Ctrl-C ends with a word."""

from btsr_core.errors import end_at_interrupt


def main() -> None:
    """Run the command line."""
    end_at_interrupt("btsr")
    from btsr_core.cli import app  # noqa: PLC0415 (takes seconds, which an interrupt may cut short)

    app(prog_name="btsr")


if __name__ == "__main__":
    main()
