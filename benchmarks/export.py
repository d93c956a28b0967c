"""Write the reference dataset for all systems: `python -m benchmarks.export JSON`."""

import sys
from pathlib import Path

import numpy as np

from benchmarks.data import Benchmark, save, synthetic, usual_lengths
from benchmarks.process import Figures, Settings, serve
from btsr_core.config import DataConfig
from btsr_core.data.protocol import Split
from btsr_core.errors import InputError
from btsr_core.experiment import prepare


def benchmark_of(split: Split) -> Benchmark:
    """Return a split's training sequences of two items and more, and its full-history test set."""
    usable = split.train.lengths >= 2
    test = split.held_out["full"].test
    return Benchmark(
        item_ids=split.train.item_ids,
        starts=split.train.starts[usable],
        lengths=split.train.lengths[usable],
        test_item_ids=test.inputs.item_ids,
        test_starts=test.inputs.starts,
        test_lengths=test.inputs.lengths,
        test_targets=test.targets,
        n_items=np.array(split.n_items),
    )


def export(settings: Settings, path: Path | None) -> Figures:
    """Write the data that the settings name to `path` and return its sizes."""
    if path is None:
        raise ValueError("nowhere to write to")
    if settings["dataset"] == "synthetic":
        train, test = (usual_lengths(settings[n], seed) for seed, n in enumerate(("users", "test")))
        data = synthetic(settings["items"], train, test)
    else:
        data = benchmark_of(prepare(DataConfig(source=settings["dataset"])).split)
    save(data, path)
    return {
        "users": len(data.lengths),
        "targets": data.n_targets(settings["max_len"]),
        "items": int(data.n_items),
        "test_users": len(data.test_targets),
    }


if __name__ == "__main__":
    try:
        serve(export)
    except InputError as error:
        sys.exit(str(error))
