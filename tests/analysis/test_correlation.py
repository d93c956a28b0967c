import math

import numpy as np
import pytest
import torch
from handmade import eval_set, histories_of, pack

from btsr_core.analysis.correlation import redundancy, view_correlation
from btsr_core.config import ModelConfig
from btsr_core.data.protocol import Split
from btsr_core.model.sasrec import SASRec


def test_redundancy_by_hand():
    found = redundancy(np.array([[1.0, 0.3], [-0.4, 0.5]]))
    assert found.agreement == pytest.approx(0.75)
    assert found.redundancy == pytest.approx(math.sqrt((0.09 + 0.16) / 2))


def test_correlation_leaves_out_users_without_a_partner():
    lists = [[1, 2, 9], [3, 9], [4, 5, 6, 7], [8]]  # 7 is nobody else's target; 8 has no input
    torch.manual_seed(0)
    model = SASRec(10, ModelConfig(dim=4)).eval()
    split = Split(pack(lists), np.arange(4), np.arange(10), 0, {}, eval_set([], []))
    found = view_correlation(model, split, 50)
    z = [model(histories_of([items]))[-1] for items in ([1, 2], [3])]
    rows = torch.stack(z).detach().double().numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    a = rows - rows.mean(0)
    b = a[::-1]  # each is the other's partner
    expected = (a / np.linalg.norm(a, axis=0)).T @ (b / np.linalg.norm(b, axis=0))
    np.testing.assert_allclose(found, expected, atol=1e-5)
