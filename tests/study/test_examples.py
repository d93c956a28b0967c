"""What pages show of raw files: as they are, and as their terms allow."""

import dataclasses

import numpy as np
import pytest

from btsr_core.config import DataConfig
from btsr_core.errors import InputError
from btsr_core.experiment import prepare
from btsr_core.study.examples import EXAMPLES, examples_of, read_examples, write_examples


@pytest.fixture(scope="module")
def data(tiny_csv):
    return prepare(DataConfig(source=str(tiny_csv), k_core=1))


def test_by_hand(data):
    found = examples_of(data)
    tested = data.split.held_out["full"].test.inputs.to_lists()
    assert [history.tolist() for history in found.histories] == tested[:24]
    assert found.items["item_id"].tolist() == [str(item) for item in data.split.items]
    train = data.split.train.to_lists()
    assert found.items["users"].tolist() == [
        sum(item in seen for seen in train) for item in range(data.split.n_items)
    ]


def test_round_trip(data, tmp_path):
    made = examples_of(data)
    write_examples(made, tmp_path)
    read = read_examples(tmp_path)
    assert read.fingerprint == made.fingerprint == data.interactions.fingerprint
    assert read.items.astype(object).equals(made.items.astype(object))
    assert np.array_equal(read.lengths, made.lengths)
    assert all(map(np.array_equal, read.histories, made.histories))


@pytest.mark.parametrize(
    ("source", "whole"), [("movietweetings-100k", True), ("ml-100k", False), ("mine.csv", True)]
)
def test_terms_are_kept(data, source, whole):
    titles = data.interactions.items.reindex(data.split.items).assign(title="T", genres="G")
    named = dataclasses.replace(
        data,
        config=data.config.model_copy(update={"source": source}),
        interactions=dataclasses.replace(data.interactions, items=titles),
    )
    assert examples_of(named).is_whole
    recorded = examples_of(named, to_record=True)
    assert recorded.is_whole == whole
    assert set(recorded.items["title"]) == ({"T"} if whole else {""})
    assert set(recorded.items["genres"]) == ({"G"} if whole else {""})


def test_none_and_damaged(tmp_path):
    assert read_examples(tmp_path) is None
    (tmp_path / EXAMPLES).parent.mkdir()
    (tmp_path / EXAMPLES).write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"examples\.parquet cannot be read"):
        read_examples(tmp_path)
