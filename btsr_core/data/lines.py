"""Published text files of millions of lines -> interactions.

Arrow reads fast, but does not say where it failed. Only if it did is a file read again, slowly, to
name the line.
"""

import gzip
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from btsr_core.errors import InputError

COLUMNS = ("user_id", "item_id", "timestamp")
REMEDY = "Replace it by the published file or remove it."

DATE = rb"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
CLOCK = rb"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
NUMBER, TEXT, UTC_TIME = pa.int64(), pa.string(), pa.timestamp("s", "UTC")


@dataclass(frozen=True, eq=False)
class Layout:
    """How a line is cut into fields, and the Arrow types of those in `COLUMNS`; no other is kept.

    Arrow knows separators of one character only: one of two characters, such as "::", is read as
    two separators with an empty field between them.
    """

    separator: str
    fields: tuple[str, ...]
    user: Any = NUMBER
    item: Any = NUMBER
    time: Any = NUMBER

    @property
    def form(self) -> str:
        """A line with names in place of values."""
        return self.separator.join(self.fields)

    @property
    def types(self) -> dict[str, Any]:
        """Types by name."""
        return dict(zip(COLUMNS, (self.user, self.item, self.time), strict=True))

    def fits(self, line: bytes) -> bool:
        """Tell whether a line, without its end, is as it should be."""
        return self._pattern.fullmatch(line) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        other = rb"[^%b]" % re.escape(self.separator[:1].encode())
        kinds = {
            NUMBER: rb"-?[0-9]{1,18}",
            TEXT: other + rb"+",
            UTC_TIME: DATE + rb"T" + CLOCK + rb"Z",
        }
        fields = (kinds.get(self.types.get(name), other + rb"*") for name in self.fields)
        return re.compile(re.escape(self.separator.encode()).join(fields))


@dataclass(frozen=True)
class TextFile:
    """A text file; or, if `member` is given, a text file inside a zip archive."""

    path: Path
    member: str | None = None
    header_lines: int = 0

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the file; what is compressed with gzip is unpacked."""
        if self.member:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as inside:
                yield inside
            return
        with self.path.open("rb") as raw:
            # By content: Behance's file is called .gz, and is said to be served uncompressed.
            if raw.peek(2)[:2] == b"\x1f\x8b":
                yield cast(IO[bytes], gzip.GzipFile(fileobj=raw))
            else:
                yield raw

    def interactions(self, layout: Layout) -> pd.DataFrame:
        """Read one interaction a line, in the order of the lines.

        Raises
        ------
        InputError
            If the file cannot be read or a line does not have the layout.
        """
        mark = layout.separator[0]
        names = [name or f"blank {at}" for at, name in enumerate(layout.form.split(mark))]

        def read(raw: IO[bytes]) -> Any:
            return pa.csv.read_csv(
                raw,
                pa.csv.ReadOptions(column_names=names, skip_rows=self.header_lines),
                pa.csv.ParseOptions(delimiter=mark, quote_char=False),
                pa.csv.ConvertOptions(
                    include_columns=list(COLUMNS), column_types=layout.types, null_values=[]
                ),
            )

        return self.read(read, layout.fits, repr(layout.form))

    def read(
        self, read: Callable[[IO[bytes]], Any], fits: Callable[[bytes], bool], form: str
    ) -> pd.DataFrame:
        """Have Arrow `read` the file, and check what comes out.

        Parameters
        ----------
        read : callable
            From the open file to an Arrow table with `COLUMNS`, where nothing may be missing.
        fits : callable
            Tells whether a line, without its end, is as it should be.
        form : str
            What a line should be, in words.

        Returns
        -------
        DataFrame of N rows
            With `COLUMNS`, in the order of the file; dates become seconds since 1970.

        Raises
        ------
        InputError
            If the file cannot be read or a line does not fit.
        """
        try:
            with self.open() as raw:
                table = read(raw).select(list(COLUMNS))
            for name in COLUMNS:
                column = table[name]
                empty = pa.compute.equal(column, "") if column.type == TEXT else column.is_null()
                if column.null_count or pa.compute.any(empty).as_py():
                    raise pa.ArrowInvalid(f"a line has no {name}")
        except pa.ArrowInvalid as error:
            raise self.explain(error, fits, form) from error
        except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
            raise InputError(f"{self.path} cannot be read: {error}. {REMEDY}") from error
        if pa.types.is_timestamp(table["timestamp"].type):
            table = table.set_column(2, "timestamp", table["timestamp"].cast(NUMBER))
        return cast(pd.DataFrame, table.to_pandas(split_blocks=True, self_destruct=True))

    def explain(self, error: Exception, fits: Callable[[bytes], bool], form: str) -> InputError:
        """Return the error that names the first line that does not fit, else the reader's words."""
        with self.open() as raw:
            for number, line in enumerate(raw, start=1):
                content = line.rstrip(b"\r\n")
                if number > self.header_lines and content and not fits(content):
                    shown = content[:80].decode("utf-8", errors="replace")
                    return InputError(
                        f"{self.path}, line {number}: {shown!r} is not {form}. {REMEDY}"
                    )
        return InputError(f"{self.path} cannot be read: {error}. {REMEDY}")
