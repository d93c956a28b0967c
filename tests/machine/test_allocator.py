import resource
import subprocess
import sys

import pytest

CHURN = """
import resource, torch
from btsr_core.machine.allocator import keep_freed_memory

told = {told}
print(keep_freed_memory() if told else None)
torch.set_num_threads(1)
for _ in range(3):
    torch.ones(2**21)  # 8 MB
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    first, second = torch.ones(2**21), torch.ones(2**21)
    del first, second
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(told):
    command = [sys.executable, "-c", CHURN.format(told=told)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer, pages = done.stdout.split()
    return answer, int(pages)


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_freed_memory_is_used_again():
    answer, pages = faults(told=True)
    assert answer == "True"
    assert pages < 10 * 2 * 2**23 / resource.getpagesize()  # a few first uses, not a hundred


def test_elsewhere_nothing_is_done(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    from btsr_core.machine.allocator import keep_freed_memory

    assert not keep_freed_memory()
