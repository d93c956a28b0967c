"""Peak memory at a million items, each case in a process of its own."""

import subprocess
import sys

import pytest

GIB = 2**30
TRAINING = """
import numpy as np, torch
from btsr_core.config import experiment
from btsr_core.sequences.histories import PackedSequences
from btsr_core.data.protocol import Sequences
from btsr_core.sequences.sampler import index_by_target
from btsr_core.training.train import build_model, train_epoch

described = experiment(objective={objective!r}, regulariser="none", dim=64, batch_size=256)
lengths = np.full(256, 3)
items = np.random.default_rng(0).integers(10**6, size=lengths.sum())
sequences = Sequences(items, lengths.cumsum() - lengths, lengths)
cpu = torch.device("cpu")
model = build_model(described, 10**6, cpu)
adam = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-6)
train_set = index_by_target(PackedSequences.pack(sequences, 10**6, cpu))
for epoch in range(2):  # one step each; the optimiser's state is there from the first on
    train_epoch(model, adam, train_set, described, epoch)
"""
EVALUATION = """
import numpy as np, torch
from btsr_core.config import ModelConfig
from btsr_core.evaluation.evaluate import evaluate_model
from btsr_core.model.sasrec import SASRec
from btsr_core.data.protocol import EvalSet, Sequences

n = 200  # lists and ranks of 10,000 would take 4 MB more, and minutes
rng = np.random.default_rng(0)
lengths = np.full(n, 5)
items = rng.integers(10**6, size=lengths.sum())
inputs = Sequences(items, lengths.cumsum() - lengths, lengths)
users = EvalSet(inputs, rng.integers(10**6, size=n), np.arange(n))
evaluate_model(SASRec(10**6, ModelConfig(dim=64)), users, 50)
"""
PEAK = """
fields = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(fields["VmHWM"].split()[0]) * 1024)
"""


def peak_bytes(code):
    command = [sys.executable, "-c", code + PEAK]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's account of a process")
@pytest.mark.parametrize("objective", ["ce", "sce"])
def test_a_step_with_a_million_items_stays_under_three_gib(objective):
    assert peak_bytes(TRAINING.format(objective=objective)) < 3 * GIB


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's account of a process")
def test_ranking_a_million_items_stays_under_two_gib():
    assert peak_bytes(EVALUATION) < 2 * GIB
