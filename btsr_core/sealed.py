"""Files that carry the SHA-256 of their own bytes: a flipped bit is found when one is read.

The sum stands among the metadata of a Parquet or safetensors file. It is taken over the whole file
with zeros in its own place, so one file is all that is needed, and any reader reads it.
"""

import hashlib
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from btsr_core.files import atomic_path

KEY = b"btsr.sha256"
BLANK = b"0" * 64
ALTERED = "its bytes are not those that were written: they have another SHA-256"
_PARQUET = b"PAR1"
_PARQUET_HEAD, _JSON_HEAD = b"\x18@", b'":"'
"""What stands between a name and its value of 64 characters in a Parquet file (in Thrift's
compact protocol), and in the header of a safetensors file."""
_HEX = rb"([0-9a-f]{64})"


def write_parquet(table: pa.Table, path: Path, **options: Any) -> Path:
    """Write a table atomically, with its sum; return the path.

    Parameters
    ----------
    table
        What to write.
    path
        The file, which is replaced.
    **options
        Of `pyarrow.parquet.ParquetWriter`, such as `compression`.
    """
    buffer = BytesIO()
    with pq.ParquetWriter(buffer, table.schema, **options) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({KEY.decode(): BLANK.decode()})
    with atomic_path(path) as temporary:
        temporary.write_bytes(sealed(buffer.getvalue()))
    return path


def sealed(content: bytes) -> bytes:
    """Return a file's content with its sum in the place of `BLANK`, the value of `KEY` in it."""
    start = _sum_at(content)
    assert start is not None
    digest = hashlib.sha256(content).hexdigest().encode()
    return content[:start] + digest + content[start + len(BLANK) :]


def read_parquet(path: Path, schema: pa.Schema | None = None) -> pa.Table:
    """Read a table, whose file must have the content that was written.

    Files without a sum, which other programs write, are read as they are.

    Raises
    ------
    OSError
        If the file cannot be read, or is not what was written.
    ValueError
        If it is no Parquet file, or has other columns than `schema`.
    """
    content = path.read_bytes()
    if not is_intact(content):
        raise OSError(ALTERED)
    return pq.read_table(pa.BufferReader(content), schema=schema)


def is_sealed(path: Path) -> bool:
    """Whether a file carries its sum."""
    return _sum_at(path.read_bytes()) is not None


def is_intact(content: bytes) -> bool:
    """Whether a file's bytes are those that were written, as far as it carries a sum."""
    start = _sum_at(content)
    if start is None:
        return True
    end = start + len(BLANK)
    blanked = content[:start] + BLANK + content[end:]
    return content[start:end] == hashlib.sha256(blanked).hexdigest().encode()


def _sum_at(content: bytes) -> int | None:
    """Return where the sum stands, None if there is none."""
    head = _PARQUET_HEAD if content.startswith(_PARQUET) else _JSON_HEAD
    found = content.rfind(KEY)
    if found >= 0:
        return found + len(KEY) + len(head)
    other = re.search(re.escape(head) + _HEX, content)  # a sum whose name was damaged is still one
    return other.start(1) if other else None
