"""Parquet files that carry their own sum."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from btsr_core.sealed import is_sealed, read_parquet, write_parquet

TABLE = pa.table({"a": [1.5, 2.5], "b": ["x", None]})
OPTIONS = {"compression": "zstd", "write_statistics": False, "store_schema": False}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_parquet(TABLE, tmp_path / "table.parquet", **OPTIONS)


def test_round_trip(path: Path):
    assert is_sealed(path)
    assert read_parquet(path).equals(TABLE)
    assert pq.read_table(path).equals(TABLE)  # any reader reads it


def test_every_flipped_bit_is_found(path: Path):
    content = path.read_bytes()
    for place in range(len(content)):
        for bit in np.random.default_rng(place).permutation(8)[:2]:
            altered = bytearray(content)
            altered[place] ^= 1 << int(bit)
            path.write_bytes(altered)
            with pytest.raises((OSError, ValueError)):
                read_parquet(path)


@pytest.mark.parametrize("size", [0, 1, 100])
def test_a_part_of_a_file_is_refused(path: Path, size: int):
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises((OSError, ValueError)):
        read_parquet(path)


def test_a_file_without_a_sum_is_read(path: Path):
    pq.write_table(TABLE, path)
    assert not is_sealed(path)
    assert read_parquet(path).equals(TABLE)
